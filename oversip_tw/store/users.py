"""Users in memory, kept like the database's table."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from oversip_tw.store.passwords import ALGORITHMS, Digests
from oversip_tw.store.sql import Database

_SINCE = "SELECT name, domain, md5, sha_256, sha_512_256, removed, version FROM users WHERE version > ?"

POSITIONS = {algorithm: position for position, algorithm in enumerate(ALGORITHMS)}


class KnownUsers:
    """All users with their digests, in memory; implements `ports.Users`.

    They are all in memory, so that asking for one who exists takes as long as asking for one who does not, and no
    look-up waits behind a commit. Every row carries the number of its change: `changed_since` reads only what is new.
    """

    __slots__ = ("_digests", "_names", "version")

    def __init__(self) -> None:
        self._digests: dict[tuple[str, str], Digests] = {}
        #: names by userhash, of each domain and realm that somebody has asked about
        self._names: dict[tuple[str, str], dict[str, str]] = {}
        #: number of the newest change that is known here
        self.version = 0

    def __len__(self) -> int:
        return len(self._digests)

    @property
    def known(self) -> int | None:
        """How many there are."""
        return len(self._digests)

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        """H(user:domain:password) in lower-case hex; None for unknown users and algorithms that they lack."""
        return self.ha1_now(user, domain, algorithm)

    def ha1_now(self, user: str, domain: str, algorithm: str) -> str | None:
        """The same for whoever does not wait."""
        digests = self._digests.get((user, domain.lower()))
        position = POSITIONS.get(algorithm)
        if digests is None or position is None:
            return None
        digest = digests[position]
        return None if digest is None else digest.hex()

    def name_of(self, userhash: str, domain: str, realm: str) -> str | None:
        """Who has that userhash (RFC 7616 §3.4.4) by any of `ALGORITHMS`; they give different ones."""
        domain = domain.lower()
        names = self._names.get((domain, realm))
        if names is None:
            there = [name for name, home in self._digests if home == domain]
            names = {hash: name for name in there for hash in _userhashes(name, realm)}
            self._names[domain, realm] = names
        return names.get(userhash)

    def _note(self, name: str, domain: str, there: bool) -> None:
        """Somebody came or went."""
        for (home, realm), names in self._names.items():
            if home == domain:
                for hash in _userhashes(name, realm):
                    if there:
                        names[hash] = name
                    else:
                        names.pop(hash, None)

    def set(self, user: str, domain: str, digests: Digests | None) -> None:
        """Remember what `passwords.digests` gave; None: the user is gone."""
        if digests is None:
            self._digests.pop((user, domain.lower()), None)
        else:
            self._digests[user, domain.lower()] = digests
        self._note(user, domain.lower(), digests is not None)

    def replace(self, digests: dict[tuple[str, str], Digests]) -> None:
        """These are all there are, domains in lower case."""
        self._digests, self._names = digests, {}

    def names(self) -> Collection[tuple[str, str]]:
        """Name and domain of every user."""
        return self._digests.keys()

    def take(self, rows: list[tuple[str, str, bytes | None, bytes | None, bytes | None, int, int]]) -> None:
        """Take over rows of `changed_since`."""
        for name, domain, md5, sha_256, sha_512_256, removed, version in rows:
            self.set(name, domain, None if removed else (md5, sha_256, sha_512_256))
            self.version = max(self.version, version)


def _userhashes(name: str, realm: str) -> list[str]:
    octets = f"{name}:{realm}".encode("utf-8", "surrogateescape")
    return [hashlib.new(hash, octets, usedforsecurity=False).hexdigest() for hash in ALGORITHMS.values()]


def changed_since(
    database: Database, version: int
) -> list[tuple[str, str, bytes | None, bytes | None, bytes | None, int, int]]:
    """The rows that changed after ``version``."""
    return database.execute(_SINCE, (version,)).fetchall()
