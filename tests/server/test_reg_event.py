"""Subscriptions to registrations (RFC 3680), with phones and peers that watch."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.presence.settings import Settings
from oversip_tw.sip.message import Request, Response
from tests.edge.behind import EdgeWorld
from tests.presence.test_reginfo import NAMES
from tests.server.world import CORE, DOMAIN, Phone, World

ACCEPT = "application/reginfo+xml"


class Watcher:
    """A phone's subscription: sends SUBSCRIBE, takes NOTIFY."""

    def __init__(self, phone: Phone, uri: str = "", **headers: str) -> None:
        self.phone = phone
        self.headers = {"Event": "reg", "Accept": ACCEPT, "Expires": "600"} | headers
        self.uri = uri or phone.aor
        self.request: Request
        self.answer: Response
        self.notifies: list[Request] = []
        self.cseq = 1000

    def subscribe(self, status: int = 200, **headers: str) -> int:
        """Open it; the status of the answer. NOTIFYs are answered with ``status``."""
        self.request = self.phone.ask(self.phone.build("SUBSCRIBE", self.uri, **(self.headers | headers)))
        return self._taken(status)

    def again(self, status: int = 200, **headers: str) -> int:
        """Within the dialog."""
        self.cseq += 10
        contact = str(self.answer.contacts[0].uri)
        defaults = {
            "From": self.request.get("From") or "",
            "To": self.answer.get("To") or "",
            "Call-ID": self.request.call_id,
            "CSeq": f"{self.cseq} SUBSCRIBE",
        }
        fields = {name.replace("-", "_"): value for name, value in (self.headers | defaults | headers).items()}
        request = self.phone.build("SUBSCRIBE", contact, **fields)
        self.phone.take()
        self.phone.send(request)
        came = self.phone.take()
        refused = came[-1]
        if isinstance(refused, Response) and refused.status in (401, 407):
            self.phone.send(self._in_order(self.phone.authorized(request, refused)))
        else:
            self.phone.flow._carried -= len(came)
        return self._taken(status)

    def _in_order(self, request: Request) -> Request:
        self.cseq += 1
        request.set("CSeq", f"{self.cseq} SUBSCRIBE")
        return request

    def _taken(self, status: int) -> int:
        self.notifies = []
        found = 0
        for message in self.phone.take():
            if isinstance(message, Response) and message.cseq_method == "SUBSCRIBE":
                found = message.status
                if found == 200:
                    self.answer = message
            elif isinstance(message, Request):
                self.notifies.append(message)
        for notify in self.notifies:
            self.phone.answer(notify, status)
        return found

    def hear(self, status: int = 200) -> list[Request]:
        """What came since; it is answered with ``status``."""
        self._taken(status)
        return self.notifies


def told(notify: Request) -> tuple[str, str, list[tuple[str, str]]]:
    """State and version of the document, and event and URI of each contact."""
    root = ElementTree.fromstring(notify.body)
    contacts = [
        (each.get("event") or "", each.findtext("r:uri", namespaces=NAMES) or "")
        for each in root.iter(f"{{{NAMES['r']}}}contact")
    ]
    return root.get("state") or "", root.get("version") or "", contacts


class RegEventCase(SynchronousTestCase):
    """alice watches herself."""

    options: dict[str, Any] = {}

    def setUp(self) -> None:
        self.world = World(**self.options)
        self.alice = self.world.registered("alice")
        self.watcher = Watcher(self.alice)
        self.notifier = self.world.element._serving._events.notifier  # type: ignore[union-attr]

    def pass_(self, seconds: float) -> None:
        self.world.clock.pump([0.5] * int(seconds * 2))

    def quiet(self) -> None:
        """Everything is over, and nobody is asked at each REGISTER any more."""
        self.pass_(40)
        self.assertEqual(self.notifier.count, 0)
        self.assertEqual(self.world.left(), {})
        self.assertEqual(self.world.errors(), [])
        self.assertIsNone(self.world.element._changes.subscribers)


