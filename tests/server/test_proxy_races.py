"""What crosses what: CANCEL, lost callers and late answers while user code thinks or routes anew."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence

from twisted.internet.defer import Deferred

from oversip_tw.hooks import Arrival, Hooks, Proxy, Response, SIPError
from oversip_tw.registrar.binding import Binding
from tests.edge.scripted import CORE_URI, DESK, SECOND_URI, ScriptedEdge
from tests.server.world import Location, World


class ThinkingTests(ScriptedEdge):
    """An async on_failure waits, then routes to the second place, or answers, or does nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.thinks: Deferred[None] = Deferred()
        self.then = "routes"
        self.logic.script = self.script

    def script(self, arrival: Arrival) -> None:
        proxy = Proxy(self.logic.core)

        @proxy.on_failure
        async def refused(response: Response) -> None:
            await self.thinks
            self.seen.append(self.then)
            if self.then == "routes":
                proxy.drop_response()
                Proxy(self.logic.core).route(arrival, SECOND_URI)
            elif self.then == "answers":
                self.logic.core.reply(arrival, 603)

        proxy.on_cancelled(lambda: self.seen.append("cancelled"))
        proxy.route(arrival, CORE_URI)

    def test_cancel(self) -> None:
        """CANCEL meanwhile: 487 at once, and whatever the callback makes up its mind to, nothing leaves any more."""
        for then in ("routes", "answers", "nothing"):
            self.then, self.thinks = then, Deferred()
            self.seen.clear()
            invite = self.sends()
            self.refuses(486)
            self.assertEqual([], self.statuses())
            self.alice.cancel(invite)
            self.assertEqual([200, 487], self.statuses())
            self.thinks.callback(None)
            self.assertEqual([then, "cancelled"], self.seen)
            self.assertEqual([], self.second.take())
            self.assertEqual([], self.statuses())

    def test_caller_gone(self) -> None:
        """The caller's connection broke meanwhile, and it did not come back: nothing leaves any more."""
        self.sends()
        self.refuses(486)
        self.world.lose(self.alice.flow)
        self.world.clock.pump([1] * 9)
        self.thinks.callback(None)
        self.assertEqual([], self.second.take())


class SlowTests(ScriptedEdge):
    """Callbacks for answers that pass wait, and something else comes."""

    def setUp(self) -> None:
        super().setUp()
        self.thinks: Deferred[None] = Deferred()

        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)

            @proxy.on_provisional
            @proxy.on_success
            async def wait(response: Response) -> None:
                await self.thinks
                Proxy(self.logic.core).route(arrival, SECOND_URI)

            proxy.on_cancelled(lambda: self.seen.append("cancelled"))
            proxy.route(arrival, CORE_URI)

        self.logic.script = script

    def test_cancel_at_a_1xx(self) -> None:
        """487 passes, the 1xx comes too late, nothing is sent elsewhere."""
        invite = self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.alice.cancel(invite)
        self.core.answer(self.arrived(method="CANCEL"), 200)
        self.core.answer(arrived, 487)
        self.assertEqual([200, 487], self.statuses())
        self.thinks.callback(None)
        self.assertEqual(["cancelled"], self.seen)
        self.assertEqual([], self.statuses())
        self.assertEqual([], self.second.take())

    def test_cancel_at_a_2xx(self) -> None:
        """Somebody has picked up: the 2xx passes, whatever the caller and the callback want."""
        invite = self.sends()
        self.core.answer(self.arrived(), 200)
        self.alice.cancel(invite)
        self.assertEqual([200], self.statuses())
        self.thinks.callback(None)
        [answer] = self.answers()
        self.assertEqual((200, "INVITE"), (answer.status, (answer.get("CSeq") or "").split()[1]))
        self.assertEqual([], self.second.take())

    def test_cancel_while_bindings_are_looked_up(self) -> None:
        """A slow location: on_cancelled, 487, and no phone rings."""
        thinks: Deferred[None] = Deferred()

        class Looking(Hooks):
            def on_request(self, arrival: Arrival) -> None:
                proxy = Proxy(self.core)
                proxy.on_cancelled(lambda: seen.append("cancelled"))
                proxy.route(arrival)

        seen: list[str] = []
        world = World(hooks=Looking())
        alice, bob = world.registered("alice"), world.registered("bob")
        core = world.element.core
        location = core.location

        async def slow(aor: str) -> Sequence[Binding]:
            await thinks
            return await location.lookup(aor)

        core.location = Location(location, slow)
        invite = alice.invite(bob.aor)
        alice.cancel(invite)
        self.assertEqual([100, 200, 487], alice.statuses())
        thinks.callback(None)
        self.assertEqual(["cancelled"], seen)
        self.assertEqual([], bob.take())
        self.assertEqual([], world.errors())


