"""Many deadlines of one length, by one timer: those begun first end first, so a queue in order of arrival suffices."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.logger import Logger

from oversip_tw.interfaces import Clock, Delayed

Item = TypeVar("Item")


class Deadlines(Generic[Item]):
    """Calls ``expired(item)`` once ``delay`` seconds have gone by since `start`; items are compared by hash."""

    __slots__ = ("_call", "_clock", "_delay", "_due", "_expired", "_log")

    def __init__(self, clock: Clock, delay: float, expired: Callable[[Item], None], log: Logger) -> None:
        self._clock = clock
        self._delay = delay
        self._expired = expired
        self._log = log
        self._due: OrderedDict[Item, float] = OrderedDict()
        self._call: Delayed | None = None

    def start(self, item: Item) -> None:
        """Begin the time of ``item``, anew if it runs already."""
        self._due.pop(item, None)
        self._due[item] = self._clock.seconds() + self._delay
        if self._call is None:
            self._call = self._clock.callLater(self._delay, self._look)

    def stop(self, item: Item) -> None:
        """Forget ``item``; harmless when it is not there. The timer runs on and finds nothing."""
        self._due.pop(item, None)
        if not self._due and self._call is not None:
            self._call.cancel()
            self._call = None

    def __contains__(self, item: Item) -> bool:
        return item in self._due

    def __len__(self) -> int:
        return len(self._due)

    def _look(self) -> None:
        self._call = None
        now = self._clock.seconds()
        over = []
        for item, due in self._due.items():
            if due > now:
                break
            over.append(item)
        for item in over:
            # One that ended before may have stopped this one.
            if self._due.get(item, now + 1) <= now:
                del self._due[item]
                self._end(item)
        if self._due and self._call is None:
            first = next(iter(self._due.values()))
            self._call = self._clock.callLater(max(0.0, first - self._clock.seconds()), self._look)

    def _end(self, item: Item) -> None:
        try:
            self._expired(item)
        except Exception:
            # One connection's trouble must not stop the others' clocks.
            self._log.failure("at a deadline")