class LifeTests(RegEventCase):
    """From SUBSCRIBE to the last NOTIFY."""

    def test_whole_life(self) -> None:
        """200, everything at once, changes later, and an end when it is asked for."""
        self.assertEqual(self.watcher.subscribe(), 200)
        answer = self.watcher.answer
        self.assertEqual((answer.expires, answer.get("Allow-Events")), (600, "reg"))
        [notify] = self.watcher.notifies
        self.assertEqual(told(notify), ("full", "0", [("registered", self.alice.contact)]))
        self.assertEqual(notify.get("Subscription-State"), "active;expires=600")
        self.assertEqual((notify.get("Event"), notify.get("Content-Type")), ("reg", ACCEPT))
        self.assertEqual((notify.call_id, notify.to_tag), (self.watcher.request.call_id, self.watcher.request.from_tag))
        self.assertEqual((notify.from_tag, notify.uri.text), (answer.to_tag, self.alice.contact))
        self.assertEqual(notify.contacts[0].uri, answer.contacts[0].uri)
        self.pass_(5)
        second = self.world.registered("alice")
        [notify] = self.watcher.hear()
        self.assertEqual(told(notify), ("partial", "1", [("registered", second.contact)]))
        self.assertEqual(notify.cseq, 2)
        self.assertEqual(self.watcher.again(Expires="0"), 200)
        [notify] = self.watcher.notifies
        self.assertEqual(notify.get("Subscription-State"), "terminated;reason=timeout")
        self.assertEqual(told(notify)[:2], ("full", "2"))
        self.assertEqual(self.watcher.again(), 481)
        self.quiet()

    def test_expires(self) -> None:
        """Nobody refreshed it: it ends with a NOTIFY."""
        self.watcher.subscribe(Expires="60")
        self.pass_(60.5)
        [notify] = self.watcher.hear()
        self.assertEqual(notify.get("Subscription-State"), "terminated;reason=timeout")
        self.quiet()

    def test_refreshed(self) -> None:
        """A SUBSCRIBE in time: everything is told anew, and it goes on; 30 s of the new life are left at the end."""
        self.watcher.subscribe(Expires="60")
        self.pass_(50)
        self.assertEqual(self.watcher.again(Expires="80"), 200)
        self.assertEqual([told(notify)[0] for notify in self.watcher.notifies], ["full"])
        self.pass_(50)
        self.assertEqual(self.watcher.hear(), [])
        self.pass_(31)
        self.assertEqual(len(self.watcher.hear()), 1)
        self.quiet()

    def test_only_once(self) -> None:
        """Expires 0: what there is, and nothing is kept."""
        self.assertEqual(self.watcher.subscribe(Expires="0"), 200)
        [notify] = self.watcher.notifies
        self.assertEqual(notify.get("Subscription-State"), "terminated;reason=timeout")
        self.assertEqual(told(notify), ("full", "0", [("registered", self.alice.contact)]))
        self.quiet()

    def test_lifetimes(self) -> None:
        """As long as RFC 3680 says where nothing is said; too short is 423, too long is cut."""
        self.watcher.subscribe(Expires="")
        self.assertEqual(self.watcher.answer.expires, 3761)
        self.watcher.subscribe(Expires="100000")
        self.assertEqual(self.watcher.answer.expires, 7200)
        self.assertEqual(self.watcher.subscribe(Expires="59"), 423)

    def test_refused_notify(self) -> None:
        """A subscriber who does not want it any more, or does not answer."""
        for status in (481, 500):
            self.watcher.subscribe(status)
            self.assertEqual(self.notifier.count, 0)
        udp = Watcher(self.world.registered("alice", "udp"))
        udp.phone.ask(udp.phone.build("SUBSCRIBE", udp.uri, **udp.headers))
        self.assertEqual(self.notifier.count, 1)
        self.pass_(33)
        self.assertEqual(self.notifier.count, 0)
        self.quiet()

    def test_what_went(self) -> None:
        """Each end has its reason."""
        self.watcher.subscribe()
        first, second = self.world.registered("alice"), self.world.registered("alice")
        self.pass_(5)
        self.watcher.hear()
        self.pass_(5)
        self.world.lose(first.flow)
        second.register(expires=0)
        [notify] = self.watcher.hear()
        self.assertEqual(told(notify)[2], [("expired", first.contact)])
        self.pass_(5)
        [notify] = self.watcher.hear()
        self.assertEqual(told(notify)[2], [("unregistered", second.contact)])

    def test_ids(self) -> None:
        """Several of one phone, told apart by the id of their Event; one of another id is another one."""
        self.watcher.headers["Event"] = "reg;id=17"
        self.watcher.subscribe()
        self.assertEqual(self.watcher.notifies[0].get("Event"), "reg;id=17")
        self.assertEqual(self.watcher.again(Event="reg;id=18"), 481)
        self.assertEqual(self.watcher.again(Event="reg; x=y ;id=17"), 200)


