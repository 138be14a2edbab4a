"""Registering often here and seldom at the core: browsers are asked for a sign of life, the core is spared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oversip_tw.edge.settings import Settings
from oversip_tw.interfaces import Clock

#: registrations remembered; the oldest is forgotten first, and its next REGISTER goes to the core
MOST = 100_000

#: flow, user and Contact without its lifetime
Key = tuple[bytes, str, str]
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What the core said last to a phone."""

    #: until when it need not hear of the phone again
    until: float
    #: what the next REGISTERs are answered with
    headers: Headers
    #: what the phone demanded: another demand is the core's affair
    call_id: str


class Throttle:
    """Which REGISTERs need not go any further."""

    __slots__ = ("_clock", "_known", "_of_flow", "_settings")

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: dict[Key, Absorbed] = {}
        self._of_flow: dict[bytes, set[Key]] = {}

    @property
    def on(self) -> bool:
        """It was asked for."""
        return self._settings.client_expires > 0

    def find(self, key: Key, call_id: str) -> Absorbed | None:
        """What to answer a REGISTER with; None: it has to go to the core."""
        known = self._known.get(key)
        if known is None or known.call_id != call_id or self._clock.seconds() >= known.until:
            return None
        return known

    def remember(self, key: Key, call_id: str, seconds: float, headers: Headers) -> None:
        """For so many seconds the core needs no further word."""
        self.forget(key)
        if len(self._known) >= MOST:
            self.forget(next(iter(self._known)))
        self._known[key] = Absorbed(self._clock.seconds() + seconds, headers, call_id)
        self._of_flow.setdefault(key[0], set()).add(key)

    def forget(self, key: Key) -> None:
        """Harmless when it is not known."""
        if self._known.pop(key, None) is not None:
            keys = self._of_flow[key[0]]
            keys.discard(key)
            if not keys:
                del self._of_flow[key[0]]

    def flow_lost(self, flow_id: bytes) -> None:
        """Whoever comes back on another connection has to be seen by the core."""
        for key in tuple(self._of_flow.get(flow_id, ())):
            self.forget(key)
