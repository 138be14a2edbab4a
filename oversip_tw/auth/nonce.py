"""Nonces that cost no memory until they have served: the time they were made, signed; and who used them how often.

Only a nonce over which a right digest was computed gets an entry (its replay window), so strangers fill no table.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2s
from hmac import compare_digest
from typing import Final

#: microseconds since the clock began; 9 octets make 12 characters with no bit to spare
_STAMP_OCTETS: Final = 9
_STAMP_CHARACTERS: Final = 12
#: over those characters and the realm; 16 more
_MAC_OCTETS: Final = 12
#: base64 as it is, and as it may stand in a header without being mistaken (RFC 4648 §5)
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_MICROSECONDS = 1_000_000
#: replay windows are dropped together, those of nonces made in one such part of a life
_GENERATIONS_PER_LIFE = 5
#: keys of before that still verify
_FORMER: Final = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how often a nonce serves."""

    #: seconds from challenge to the last use
    life: float = 300.0
    #: counts behind the highest seen that may still arrive (UDP reorders); older ones count as seen
    window: int = 1024
    #: a nonce serves for one request; whoever uses it again is given another, and asks nobody for a password
    once: bool = False
    #: nonces in use at one time; beyond it the oldest become stale, which costs their users one round trip
    limit: int = 100_000


class _Window:
    """The counts seen with one nonce: the highest, and a bit for each of the ``window`` below it."""

    __slots__ = ("highest", "realm", "seen", "stamp")

    def __init__(self, stamp: int, realm: str) -> None:
        #: when the nonce was made, and for whom
        self.stamp = stamp
        self.realm = realm
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

    __slots__ = (
        "_floor", "_former", "_generation", "_generations", "_last", "_life", "_mac", "_seconds", "_windows",
        "settings",
    )  # fmt: skip

    def __init__(self, secret: bytes, seconds: Callable[[], float], settings: Settings | None = None) -> None:
        """``secret``: 16 random octets or more, *new at every start*: what a former run has seen is forgotten, so its
        nonces have to be stale now. ``seconds``: any clock; a monotonic one suffers no steps (K8)."""
        self.settings = settings or Settings()
        self._seconds = seconds
        self._mac = _keyed(secret)
        #: under keys of before, which verify and make no more; the newest first
        self._former: list[blake2s] = []
        self._last = 0
        #: nonces made at this stamp or before are stale
        self._floor = 0
        #: by nonce; only those get in whose signature was right
        self._windows: dict[str, _Window] = {}
        self._life = int(self.settings.life * _MICROSECONDS)
        self._generation = max(1, self._life // _GENERATIONS_PER_LIFE)
        #: the nonces that have a window, by when they were made
        self._generations: dict[int, list[str]] = {}

    def rotate(self, secret: bytes) -> None:
        """Make nonces under ``secret`` from now on; those under the two keys before still serve."""
        self._former = [self._mac, *self._former[: _FORMER - 1]]
        self._mac = _keyed(secret)

    def make(self, realm: str) -> str:
        """A nonce for ``realm`` that nobody was given before."""
        # Two in one microsecond, or a clock set back: the stamp goes on counting, or two users would share a window.
        stamp = self._last = max(self._now(), self._last + 1)
        text = _spelt(stamp.to_bytes(_STAMP_OCTETS, "big"))
        return text + _sign(self._mac, text, realm)

    def use(self, nonce: str, realm: str, count: int) -> bool:
        """Whether these credentials are fresh: a living nonce of ours for ``realm``, and ``count`` (nc) new with it.

        From then on it is not: call this only when the digest was right.
        """
        window = self._windows.get(nonce)
        if window is None:
            stamp = self._stamp(nonce, realm)
            if stamp is None or self._is_over(stamp):
                return False
            window = self._keep(nonce, stamp, realm)
        elif window.realm != realm or self._is_over(window.stamp) or self.settings.once:
            return False
        return window.use(count, self.settings.window)

    @property
    def used(self) -> int:
        """How many nonces have a replay window."""
        return len(self._windows)

    def _is_over(self, stamp: int) -> bool:
        return stamp <= self._floor or self._now() - stamp > self._life

    def _keep(self, nonce: str, stamp: int, realm: str) -> _Window:
        window = self._windows[nonce] = _Window(stamp, realm)
        self._generations.setdefault(stamp // self._generation, []).append(nonce)
        if len(self._windows) > self.settings.limit or len(self._generations) > _GENERATIONS_PER_LIFE + 1:
            self._tidy()
        return window

    def _stamp(self, nonce: str, realm: str) -> int | None:
        """When ``nonce`` was made, if we made it for ``realm``."""
        text, mac = nonce[:_STAMP_CHARACTERS], nonce[_STAMP_CHARACTERS:]
        if not nonce.isascii():
            return None
        if not compare_digest(_sign(self._mac, text, realm), mac) and not self._of_before(text, realm, mac):
            return None
        return int.from_bytes(binascii.a2b_base64(text.encode().translate(_FROM_URL)), "big")

    def _of_before(self, text: str, realm: str, mac: str) -> bool:
        """Signed with a key that was rotated away."""
        right = False
        for former in self._former:
            right = compare_digest(_sign(former, text, realm), mac) or right
        return right

    def _now(self) -> int:
        return int(self._seconds() * _MICROSECONDS)

    def _tidy(self) -> None:
        """Drop the windows of nonces that are dead by age, and the oldest when there are too many."""
        oldest_alive = (self._now() - self._life) // self._generation
        for generation in sorted(self._generations):
            if generation >= oldest_alive and len(self._windows) <= self.settings.limit:
                break
            for nonce in self._generations.pop(generation):
                del self._windows[nonce]
            # Without its window a nonce could be replayed, so none of that age serves any more; those yet to come do.
            self._floor = max(self._floor, min((generation + 1) * self._generation - 1, self._last))


def _keyed(secret: bytes) -> blake2s:
    """What signs with ``secret``."""
    if len(secret) < 16:
        raise ValueError("nonces need a secret of 16 octets or more")
    return blake2s(b"nonce", digest_size=_MAC_OCTETS, key=blake2s(secret).digest())


def _sign(keyed: blake2s, text: str, realm: str) -> str:
    mac = keyed.copy()
    mac.update((text + realm).encode("utf-8", "surrogateescape"))
    return _spelt(mac.digest())


def _spelt(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).translate(_TO_URL).decode("ascii")