class PaceTests(RegEventCase):
    """Not too fast."""

    def test_throttle(self) -> None:
        """Changes within 5 s go together; one that was undone meanwhile is none."""
        self.watcher.subscribe()
        phones = [self.world.registered("alice") for _ in range(3)]
        phones[0].register(expires=0)
        self.assertEqual(self.watcher.hear(), [])
        self.pass_(4.5)
        self.assertEqual(self.watcher.hear(), [])
        self.pass_(1)
        [notify] = self.watcher.hear()
        self.assertEqual(sorted(told(notify)[2]), sorted(("registered", phone.contact) for phone in phones[1:]))
        self.pass_(20)
        passing = self.world.registered("bob")
        self.assertEqual(self.watcher.hear(), [])
        passing.register(expires=0)
        self.assertEqual(self.watcher.hear(), [])

    def test_one_at_a_time(self) -> None:
        """The next NOTIFY waits for the answer to the last, and a SUBSCRIBE overtakes no NOTIFY."""
        self.alice.ask(self.alice.build("SUBSCRIBE", self.alice.aor, **self.watcher.headers))
        [first] = self.alice.requests("NOTIFY")
        self.pass_(6)
        self.world.registered("alice")
        self.assertEqual(self.alice.requests("NOTIFY"), [])
        self.alice.answer(first, 200)
        [second] = self.alice.requests("NOTIFY")
        self.assertEqual(told(second)[:2], ("partial", "1"))

    def test_expires_while_one_is_on_its_way(self) -> None:
        """The last one follows it."""
        udp = Watcher(self.world.registered("alice", "udp"))
        udp.phone.ask(udp.phone.build("SUBSCRIBE", udp.uri, **(udp.headers | {"Expires": "60"})))
        [first] = udp.phone.requests("NOTIFY")
        udp.phone.answer(first, 200)
        self.pass_(50)
        self.world.registered("alice")
        second = udp.phone.requests("NOTIFY")[0]
        self.pass_(15)
        udp.phone.take()
        udp.phone.answer(second, 200)
        [last] = udp.hear()
        self.assertEqual(last.get("Subscription-State"), "terminated;reason=timeout")
        self.quiet()

    def test_refresh_ends_a_pause(self) -> None:
        """What is asked for is told at once, and what was to follow is in it."""
        self.watcher.subscribe()
        second = self.world.registered("alice")
        self.assertEqual(self.watcher.again(), 200)
        self.assertIn(("registered", second.contact), told(self.watcher.notifies[0])[2])
        self.pass_(10)
        self.assertEqual(self.watcher.hear(), [])

    def test_limits(self) -> None:
        """Of one user, and of all."""
        world = World(events=Settings(limit=3, limit_per_user=2))
        alice, bob = world.registered("alice"), world.registered("bob")
        statuses = [Watcher(phone).subscribe() for phone in (alice, alice, alice, bob, bob)]
        self.assertEqual(statuses, [200, 200, 403, 200, 503])


