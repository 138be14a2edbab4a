"""Between threads, coroutines and Twisted: how the store's thread reports, and how the service waits."""

from __future__ import annotations

import queue
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from oversip_tw.promise import spawn

T = TypeVar("T")

#: nothing at start-up may take longer; seconds
_PATIENCE = 60.0


class FromThread:
    """Runs what other threads hand over: in `wait` while that waits, else in the reactor's turn.

    Start-up has to know what the store holds before the first listener opens, and runs before the reactor does.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: queue.SimpleQueue[Callable[[], None]] | None = None

    def __call__(self, call: Callable[[], None]) -> None:
        """Run ``call`` soon in the reactor's thread. May be called from any thread."""
        waiting = self._waiting
        if waiting is None:
            self._reactor.callFromThread(call)
        else:
            waiting.put(call)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What ``coroutine`` returns, or raises; blocks until then. For start-up alone."""
        results: list[T] = []
        errors: list[BaseException] = []

        async def run() -> None:
            results.append(await coroutine)

        calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting = calls
        try:
            task = spawn(run(), errors.append)
            while not task.done:
                calls.get(timeout=_PATIENCE)()
        finally:
            self._waiting = None
        if errors:
            raise errors[0]
        return results[0]


def deferred(coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
    """``coroutine``, on its way, as Twisted knows it."""
    done: Deferred[None] = Deferred()

    async def run() -> None:
        await coroutine
        done.callback(None)

    spawn(run(), done.errback)
    return done
