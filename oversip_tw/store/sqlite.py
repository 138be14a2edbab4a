"""The embedded store: one SQLite file for users, bindings and keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from oversip_tw.interfaces import Clock, Delayed
from oversip_tw.promise import Promise, spawn
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes, StoreFailed
from oversip_tw.store import bindings, rules
from oversip_tw.store.database import open_database
from oversip_tw.store.secrets import secrets
from oversip_tw.store.users import KnownUsers, changed_since
from oversip_tw.store.worker import FromThread, Worker

T = TypeVar("T")

#: seconds between two looks at what another process did to the users
POLL_INTERVAL = 1.0


class SqliteStore:
    """A `BindingStore` and, in ``users``, the `Users` of authentication.

    Making one opens the file, creating or updating it, and reads all users: StoreFailed, with one line to show,
    when that fails. `start` then looks once a second for users that another process (``oversip user``) changed;
    `close` ends everything. ``failed`` hears what goes wrong behind the scenes.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        from_thread: FromThread,
        commit_delay: float = 0.01,
        failed: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self.users = KnownUsers()
        self.rules = rules.KnownRules()
        self._path = path
        self._clock = clock
        self._failed = failed
        self._polling: Delayed | None = None
        database = open_database(path)
        try:
            self.users.take(changed_since(database, 0))
            self.rules.take(rules.changed_since(database, 0))
        except sqlite3.Error as error:
            database.close()
            raise StoreFailed(f"cannot read {path}: {error}") from error
        self._worker = Worker(database, from_thread, commit_delay)

    def secrets(self, name: str, length: int = 32) -> tuple[bytes, ...]:
        """Keys of that name, newest first, made up when there is none. For start-up: it waits for the disk."""
        database = open_database(self._path)
        try:
            return secrets(database, name, length)
        except sqlite3.Error as error:
            raise StoreFailed(f"cannot use {self._path}: {error}") from error
        finally:
            database.close()

    def write(self, changes: Changes) -> Promise[None]:
        """Returns once ``changes`` are on the disk; StoreFailed: none of them is."""
        return self._worker.write(lambda database: bindings.write(database, changes))

    async def load(self, offset: float) -> Sequence[Binding]:
        """All bindings, as `BindingStore.load`."""
        return await self._worker.read(lambda database: bindings.load(database, offset))

    async def shift(self, seconds: float) -> None:
        """Move all dates of bindings, as `BindingStore.shift`."""
        await self._worker.write(lambda database: bindings.shift(database, seconds))

    def start(self) -> None:
        """Look for changed users from now on."""
        self._polling = self._clock.callLater(POLL_INTERVAL, self._poll)

    def _poll(self) -> None:
        spawn(self.refresh_users(), self._failed)
        self._polling = self._clock.callLater(POLL_INTERVAL, self._poll)

    async def refresh_users(self) -> None:
        """Take over what another process did to the users and their rules. Raises StoreFailed."""
        version, ruled = self.users.version, self.rules.version
        users, found = await self._worker.read(
            lambda database: (changed_since(database, version), rules.changed_since(database, ruled))
        )
        self.users.take(users)
        self.rules.take(found)

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` finds in the database. Raises StoreFailed, and whatever ``work`` raises."""
        return await self._worker.read(work)

    async def change(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Let ``work`` change users or rules; what it did is durable, and known here. Raises as `ask`."""
        await self._worker.write(work)
        await self.refresh_users()

    async def close(self) -> None:
        """Finish what is there and close the file."""
        if self._polling is not None and self._polling.active():
            self._polling.cancel()
        self._polling = None
        await self._worker.close()
