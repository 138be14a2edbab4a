"""`Client.on_target`: stopping, passing over and changing what leaves; and what profiles say of Record-Route."""

from __future__ import annotations

from typing import Any

from oversip_tw.hooks import Arrival, Attempt, Hooks, Proxy, SIPError
from oversip_tw.proxy.settings import Profile
from tests.edge.scripted import CORE_URI, SECOND, SECOND_URI, ScriptedEdge
from tests.server.world import CORE, DOMAIN, World


class Targets(ScriptedEdge):
    """Requests go to the core and, failing that, to a second place; ``choose`` has a look at each."""

    options: dict[str, Any] = {"profiles": {"all": Profile(record_route="all"), "none": Profile(record_route="none")}}

    def setUp(self) -> None:
        super().setUp()
        self.logic.script = self.route
        self.profile: str | None = None

    def route(self, arrival: Arrival) -> None:
        proxy = self.logic.watched(arrival, self.profile)
        proxy.on_target(self.choose)
        proxy.route(arrival, [CORE_URI, SECOND_URI])

    def choose(self, attempt: Attempt) -> None:
        """Overridden by tests."""


class AbortTests(Targets):
    """Nothing is tried any more."""

    def choose(self, attempt: Attempt) -> None:
        attempt.abort()

    def test_abort(self) -> None:
        """403 Destination Aborted, with its code; no second target."""
        self.sends()
        [answer] = self.answers()
        self.assertEqual((403, "Destination Aborted"), (answer.status, answer.reason))
        self.assertEqual([f"to {CORE}", (403, "Destination Aborted", "destination_aborted")], self.seen)
        self.assertEqual([], self.core.requests("INVITE") + self.second.requests("INVITE"))

    def test_words_of_its_own(self) -> None:
        """Status and phrase may be others; an error that is raised is the same."""
        self.choose = lambda attempt: attempt.abort(480, "Closed")  # type: ignore[method-assign]
        self.sends()
        self.assertEqual([480], self.statuses())
        self.assertIn((480, "Closed", "destination_aborted"), self.seen)

        def refuse(attempt: Attempt) -> None:
            raise SIPError(488)

        self.choose = refuse  # type: ignore[method-assign]
        self.sends()
        self.assertIn((488, "Not Acceptable Here", "destination_aborted"), self.seen)
        self.assertEqual([488], self.statuses())

    def test_second_target(self) -> None:
        """At a later target it is the same."""

        def choose(attempt: Attempt) -> None:
            if attempt.target.address == SECOND:
                attempt.abort()

        self.choose = choose  # type: ignore[method-assign]
        self.sends()
        self.world.element.unreachable((CORE, 5080))
        self.assertEqual([403], self.statuses())


class OtherwiseTests(Targets):
    """The callback answers the request, or sends it elsewhere."""

    def route(self, arrival: Arrival) -> None:
        proxy = Proxy(self.logic.core)

        @proxy.on_target
        def targeted(attempt: Attempt) -> None:
            self.seen.append(attempt.target.address)
            if self.profile:
                self.logic.core.reply(arrival, 480)
            else:
                Proxy(self.logic.core).route(arrival, SECOND_URI)

        proxy.route(arrival, [CORE_URI, SECOND_URI])

    def test_answered(self) -> None:
        """Nothing leaves."""
        self.profile = "answers"
        self.sends()
        self.assertEqual([480], self.statuses())
        self.assertEqual([CORE], self.seen)
        self.assertEqual([], self.core.requests("INVITE") + self.second.requests("INVITE"))

    def test_routed(self) -> None:
        """It leaves once."""
        self.sends()
        self.second.answer(self.arrived(self.second), 486)
        self.assertEqual([], self.core.requests("INVITE"))
        self.assertEqual([486], self.statuses())


