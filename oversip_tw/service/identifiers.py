"""Identifiers that nobody can guess."""

from __future__ import annotations

import os

#: random octets asked of the system at one go, since each call of the system costs more than all else here
_POOL = 4096
#: characters of one identifier, each of them four random bits: 64 bits
_LENGTH = 16


class Identifiers:
    """An `interfaces.NewId`: each call gives 16 hexadecimal digits that it never gave before."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def __call__(self) -> str:
        at = self._at
        if at == len(self._pool):
            self._pool, at = os.urandom(_POOL).hex(), 0
        self._at = end = at + _LENGTH
        return self._pool[at:end]
