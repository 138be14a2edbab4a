"""Tells when the reactor stood still: everybody waits while a hook, a slow disk or a defect holds it (K15), or too many
clients come at once."""

from __future__ import annotations

from collections.abc import Callable

from oversip_tw.interfaces import Clock, Delayed, Log

#: seconds between two looks
INTERVAL = 0.05
#: seconds by which a look may come late before it is told
BLOCKED = 0.1
#: seconds between two lines of log
QUIET = 1.0


class Watchdog:
    """Looks again and again how late it is; at most one line of log per second, naming the longest since the last."""

    def __init__(self, clock: Clock, log: Log, late: Callable[[float], None]) -> None:
        """``late`` hears of each look how many seconds late it came."""
        self._clock = clock
        self._late = late
        self._log = log
        self._due = 0.0
        self._told = clock.seconds() - QUIET
        self._longest = 0.0
        self._next: Delayed | None = None

    def start(self) -> None:
        """Begin to look, in the reactor's first turn: what start-up takes keeps nobody waiting."""
        self._next = self._clock.callLater(0, self._look_again)

    def stop(self) -> None:
        """Look no longer. Harmless when it does not."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _look_again(self) -> None:
        self._due = self._clock.seconds() + INTERVAL
        self._next = self._clock.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        now = self._clock.seconds()
        late = now - self._due
        self._late(late)
        if late > BLOCKED:
            self._longest = max(self._longest, late)
        if self._longest and now - self._told >= QUIET:
            self._log.warn(
                "nothing moved for {seconds:.1f} s: a hook that blocks, or a busy machine?", seconds=self._longest
            )
            self._told, self._longest = now, 0.0
        self._look_again()
