"""How many clients may come in: when all return at once, after a restart say, as many as the machine can bear (F17).

Nobody knows beforehand what a client costs: with TLS ten times as much as without. So the rate follows how long others
have to wait, which is how late the reactor's timers come: more as long as they are in time, less when they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oversip_tw.auth.networks import Networks
from oversip_tw.auth.trust import Trust
from oversip_tw.interfaces import Flow

#: seconds by which a timer may come late before that counts as a crowd
_LATE: Final = 0.1
#: what the rate becomes of itself for each time that it was so, at most once in `_PAUSE` seconds
_LESS: Final = 0.7
_PAUSE: Final = 0.25
#: and for each second in which it was not
_MORE: Final = 1.5
#: seconds whose share may come in at one moment
_BURST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Settings:
    """Clients per second."""

    #: never more; 0: no limit at all
    most: int = 2000
    #: never less: 10,000 have to be back in two minutes, clients try seldom, and refusing them costs nearly as much as
    #: letting them in
    least: int = 200
    #: networks that are counted, and never refused
    exempt: tuple[str, ...] = ()


class Pace:
    """Counts those who come, and tells whether the next one may."""

    __slots__ = (
        "_chance", "_changed", "_exempt", "_fill", "_heard", "_seconds", "_settings", "_trust", "rate", "refused",
    )  # fmt: skip

    def __init__(
        self, settings: Settings, seconds: Callable[[], float], trust: Trust, chance: Callable[[], float] = lambda: 0.0
    ) -> None:
        """``trust``: trusted sources are never refused. ``chance``: a number in [0, 1)."""
        self._settings = settings
        self._exempt = Networks(settings.exempt)
        self._trust = trust
        self._seconds = seconds
        self._chance = chance
        #: clients per second, for now
        self.rate: float = float(settings.most)
        #: who was told to come again
        self.refused = 0
        now = seconds()
        self._heard = self._changed = now
        #: how many may come at this moment, as of `_heard`
        self._fill = self.rate * _BURST

    def late(self, seconds: float) -> None:
        """A timer came so many seconds late; to be called some ten times a second."""
        if not self._settings.most:
            return
        now = self._pass()
        if seconds <= _LATE:
            self.rate = min(float(self._settings.most), self.rate * _MORE ** min(1.0, now - self._changed))
            self._changed = now
        elif now - self._changed >= _PAUSE:
            self.rate = max(float(min(self._settings.least, self._settings.most)), self.rate * _LESS)
            self._changed = now

    def admit(self, flow: Flow) -> bool:
        """A client asks to come in by ``flow``."""
        if not self._settings.most:
            return True
        self._pass()
        if self._fill >= 1:
            self._fill -= 1
            return True
        if flow.peer[0] in self._exempt or self._trust.role(flow) is not None:  # a proxy of ours, with many behind it
            return True
        self.refused += 1
        return False

    def again(self, least: int, spread: int) -> tuple[str, str]:
        """The Retry-After for one that may not: between ``least`` and ``least + spread`` seconds."""
        return ("Retry-After", str(least + int(self._chance() * spread)))

    def _pass(self) -> float:
        now = self._seconds()
        self._fill = min(self.rate * _BURST, self._fill + (now - self._heard) * self.rate)
        self._heard = now
        return now
