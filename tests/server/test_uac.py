"""`Uac`: requests of our own."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from oversip_tw.hooks import Arrival, Failure, Hooks, Response, SIPError, Uac
from oversip_tw.logic import EdgeLogic
from oversip_tw.promise import spawn
from oversip_tw.proxy.settings import Profile
from oversip_tw.transaction.timers import Timers
from tests.edge.scripted import CORE_URI, DESK, SECOND_URI, ScriptedEdge
from tests.server.world import CORE, DOMAIN, World


class Asking(ScriptedEdge):
    """A Uac that sends where a test says."""

    options: dict[str, Any] = {"profiles": {"quick": Profile(timers=Timers(f=6.0))}}

    def setUp(self) -> None:
        super().setUp()
        self.uac = Uac(self.world.element.core)
        self.heard: list[object] = []

    def asks(self, asking: Coroutine[Any, Any, Response]) -> None:
        """What comes of it is in ``heard``: a status, or (status, code) of an error."""

        async def run() -> None:
            try:
                self.heard.append((await asking).status)
            except SIPError as error:
                self.heard.append((error.status, error.code))

        spawn(run(), self.heard.append)


class AskTests(Asking):
    """`Uac.ask`."""

    def test_answers(self) -> None:
        """Whatever the answer says, it is given."""
        for status in (200, 202, 302, 404, 486, 603):
            self.asks(self.uac.ask("OPTIONS", CORE_URI))
            self.core.answer(self.arrived(method="OPTIONS"), status)
        self.assertEqual([200, 202, 302, 404, 486, 603], self.heard)

    def test_what_is_sent(self) -> None:
        """From, To, Call-ID and CSeq are made up, our Via is on top, no Record-Route, Content-Length is right."""
        self.asks(self.uac.ask("MESSAGE", DESK, [("Content-Type", "text/plain")], "grüß".encode(), to=CORE_URI))
        arrived = self.arrived(method="MESSAGE")
        self.assertEqual((DESK, 20), (str(arrived.uri), arrived.max_forwards))
        self.assertEqual(f"<{DESK}>", arrived.get("To"))
        self.assertIsNotNone(arrived.from_tag)
        self.assertEqual(1, len(arrived.values("Via")))
        self.assertEqual("6", arrived.get("Content-Length"))
        self.assertEqual("grüß".encode(), arrived.body)
        self.core.answer(arrived, 200)
        self.assertEqual([200], self.heard)

    def test_headers_that_are_given(self) -> None:
        """Stay; what belongs to the transport is ours."""
        given = [("From", f"<sip:bot@{DOMAIN}>;tag=1"), ("Call-ID", "mine"), ("CSeq", "7 NOTIFY"), ("Via", "x"),
                 ("Event", "keep-alive"), ("Max-Forwards", "3")]  # fmt: skip
        self.asks(self.uac.ask("NOTIFY", DESK, given, to=CORE_URI))
        arrived = self.arrived(method="NOTIFY")
        self.assertEqual(("mine", 7, "keep-alive"), (arrived.call_id, arrived.cseq, arrived.get("Event")))
        self.assertEqual((20, 0), (arrived.max_forwards, len(arrived.values("Record-Route"))))
        self.core.answer(arrived, 200)

    def test_timeout(self) -> None:
        """The profile's Timer F: 408, client_timeout."""
        self.asks(Uac(self.world.element.core, "quick").ask("OPTIONS", CORE_URI))
        self.world.clock.pump([0.5] * 13)
        self.assertEqual([(408, "client_timeout")], self.heard)

    def test_nobody_there(self) -> None:
        """connection_error, no_dns_resolution, unsupported_uri_scheme."""
        self.asks(self.uac.ask("OPTIONS", CORE_URI))
        self.world.element.unreachable((CORE, 5080))
        self.asks(self.uac.ask("OPTIONS", "sip:nowhere.example.net"))
        self.asks(self.uac.ask("OPTIONS", "tel:+431234"))
        codes = [(500, "connection_error"), (404, "no_dns_resolution"), (416, "unsupported_uri_scheme")]
        self.assertEqual(codes, self.heard)

    def test_next_hops_in_turn(self) -> None:
        """``to`` may be several; the core of the edge is one as well."""
        self.asks(self.uac.ask("OPTIONS", DESK, to=[CORE_URI, SECOND_URI]))
        self.world.element.unreachable((CORE, 5080))
        self.second.answer(self.arrived(self.second, "OPTIONS"), 200)
        self.world.clock.advance(31)
        self.asks(self.uac.ask("OPTIONS", DESK, to=self.logic.edge.core))
        self.core.answer(self.core.requests("OPTIONS")[-1], 200)
        self.assertEqual([200, 200], self.heard)

    def test_flow(self) -> None:
        """Down the connection of a client; 430 when it is gone."""
        self.asks(self.uac.ask("MESSAGE", self.alice.contact, body=b"hi", flow=self.alice.flow))
        arrived = self.arrived(self.alice, "MESSAGE")
        self.assertEqual("WS", arrived.via.transport)
        self.alice.answer(arrived, 200)
        self.world.lose(self.alice.flow)
        self.asks(self.uac.ask("MESSAGE", self.alice.contact, flow=self.alice.flow))
        self.assertEqual([200, (430, "flow_failed")], self.heard)

    def test_at_one_time(self) -> None:
        """Each gets its own answer, in whatever order they come."""
        for name in ("first", "second"):
            self.asks(self.uac.ask("OPTIONS", f"sip:{name}@{CORE}:5080"))
        first, second = self.core.requests("OPTIONS")
        self.core.answer(second, 486)
        self.core.answer(first, 200)
        self.assertEqual([486, 200], self.heard)

    def test_within_a_hook(self) -> None:
        """An ``async`` step of the logic asks somebody else first, and is waited for."""

        class Asks(EdgeLogic):
            async def to_core(self, arrival: Arrival) -> None:
                answer = await Uac(self.core).ask("OPTIONS", SECOND_URI)
                arrival.request.set("X-Said", str(answer.status))
                super().to_core(arrival)

        self.world.element.use_hooks(Asks())
        self.sends("MESSAGE")
        self.assertEqual([], self.core.take())
        self.second.answer(self.arrived(self.second, "OPTIONS"), 404)
        arrived = self.arrived(method="MESSAGE")
        self.assertEqual("404", arrived.get("X-Said"))
        self.core.answer(arrived, 200)

    def test_wrong_use(self) -> None:
        """What does not stand alone, no URI, no profile, no header: ValueError."""
        for method in ("INVITE", "ACK", "CANCEL", "BYE", "invite"):
            self.assertRaises(ValueError, self.uac.send, method, DESK)
        self.assertRaises(ValueError, self.uac.send, "OPTIONS", "nothing")
        self.assertRaises(ValueError, self.uac.send, "OPTIONS", DESK, [("X", "a\r\nb")])
        self.assertRaises(ValueError, self.uac.send, "OPTIONS", DESK, to=[])
        self.assertRaises(ValueError, Uac, self.world.element.core, "nobody")


