"""A REGISTER by a Proxy of user code and without one: what becomes of it is the same."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Arrival, Proxy, SIPError
from oversip_tw.logic import EdgeLogic
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.sip.message import Response
from tests.edge.behind import EdgeWorld
from tests.registrar.phones import SlowStore


class Own(EdgeLogic):
    """Hears of the answers too."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def register(self, arrival: Arrival) -> None:
        """By a Proxy with callbacks."""
        proxy = Proxy(self.core)
        proxy.on_success(self.hear)
        proxy.on_failure(self.hear)
        self.edge.register(arrival, proxy)

    def hear(self, response: Response) -> None:
        """Remember it."""
        self.heard.append(response.status)


class Ways(SynchronousTestCase):
    """With hooks and without."""

    def test_callbacks(self) -> None:
        """Those of the Proxy are called beside the edge's own."""
        logic = Own()
        world = EdgeWorld(hooks=logic)
        alice = world.through("alice")
        self.assertEqual(1, len(world.element.core.location.by_flow(alice.flow.id)))
        self.assertEqual(403, world.core.register(alice, status=403).status)
        self.assertEqual([200, 403], logic.heard)

    def test_ob_above(self) -> None:
        """A core that says 439 gets the REGISTER once more, and hears `ob` in the uppermost Path."""
        for hooks in (None, Own()):
            world = EdgeWorld(**({} if hooks is None else {"hooks": hooks}))
            alice = world.phone("alice")
            arrived, _ = world.core.receives_register(alice)
            self.assertNotIn(";ob", arrived.values("Path")[0])
            world.core.answer(arrived, 439)
            [again] = world.core.requests("REGISTER")
            self.assertIn(";ob", again.values("Path")[0])
            self.assertEqual([], [each.status for each in alice.take() if isinstance(each, Response)])
            world.core.accept(again)
            self.assertEqual([200], [each.status for each in alice.take() if isinstance(each, Response)])
            self.assertEqual([], world.errors())

    def test_tokens(self) -> None:
        """The Path of a phone is the same at each refresh, another for another phone on the same connection."""
        world = EdgeWorld()
        alice = world.phone("alice")
        paths = []
        for _ in range(2):
            arrived, _ = world.core.receives_register(alice)
            world.core.accept(arrived)
            paths.append(arrived.values("Path"))
        self.assertEqual(paths[0], paths[1])
        bob = world.phone("bob")
        bob.flow = alice.flow
        arrived, _ = world.core.receives_register(bob)
        self.assertNotEqual(paths[0], arrived.values("Path"))


class Stores(SynchronousTestCase):
    """What has to be waited for."""

    def setUp(self) -> None:
        self.store = SlowStore(patient=True)
        self.world = EdgeWorld(store=self.store)
        self.alice = self.world.phone("alice")
        self.arrived, _ = self.world.core.receives_register(self.alice)

    def statuses(self) -> list[int]:
        """What the phone has been answered in the end."""
        return [each.status for each in self.alice.take() if isinstance(each, Response) and each.status >= 200]

    def test_in_time(self) -> None:
        """The phone hears of its binding once that is written."""
        self.world.core.accept(self.arrived)
        self.assertEqual([], self.statuses())
        self.store.release()
        self.assertEqual([200], self.statuses())

    def test_too_late(self) -> None:
        """After 5 s it is told that this takes too long; what is written later changes that no more."""
        self.world.core.accept(self.arrived)
        self.world.clock.advance(5.1)
        self.assertEqual([500], self.statuses())
        self.store.release()
        self.assertEqual([], self.statuses())


class Defects(SynchronousTestCase):
    """What the edge's own doing raises."""

    def setUp(self) -> None:
        self.world = EdgeWorld()
        self.alice = self.world.through("alice")

    def on_change(self, error: Exception) -> list[int]:
        """Answers to a refresh whose answer cannot be worked on."""

        def broken(change: Change, binding: Binding) -> None:
            raise error

        arrived, _ = self.world.core.receives_register(self.alice)
        logic = self.world.element.logic
        assert logic is not None
        logic.edge.given = replace(logic.edge.given, on_change=broken)
        self.world.core.accept(arrived)
        return [each.status for each in self.alice.take() if isinstance(each, Response)]

    def test_refused(self) -> None:
        """A SIPError becomes the answer."""
        self.assertEqual([488], self.on_change(SIPError(488)))

    def test_broken(self) -> None:
        """Anything else is logged, and the answer goes on as it came."""
        self.assertEqual([200], self.on_change(RuntimeError("broken")))
        self.assertEqual(1, len(self.world.errors()))
