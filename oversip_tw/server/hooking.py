"""Calling user code: in order, within its time, and only where there is some."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from oversip_tw.hooks import Done, Hooks
from oversip_tw.interfaces import Log, Spawn
from oversip_tw.promise import Cancelled, Promise
from oversip_tw.sip.errors import SIPError, trail
from oversip_tw.transaction.wheel import TimerWheel

#: how long one hook may take; seconds
BUDGET = 5.0


class HookTimeout(SIPError):
    """A hook did not end in time."""

    def __init__(self) -> None:
        super().__init__(500, "Hook Took Too Long")


class Hooking:
    """Runs the hooks of one `Hooks` object."""

    def __init__(self, hooks: Hooks, wheel: TimerWheel, spawn: Spawn, log: Log) -> None:
        self.hooks = hooks
        self._wheel = wheel
        self._spawn = spawn
        self._log = log
        #: the messages of a Call-ID that wait for their turn; no entry: nobody is in
        self._queues: dict[str, list[Promise[None]]] = {}

    def overrides(self, name: str) -> bool:
        """User code has something to say there."""
        return getattr(type(self.hooks), name) is not getattr(Hooks, name)

    @asynccontextmanager
    async def turn(self, call_id: str) -> AsyncIterator[None]:
        """Messages of one Call-ID one after another, in the order in which they came."""
        queue = self._queues.get(call_id)
        if queue is None:
            self._queues[call_id] = queue = []
        else:
            mine: Promise[None] = Promise()
            queue.append(mine)
            try:
                await mine
            except Cancelled:
                self._leave(call_id, queue, mine)
                raise
        try:
            yield
        finally:
            self._leave(call_id, queue)

    def _leave(self, call_id: str, queue: list[Promise[None]], mine: Promise[None] | None = None) -> None:
        if mine is not None and mine in queue:
            queue.remove(mine)
        elif queue:
            queue.pop(0).resolve(None)
        else:
            del self._queues[call_id]

    async def run(self, call: Callable[[], Done]) -> None:
        """Call a hook and wait for it. Raises what it raises, and HookTimeout after 5 s."""
        done = call()
        if done is None:
            return
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

    def _failed(self, error: BaseException) -> None:
        self._log.error("hook failed: {error!r} at {trail}", error=error, trail=trail(error))
