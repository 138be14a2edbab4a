"""A refresh goes a short way where nothing has to be waited for; with a store it does not. Both come to the same."""

from __future__ import annotations

from random import Random

from oversip_tw.registrar import contact as contact_module
from oversip_tw.registrar.contact import read_wishes
from oversip_tw.registrar.settings import Settings
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.testing import MemoryFlow
from tests.registrar.phones import ALICE, DOMAIN, OTHER_UUID, UUID, Phone, RegistrarCase, SlowStore


class Side(RegistrarCase):
    """One of two registrars that are asked the same."""

    def begin(self, store: SlowStore | None) -> Side:
        self.setUp()
        self.settle(store)
        self.ways = [MemoryFlow("wss", ("192.0.2.7", port), id=b"s" + bytes([port] * 8)) for port in range(3)]
        for flow in self.ways:
            self.flows.add(flow)
        return self

    def ask(self, request: Request, way: int) -> object:
        """All that is seen of it."""
        try:
            answer: object = self.register(request, self.ways[way]).to_bytes()
        except SIPError as error:
            answer = error.status, error.reason, error.headers
        pings = [flow.pings for flow in self.ways]
        returned = [(key, flow.id) for key, flow in self.returned]
        return answer, list(self.bindings()), list(self.lookup()), self.heard[-3:], returned[-3:], pings


class Refreshes(RegistrarCase):
    def phones(self) -> list[Phone]:
        return [
            Phone(instance=UUID, reg_id=1),
            Phone(instance=UUID, reg_id=2),
            Phone(instance=OTHER_UUID),
            Phone(contact="sip:alice@192.0.2.9:5070"),
            Phone(contact=f"{ALICE};gr={UUID}", instance=UUID),
        ]

    def test_as_by_the_long_way(self) -> None:
        """Whatever REGISTERs come by whatever flows: the same answers, bindings, changes and pings."""
        for seed in range(12):
            random = Random(seed)
            short, long = Side("ask").begin(None), Side("ask").begin(SlowStore())
            phones = random.sample(self.phones(), random.choice((1, 1, 2, 5)))
            for _ in range(40):
                phone = random.choice(phones)
                if random.random() < 0.05:
                    phone.cseq = max(0, phone.cseq - 2)
                expires = random.choice((600, 600, 600, 60, 10, 0, None))
                texts = [f"<{phone.contact}>{phone.params}{random.choice(('', '', ';q=0.5', ';expires=120'))}"]
                request = phone.register(expires, random.choice((texts, texts, texts, texts * 2, ["*"], [])))
                way, seconds = random.choice((0, 0, 0, 1, 2)), random.choice((1, 1, 30, 700))
                self.assertEqual(short.ask(request, way), long.ask(request, way), request.to_bytes())
                for side in (short, long):
                    side.clock.advance(seconds)

    def test_by_another_flow(self) -> None:
        """The connection that the binding leaves is pinged, and what waits for the phone hears where it is."""
        phone, first, second = Phone(instance=UUID, reg_id=1), self.connect(), self.connect(port=40001)
        self.register(phone.register(), first)
        self.register(phone.register(), second)
        [binding] = self.bindings()
        self.assertEqual((binding.flow_id, first.pings, second.pings), (second.id, 1, 0))
        self.assertEqual(self.returned[-1], (binding.key, second))

    def test_by_no_flow(self) -> None:
        """A phone that is reached by its Contact refreshes as well."""
        phone = Phone(contact="sip:alice@192.0.2.9:5070")
        self.register(phone.register())
        self.register(phone.register(expires=900))
        [binding] = self.bindings()
        self.assertEqual((binding.expires_at, binding.flow_id), (self.clock.seconds() + 900, b""))


class Remembered(RegistrarCase):
    """What a line of Contact says is known when it comes again."""

    def wishes(self, text: str, outbound: bool = True, **settings: int) -> list[tuple[object, ...]]:
        fields = [("Contact", text), ("Expires", "77")]
        request = Request.build("REGISTER", f"sip:{DOMAIN}", fields)
        found = read_wishes(request, Settings(**settings), outbound)  # type: ignore[arg-type]
        return [
            (wish.uri, wish.params, wish.q, wish.instance, wish.reg_id, wish.expires) for wish in found.contacts
        ]

    def test_again(self) -> None:
        """Read anew or remembered, it is the same; reg-id counts with outbound alone; Expires is for who says none."""
        text = f'<sip:a@b.invalid;transport=ws>;+sip.ice;reg-id=2;+sip.instance="<{UUID}>"'
        for extra, expires in (("", 77), (";expires=120", 120), (";expires=0", 0), (";expires=soon", 3600)):
            for outbound, reg_id in ((True, 2), (False, None), (True, 2)):
                for _ in range(2):
                    [wish] = self.wishes(text + extra, outbound, min_expires=1)
                    self.assertEqual(wish[3:], (UUID, reg_id, expires))
                    self.assertEqual(wish[1], f';+sip.ice;reg-id=2;+sip.instance="<{UUID}>"')

    def test_refused_again(self) -> None:
        """What is refused is refused each time."""
        for _ in range(2):
            with self.assertRaises(SIPError) as caught:
                self.wishes(f'<sip:a@b>;reg-id=x;+sip.instance="<{UUID}>"')
            self.assertEqual(caught.exception.reason, "Bad reg-id")
            self.assertEqual(self.wishes("<sip:c@d>")[0][5], 77)
            with self.assertRaises(SIPError) as caught:
                self.wishes("<sip:c@d>", max_contacts=0)
            self.assertEqual(caught.exception.status, 403)

    def test_memory_is_bounded(self) -> None:
        """However many Contacts come, so many are remembered, and no long ones."""
        for number in range(contact_module._MEMO + 10):
            self.wishes(f"<sip:{number}@many>")
        self.assertLessEqual(len(contact_module._with_outbound), contact_module._MEMO)
        before = len(contact_module._with_outbound)
        self.wishes(f"<sip:{'a' * 600}@many>")
        self.assertEqual(len(contact_module._with_outbound), before)
