"""Limits per source: pings that cost nothing to send (F3), guessed passwords (A7).

Clock handed in, every table bounded. Exempt networks and trusted sources pass without being counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from oversip_tw.auth.networks import Networks
from oversip_tw.auth.trust import Trust
from oversip_tw.interfaces import Flow


@dataclass(frozen=True, slots=True)
class Settings:
    """All figures of this module. Spans in seconds."""

    #: stateless answers (OPTIONS, keep-alive) per source within `ping_window`, as Kamailio's default configuration
    pings: int = 16
    ping_window: float = 2.0
    #: and then silence for this long
    ping_silence: float = 300.0
    #: failed logins of one address for one user within `login_window`
    login_failures: int = 10
    #: failed logins of one address for all users
    login_failures_per_address: int = 30
    login_window: float = 60.0
    #: and then no login from there for this long
    login_throttle: float = 300.0
    #: networks never limited
    exempt: tuple[str, ...] = ()
    #: sources remembered per table; a flood from more addresses than that pushes out the oldest
    entries: int = 65_536


class Limit:
    """So many events per key within a window; one more and the key is blocked for a while."""

    __slots__ = ("_allowed", "_counts", "_entries", "_penalty", "_window", "blocking")

    def __init__(self, allowed: int, window: float, penalty: float, entries: int) -> None:
        self._allowed = allowed
        self._window = window
        self._penalty = penalty
        self._entries = entries
        # Both in order of age, since window and penalty are the same for all: the oldest are dropped from the front.
        self._counts: dict[Hashable, list[float]] = {}
        #: until when whose penalty lasts; entries that are over may linger
        self.blocking: dict[Hashable, float] = {}

    def blocked(self, key: Hashable, now: float) -> bool:
        """Whether ``key`` serves its penalty."""
        until = self.blocking.get(key)
        if until is None:
            return False
        if until > now:
            return True
        del self.blocking[key]
        return False

    def count(self, key: Hashable, now: float) -> bool:
        """Count one event; False when it is one too many, which blocks ``key`` from now on."""
        entry = self._counts.get(key)
        if entry is None or entry[0] <= now:
            if entry is not None:
                del self._counts[key]
            self._tidy(now)
            entry = self._counts[key] = [now + self._window, 0]
        entry[1] += 1
        if entry[1] <= self._allowed:
            return True
        self.block(key, now)
        return False

    def block(self, key: Hashable, now: float) -> None:
        """Begin the penalty of ``key`` now."""
        self._counts.pop(key, None)
        self.blocking.pop(key, None)
        _drop_oldest(self.blocking, self._entries - 1)
        self.blocking[key] = now + self._penalty

    def __len__(self) -> int:
        return len(self._counts) + len(self.blocking)

    def _tidy(self, now: float) -> None:
        while self._counts:
            oldest = next(iter(self._counts))
            if self._counts[oldest][0] > now and len(self._counts) < self._entries:
                break
            del self._counts[oldest]


def _drop_oldest(table: dict[Hashable, float], entries: int) -> None:
    while len(table) > entries:
        del table[next(iter(table))]


class Pings:
    """F3: requests that are answered without credentials and without state."""

    __slots__ = ("_exempt", "_limit", "_seconds", "_trust")

    def __init__(self, settings: Settings, seconds: Callable[[], float], trust: Trust) -> None:
        self._limit = Limit(settings.pings, settings.ping_window, settings.ping_silence, settings.entries)
        self._exempt = Networks(settings.exempt)
        self._seconds = seconds
        self._trust = trust

    def admit(self, flow: Flow) -> bool:
        """Whether to answer one more; False: be silent. Counted per address on UDP, else per connection: browsers
        share a NAT."""
        if flow.peer[0] in self._exempt or self._trust.role(flow) is not None:
            return True
        key = flow.id if flow.reliable else flow.peer[0]
        now = self._seconds()
        return not self._limit.blocked(key, now) and self._limit.count(key, now)


class Logins:
    """A7: guessing of passwords."""

    __slots__ = ("_exempt", "_per_address", "_per_user", "_seconds")

    def __init__(self, settings: Settings, seconds: Callable[[], float]) -> None:
        # The failure that reaches the limit blocks: one less is allowed.
        window, throttle, entries = settings.login_window, settings.login_throttle, settings.entries
        self._per_user = Limit(settings.login_failures - 1, window, throttle, entries)
        self._per_address = Limit(settings.login_failures_per_address - 1, window, throttle, entries)
        self._exempt = Networks(settings.exempt)
        self._seconds = seconds

    @property
    def throttling(self) -> bool:
        """There may be somebody whom `throttled` is true of."""
        return bool(self._per_address.blocking or self._per_user.blocking)

    def throttled(self, address: str, user: str) -> bool:
        """Whether credentials of ``user`` from ``address`` are not even looked at."""
        now = self._seconds()
        return self._per_address.blocked(address, now) or self._per_user.blocked((address, hash(user)), now)

    def failed(self, address: str, user: str) -> bool:
        """Count a wrong password. True when this one begins a throttle: the time to write a line for fail2ban."""
        if address in self._exempt:
            return False
        now = self._seconds()
        # The hash, since a stranger's "user name" may be kilobytes long and stays here for minutes.
        user_passes = self._per_user.count((address, hash(user)), now)
        return not self._per_address.count(address, now) or not user_passes
