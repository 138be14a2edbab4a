"""Temporary GRUUs (RFC 5627)."""

from __future__ import annotations

from oversip_tw.registrar.registrar import Registrar
from oversip_tw.registrar.settings import Settings
from oversip_tw.registrar.temporary import Named, TemporaryGruus, is_temporary
from oversip_tw.sip.message import Response
from oversip_tw.sip.uri import Uri
from tests.registrar.phones import ALICE, DOMAIN, OTHER_UUID, UUID, Phone, RegistrarCase, SlowStore, contacts

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def temp_gruu(answer: Response) -> str:
    """The temporary GRUU of the first Contact."""
    return answer.contacts[0].param("temp-gruu") or ""


class TemporaryGruuTests(RegistrarCase):
    """One for each REGISTER, good as long as its Call-ID is."""

    def settle(self, store: SlowStore | None = None, **settings: object) -> None:
        super().settle(store, **settings)
        self.temporary = TemporaryGruus((KEY,))
        self.registrar = Registrar(
            self.location,
            Settings(domains=frozenset({DOMAIN})),
            self.clock,
            self.flows,
            lambda: "tag",
            node="n1",
            secret=b"secret",
            temporary=self.temporary,
        )

    def named(self, gruu: str, gruus: TemporaryGruus | None = None) -> Named | None:
        return (gruus or self.temporary).named(Uri.parse(gruu), self.location.by_key)

    def test_given(self) -> None:
        """Beside the public one, for the same phones; it tells neither user nor instance."""
        answer = self.register(Phone("alice", UUID, 1).register(), self.connect())
        self.assertIn("pub-gruu", answer.get("Contact") or "")
        uri = Uri.parse(temp_gruu(answer))
        self.assertEqual((uri.host, is_temporary(uri), len(uri.user or "")), (DOMAIN, True, 43))
        self.assertNotIn("alice", uri.text)
        self.assertEqual(temp_gruu(self.register(Phone("bob").register(), self.connect())), "")
        plain = Phone("carol", UUID, supported="path")
        self.assertEqual(temp_gruu(self.register(plain.register(), self.connect())), "")

    def test_unlinkable(self) -> None:
        """Each REGISTER has another one, with nothing in common with the last; all lead to the phone."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        found = [temp_gruu(self.register(phone.register(), flow)) for _ in range(20)]
        self.assertEqual(len(set(found)), 20)
        for place in range(len("sip:ovg"), found[0].index("@")):
            self.assertGreater(len({gruu[place] for gruu in found}), 3, place)
        for gruu in found:
            named = self.named(gruu)
            assert named is not None
            self.assertEqual((named.aor, named.instance), (ALICE, UUID))
            self.assertTrue(named.fits(self.lookup()[0]))

    def test_asked_for_only(self) -> None:
        """A REGISTER that changes nothing is told the newest one."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        newest = temp_gruu(self.register(phone.register(), flow))
        self.assertEqual(temp_gruu(self.register(phone.register(contacts=()), flow)), newest)

    def test_dies_with_the_call_id(self) -> None:
        """A phone that registers anew, by another Call-ID, is not reached by what it was called before (§5.4)."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        old = temp_gruu(self.register(phone.register(), flow))
        phone.call_id, phone.cseq = "another", 0
        new = temp_gruu(self.register(phone.register(), flow))
        self.assertIsNone(self.named(old))
        self.assertIsNotNone(self.named(new))

    def test_away(self) -> None:
        """The phone of a connection that broke is known, though not there; when it is back it is the same phone."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        gruu = temp_gruu(self.register(phone.register(), flow))
        self.disconnect(flow)
        self.assertIsNotNone(self.named(gruu))
        self.assertEqual(self.lookup(), [])
        self.register(phone.register(), self.connect())
        named = self.named(gruu)
        assert named is not None
        self.assertEqual([named.fits(binding) for binding in self.lookup()], [True])

    def test_dies_with_the_registration(self) -> None:
        """Whoever unregistered and comes back with the same Call-ID is not reached by what it was called before."""
        for ending in ("0", "*", "over"):
            phone, flow = Phone("alice", UUID, 1), self.connect()
            old = temp_gruu(self.register(phone.register(), flow))
            if ending == "over":
                self.clock.advance(4000)
                self.location.sweep()
            else:
                self.register(phone.register(expires=0, contacts=("*",) if ending == "*" else None), flow)
            named = self.named(old)
            self.assertTrue(named is not None and named.ended, ending)
            new = temp_gruu(self.register(phone.register(), flow))
            self.assertIsNone(self.named(old), ending)
            named = self.named(new)
            assert named is not None
            self.assertEqual([named.fits(binding) for binding in self.lookup()], [True])

    def test_one_flow_of_two(self) -> None:
        """An instance that ends one of its flows is still registered by the other."""
        phone, first, second = Phone("alice", UUID, 1), self.connect(), self.connect()
        old = temp_gruu(self.register(phone.register(), first))
        other = Phone("alice", UUID, 2)
        other.call_id, other.cseq = phone.call_id, phone.cseq
        self.register(other.register(), second)
        phone.cseq = other.cseq
        self.register(phone.register(expires=0), first)
        named = self.named(old)
        assert named is not None
        self.assertEqual([named.fits(binding) for binding in self.lookup()], [True])
        self.register(phone.register(), first)
        named = self.named(old)
        assert named is not None
        self.assertEqual([named.fits(binding) for binding in self.lookup()], [True, True])

    def test_another_contact(self) -> None:
        """Without reg-id a phone is known by its Contact; when that changes it stays the same instance."""
        phone, flow = Phone("alice", UUID), self.connect()
        gruu = temp_gruu(self.register(phone.register(), flow))
        phone.contact = "sip:new@h.invalid;transport=ws"
        self.register(phone.register(), flow)
        named = self.named(gruu)
        assert named is not None
        self.assertEqual([named.fits(binding) for binding in self.lookup()], [True])
        phone.call_id, phone.cseq, phone.contact = "c3", 0, "sip:third@h.invalid;transport=ws"
        self.register(phone.register(), flow)
        self.assertEqual([named.fits(binding) for binding in self.lookup()], [False])

    def test_never_was(self) -> None:
        """No flipped bit, no other key, no other domain and no user who is called so names a phone."""
        gruu = temp_gruu(self.register(Phone("alice", UUID, 1).register(), self.connect()))
        end = gruu.index("@")
        for place in range(len("sip:"), end):
            other = "A" if gruu[place] != "A" else "B"
            self.assertIsNone(self.named(gruu[:place] + other + gruu[place + 1 :]), place)
        self.assertIsNone(self.named(gruu.replace(DOMAIN, "example.net")))
        self.assertIsNone(self.named(gruu, TemporaryGruus((OTHER_KEY,))))
        for user in ("ovg", "ovg" + "A" * 39, "ovg" + "=" * 40, "ovg" + "A" * 37 + "===", "ovg" + "!" * 40):
            self.assertIsNone(self.named(f"sip:{user}@{DOMAIN};gr"), user)
        self.assertIsNone(self.named(f"sip:{DOMAIN};gr"))

    def test_key_rotation(self) -> None:
        """A new first key seals, the old one still opens; nobody's key opens nothing."""
        gruu = temp_gruu(self.register(Phone("alice", UUID, 1).register(), self.connect()))
        self.assertIsNotNone(self.named(gruu, TemporaryGruus((OTHER_KEY, KEY))))
        self.assertIsNone(self.named(gruu, TemporaryGruus(())))

    def test_of_no_instance(self) -> None:
        """A binding that has no instance (any more) is named by none."""
        flow = self.connect()
        self.register(Phone("alice").register(), flow)
        (binding,) = self.lookup()
        self.assertIsNone(self.named(self.temporary.gruu(ALICE, binding)))

    def test_secure(self) -> None:
        """That of a sips AoR is sips."""
        self.register(Phone("alice", UUID, 1).register(), self.connect())
        (binding,) = self.lookup()
        self.assertTrue(self.temporary.gruu("sips:alice@[::1]", binding).startswith("sips:ovg"))
        self.assertTrue(self.temporary.gruu("sips:alice@[::1]", binding).endswith("@[::1];gr"))

    def test_as_contact(self) -> None:
        """A phone that calls itself by it refreshes its binding, which keeps its Contact as target."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        gruu = temp_gruu(self.register(phone.register(), flow))
        again = self.connect()
        answer = self.register(phone.register(contacts=[f"<{gruu}>{phone.params}"]), again)
        self.assertEqual(contacts(answer), [phone.contact])
        (binding,) = self.lookup()
        self.assertEqual((binding.contact, binding.flow_id, binding.cseq), (phone.contact, again.id, 2))
        self.register(phone.register(expires=0, contacts=[f"<{gruu}>"]), again)
        self.assertEqual(self.bindings(), [])

    def test_as_contact_of_another_instance(self) -> None:
        """It stands for its own phone alone, and a dead one for none."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        gruu = temp_gruu(self.register(phone.register(), flow))
        text = f'<{gruu}>;+sip.instance="<{OTHER_UUID}>"'
        self.assertEqual(self.refused(Phone("alice").register(contacts=[text]), flow).status, 403)
        phone.call_id, phone.cseq = "another", 0
        self.register(phone.register(), flow)
        self.assertEqual(self.refused(phone.register(contacts=[f"<{gruu}>"]), flow).status, 403)

    def test_R12_as_contact_of_another_user(self) -> None:
        """Whoever registers somebody else's is a user who is called on: nothing of the other one changes."""
        phone, flow = Phone("alice", UUID, 1), self.connect()
        gruu = temp_gruu(self.register(phone.register(), flow))
        before = self.lookup()
        self.register(Phone("bob").register(contacts=[f"<{gruu}>"]), self.connect())
        self.assertEqual(self.lookup(), before)
        self.assertEqual([binding.contact for binding in self.lookup("sip:bob@example.com")], [gruu])
        foreign = gruu.replace(DOMAIN, "example.net")
        self.register(Phone("bob").register(contacts=[f"<{foreign}>"]), self.connect())
        self.assertEqual(len(self.lookup("sip:bob@example.com")), 2)
