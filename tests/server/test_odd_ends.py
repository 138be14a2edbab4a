"""Rare moments: answers within the very call that sends, defects on one way, connections that close too early."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow, HandshakeRequest
from oversip_tw.promise import spawn
from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups, MemoryFlow, MemoryHandshake
from tests.server.world import CORE, DOMAIN, Location, Phone, World, call

PEER_DOMAIN = "peer.example.net"


class InstantAnswerTests(SynchronousTestCase):
    """A phone whose answer is there before the call that sends has returned, as between two elements in one process."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 70)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def instant(self, *statuses: int, q: str = "1.0") -> Phone:
        """A phone of bob's that answers every request at once."""
        phone = self.world.phone("bob")
        contact = f'<{phone.contact}>;+sip.instance="<{phone.instance}>";q={q};expires=600'
        phone.register(Contact=contact)
        send = phone.flow.send

        def answer(data: bytes) -> None:
            send(data)
            message = parse(data, framing="websocket")
            if isinstance(message, Request) and message.method != "ACK":
                for status in (200,) if message.method == "CANCEL" else statuses:
                    phone.answer(message, status)

        self.patch(phone.flow, "send", answer)
        return phone

    def test_603_before_the_next_one_rings(self) -> None:
        """The first one says 603 while the second has not been sent to yet: it never is."""
        first, second = self.instant(603), self.instant(603)
        self.alice.invite(first.aor)
        self.assertEqual([100, 603], self.alice.statuses())
        self.assertEqual(1, len(first.requests("INVITE")) + len(second.requests("INVITE")))

    def test_row_of_refusals(self) -> None:
        """Each group ends at once and starts the next."""
        phones = [self.instant(480, q=f"0.{number}") for number in range(9)]
        self.alice.invite(phones[0].aor)
        self.assertEqual([100, 480], self.alice.statuses())
        for phone in phones:
            self.assertEqual(1, len(phone.requests("INVITE")))

    def test_accepted(self) -> None:
        """180 and 200 at once; a MESSAGE too."""
        phone = self.instant(180, 200)
        self.alice.invite(phone.aor)
        self.assertEqual([100, 180, 200], self.alice.statuses())
        self.alice.ask(self.alice.build("MESSAGE", phone.aor))
        self.assertEqual([200], self.alice.statuses())


