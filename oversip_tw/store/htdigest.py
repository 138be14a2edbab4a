"""Users of an htdigest file, as Apache's tool writes it: ``user:realm:MD5 in hexadecimal``, line by line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from oversip_tw.interfaces import Clock, Delayed
from oversip_tw.promise import spawn
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store.passwords import Digests, checked
from oversip_tw.store.sql_store import unreported
from oversip_tw.store.threads import in_thread
from oversip_tw.store.users import KnownUsers
from oversip_tw.store.worker import FromThread

#: seconds between two looks whether the file has changed
POLL_INTERVAL = 1.0

_HA1 = re.compile(r"[0-9A-Fa-f]{32}")

Found = dict[tuple[str, str], Digests]
#: what tells whether a file is another one: device, inode, size, time of change
_Stamp = tuple[int, int, int, int]


def read(path: str | Path) -> Found:
    """The users in the file. Raises StoreFailed for a file or a line that cannot be read, with its number."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise StoreFailed(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreFailed(f"cannot use {path}: it is not UTF-8 (byte {error.start})") from None
    found: Found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        realm, _, ha1 = rest.rpartition(":")  # a realm may be an IPv6 address
        try:
            user = checked(name, realm)
        except ValueError:
            raise StoreFailed(f"cannot use {path}: line {number} names no user of a SIP domain") from None
        if not _HA1.fullmatch(ha1.strip()):
            raise StoreFailed(f"cannot use {path}: line {number} does not end with 32 hexadecimal digits")
        found[user] = (bytes.fromhex(ha1.strip()), None, None)
    return found


class HtdigestUsers(KnownUsers):
    """`ports.Users` and their `ports.Source`: the file is read again whenever it changes.

    A change that cannot be read is reported once to ``failed``, and the users stay as they were. Raises StoreFailed.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        from_thread: FromThread,
        failed: Callable[[BaseException], None] = unreported,
    ) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._from_thread = from_thread
        self._failed = failed
        self._stamp = _stamp_of(path)
        self.replace(read(path))
        #: it could be read when that was last tried
        self._reads = True
        self._polling: Delayed | None = None

    @property
    def works(self) -> bool:
        """As `Source.works`: the file that was read is there."""
        stamp = _stamp_of(self._path)
        return self._reads and stamp is not None and stamp == self._stamp

    def start(self) -> None:
        self._polling = self._clock.callLater(POLL_INTERVAL, self._poll)

    def _poll(self) -> None:
        self._polling = self._clock.callLater(POLL_INTERVAL, self._poll)
        if _stamp_of(self._path) != self._stamp:
            spawn(self.refresh_users(), self._failed)

    async def refresh_users(self) -> None:
        self._stamp, self._reads = _stamp_of(self._path), False
        self.replace(await in_thread(lambda: read(self._path), self._from_thread))
        self._reads = True

    async def close(self) -> None:
        if self._polling is not None and self._polling.active():
            self._polling.cancel()
        self._polling = None


def _stamp_of(path: str | Path) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
