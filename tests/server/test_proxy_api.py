"""`Proxy`: every event, in order, plain and async, and what callbacks may do wrong."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from oversip_tw.hooks import Arrival, Failure, Proxy, Response, SIPError
from oversip_tw.proxy.settings import Profile
from oversip_tw.resolve import settings as resolve
from oversip_tw.transaction.timers import Timers
from tests.edge.scripted import CORE_URI, DESK, ScriptedEdge
from tests.server.world import CORE


class EventTests(ScriptedEdge):
    """What each callback hears."""

    options = {"profiles": {"bare": Profile(resolve=resolve.Settings(families=("ipv4",), dns=False))}}

    def setUp(self) -> None:
        super().setUp()
        self.logic.script = lambda arrival: self.logic.watched(arrival).route(arrival, self.logic.edge.core)

    def test_answered_call(self) -> None:
        """Target, 1xx above 100, 2xx; nothing else is told, and all of it passes."""
        self.sends()
        arrived = self.arrived()
        for status in (100, 180, 183, 200):
            self.core.answer(arrived, status)
        self.assertEqual([f"to {CORE}", 180, 183, 200], self.seen)
        self.assertEqual([180, 183, 200], self.statuses())

    def test_repeated_2xx(self) -> None:
        """A 2xx that comes again is told again, and passes again: it may have been changed the first time."""
        self.sends()
        arrived = self.arrived()
        for _ in range(2):
            self.core.answer(arrived, 200)
        self.assertEqual([f"to {CORE}", 200, 200], self.seen)
        self.assertEqual([200, 200], self.statuses())

    def test_refusal(self) -> None:
        """on_failure hears the answer that passes."""
        self.sends()
        self.refuses(486)
        self.assertEqual([f"to {CORE}", 486], self.seen)
        self.assertEqual([486], self.statuses())

    def test_other_methods(self) -> None:
        """A MESSAGE has success and failure too."""
        for status in (202, 404):
            self.sends("MESSAGE")
            self.core.answer(self.arrived(method="MESSAGE"), status)
        self.assertEqual([f"to {CORE}", 202, f"to {CORE}", 404], self.seen)

    def test_cancelled(self) -> None:
        """on_cancelled, and no failure after it."""
        invite = self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.alice.cancel(invite)
        self.core.answer(arrived, 487)
        self.assertEqual([f"to {CORE}", 180, "cancelled"], self.seen)
        self.assertEqual([180, 200, 487], self.statuses())

    def test_caller_gone(self) -> None:
        """A caller who lost its connection and does not come back is the same."""
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.world.lose(self.alice.flow)
        self.world.clock.pump([1] * 9)
        self.core.requests("CANCEL")
        self.core.answer(arrived, 487)
        self.assertEqual([f"to {CORE}", 180, "cancelled"], self.seen)

    def test_unavailable(self) -> None:
        """A 503 is no answer for callers: an error of its own, told as 500."""
        self.sends()
        self.refuses(503)
        self.assertEqual([f"to {CORE}", (500, "Server Internal Error", "unavailable")], self.seen)
        self.assertEqual([500], self.statuses())

    def test_nobody_there(self) -> None:
        """The network says that nobody listens: connection_error; a core of the configuration is 503."""
        self.sends()
        self.arrived()
        self.world.element.unreachable((CORE, 5080))
        self.assertEqual([f"to {CORE}", (503, "Service Unavailable", "connection_error")], self.seen)
        self.assertEqual([503], self.statuses())

    def test_no_such_name(self) -> None:
        """no_dns_resolution, without any target."""
        self.logic.script = lambda arrival: self.logic.watched(arrival).route(arrival, "sip:nowhere.example.net")
        self.sends()
        self.assertEqual([(404, "No DNS Resolution", "no_dns_resolution")], self.seen)

    def test_what_is_not_dialled(self) -> None:
        """Each has its code: schemes, transports, families, names where only addresses may be dialled."""
        hops = {
            "tel:+431234": (416, "unsupported_uri_scheme"),
            f"{CORE_URI};transport=ws": (478, "unsupported_transport"),
            f"{CORE_URI};transport=sctp": (478, "unsupported_transport"),
            "sip:[2001:db8::1]": (478, "no_ipv6"),
            "sip:name.example.net": (478, "no_dns"),
        }
        for hop, told in hops.items():
            self.seen.clear()
            self.logic.script = lambda arrival, hop=hop: self.logic.watched(arrival, "bare").route(arrival, hop)  # type: ignore[misc]
            self.sends()
            [(status, _, code)] = self.seen
            self.assertEqual(told, (status, code), hop)
            self.assertEqual([told[0]], self.statuses())

    def test_dead_flow(self) -> None:
        """flow_failed: a phone that is gone, called by the core."""
        bob = self.world.through("bob")
        self.logic.to_phone = lambda arrival: self.logic.watched(arrival, "users").route(arrival)  # type: ignore[method-assign]
        self.world.lose(bob.flow)
        self.core.send(self.core.towards(bob))
        self.assertEqual([(430, "Flow Failed", "flow_failed")], self.seen)
        self.assertEqual([100, 430], self.core.statuses())


class TimerTests(ScriptedEdge):
    """A profile that is named has its own timers."""

    options = {"profiles": {"quick": Profile(timers=Timers(b=6.0, f=6.0), timer_c=8.0, failover=0.0)}}

    def setUp(self) -> None:
        super().setUp()
        self.logic.script = lambda arrival: self.logic.watched(arrival, "quick").route(arrival, CORE_URI)

    def test_timer_b(self) -> None:
        """Silence: the INVITE at 0, 0.5, 1.5 and 3.5 s, and 408 Client Timeout at 6 s."""
        self.sends()
        self.world.clock.pump([0.1] * 59)
        self.assertEqual(4, len(self.core.requests("INVITE")))
        self.assertEqual([], self.statuses())
        self.world.clock.pump([0.1] * 3)
        [answer] = self.answers()
        self.assertEqual((408, "Client Timeout"), (answer.status, answer.reason))
        self.assertEqual([f"to {CORE}", (408, "Client Timeout", "client_timeout")], self.seen)

    def test_timer_f(self) -> None:
        """Silence to a MESSAGE: client_timeout for us, nothing for the sender (RFC 4320)."""
        self.sends("MESSAGE")
        self.world.clock.pump([0.5] * 14)
        self.assertEqual([f"to {CORE}", (408, "Client Timeout", "client_timeout")], self.seen)
        self.assertEqual([], self.statuses())

    def test_timer_c(self) -> None:
        """8 s after the last 1xx: one on_timeout, CANCEL, 408 INVITE Timeout; the 487 that follows is not passed."""
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.world.clock.pump([0.5] * 10)
        self.core.answer(arrived, 180)
        self.world.clock.pump([0.5] * 14)
        self.assertEqual([], self.core.requests("CANCEL"))
        self.world.clock.pump([0.5] * 3)
        cancel, *_ = self.core.requests("CANCEL")
        self.core.answer(cancel, 200)
        self.world.clock.pump([0.1] * 6)
        self.core.answer(arrived, 487)
        ended = [f"to {CORE}", 180, 180, "timeout", (408, "INVITE Timeout", "invite_timeout")]
        self.assertEqual(ended, self.seen)
        self.assertEqual([180, 180, 408], self.statuses())

    def test_no_such_profile(self) -> None:
        """A name that nobody knows is a ValueError at once, and 500 for the request alone."""
        with self.assertRaises(ValueError):
            Proxy(self.world.element.core, "quikc")
        Proxy(self.world.element.core, "users")


class AsyncTests(ScriptedEdge):
    """Callbacks that take their time."""

    def setUp(self) -> None:
        super().setUp()
        self.waits: list[Deferred[None]] = []

        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)

            @proxy.on_provisional
            @proxy.on_success
            @proxy.on_failure
            async def wait(response: Response) -> None:
                self.seen.append(response.status)
                self.waits.append(Deferred())
                await self.waits[-1]
                response.set("X-Waited", "yes")

            proxy.route(arrival, self.logic.edge.core)

        self.logic.script = script

    def test_order(self) -> None:
        """Events of one request do not overtake each other; what a callback changes is passed on."""
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.core.answer(arrived, 200)
        self.assertEqual([180], self.seen)
        self.assertEqual([], self.statuses())
        self.waits[0].callback(None)
        self.assertEqual([180], self.statuses())
        self.assertEqual([180, 200], self.seen)
        self.waits[1].callback(None)
        [answer] = self.answers()
        self.assertEqual((200, "yes"), (answer.status, answer.get("X-Waited")))

    def test_too_slow(self) -> None:
        """A final event that nobody lets go is 500 after 5 s; a provisional one passes then."""
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.errors = 1
        self.world.clock.pump([1] * 6)
        self.assertEqual([180], self.statuses())
        self.core.answer(arrived, 486)
        self.world.clock.pump([1] * 6)
        self.assertEqual([500], self.statuses())
        self.alice.take()

    def test_too_slow_for_a_2xx(self) -> None:
        """Somebody has picked up: that passes whatever callbacks do."""
        self.errors = 1
        self.sends()
        self.core.answer(self.arrived(), 200)
        self.world.clock.pump([1] * 6)
        self.assertEqual([200], self.statuses())


class DefectTests(ScriptedEdge):
    """Callbacks that raise."""

    def raising(self, error: Exception) -> None:
        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)

            def fail(*arguments: object) -> None:
                raise error

            proxy.on_provisional(fail)
            proxy.on_success(fail)
            proxy.on_failure(fail)
            proxy.on_error(fail)
            proxy.on_cancelled(fail)
            proxy.route(arrival, self.logic.edge.core)

        self.logic.script = script

    def test_defect(self) -> None:
        """Any exception is one line of log each; answers pass as if there were no callback."""
        self.raising(ZeroDivisionError())
        self.errors = 4
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.core.answer(arrived, 200)
        self.sends()
        self.refuses(486)
        self.assertEqual([486], self.statuses())
        invite = self.sends()
        self.core.answer(self.arrived(), 180)
        self.errors += 1
        self.alice.cancel(invite)
        [cancel] = self.core.requests("CANCEL")
        self.core.answer(cancel, 200)

    def test_answer_of_a_callback(self) -> None:
        """SIPError at a final event is the answer, with its headers."""
        self.raising(SIPError(480, "Not Now", [("Retry-After", "60")]))
        self.sends()
        self.refuses(486)
        [answer] = self.answers()
        self.assertEqual((480, "Not Now", "60"), (answer.status, answer.reason, answer.get("Retry-After")))
        self.sends("MESSAGE")
        self.core.answer(self.arrived(method="MESSAGE"), 200)
        self.assertEqual([480], self.statuses())

    def test_not_at_others(self) -> None:
        """At a provisional answer, or one that somebody has picked up, it is logged."""
        self.raising(SIPError(480))
        self.errors = 2
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.core.answer(arrived, 200)
        self.assertEqual([180, 200], self.statuses())

    def test_defect_in_on_target(self) -> None:
        """500, and nothing leaves."""
        self.errors = 1

        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)
            proxy.on_target(lambda attempt: 1 / 0)  # type: ignore[arg-type,return-value]
            proxy.route(arrival, self.logic.edge.core)

        self.logic.script = script
        self.sends()
        self.assertEqual([500], self.statuses())
        self.assertEqual([], self.core.requests("INVITE"))

    def test_wrong_use(self) -> None:
        """No next hop, no URI, another request, nothing to drop: ValueError or RuntimeError, and 500 to that caller."""
        kept: list[Proxy] = []

        def wrong(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)
            for to in ([], "not a uri", ["sip:a.example", ""]):
                self.assertRaises(ValueError, proxy.route, arrival, to)
            self.assertRaises(RuntimeError, proxy.drop_response)
            proxy.route(arrival, self.logic.edge.core)
            kept.append(proxy)
            kept[0].route(arrival, self.logic.edge.core)

        self.logic.script = wrong
        self.errors = 1
        for _ in range(2):
            self.sends("MESSAGE")
        self.assertEqual([500], self.statuses())
        for request in self.core.requests("MESSAGE"):
            self.core.answer(request, 200)

    def test_endless_routing(self) -> None:
        """A callback that routes to the same dead hop again and again ends after 20 times."""

        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)

            @proxy.on_error
            def again(failure: Failure) -> None:
                self.seen.append(failure.code)
                proxy.route(arrival, "sip:nowhere.example.net")

            proxy.route(arrival, "sip:nowhere.example.net")

        self.logic.script = script
        self.errors = 1
        self.sends()
        self.assertEqual(["no_dns_resolution"] * 20, self.seen)
        self.assertEqual([404], self.statuses())

    def test_cleared(self) -> None:
        """Callbacks that are forgotten are not called."""

        def script(arrival: Arrival) -> None:
            proxy = self.logic.watched(arrival)
            proxy.clear_callbacks()
            proxy.route(arrival, self.logic.edge.core)

        self.logic.script = script
        self.sends(uri=DESK)
        self.refuses(486)
        self.assertEqual([], self.seen)
