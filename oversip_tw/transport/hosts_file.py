"""Addresses out of a file like /etc/hosts (hosts(5))."""

from __future__ import annotations

import os
from collections.abc import Sequence

from oversip_tw.interfaces import Clock
from oversip_tw.resolve.names import is_address

#: seconds until it is looked whether the file has changed
_AGAIN = 1.0


class HostsFile:
    """The addresses that a file names. It is read again when it changes; one that cannot be read names none."""

    __slots__ = ("_clock", "_known", "_look", "_path", "_seen")

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._known: dict[str, list[str]] = {}
        #: when to look at the file again
        self._look = float("-inf")
        #: how the file looked when it was read: inode, time of change, size
        self._seen: tuple[int, int, int] | None = None

    def addresses(self, name: str) -> Sequence[str]:
        """Those of ``name``, as they stand in the file; usually none."""
        now = self._clock.seconds()
        if now >= self._look:
            self._look = now + _AGAIN
            self._read()
        return self._known.get(name.lower().removesuffix("."), ())

    def _read(self) -> None:
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return
            with open(self._path, encoding="ascii", errors="replace") as file:
                known = _parse(file.read())
        except OSError:
            seen, known = None, {}
        self._seen, self._known = seen, known


def _parse(text: str) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_address(address):
            for name in names:
                known.setdefault(name.lower(), []).append(address)
    return known
