"""Which targets are known to be dead, so that requests need not find out one by one.

A target is marked down by what says something about *it*: a connection that cannot be made, an ICMP error, an OPTIONS
probe without answer. A request without answer is none of these: one user's odd request, which the core drops on
purpose, must not black out the core for everybody else. It raises a suspicion (`Health.silent`), and the suspicion
asks for a probe; as long as that is on its way, other targets are tried first. Whatever answers, with any status, is
alive.

`Health.refuse` is another thing: somebody wants a target to be passed over, with an answer of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.interfaces import Target

#: seconds after a probe that was answered in which no other one is sent to the same target
PROBE_PAUSE = 1.0
#: seconds after which a probe that nobody ended counts as ended: longer than Timer F of any sensible profile
PROBE_LONGEST = 64.0
#: seconds between two times that what has expired is thrown out, at least
_SWEEP = 1.0

Key = tuple[str, str, int]


class _Mark:
    __slots__ = ("answer", "until", "why")

    def __init__(self, until: float, why: str, answer: tuple[int, str] | None) -> None:
        self.until = until
        self.why = why
        #: status and reason of a refusal
        self.answer = answer


class Health:
    """Targets by transport, address and port. ``seconds`` is a monotonic clock. Of more than ``most`` marks the oldest
    ones are forgotten: such a target is then tried again."""

    __slots__ = ("_down", "_most", "_probing", "_seconds", "_suspected", "_sweep_at")

    def __init__(self, seconds: Callable[[], float], most: int = 10_000) -> None:
        self._seconds = seconds
        self._most = most
        self._down: dict[Key, _Mark] = {}
        #: until when no probe may be started
        self._probing: dict[Key, float] = {}
        #: those to which one is on its way
        self._suspected: set[Key] = set()
        self._sweep_at = 0.0

    def down(self, target: Target, seconds: float, why: str = "") -> None:
        """It is dead: pass it over for ``seconds`` from now; 0 or less changes nothing, nor does a refusal end."""
        if seconds > 0:
            mark = self._mark(target)
            if mark is None or mark.answer is None:
                self._set(target, _Mark(self._seconds() + seconds, why, None))

    def refuse(
        self, target: Target, seconds: float, status: int = 403, reason: str = "Destination Blacklisted"
    ) -> None:
        """Pass it over for ``seconds`` and answer so; 0 or less ends that."""
        if seconds > 0:
            self._set(target, _Mark(self._seconds() + seconds, reason, (status, reason)))
        else:
            self._down.pop(_key(target), None)

    def up(self, target: Target) -> None:
        """It gave a sign of life. A refusal stays."""
        if self._down:
            mark = self._down.get(_key(target))
            if mark is not None and mark.answer is None:
                del self._down[_key(target)]

    def is_down(self, target: Target) -> bool:
        """It is dead or refused."""
        return self._mark(target) is not None

    def usable(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Those of ``targets`` that are not down, in their order; suspected ones behind the others."""
        if self._down:
            targets = [target for target in targets if self._mark(target) is None]
        if self._suspected:
            return sorted(targets, key=lambda target: _key(target) in self._suspected)
        return targets

    def reason(self, target: Target) -> str:
        """Why it is down; "" if it is not, or nobody said why."""
        mark = self._mark(target)
        return "" if mark is None else mark.why

    def refusal(self, target: Target) -> tuple[int, str] | None:
        """Status and reason phrase to answer with, if somebody wants it to be passed over."""
        mark = self._mark(target)
        return None if mark is None else mark.answer

    def back_in(self, targets: Sequence[Target]) -> float:
        """Seconds until the first of ``targets`` may be tried (for Retry-After); 0: one now, or there is none."""
        now = self._seconds()
        return min((0.0 if (mark := self._mark(target)) is None else mark.until - now for target in targets), default=0)

    def clear(self) -> None:
        """Nothing is down and nothing refused. Probes on their way stay."""
        self._down.clear()

    def silent(self, target: Target) -> bool:
        """A request to it got no sign of life for some seconds. True: send a probe now, and call `probed` when it ends.

        False while one is on its way, just after one was answered, and for what is down already.
        """
        now = self._seconds()
        self._sweep(now)
        key = _key(target)
        if self.is_down(target) or self._probing.get(key, now) > now:
            return False
        if len(self._probing) >= self._most:
            return False
        self._probing[key] = now + PROBE_LONGEST
        self._suspected.add(key)
        return True

    def probed(self, target: Target, alive: bool, seconds: float) -> None:
        """The probe ended. ``seconds``: how long to pass the target over if it is not ``alive``."""
        self._suspected.discard(_key(target))
        if alive:
            self._probing[_key(target)] = self._seconds() + PROBE_PAUSE
            self.up(target)
        else:
            self._probing.pop(_key(target), None)
            self.down(target, seconds, "no answer to OPTIONS")

    def _set(self, target: Target, mark: _Mark) -> None:
        self._sweep(self._seconds())
        key = _key(target)
        self._down.pop(key, None)
        while len(self._down) >= self._most:
            del self._down[next(iter(self._down))]
        self._down[key] = mark

    def _mark(self, target: Target) -> _Mark | None:
        if not self._down:
            return None
        now = self._seconds()
        self._sweep(now)
        mark = self._down.get(_key(target))
        return mark if mark is not None and mark.until > now else None

    def _sweep(self, now: float) -> None:
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            self._down = {key: mark for key, mark in self._down.items() if mark.until > now}
            self._probing = {key: until for key, until in self._probing.items() if until > now}
            self._suspected &= self._probing.keys()


def _key(target: Target) -> Key:
    return target.transport, target.address, target.port