class ConnectionTests(RegEventCase):
    """A subscriber who is away for a while."""

    def test_comes_back(self) -> None:
        """On another connection it is told everything, and again when it refreshes there."""
        self.watcher.subscribe()
        self.world.lose(self.alice.flow)
        self.pass_(6)
        self.assertEqual(self.notifier.count, 1)
        self.world.comes_back(self.alice)
        [notify] = self.watcher.hear()
        self.assertEqual(told(notify), ("full", "2", [("registered", self.alice.contact)]))
        self.assertEqual(self.watcher.again(), 200)
        self.assertEqual(len(self.watcher.notifies), 1)

    def test_lost_with_a_notify_on_its_way(self) -> None:
        """It is told anew."""
        self.alice.ask(self.alice.build("SUBSCRIBE", self.alice.aor, **self.watcher.headers))
        self.world.lose(self.alice.flow)
        self.assertEqual(self.notifier.count, 1)
        self.alice.take()
        self.pass_(6)
        self.world.comes_back(self.alice)
        [notify] = self.watcher.hear()
        self.assertEqual(told(notify)[0], "full")

    def test_never_comes_back(self) -> None:
        """Its time ends it."""
        self.watcher.subscribe(Expires="60")
        self.world.lose(self.alice.flow)
        self.pass_(61)
        self.quiet()

    def test_not_registered_there(self) -> None:
        """Who is known by no binding ends with the connection."""
        other = self.world.phone("alice")
        watcher = Watcher(other)
        self.assertEqual(watcher.subscribe(), 200)
        self.world.lose(other.flow)
        self.pass_(6)
        self.world.registered("alice")
        self.quiet()

    def test_moves(self) -> None:
        """A refresh by another connection: what follows goes there."""
        self.watcher.subscribe()
        self.alice.flow = self.world.connect()
        self.watcher.again()
        self.assertEqual(len(self.watcher.notifies), 1)

    def test_temporary_gruu(self) -> None:
        """A subscriber is told by its Contact where it gave a temporary GRUU."""
        answer = self.alice.register()
        gruu = answer.contacts[0].param("temp-gruu") or ""
        self.watcher.subscribe(Contact=f"<{gruu}>")
        self.assertEqual(self.watcher.notifies[0].uri.text, self.alice.contact)