class DefectTests(SynchronousTestCase):
    """Something of ours breaks in the middle of one request: 500 for that one, and the others go on."""

    def setUp(self) -> None:
        self.world = World(
            next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse(f"sip:{PEER_DOMAIN}:5080"),)),),
            lookups=FakeLookups(a={PEER_DOMAIN: [CORE]}),
        )
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    @staticmethod
    def defect(*arguments: object, **named: object) -> NoReturn:
        raise ZeroDivisionError

    def breaks(self, phone: Phone, name: str) -> None:
        """Whoever asks the phone's flow for its ``name`` from now on meets a defect."""
        phone.flow.__class__ = type("BrokenFlow", (MemoryFlow,), {name: property(self.defect)})

    def ends_with_500(self) -> None:
        self.assertEqual(500, self.alice.statuses()[-1])
        self.assertEqual(1, len(self.world.errors()))
        self.assertIn("ZeroDivisionError", self.world.errors()[0])
        self.world.clock.pump([1] * 70)
        self.assertEqual({}, self.world.left())

    def test_in_sending(self) -> None:
        """On the way out to a phone: the copy for it cannot be made."""
        self.breaks(self.bob, "listener")
        self.alice.invite(self.bob.aor)
        self.ends_with_500()

    def test_in_a_dialog(self) -> None:
        """The same within a dialog."""
        mine, _ = call(self.alice, self.bob)
        self.breaks(self.bob, "listener")
        mine.send("INFO")
        self.ends_with_500()

    def test_behind_a_look_up(self) -> None:
        """After a name was looked up."""
        self.patch(self.world.connector, "flow_to", self.defect)
        self.alice.ask(self.alice.build("MESSAGE", f"sip:x@{PEER_DOMAIN}"))
        self.ends_with_500()

    def test_in_finding_targets(self) -> None:
        """In the location service."""
        core = self.world.element.core
        core.location = Location(core.location, self.defect)
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        self.ends_with_500()

    def test_before_the_transaction(self) -> None:
        """Before anything stands: a stateless 500."""
        self.breaks(self.alice, "identity")
        self.alice.send(self.alice.build("MESSAGE", self.bob.aor))
        self.assertEqual(0, self.world.element.core.transactions.count)
        self.ends_with_500()

    def test_at_the_very_beginning(self) -> None:
        """While the source is looked at."""
        self.breaks(self.alice, "accepted")
        self.alice.send(self.alice.build("MESSAGE", self.bob.aor))
        self.ends_with_500()

    def test_in_an_unreadable_message(self) -> None:
        """A defect while a bad message is refused reaches nobody but the log."""
        self.breaks(self.alice, "peer")
        self.alice.flow.receive(
            self.alice.build("OPTIONS", f"sip:{DOMAIN}").to_bytes().replace(b"CSeq: ", b"CSeq: x")
        )
        self.assertEqual(1, len(self.world.errors()))

    def test_in_a_response(self) -> None:
        """A defect while a response is handled: one line."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.patch(self.alice.flow, "send", self.defect)
        self.bob.answer(arrived, 180)
        self.assertEqual(1, len(self.world.errors()))


class OddMessageTests(SynchronousTestCase):
    """Well-formed and yet strange."""

    def setUp(self) -> None:
        self.world = World(
            next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse(f"sip:{CORE}:5080"),)),),
            lookups=FakeLookups(a={"named.example.net": [CORE]}),
        )
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")
        self.core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def test_response_with_our_via_alone(self) -> None:
        """It cannot be passed on: 502 to the caller when it was the final one."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        for status in (180, 486):
            response = arrived.response(status, to_tag="t")
            response.remove("Via")
            response.prepend("Via", arrived.via.text)
            self.bob.send(response)
        self.assertEqual([100, 502], self.alice.statuses())

    def test_provisional_response_to_a_message(self) -> None:
        """1xx to anything but INVITE goes no further (RFC 4320)."""
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        [arrived] = self.bob.requests("MESSAGE")
        self.bob.answer(arrived, 180)
        self.bob.answer(arrived, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_ack_to_a_peer_with_a_name(self) -> None:
        """The ACK's next hop is looked up as that of any request."""
        invite = self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        self.core.answer(arrived, 200, Contact="<sip:dave@named.example.net:5080>")
        mine = self.alice.dialog(invite, self.alice.take()[-1])
        mine.target = "sip:dave@named.example.net:5080"
        mine.send("ACK")
        self.assertEqual(1, len(self.core.requests("ACK")))
        mine.target = "sip:dave@unknown.example.net:5080"
        mine.send("ACK")
        self.assertEqual([], self.alice.take())

    def test_two_bindings_on_one_connection(self) -> None:
        """Whose call it is tells the Contact; who matches none has no name, and so no carry-over."""
        other = "sip:second@second.invalid;transport=ws"
        self.alice.register(Contact=f"<{other}>;expires=600")
        for contact, waits in ((f"<{other};ob>", True), ("<sip:x@elsewhere.invalid>", False)):
            self.alice.invite(self.bob.aor, Contact=contact)
            [arrived] = self.bob.requests("INVITE")
            self.bob.answer(arrived, 200)
            theirs = self.bob.dialog(arrived, self.alice.take()[-1], callee=True)
            token = theirs.routes[-1].partition(":")[2].partition("@")[0]
            read = self.world.element.core.tokens.read_record_route(token, arrived.call_id, arrived.from_tag, "x")
            self.assertEqual(waits, bool(read.binding_key))
        self.alice.invite(self.bob.aor, Contact="")
        self.assertEqual(1, len(self.bob.requests("INVITE")))

    def test_two_phones_with_one_contact(self) -> None:
        """An R-URI that is the Contact of two bindings names neither: 404."""
        carol = self.world.phone("carol", instance=False)
        carol.register(Contact=f"<{self.bob.contact}>;expires=600")
        self.alice.invite(self.bob.contact)
        self.assertEqual([100, 404], self.alice.statuses())

    def test_route_of_another_with_a_shape_like_ours(self) -> None:
        """A foreign proxy whose user part looks like a token is a foreign proxy."""
        route = f"<sip:ovr{'A' * 60}@{CORE}:5080;lr>"
        self.core.send(self.core.build("MESSAGE", "sip:x@far.example.net", Route=route))
        [arrived] = self.core.requests("MESSAGE")
        self.assertEqual([route], arrived.values("Route"))

    def test_user_name_that_makes_no_uri(self) -> None:
        """Credentials of a user whose name cannot stand in a URI: 403, not 500."""
        from tests.server import world

        self.patch(world, "PASSWORDS", world.PASSWORDS | {"a b": "x"})
        odd = self.world.phone("a b")
        request = odd.build("MESSAGE", self.bob.aor, From=f"<sip:a@{DOMAIN}>;tag=1", Contact="")
        odd.ask(request)
        self.assertEqual([403], odd.statuses())

    def test_bad_max_breadth(self) -> None:
        """400, statelessly."""
        self.alice.invite(self.bob.aor, Max_Breadth="many")
        self.assertEqual([400], self.alice.statuses())

    def test_sips_from_a_look_up(self) -> None:
        """T5: the refusal says why, whether it comes from the look-up or from the flow."""
        for uri in (f"sips:dave@{PEER_DOMAIN}", f"sips:bob@{DOMAIN}"):
            self.alice.invite(uri)
            refused = self.alice.take()[-1]
            self.assertEqual(480, refused.status, uri)
            self.assertIn("SIPS Not Allowed", refused.get("Warning") or "")

    def test_t5_sips_over_a_secure_flow(self) -> None:
        """T5: to a browser on WSS it passes."""
        carol = self.world.registered("carol", "wss")
        dave = self.world.registered("alice", "wss")
        dave.invite(f"sips:carol@{DOMAIN}")
        self.assertEqual(1, len(carol.requests("INVITE")))


class LostHopTests(SynchronousTestCase):
    """§18.2.2: a connection that a hop opened closes before our answer."""

    def test_answer_reconnects(self) -> None:
        """To sent-by's port at the address it came from; a hop on a WebSocket cannot be reached, and nothing breaks."""
        trusted = TrustedSource((CORE,), Role.CORE, transports=frozenset({"udp", "tcp", "ws"}))
        world = World(trusted=(trusted,))
        alice = world.registered("alice")
        for transport, answers in (("tcp", 1), ("ws", 0)):
            hop = Phone(world, "dave", world.connect(transport, (CORE, 40001)))
            via = f"SIP/2.0/{transport.upper()} {CORE}:5070;branch=z9hG4bK{transport}"
            hop.send(hop.build("MESSAGE", alice.aor, From="<sip:d@x.example>;tag=1", Via=via))
            [arrived] = alice.requests("MESSAGE")
            world.lose(hop.flow)
            alice.answer(arrived, 200)
            self.assertEqual(answers, sum(len(flow.take()) for flow in world.dialled.values()))
        [target] = world.dialled
        self.assertEqual((CORE, 5070), (target.address, target.port))  # type: ignore[attr-defined]
        self.assertEqual([], world.errors())


class TransportTests(SynchronousTestCase):
    """What transports report besides messages."""

    def test_stream_that_lost_its_framing(self) -> None:
        """P1: answered 400 if enough could be read; the transport closes."""
        world = World()
        flow = world.connect("tcp")
        request = Request.build(
            "OPTIONS",
            f"sip:{DOMAIN}",
            [
                ("Via", "SIP/2.0/TCP h;branch=z9hG4bK1"),
                ("From", "<sip:a@b>;tag=1"),
                ("To", "<sip:a@b>"),
                ("Call-ID", "1"),
                ("CSeq", "1 OPTIONS"),
            ],
        )
        world.element.malformed(ParseError("Header Section Too Long", request=request), flow)
        world.element.malformed(ParseError("nothing to answer"), flow)
        self.assertEqual(1, len(flow.take()))
        self.assertFalse(flow.closed)

    def test_websocket_handshakes(self) -> None:
        """on_connect may refuse or mark; a draining server lets nobody in."""

        class Door(Hooks):
            def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
                if handshake.query != "let-me-in":
                    raise SIPError(403)
                flow.variables["door"] = "passed"

        world = World(hooks=Door())
        flow = world.connect()
        failures: list[BaseException] = []
        spawn(world.element.connecting(MemoryHandshake("/", "let-me-in"), flow), failures.append)
        self.assertEqual({"door": "passed"}, flow.variables)
        spawn(world.element.connecting(MemoryHandshake("/", ""), flow), failures.append)
        world.element.draining = True
        self.assertTrue(world.element.draining)
        spawn(world.element.connecting(MemoryHandshake("/", "let-me-in"), flow), failures.append)
        self.assertEqual([403, 503], [error.status for error in failures])  # type: ignore[attr-defined]

    def test_identity_of_the_handshake(self) -> None:
        """A connection whose user the handshake proved is not challenged; its From is checked all the same."""
        world = World()
        bob = world.registered("bob")
        alice = world.phone("alice")
        alice.flow.identity = alice.aor
        self.assertEqual(200, alice.register().status)
        alice.send(alice.build("MESSAGE", bob.aor))
        self.assertEqual(1, len(bob.requests("MESSAGE")))
        alice.send(alice.build("MESSAGE", bob.aor, From=f"<sip:carol@{DOMAIN}>;tag=1"))
        self.assertEqual(403, alice.statuses()[-1])

    def test_anonymous(self) -> None:
        """An anonymous From passes with credentials, under both its spellings."""
        world = World()
        alice, bob = world.registered("alice"), world.registered("bob")
        for caller in ("sip:anonymous@anonymous.invalid", f"sip:Anonymous@{DOMAIN}"):
            alice.take()
            alice.send(alice.build("INVITE", bob.aor, From=f"<{caller}>;tag=1"))
            self.assertEqual([407], alice.statuses())
            alice.invite(bob.aor, From=f'"Anonymous" <{caller}>;tag=1')
            self.assertEqual(1, len(bob.requests("INVITE")))

    def test_profiles_are_those_of_the_next_hop(self) -> None:
        """A profile without failover waits for Timer F."""
        world = World()
        core = world.element.core
        core.settings = replace(core.settings, profile=replace(core.settings.profile, failover=0))
        alice, bob = world.registered("alice"), world.registered("bob")
        alice.invite(bob.aor)
        world.clock.pump([1] * 10)
        self.assertEqual(0, bob.flow.pings)

    def test_t11_silent_browser_is_asked_whether_it_lives(self) -> None:
        """T11: four seconds after a request that nothing followed, its connection is pinged."""
        world = World()
        alice, bob = world.registered("alice"), world.registered("bob")
        mine, _ = call(alice, bob)
        alice.invite(bob.aor)
        mine.send("BYE")
        world.clock.pump([1] * 6)
        self.assertEqual(2, bob.flow.pings)
