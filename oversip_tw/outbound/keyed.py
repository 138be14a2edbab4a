"""HMAC-SHA-256 (RFC 2104), many times under the same key."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

_BLOCK_OCTETS: Final = 64


class Keyed:
    """One key, which both hashes have taken in beforehand.

    A token takes one of these and a call three tokens: `hmac.digest` hashes the key anew each time, and `hmac.HMAC`
    spends twice as long on itself.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK_OCTETS:
            key = sha256(key).digest()
        key = key.ljust(_BLOCK_OCTETS, b"\0")
        self._inner = sha256(bytes([octet ^ 0x36 for octet in key]))
        self._outer = sha256(bytes([octet ^ 0x5C for octet in key]))

    def digest(self, octets: bytes) -> bytes:
        """32 octets."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(octets)
        outer.update(inner.digest())
        return outer.digest()