class SendTests(Asking):
    """`Uac.send`, with callbacks."""

    def test_callbacks(self) -> None:
        """They hear of each request; ask has its own and leaves no trace."""
        self.uac.on_success(lambda response: self.heard.append(response.status))
        self.uac.on_failure(lambda response: self.heard.append(response.status))

        @self.uac.on_error
        async def failed(failure: Failure) -> None:
            self.heard.append(failure.code)

        self.asks(self.uac.ask("OPTIONS", CORE_URI))
        self.core.answer(self.arrived(method="OPTIONS"), 200)
        self.assertEqual([200, 200], self.heard)
        for status in (202, 404, 503):
            self.uac.send("MESSAGE", DESK, to=CORE_URI)
            self.core.answer(self.arrived(method="MESSAGE"), status)
        self.assertEqual([200, 200, 202, 404, "unavailable"], self.heard)

    def test_callback_that_raises(self) -> None:
        """Nobody waits for an answer: a line of log."""

        @self.uac.on_success
        def fail(response: Response) -> None:
            raise SIPError(480)

        self.errors = 1
        self.uac.send("MESSAGE", DESK, to=CORE_URI)
        self.core.answer(self.arrived(method="MESSAGE"), 200)

    def test_to_a_user_of_ours(self) -> None:
        """Every phone of the user gets it; 404 for one whom nobody knows, 480 for one who is absent."""
        world = World(hooks=Hooks())
        bobs = [world.registered("bob"), world.registered("bob", "udp")]
        uac = Uac(world.element.core)
        self.asks(uac.ask("MESSAGE", f"sip:bob@{DOMAIN}", body=b"hi"))
        for bob in bobs:
            bob.answer(self.arrived(bob, "MESSAGE"), 200)
        for nobody in ("carol", "zoe"):
            self.asks(uac.ask("MESSAGE", f"sip:{nobody}@{DOMAIN}"))
        self.assertEqual([200, (480, ""), (404, "")], self.heard)
        self.assertEqual([], world.errors())