class RightsTests(RegEventCase):
    """Who may watch whom."""

    options: dict[str, Any] = {
        "trusted": (TrustedSource((CORE,), Role.CORE), TrustedSource(("127.0.0.3",), Role.EDGE)),
        "inbound": "open",
    }

    def test_A4_others(self) -> None:
        """Nobody but the user; alike for users that are and users that are not."""
        bob = self.world.registered("bob")
        for user in ("alice", "ghost"):
            self.assertEqual(Watcher(bob, f"sip:{user}@{DOMAIN}").subscribe(), 403)
        stranger = self.world.phone("mallory", "udp")
        request = stranger.build("SUBSCRIBE", self.alice.aor, From="<sip:m@example.net>;tag=m", Event="reg")
        stranger.send(request)
        self.assertEqual(stranger.statuses(), [403])
        self.quiet()

    def test_core(self) -> None:
        """A trusted peer may watch anybody who is a user, and is reached where it says: by its Record-Route first."""
        core = Phone(self.world, "core", self.world.udp_flow((CORE, 5060)))
        watcher = Watcher(core, self.alice.aor, From="<sip:app@example.net>;tag=a")
        route = f"<sip:{CORE}:5060;transport=udp;lr>"
        self.assertEqual(watcher.subscribe(Contact=f"<sip:app@{CORE}:5090>", Record_Route=route), 200)
        [notify] = watcher.notifies
        self.assertEqual((notify.uri.text, list(notify.values("Route"))), (f"sip:app@{CORE}:5090", [route]))
        self.assertEqual(list(watcher.answer.values("Record-Route")), [route])
        self.assertEqual(watcher.again(), 200)
        self.assertEqual(watcher.subscribe(Contact=f"<sip:app@{CORE}:5060;transport=udp>"), 200)
        self.assertEqual(len(watcher.notifies), 1)
        nobody = Watcher(core, f"sip:ghost@{DOMAIN}", **watcher.headers)
        self.assertEqual(nobody.subscribe(), 404)
        self.assertEqual(self.notifier.count, 2)

    def test_somebody_else_s_dialog(self) -> None:
        """A dialog is of the user who opened it, and a name that somebody guessed is none."""
        self.watcher.subscribe()
        bob = Watcher(self.world.registered("bob"))
        bob.request, bob.answer = self.watcher.request, self.watcher.answer
        self.assertEqual(bob.again(From=f"<sip:bob@{DOMAIN}>;tag={self.watcher.request.from_tag}"), 403)
        self.assertEqual(self.watcher.again(**{"Call-ID": "another"}), 481)
        self.assertEqual(self.watcher.again(From=f"<{self.alice.aor}>;tag=other"), 481)
        self.assertEqual(self.watcher.again(To=f"<{self.alice.aor}>;tag=other"), 481)

    def test_order(self) -> None:
        """A SUBSCRIBE that comes late is 500."""
        self.watcher.subscribe()
        self.watcher.again()
        self.watcher.cseq = 0
        self.assertEqual(self.watcher.again(), 500)

    def test_what_cannot_be_read(self) -> None:
        """406 for whoever does not take the document, 489 for other events of this dialog, 400 without one Contact."""
        self.assertEqual(self.watcher.subscribe(Accept="application/pidf+xml"), 406)
        for accept in ("*/*", "application/*", "text/plain, application/reginfo+xml;q=1", ""):
            self.assertEqual(self.watcher.subscribe(Accept=accept), 200)
        self.assertEqual(self.watcher.again(Event="presence"), 489)
        self.assertEqual(self.watcher.again(Contact=""), 200)
        for contact in ("", "<sip:a@h.invalid>, <sip:b@h.invalid>", "<tel:+1>"):
            self.assertEqual(self.watcher.subscribe(Contact=contact), 400, contact)
        self.assertEqual(self.notifier.count, 4)

    def test_other_events(self) -> None:
        """What is not ours goes to the phones, as ever; so does a SUBSCRIBE to one phone."""
        bob = self.world.registered("bob")
        for uri, event in ((self.alice.aor, "presence"), (f"{self.alice.aor};gr={self.alice.instance}", "reg")):
            bob.ask(bob.build("SUBSCRIBE", uri, Event=event))
            [arrived] = self.alice.requests("SUBSCRIBE")
            self.alice.answer(arrived, 489)
            self.assertEqual(bob.statuses()[-1], 489)

    def test_no_dialog_of_ours(self) -> None:
        """Any other request within a dialog, and without a token, is refused as ever."""
        self.watcher.subscribe()
        for method, uri in (("BYE", str(self.watcher.answer.contacts[0].uri)), ("SUBSCRIBE", self.alice.aor)):
            self.alice.send(self.alice.build(method, uri, To=f"<{self.alice.aor}>;tag=x"))
            self.assertEqual(self.alice.statuses(), [403])


class WithoutTests(SynchronousTestCase):
    """Where nobody tells."""

    def test_switched_off(self) -> None:
        """They go to the phones."""
        world = World(events=None)
        alice = world.registered("alice")
        alice.ask(alice.build("SUBSCRIBE", alice.aor, Event="reg"))
        self.assertEqual(len(alice.requests("SUBSCRIBE")), 1)

    def test_at_an_edge(self) -> None:
        """They go to the core."""
        world = EdgeWorld()
        alice = world.through("alice")
        alice.send(alice.build("SUBSCRIBE", alice.aor, Event="reg"))
        self.assertEqual(len(world.core.requests("SUBSCRIBE")), 1)