class BlacklistTests(Targets):
    """A target is passed over."""

    addresses: tuple[str, ...] = (CORE,)

    def choose(self, attempt: Attempt) -> None:
        if attempt.target.address in self.addresses:
            attempt.blacklist(20)

    def test_next_target(self) -> None:
        """The next one is tried, with Record-Route and Max-Forwards as the first would have had them."""
        self.sends(Max_Forwards="50")
        arrived = self.arrived(self.second)
        self.assertEqual(2, len(arrived.values("Record-Route")))
        self.assertEqual(49, arrived.max_forwards)
        self.second.answer(arrived, 200)
        self.assertEqual([f"to {CORE}", f"to {SECOND}", 200], self.seen)
        self.assertEqual([], self.core.requests("INVITE"))

    def test_until_the_time_is_over(self) -> None:
        """Other requests pass it over without being asked, 20 s long."""
        self.sends()
        self.second.answer(self.arrived(self.second), 486)
        self.seen.clear()
        self.addresses = ()
        self.sends()
        self.second.answer(self.arrived(self.second), 486)
        self.assertEqual([f"to {SECOND}", 486], self.seen)
        self.world.clock.advance(21)
        self.sends()
        self.refuses(486)

    def test_no_other(self) -> None:
        """403 Destination Blacklisted, this time and the next."""
        self.addresses = (CORE, SECOND)
        self.sends()
        [answer] = self.answers()
        self.assertEqual((403, "Destination Blacklisted"), (answer.status, answer.reason))
        self.addresses = ()
        self.seen.clear()
        self.sends()
        self.assertEqual([(403, "Destination Blacklisted", "destination_blacklisted")], self.seen)
        self.assertEqual([403], self.statuses())
        self.world.clock.advance(21)
        self.sends()
        self.refuses(486)

    def test_words_of_its_own(self) -> None:
        """What is answered may be another thing."""

        def choose(attempt: Attempt) -> None:
            attempt.blacklist(20, 480, "Trunk Closed")

        self.choose = choose  # type: ignore[method-assign]
        for _ in range(2):
            self.sends()
            [answer] = self.answers()
            self.assertEqual((480, "Trunk Closed"), (answer.status, answer.reason))

    def test_flow_of_a_client(self) -> None:
        """It is passed over this once; there is an answer all the same, and the next request gets through."""
        bob = self.world.through("bob")

        def to_phone(arrival: Arrival) -> None:
            proxy = self.logic.watched(arrival, "users")
            if not arrival.request.has("X-Through"):
                proxy.on_target(lambda attempt: attempt.blacklist(20))
            proxy.route(arrival)

        self.logic.to_phone = to_phone  # type: ignore[method-assign]
        self.core.send(self.core.towards(bob))
        self.assertEqual([100, 403], self.core.statuses())
        self.core.send(self.core.towards(bob, X_Through="1"))
        bob.answer(self.arrived(bob), 486)


class ForkTests(Targets):
    """Several phones of one user."""

    def test_abort_stops_all(self) -> None:
        """One phone is ringing when the other is refused: it stops, and the refusal is the answer."""

        class Choosing(Hooks):
            def on_request(self, arrival: Arrival) -> None:
                proxy = Proxy(self.core)

                @proxy.on_target
                def targeted(attempt: Attempt) -> None:
                    if attempt.flow is later.flow:
                        attempt.abort(480, "Not There")

                proxy.route(arrival)

        world = World(hooks=Choosing())
        alice, later, rings = world.registered("alice"), world.registered("bob"), world.registered("bob")
        alice.invite(rings.aor)
        arrived = self.arrived(rings)
        self.assertEqual([100], alice.statuses())
        rings.answer(arrived, 180)
        rings.answer(self.arrived(rings, "CANCEL"), 200)
        rings.answer(arrived, 487)
        self.assertEqual([180, 480], alice.statuses())
        self.assertEqual([], later.requests("INVITE"))


class RecordRouteTests(Targets):
    """`record_route` of a profile."""

    def recorded(self, method: str, profile: str | None, **headers: str) -> int:
        self.profile = profile
        self.sends(method, **headers)
        arrived = self.arrived(method=method)
        self.core.answer(arrived, 486)
        return len(arrived.values("Record-Route"))

    def test_dialogs(self) -> None:
        """The default: what opens a dialog, and every NOTIFY."""
        methods = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "MESSAGE", "OPTIONS")
        self.assertEqual([2, 2, 2, 2, 0, 0], [self.recorded(method, None) for method in methods])

    def test_all(self) -> None:
        """Every request but REGISTER."""
        self.assertEqual(2, self.recorded("MESSAGE", "all"))
        self.logic.register = self.route  # type: ignore[method-assign]
        self.assertEqual(0, self.recorded("REGISTER", "all"))

    def test_none(self) -> None:
        """Not even an INVITE."""
        self.assertEqual(0, self.recorded("INVITE", "none"))

    def test_notify_in_dialog(self) -> None:
        """Gets a Record-Route in mid-dialog too (RFC 6665): it may be the first that the subscriber hears."""
        subscribe = self.sends("SUBSCRIBE", Event="presence")
        arrived = self.arrived(method="SUBSCRIBE")
        self.core.answer(arrived, 200)
        theirs = self.core.dialog(arrived, self.answers()[-1], callee=True)
        theirs.send("NOTIFY", Event="presence")
        notify = self.arrived(self.alice, "NOTIFY")
        self.assertEqual(2, len(notify.values("Record-Route")))
        self.alice.answer(notify, 200)
        self.assertEqual(DOMAIN, subscribe.uri.host)
