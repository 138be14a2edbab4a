"""Nonces that cost no memory until they have served: the time they were made, signed; and who used them how often.

Only a nonce over which a right digest was computed gets an entry (its replay window), so strangers fill no table.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

#: microseconds since the clock began; more than two hundred thousand years fit
_STAMP_OCTETS = 8
#: 8 + 13 octets make 28 characters with no bit to spare, so that a nonce has one spelling
_MAC_OCTETS = 13
#: base64 as it is, and as it may stand in a header without being mistaken (RFC 4648 §5)
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_SHAPE = re.compile(r"[A-Za-z0-9_-]{28}", re.ASCII)
_MICROSECONDS = 1_000_000
#: replay windows are dropped together, those of nonces made in one such part of a life
_GENERATIONS_PER_LIFE = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how often a nonce serves."""

    #: seconds from challenge to the last use
    life: float = 300.0
    #: counts behind the highest seen that may still arrive (UDP reorders); older ones count as seen
    window: int = 1024
    #: nonces in use at one time; beyond it the oldest become stale, which costs their users one round trip
    limit: int = 100_000


class _Window:
    """The counts seen with one nonce: the highest, and a bit for each of the ``window`` below it."""

    __slots__ = ("highest", "seen")

    def __init__(self) -> None:
        self.highest = 0
        self.seen = 0

    def use(self, count: int, window: int) -> bool:
        """Whether ``count`` is new; it is not from now on."""
        ahead = count - self.highest
        if ahead > 0:
            # Never shift by what a stranger chose: a jump beyond the window leaves nothing of it.
            self.seen = ((self.seen << ahead) | 1) & ((1 << window) - 1) if ahead < window else 1
            self.highest = count
            return True
        bit = 1 << -ahead if -ahead < window else 0
        if not bit or self.seen & bit:
            return False
        self.seen |= bit
        return True


class Nonces:
    """Makes nonces and tells whether one may still be used."""

    __slots__ = ("_floor", "_generation", "_generations", "_last", "_mac", "_seconds", "_used", "settings")

    def __init__(self, secret: bytes, seconds: Callable[[], float], settings: Settings | None = None) -> None:
        """``secret``: 16 random octets or more, *new at every start*: what a former run has seen is forgotten, so its
        nonces have to be stale now. ``seconds``: any clock; a monotonic one suffers no steps (K8)."""
        if len(secret) < 16:
            raise ValueError("nonces need a secret of 16 octets or more")
        self.settings = settings or Settings()
        self._seconds = seconds
        self._mac = hmac.new(b"nonce" + secret, digestmod="sha256")
        self._last = 0
        #: nonces made at this stamp or before are stale
        self._floor = 0
        self._used = 0
        self._generation = max(1, int(self.settings.life * _MICROSECONDS) // _GENERATIONS_PER_LIFE)
        self._generations: dict[int, dict[int, _Window]] = {}

    def make(self, realm: str) -> str:
        """A nonce for ``realm`` that nobody was given before."""
        # Two in one microsecond, or a clock set back: the stamp goes on counting, or two users would share a window.
        stamp = self._last = max(self._now(), self._last + 1)
        octets = stamp.to_bytes(_STAMP_OCTETS, "big")
        return binascii.b2a_base64(octets + self._sign(octets, realm), newline=False).translate(_TO_URL).decode("ascii")

    def use(self, nonce: str, realm: str, count: int) -> bool:
        """Whether these credentials are fresh: a living nonce of ours for ``realm``, and ``count`` (nc) new with it.

        From then on it is not: call this only when the digest was right.
        """
        stamp = self._stamp(nonce, realm)
        if stamp is None or stamp <= self._floor or self._now() - stamp > self.settings.life * _MICROSECONDS:
            return False
        windows = self._generations.setdefault(stamp // self._generation, {})
        window = windows.get(stamp)
        if window is None:
            window = windows[stamp] = _Window()
            self._used += 1
            if self._used > self.settings.limit or len(self._generations) > _GENERATIONS_PER_LIFE + 1:
                self._tidy()
        return window.use(count, self.settings.window)

    @property
    def used(self) -> int:
        """How many nonces have a replay window."""
        return self._used

    def _stamp(self, nonce: str, realm: str) -> int | None:
        """When ``nonce`` was made, if we made it for ``realm``."""
        if _SHAPE.fullmatch(nonce) is None:
            return None
        octets = binascii.a2b_base64(nonce.encode().translate(_FROM_URL))
        made, mac = octets[:_STAMP_OCTETS], octets[_STAMP_OCTETS:]
        return int.from_bytes(made, "big") if hmac.compare_digest(self._sign(made, realm), mac) else None

    def _sign(self, octets: bytes, realm: str) -> bytes:
        mac = self._mac.copy()
        mac.update(octets + realm.encode("utf-8", "surrogateescape"))
        return mac.digest()[:_MAC_OCTETS]

    def _now(self) -> int:
        return int(self._seconds() * _MICROSECONDS)

    def _tidy(self) -> None:
        """Drop the windows of nonces that are dead by age, and the oldest when there are too many."""
        oldest_alive = (self._now() - int(self.settings.life * _MICROSECONDS)) // self._generation
        for generation in sorted(self._generations):
            if generation >= oldest_alive and self._used <= self.settings.limit:
                break
            self._used -= len(self._generations.pop(generation))
            # Without its window a nonce could be replayed, so none of that age serves any more; those yet to come do.
            self._floor = max(self._floor, min((generation + 1) * self._generation - 1, self._last))
