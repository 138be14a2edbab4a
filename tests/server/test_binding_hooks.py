"""User code hears of phones that come and go."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Binding, Change, Hooks
from oversip_tw.promise import spawn
from oversip_tw.registrar.location import MemoryLocation
from tests.edge.behind import EdgeWorld
from tests.server.world import World


class Listener(Hooks):
    """Notes what it hears; waits or breaks as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.wait: Deferred[None] | None = None

    async def on_binding_added(self, binding: Binding) -> None:
        if self.wait is not None:
            await self.wait
        self.seen.append(("added", binding.aor))

    def on_binding_refreshed(self, binding: Binding) -> None:
        self.seen.append(("refreshed", binding.aor))

    def on_binding_removed(self, binding: Binding, reason: Change) -> None:
        self.seen.append((reason.name, binding.aor))

    def take(self) -> list[str]:
        seen, self.seen = self.seen, []
        return [what for what, _ in seen]


class BindingHookTests(SynchronousTestCase):
    """One element whose hooks listen."""

    def setUp(self) -> None:
        self.hooks = Listener()
        self.world = World(hooks=self.hooks)

    def test_life(self) -> None:
        """Added, refreshed, and by its own wish removed."""
        phone = self.world.registered("alice")
        self.assertEqual(self.hooks.seen, [("added", phone.aor)])
        phone.register()
        phone.register(expires=0)
        self.assertEqual(self.hooks.take(), ["added", "refreshed", "REMOVED"])

    def test_reasons(self) -> None:
        """Each end has its own."""
        lost = self.world.registered("alice")
        self.world.lose(lost.flow)
        self.assertEqual(self.hooks.take(), ["added", "FLOW_LOST"])
        for _ in range(11):
            self.world.registered("alice")
        self.assertEqual(self.hooks.take(), ["added"] * 10 + ["REPLACED", "added"])
        self.world.element.core.location.start()  # type: ignore[attr-defined]
        self.world.clock.pump([60] * 12)
        self.assertEqual(self.hooks.take(), ["EXPIRED"] * 10)
        self.world.element.core.location.stop()  # type: ignore[attr-defined]

    def test_kicked(self) -> None:
        """By the operator."""
        phone, other = self.world.registered("alice"), self.world.registered("alice")
        location = self.world.element.core.location
        assert isinstance(location, MemoryLocation)
        spawn(location.remove(location.by_flow(phone.flow.id)), self.fail)
        self.assertEqual(self.hooks.take(), ["added", "added", "KICKED"])
        self.assertEqual(len(other.register().contacts), 1)

    def test_in_order(self) -> None:
        """What happens to one user waits for what happened before; another user's does not."""
        self.hooks.wait = Deferred()
        phone = self.world.registered("alice")
        phone.register()
        self.assertEqual(self.hooks.take(), [])
        self.hooks.wait, waited = None, self.hooks.wait
        self.world.registered("bob")
        self.assertEqual(self.hooks.take(), ["added"])
        waited.callback(None)
        self.assertEqual(self.hooks.take(), ["added", "refreshed"])

    def test_too_slow(self) -> None:
        """A hook that never ends has 5 s, and nobody's REGISTER waits for it; what waits behind it is bounded."""
        self.hooks.wait = Deferred()
        phone = self.world.registered("alice")
        for _ in range(102):
            self.assertEqual(phone.register().status, 200)
        self.assertEqual(len([line for line in self.world.errors() if "Is Too Slow" in line]), 2)
        self.world.clock.pump([1] * 6)
        self.assertIn("Hook Took Too Long", "".join(self.world.errors()))
        self.assertEqual(self.hooks.take(), ["refreshed"] * 100)

    def test_defect(self) -> None:
        """One line of log; the phone is registered all the same."""
        self.hooks.on_binding_added = None  # type: ignore[method-assign,assignment]
        self.assertEqual(self.world.phone("alice").register().status, 200)
        self.assertEqual(len(self.world.errors()), 1)

    def test_what_is_not_overridden(self) -> None:
        """Costs nothing: there is no task for it."""

        class Removed(Hooks):
            gone: list[Change] = []

            def on_binding_removed(self, binding: Binding, reason: Change) -> None:
                self.gone.append(reason)

        world = World(hooks=Removed())
        phone = world.registered("alice")
        phone.register(expires=0)
        self.assertEqual(Removed.gone, [Change.REMOVED])
        self.assertFalse(World().element.hooking.hears_of_bindings)

    def test_at_an_edge(self) -> None:
        """Phones that the core has bound are told alike; the hooks are those that are there now."""
        hooks = Listener()
        world = EdgeWorld()
        world.element.use_hooks(hooks)
        phone = world.through("alice")
        world.core.register(phone)
        world.lose(phone.flow)
        self.assertEqual(hooks.take(), ["added", "refreshed", "FLOW_LOST"])
        world.element.use_hooks(Hooks())
        world.through("alice")
        self.assertEqual(hooks.take(), [])