class UnderWayTests(ScriptedEdge):
    """A request that is on its way is answered or routed by somebody else."""

    def test_answered(self) -> None:
        """`Core.reply` after `route`: what rings is stopped."""
        kept: list[Arrival] = []

        def script(arrival: Arrival) -> None:
            kept.append(arrival)
            Proxy(self.logic.core).route(arrival, CORE_URI)

        self.logic.script = script
        self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.logic.core.reply(kept[0], 480)
        self.core.answer(self.arrived(method="CANCEL"), 200)
        self.core.answer(arrived, 487)
        self.assertEqual([180, 480], self.statuses())
        self.logic.core.reply(kept[0], 404)
        Proxy(self.logic.core).route(kept[0], SECOND_URI)
        self.assertEqual([], self.statuses())
        self.assertEqual([], self.second.take())

    def test_refused_after_routing(self) -> None:
        """A hook that routes and then raises: the refusal counts, and nothing rings on."""

        def script(arrival: Arrival) -> None:
            Proxy(self.logic.core).route(arrival, CORE_URI)
            raise SIPError(403)

        self.logic.script = script
        self.sends()
        arrived = self.arrived()
        self.assertEqual([403], self.statuses())
        self.core.answer(arrived, 180)
        self.core.answer(self.arrived(method="CANCEL"), 200)
        self.core.answer(arrived, 487)
        self.assertEqual([], self.statuses())

    def test_answered_then_routed(self) -> None:
        """`route` after `Core.reply`: nothing leaves."""

        def script(arrival: Arrival) -> None:
            self.logic.core.reply(arrival, 404)
            Proxy(self.logic.core).route(arrival, CORE_URI)

        self.logic.script = script
        self.sends()
        self.assertEqual([404], self.statuses())
        self.assertEqual([], self.core.requests("INVITE"))

    def ring_twice(self) -> None:
        """The first 180 of the core makes the request go to the second place."""

        def script(arrival: Arrival) -> None:
            proxy = Proxy(self.logic.core)

            @proxy.on_provisional
            def rings(response: Response) -> None:
                proxy.drop_response()
                Proxy(self.logic.core).route(arrival, SECOND_URI)

            proxy.route(arrival, CORE_URI)

        self.logic.script = script

    def test_routed_anew(self) -> None:
        """The first place hears CANCEL, its 487 is nobody's business, the second answers; CANCEL finds the second."""
        self.ring_twice()
        invite = self.sends()
        first = self.arrived()
        self.core.answer(first, 180)
        self.core.answer(self.arrived(method="CANCEL"), 200)
        self.core.answer(first, 487)
        second = self.arrived(self.second)
        self.second.answer(second, 180)
        self.assertEqual([180], self.statuses())
        self.alice.cancel(invite)
        self.second.answer(self.arrived(self.second, "CANCEL"), 200)
        self.second.answer(second, 487)
        self.assertEqual([200, 487], self.statuses())

    def test_crossing_2xx(self) -> None:
        """The first place picked up before the CANCEL got there: its 200 passes, and the second stops ringing."""
        self.ring_twice()
        self.sends()
        first = self.arrived()
        self.core.answer(first, 180)
        second = self.arrived(self.second)
        self.second.answer(second, 180)
        self.core.answer(first, 200)
        self.second.answer(self.arrived(self.second, "CANCEL"), 200)
        self.second.answer(second, 487)
        self.assertEqual([180, 200], self.statuses())

    def test_message_under_way(self) -> None:
        """There is no CANCEL for a MESSAGE: the first answer comes, and is nobody's business."""
        kept: list[Arrival] = []

        def script(arrival: Arrival) -> None:
            kept.append(arrival)
            Proxy(self.logic.core).route(arrival, CORE_URI)

        self.logic.script = script
        self.sends("MESSAGE")
        first = self.arrived(method="MESSAGE")
        Proxy(self.logic.core).route(kept[0], SECOND_URI)
        self.core.answer(first, 404)
        self.second.answer(self.arrived(self.second, "MESSAGE"), 202)
        self.assertEqual([202], self.statuses())


class CostTests(ScriptedEdge):
    """What is left behind."""

    def test_no_cycle(self) -> None:
        """A Proxy whose callbacks do not name it is gone with its request, without the collector."""
        kept: list[weakref.ref[Proxy]] = []

        def script(arrival: Arrival) -> None:
            proxy = self.logic.watched(arrival)
            kept.append(weakref.ref(proxy))
            proxy.route(arrival, self.logic.edge.core)

        self.logic.script = script
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for method, status in (("INVITE", 200), ("INVITE", 486), ("MESSAGE", 200)):
            self.sends(method, DESK)
            self.core.answer(self.arrived(method=method), status)
        self.world.clock.pump([1] * 70)
        self.assertEqual([None] * 3, [reference() for reference in kept])

    def test_no_watcher_without_callbacks(self) -> None:
        """Nobody is told of anything where nobody asked."""
        self.assertFalse(Proxy(self.logic.core).watches)
        self.sends()
        self.refuses(486)
        self.assertEqual([486], self.statuses())
