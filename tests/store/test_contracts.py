"""Every backend by the same tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor as real
from twisted.trial import unittest

from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.replica import Replica
from oversip_tw.registrar.settings import Remembering
from oversip_tw.store import redis_store
from oversip_tw.store.database import open_database
from oversip_tw.store.htdigest import HtdigestUsers
from oversip_tw.store.passwords import Digests, SqlAccounts
from oversip_tw.store.ports import Accounts, Users
from oversip_tw.store.postgresql import PostgresStore
from oversip_tw.store.postgresql import open_database as open_postgresql
from oversip_tw.store.redis_keys import Keys
from oversip_tw.store.redis_link import Place, Waiting
from oversip_tw.store.redis_users import RedisAccounts
from oversip_tw.store.sqlite import SqliteStore
from oversip_tw.store.users import KnownUsers
from oversip_tw.testing import Clock
from tests.store import servers
from tests.store.contracts import AccountsContract, BindingsContract, DurableContract, UsersContract
from tests.store.files import Reactor, RealReactor


class Backend(unittest.SynchronousTestCase):
    """Opens and closes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.reactor = Reactor()
        self.failures: list[BaseException] = []
        self.opened: list[Any] = []
        self.addCleanup(self.close_all)

    def crash(self) -> None:
        """Nothing is known any more of what was open; only its threads and connections are not left behind."""
        self.close_all()

    def close_all(self) -> None:
        while self.opened:
            self.reactor.result(self.opened.pop().close())

    def loaded(self, store: Any, clock: Any = None, node: str = "") -> MemoryLocation:
        clock = clock or self.clock
        location = MemoryLocation(
            clock, lambda: 1_700_000_000.0 + clock.seconds(), store, Remembering(node=node), failed=self.failures.append
        )
        self.reactor.result(location.load())
        return location


class MemoryTests(Backend, BindingsContract):
    """Bindings in memory alone."""

    def location(self) -> MemoryLocation:
        return self.loaded(None)


class MemoryUserTests(Backend, UsersContract):
    """Users in memory alone."""

    def setUp(self) -> None:
        super().setUp()
        self.known = KnownUsers()

    def users(self) -> Users:
        return self.known

    def accounts(self) -> Any:
        known = self.known

        class Direct:
            def add(self, name: str, domain: str, digests: Digests) -> None:
                known.set(name, domain, digests)

            change = add

            def remove(self, name: str, domain: str) -> None:
                known.set(name, domain, None)

        return Direct()

    def look(self, users: Users) -> None: ...


class SqliteTests(Backend, DurableContract, AccountsContract):
    """The embedded store."""

    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp()).resolve() / "oversip.sqlite"

    def open(self) -> SqliteStore:
        store = SqliteStore(self.path, self.clock, self.reactor.call, 0.0, self.failures.append)
        self.opened.append(store)
        return store

    def location(self) -> MemoryLocation:
        return self.loaded(self.open())

    def keys(self, name: str) -> tuple[bytes, ...]:
        found: tuple[bytes, ...] = self.opened[-1].secrets(name)
        return found

    def users(self) -> Users:
        store = self.open()
        store.start()
        return store.users

    def accounts(self) -> Accounts:
        database = open_database(self.path)
        self.addCleanup(database.close)
        return SqlAccounts(database)

    def look(self, users: Users) -> None:
        self.clock.advance(1.0)
        self.reactor.turn()


class PostgresTests(Backend, DurableContract, AccountsContract):
    """PostgreSQL."""

    def setUp(self) -> None:
        super().setUp()
        self.url = servers.postgresql().database()

    def open(self) -> PostgresStore:
        self.crash()
        store = PostgresStore(self.url, self.clock, self.reactor.call, 0.0, self.failures.append)
        self.opened.append(store)
        return store

    location = SqliteTests.location
    keys = SqliteTests.keys
    users = SqliteTests.users
    look = SqliteTests.look

    def accounts(self) -> Accounts:
        database = open_postgresql(self.url)
        self.addCleanup(database.close)
        return SqlAccounts(database)


class RedisTests(Backend, DurableContract, AccountsContract):
    """Redis."""

    def setUp(self) -> None:
        super().setUp()
        self.server = servers.redis()
        self.server.empty()
        self.reactor: RealReactor = RealReactor()
        self.place = Place.of(self.server.url)
        self.waiting = Waiting(self.place)
        self.addCleanup(self.waiting.close)
        self.addCleanup(self.crash)

    def crash(self) -> None:
        self.close_all()
        self.reactor.wait(lambda: self.waiting.call("PUBSUB", "NUMSUB", "oversip:events")[1] == 0)

    def open(self) -> redis_store.RedisStore:
        self.crash()
        settings = redis_store.Settings(self.place, "oversip", "n", 2.0)
        store = redis_store.RedisStore(settings, OwnClock(self.clock), self.failures.append)
        self.opened.append(store)
        return store

    def location(self) -> MemoryLocation:
        store = self.open()
        self.secrets = {name: store.secrets(name) for name in ("flows", "others")}
        location = self.loaded(store, node="n")
        store.follow(Replica(location, self.clock))
        store.start()
        self.reactor.wait(lambda: store._session.up)
        return location

    def keys(self, name: str) -> tuple[bytes, ...]:
        return self.secrets[name]

    def users(self) -> Users:
        store = self.open()
        store.start()
        self.reactor.wait(lambda: store._session.up)
        return store.users

    def accounts(self) -> Accounts:
        return RedisAccounts(Keys("oversip"), self.waiting)

    def look(self, users: Users) -> None:
        for _ in range(20):
            self.reactor.turn()


class OwnClock:
    """The real reactor for wires, and the clock of the test for what the time is."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = clock.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)


class HtdigestTests(Backend, UsersContract):
    """A file as Apache's htdigest writes it."""

    algorithms = ("MD5",)

    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())
        self.path.write_text("")
        self.lines: dict[str, str] = {}

    def users(self) -> Users:
        users = HtdigestUsers(self.path, self.clock, self.reactor.call, self.failures.append)
        users.start()
        self.opened.append(users)
        return users

    def accounts(self) -> Any:
        case = self

        class Tool:
            def add(self, name: str, domain: str, digests: Digests) -> None:
                assert digests[0] is not None
                case.lines[name] = f"{name}:{domain}:{digests[0].hex()}\n"
                case.write()

            change = add

            def remove(self, name: str, domain: str) -> None:
                del case.lines[name]
                case.write()

        return Tool()

    def write(self) -> None:
        """A new file in the place of the old one, as the tool does it."""
        new = self.path.with_suffix(".new")
        new.write_text("# users\n\n" + "".join(self.lines.values()))
        os.replace(new, self.path)

    def look(self, users: Users) -> None:
        self.clock.advance(1.0)
        self.reactor.turn()
