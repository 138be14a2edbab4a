"""Users, bindings and keys in the tables of a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from oversip_tw.interfaces import Clock, Delayed
from oversip_tw.promise import Promise, spawn
from oversip_tw.proxy.user_rules import Rules
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes, StoreFailed
from oversip_tw.store import aliases, bindings, rules
from oversip_tw.store.secrets import secrets
from oversip_tw.store.sql import Database
from oversip_tw.store.users import KnownUsers, changed_since
from oversip_tw.store.worker import FromThread, Worker

T = TypeVar("T")

#: seconds between two looks at what another process did to the users
POLL_INTERVAL = 1.0


def unreported(error: BaseException) -> None:
    """Nobody wants to know."""


class SqlStore:
    """A `ports.BindingStore` and, in ``users``, a `ports.Users`.

    Making one opens the database and reads all users: StoreFailed, with one line to show, when that fails. `start` then
    looks once a second for users that another process (``oversip user``) changed; `close` ends everything. ``failed``
    hears what goes wrong behind the scenes, once for each reason until it is well again.
    """

    def __init__(
        self,
        open: Callable[[], Database],
        name: str,
        clock: Clock,
        from_thread: FromThread,
        commit_delay: float = 0.01,
        failed: Callable[[BaseException], None] = unreported,
    ) -> None:
        """``open`` makes a connection, ``name`` is what errors call the database."""
        self.users = KnownUsers()
        self.rules = rules.KnownRules()
        self.aliases = aliases.KnownAliases()
        self._open = open
        self._name = name
        self._clock = clock
        self._failed = failed
        self._polling: Delayed | None = None
        self._said = ""
        database = open()
        try:
            self.users.take(changed_since(database, 0))
            self.rules.take(rules.changed_since(database, 0))
            self.aliases.take(aliases.changed_since(database, 0))
        except database.Error as error:
            database.close()
            raise StoreFailed(f"cannot read {name}: {error}") from error
        self._worker = Worker(database, from_thread, commit_delay)

    def secrets(self, name: str, length: int = 32) -> tuple[bytes, ...]:
        """Keys of that name, newest first, made up when there is none. For start-up: it waits for the database."""
        database = self._open()
        try:
            return secrets(database, name, length)
        except database.Error as error:
            raise StoreFailed(f"cannot use {self._name}: {error}") from error
        finally:
            database.close()

    def write(self, changes: Changes) -> Promise[None]:
        """Returns once ``changes`` are durable; StoreFailed: none of them is."""
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
        spawn(self._look(), self._failed)
        self._polling = self._clock.callLater(POLL_INTERVAL, self._poll)

    async def _look(self) -> None:
        try:
            await self.refresh_users()
        except StoreFailed as error:
            if str(error) != self._said:  # a database that is away for an hour is not worth 3600 lines
                self._said = str(error)
                self._failed(error)
        else:
            self._said = ""

    @property
    def works(self) -> bool:
        """As `ports.Source.works`; it is asked once a second."""
        return not self._said

    async def refresh_users(self) -> None:
        """Take over what another process did to the users, their rules and aliases. Raises StoreFailed."""
        version, ruled, named = self.users.version, self.rules.version, self.aliases.version
        users, found, names = await self._worker.read(
            lambda database: (
                changed_since(database, version),
                rules.changed_since(database, ruled),
                aliases.changed_since(database, named),
            )
        )
        self.users.take(users)
        self.rules.take(found)
        self.aliases.take(names)

    async def ask(self, work: Callable[[Database], T]) -> T:
        """What ``work`` finds in the database. Raises StoreFailed, and whatever ``work`` raises."""
        return await self._worker.read(work)

    async def change(self, work: Callable[[Database], None]) -> None:
        """Let ``work`` change users or rules; what it did is durable, and known here. Raises as `ask`."""
        await self._worker.write(work)
        await self.refresh_users()

    async def set_rules(self, aor: str, given: Rules) -> None:
        """As `ports.RuleStore.set_rules`."""
        await self.change(lambda database: rules.set_rules(database, aor, given))

    def abandon(self) -> None:
        """Close it without waiting for anything: nothing has begun."""
        spawn(self._worker.close(), self._failed)

    async def close(self) -> None:
        """Finish what is there and close the database."""
        if self._polling is not None and self._polling.active():
            self._polling.cancel()
        self._polling = None
        await self._worker.close()
