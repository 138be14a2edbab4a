"""All timers of the transactions, in slots of a tenth of a second.

A reactor's own delayed call for every timer of every transaction doubles the cost of a call; a slot is shared by all
timers that end within it, and one delayed call stands for the earliest slot.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from oversip_tw.interfaces import Clock, Delayed

Callback = Callable[[], None]


class Timed:
    """Who has timers and tells them apart by a number: a bound method for each costs as much as the timer itself."""

    __slots__ = ()

    def fired(self, which: int) -> None:
        """The timer with that number has fired."""


class Lasting(Timed):
    """What stands for some time and then ends, as a rule undisturbed: what all finished transactions do, and there are
    many times more of those than of others. `TimerWheel.last` makes no timer for it."""

    __slots__ = ("lasts",)

    def __init__(self) -> None:
        #: the wheel has it
        self.lasts = False

    def over(self) -> None:
        """Its time has passed."""


class Slot:
    """All that ends within one tenth of a second."""

    __slots__ = ("lasting", "timers")

    def __init__(self) -> None:
        self.timers: dict[Timer, None] = {}
        #: those among them that were cut short stay until their turn comes
        self.lasting: list[Lasting] = []


class _Called(Timed):
    """A callback."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callback) -> None:
        self._callback = callback

    def fired(self, which: int) -> None:
        self._callback()


class Timer:
    """One running timer. It lets go of its owner as soon as it has fired or was cancelled, so no cycle stays."""

    __slots__ = ("_owner", "_slot", "_wheel", "_which")

    def __init__(self, wheel: TimerWheel, slot: dict[Timer, None], owner: Timed, which: int) -> None:
        self._wheel = wheel
        self._slot = slot
        self._owner: Timed | None = owner
        self._which = which

    @property
    def active(self) -> bool:
        """It has neither fired nor been cancelled."""
        return self._owner is not None

    def cancel(self) -> None:
        """Never fire. Harmless on a timer that has fired or was cancelled."""
        if self._owner is not None:
            self._owner = None
            try:  # noqa: SIM105 - that would cost more than the rest
                del self._slot[self]
            except KeyError:  # it is about to fire, together with the one that cancels it
                pass
            self._wheel._stopped()

    def _take(self) -> Timed | None:
        owner = self._owner
        self._owner = None
        return owner


class TimerWheel:
    """Timers that fire within [delay, delay + slot) seconds, never early.

    ``failed`` hears of what a callback raises; without it the first such exception is raised out of the clock, after
    the other timers have fired. While no timer stands, nothing is asked of the clock.
    """

    __slots__ = ("_clock", "_delayed", "_due", "_failed", "_firing", "_seconds", "_slot", "_slots", "_ticks", "count")

    def __init__(self, clock: Clock, slot: float = 0.1, failed: Callable[[BaseException], None] | None = None) -> None:
        self._clock = clock
        self._seconds = clock.seconds
        self._slot = slot
        self._failed = failed
        #: the slots by number; slot n ends at n * slot seconds of the clock
        self._slots: dict[int, Slot] = {}
        #: the numbers of the slots; those of emptied ones are dropped when their turn comes
        self._ticks: list[int] = []
        self._delayed: Delayed | None = None
        #: the slot that the delayed call is for
        self._due = 0
        self._firing = False
        #: timers that stand
        self.count = 0

    def now(self) -> float:
        """Seconds of the clock."""
        return self._seconds()

    def after(self, delay: float, callback: Callback) -> Timer:
        """Call ``callback`` once, ``delay`` seconds from now."""
        return self.start(delay, _Called(callback), 0)

    def start(self, delay: float, owner: Timed, which: int) -> Timer:
        """Call ``owner.fired(which)`` once, ``delay`` seconds from now."""
        # Rounding up keeps it from firing early; // on floats is exact, so n * slot is never below the time asked for.
        tick = int(-(-(self._seconds() + delay) // self._slot))
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._open(tick)
        timers = slot.timers
        timer = Timer(self, timers, owner, which)
        timers[timer] = None
        self.count += 1
        return timer

    def last(self, delay: float, owner: Lasting) -> None:
        """Call ``owner.over()`` once, ``delay`` seconds from now, unless it is `cut` short. It can last but once at a
        time. One that is cut short stays in memory until then."""
        tick = int(-(-(self._seconds() + delay) // self._slot))
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._open(tick)
        owner.lasts = True
        slot.lasting.append(owner)
        self.count += 1

    def cut(self, owner: Lasting) -> None:
        """``owner`` lasts no longer. Harmless on one that does not last."""
        if owner.lasts:
            owner.lasts = False
            self._stopped()

    def stop(self) -> None:
        """Cancel all timers."""
        for slot in list(self._slots.values()):
            for timer in list(slot.timers):
                timer.cancel()
            for owner in slot.lasting:
                self.cut(owner)

    def _open(self, tick: int) -> Slot:
        slot = self._slots[tick] = Slot()
        heappush(self._ticks, tick)
        if self._firing:  # `_go_on` will see to it
            return slot
        if self._delayed is None:
            self._await(tick)
        elif tick < self._due:
            self._delayed.cancel()
            self._await(tick)
        return slot

    def _await(self, tick: int) -> None:
        self._due = tick
        self._delayed = self._clock.callLater(max(0.0, tick * self._slot - self._seconds()), self._tick)

    def _stopped(self) -> None:
        self.count -= 1
        if not self.count:
            self._rest()

    def _rest(self) -> None:
        self._slots.clear()
        self._ticks.clear()
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def _tick(self) -> None:
        self._delayed = None
        # A clock may wake us a rounding error before the slot that we asked for.
        last = max(self._due, int(self._seconds() // self._slot))
        due: list[Timer] = []
        over: list[Lasting] = []
        while self._ticks and self._ticks[0] <= last:
            slot = self._slots.pop(heappop(self._ticks))
            due.extend(slot.timers)
            slot.timers.clear()
            over += slot.lasting
        self._firing = True
        escaped: list[Exception] = []
        self._fire(due, escaped)
        self._end(over, escaped)
        self._firing = False
        self._go_on(escaped)

    def _fire(self, due: list[Timer], escaped: list[Exception]) -> None:
        for timer in due:
            owner = timer._take()
            if owner is None:  # cancelled by one that fired before it
                continue
            self.count -= 1
            try:
                owner.fired(timer._which)
            except Exception as error:
                escaped.append(error)

    def _end(self, over: list[Lasting], escaped: list[Exception]) -> None:
        for owner in over:
            if owner.lasts:
                owner.lasts = False
                self.count -= 1
                try:
                    owner.over()
                except Exception as error:
                    escaped.append(error)

    def _go_on(self, escaped: list[Exception]) -> None:
        while self._ticks:
            slot = self._slots[self._ticks[0]]
            if slot.timers or slot.lasting:
                break
            del self._slots[heappop(self._ticks)]
        if self._ticks:
            self._await(self._ticks[0])
        for error in escaped:
            if self._failed is None:
                raise error
            self._failed(error)
