"""Calling user code: in order, within its time, and only where there is some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from oversip_tw.hooks import Done, Hooks
from oversip_tw.interfaces import Log, Spawn
from oversip_tw.promise import Promise
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.turns import Turns
from oversip_tw.sip.errors import SIPError, trail
from oversip_tw.transaction.wheel import TimerWheel

#: how long one hook may take; seconds
BUDGET = 5.0


#: messages of one Call-ID that wait for a hook to end
MOST_WAITING = 100

_OF_BINDING: Final = {Change.ADDED: "on_binding_added", Change.REFRESHED: "on_binding_refreshed"}
_OF_BINDINGS: Final = (*_OF_BINDING.values(), "on_binding_removed")


class HookTimeout(SIPError):
    """A hook did not end in time."""

    def __init__(self) -> None:
        super().__init__(500, "Hook Took Too Long")


class Turn:
    """The time in which messages of that Call-ID wait that come later."""

    __slots__ = ("_call_id", "_turns")

    def __init__(self, turns: Turns, call_id: str) -> None:
        self._turns = turns
        self._call_id = call_id

    async def __aenter__(self) -> None:
        await self._turns.enter(self._call_id)

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self._turns.leave(self._call_id)


class Hooking:
    """Runs the hooks of one `Hooks` object."""

    def __init__(self, hooks: Hooks, wheel: TimerWheel, spawn: Spawn, log: Log) -> None:
        self.hooks = hooks
        self._wheel = wheel
        self._spawn = spawn
        self._log = log
        #: by Call-ID
        self._turns = Turns()
        #: by AoR: what happens to bindings
        self._users = Turns()

    def overrides(self, name: str) -> bool:
        """User code has something to say there."""
        return getattr(type(self.hooks), name) is not getattr(Hooks, name)

    def turn(self, call_id: str) -> Turn:
        """``async with``: messages of one Call-ID one after another, in the order in which they came.

        Raises SIPError 503 when too many wait already.
        """
        if self._turns.waiting(call_id) >= MOST_WAITING:
            raise SIPError(503, headers=[("Retry-After", "5")])
        return Turn(self._turns, call_id)

    async def run(self, call: Callable[[], Done]) -> None:
        """Call a hook and wait for it. Raises what it raises, and HookTimeout after 5 s."""
        done = call()
        if done is None or not hasattr(done, "__await__"):
            return  # a plain method may well return what it computed
        result: Promise[None] = Promise()

        async def wait() -> None:
            await done
            result.resolve(None)

        task = self._spawn(wait(), result.fail)
        timer = self._wheel.after(BUDGET, lambda: result.fail(HookTimeout()))
        try:
            await result
        finally:
            timer.cancel()
            task.cancel()

    def tell(self, call: Callable[[], Done]) -> None:
        """Call a hook that nothing waits for; what it raises is logged."""

        async def run() -> None:
            await self.run(call)

        self._spawn(run(), self._failed)

    @property
    def hears_of_bindings(self) -> bool:
        """User code wants to hear how some of them come or go."""
        return any(map(self.overrides, _OF_BINDINGS))

    def binding_changed(self, change: Change, binding: Binding) -> None:
        """An `OnChange`: tell user code. What happens to one user is told in the order in which it happened."""
        name = _OF_BINDING.get(change, "on_binding_removed")
        if self.overrides(name):
            self._spawn(self._tell_of_binding(name, change, binding), self._failed)

    async def _tell_of_binding(self, name: str, change: Change, binding: Binding) -> None:
        if self._users.waiting(binding.aor) >= MOST_WAITING:
            raise SIPError(503, f"{name} Is Too Slow")
        async with Turn(self._users, binding.aor):
            hooks = self.hooks
            if name == "on_binding_added":
                await self.run(lambda: hooks.on_binding_added(binding))
            elif name == "on_binding_refreshed":
                await self.run(lambda: hooks.on_binding_refreshed(binding))
            else:
                await self.run(lambda: hooks.on_binding_removed(binding, change))

    async def finish(self, call: Callable[[], Done]) -> None:
        """Call a hook whose end is waited for, as long as it has time; what it raises is logged."""
        try:
            await self.run(call)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._log.error("hook failed: {error!r} at {trail}", error=error, trail=trail(error))
