"""A database in a temporary folder, and what stands for the reactor's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.trial import unittest

from oversip_tw.store.sqlite import SqliteStore
from oversip_tw.testing import Clock
from tests.registrar.phones import Outcome

T = TypeVar("T")
#: seconds after which a test gives up on the store's thread
PATIENCE = 10.0


class Reactor:
    """Runs what other threads hand over, in `until`."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def call(self, callback: Callable[[], None]) -> None:
        """``reactor.callFromThread``."""
        self._calls.put(callback)

    def turn(self) -> None:
        """Wait for one call and run it."""
        self._calls.get(timeout=PATIENCE)()

    def until(self, *outcomes: Outcome) -> None:
        """Run calls until all outcomes are there."""
        while not all(each.done for each in outcomes):
            self.turn()

    def result(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; raises what it raises."""
        got = Outcome(coroutine)
        self.until(got)
        if got.error is not None:
            raise got.error
        value: T = got.value
        return value


class RealReactor(Reactor):
    """The reactor itself, which is not running: it turns as long as a test waits."""

    def call(self, callback: Callable[[], None]) -> None:
        reactor.callFromThread(callback)

    def turn(self) -> None:
        reactor.iterate(0.005)

    def until(self, *outcomes: Outcome) -> None:
        self.wait(lambda: all(each.done for each in outcomes))

    def wait(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Turn until ``condition`` holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it takes too long")
            self.turn()


class StoreCase(unittest.SynchronousTestCase):
    """A store in a file of its own."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).resolve() / "oversip.sqlite"
        self.clock = Clock()
        self.reactor = Reactor()
        self.failures: list[BaseException] = []
        self._stores: list[SqliteStore] = []
        self.addCleanup(self._close)

    def _close(self) -> None:
        for store in self._stores:
            self.reactor.result(store.close())

    def open(self, delay: float = 0.0) -> SqliteStore:
        """The store, closed when the test ends."""
        store = SqliteStore(self.path, self.clock, self.reactor.call, delay, self.failures.append)
        self._stores.append(store)
        return store

    def close(self, store: SqliteStore) -> None:
        """Close it now."""
        self._stores.remove(store)
        self.reactor.result(store.close())
