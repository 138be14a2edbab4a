"""The wait of in-dialog requests for a client whose flow is gone, until its binding comes back on another one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow

if TYPE_CHECKING:
    from oversip_tw.transaction.wheel import Timer, TimerWheel


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how many requests wait."""

    #: seconds; browsers try again after 2 s (JsSIP) or 4 s (SIP.js). 0 = nothing waits
    resume: float = 8.0
    #: seconds for BYE: hanging up is worth nearly the whole of Timer F
    resume_bye: float = 31.0
    #: requests waiting at one time, over all bindings
    limit: int = 10_000
    #: requests waiting for one binding
    limit_per_binding: int = 32

    def seconds(self, method: str) -> float:
        """How long an in-dialog request of that method waits; 0 = not at all."""
        return self.resume_bye if method == "BYE" and self.resume > 0 else self.resume


class Held:
    """One request that waits."""

    __slots__ = ("_failed", "_resumed", "_timer", "_waiting", "elsewhere", "key", "replaces")

    def __init__(
        self,
        waiting: Waiting,
        key: bytes,
        resumed: Callable[[Flow], None],
        failed: Callable[[], None],
        replaces: Hashable,
        elsewhere: Callable[[], None] | None = None,
    ) -> None:
        self.key = key
        self.elsewhere = elsewhere
        self.replaces = replaces
        self._waiting: Waiting | None = waiting
        self._resumed = resumed
        self._failed = failed
        #: set by `_start`, before anybody else knows of this wait
        self._timer: Timer

    @property
    def active(self) -> bool:
        """Whether it still waits: none of its callables has been called, and it was not cancelled."""
        return self._waiting is not None

    def cancel(self) -> None:
        """Wait no more, and call nothing. Harmless when it is over."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting._forget(self)
            self._timer.cancel()

    def _start(self, wheel: TimerWheel, seconds: float) -> None:
        self._timer = wheel.after(seconds, self._expire)

    def _expire(self) -> None:
        self.cancel()
        self._failed()

    def _resume(self, flow: Flow) -> None:
        self.cancel()
        self._resumed(flow)


class Waiting:
    """Who waits for which binding. In memory, bounded, first come first served."""

    __slots__ = ("_closed", "_held", "_report", "_wheel", "count", "settings")

    def __init__(
        self,
        wheel: TimerWheel,
        settings: Settings | None = None,
        report: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        """``report`` hears of what a ``resumed`` callable raises; the others are resumed all the same."""
        self.settings = settings or Settings()
        self.count = 0
        #: nobody comes back any more
        self._closed = False
        self._wheel = wheel
        self._report = report
        # A dict per binding as ordered set: cancelling one of many costs no search.
        self._held: dict[bytes, dict[Held, None]] = {}

    def hold(
        self,
        key: bytes,
        seconds: float,
        resumed: Callable[[Flow], None],
        failed: Callable[[], None],
        replaces: Hashable = None,
        elsewhere: Callable[[], None] | None = None,
    ) -> Held:
        """Wait up to ``seconds`` for the binding ``key``: then ``resumed`` is called with its new flow, or ``failed``.
        ``elsewhere`` is called when the binding came back, but to another server; without it, that is no news.

        Exactly one of them is called, once, unless the wait is cancelled. ``failed`` is called before this returns when
        nothing can wait: no key, no time, or too many who wait already. ``replaces`` (say an ACK's Call-ID and CSeq)
        takes the place of an older wait for this binding with an equal value, whose callables are never called.
        """
        held = Held(self, key, resumed, failed, replaces, elsewhere)
        if replaces is not None:
            self._drop(key, replaces)
        if not key or seconds <= 0 or self._closed or self._full(key):
            held._waiting = None
            failed()
            return held
        self._held.setdefault(key, {})[held] = None
        self.count += 1
        held._start(self._wheel, seconds)
        return held

    def came_back(self, key: bytes, flow: Flow) -> None:
        """The binding ``key`` was refreshed on ``flow``: what waits for it goes there, in the order it came."""
        for held in tuple(self._held.get(key, ())):
            if flow.closed:
                return
            if held.active:
                try:
                    held._resume(flow)
                except Exception as error:
                    self._report(error)

    def came_back_elsewhere(self, key: bytes) -> None:
        """The binding ``key`` is at another server now: what waits for it goes there."""
        for held in tuple(self._held.get(key, ())):
            if held.active and held.elsewhere is not None:
                held.cancel()
                try:
                    held.elsewhere()
                except Exception as error:
                    self._report(error)

    def close(self) -> None:
        """Nobody is let in any more: what waits has failed, and so has all that would."""
        self._closed = True
        for waiting in tuple(self._held.values()):
            for held in tuple(waiting):
                if held.active:
                    try:
                        held._expire()
                    except Exception as error:
                        self._report(error)

    def _full(self, key: bytes) -> bool:
        return self.count >= self.settings.limit or len(self._held.get(key, ())) >= self.settings.limit_per_binding

    def _drop(self, key: bytes, replaces: Hashable) -> None:
        for held in tuple(self._held.get(key, ())):
            if held.replaces == replaces:
                held.cancel()

    def _forget(self, held: Held) -> None:
        waiting = self._held[held.key]
        del waiting[held]
        if not waiting:
            del self._held[held.key]
        self.count -= 1
