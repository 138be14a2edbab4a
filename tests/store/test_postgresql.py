"""PostgreSQL comes and goes, and is for one server at a time."""

from __future__ import annotations

from twisted.trial import unittest

from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.store import postgresql, sql
from oversip_tw.store.passwords import SqlAccounts, digests
from oversip_tw.store.postgresql import PostgresStore, open_database, upgrade_database
from oversip_tw.testing import Clock
from tests.registrar.phones import DOMAIN
from tests.store import servers
from tests.store.contracts import NASTY, binding
from tests.store.files import Reactor


class Case(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.reactor = Reactor()
        self.failures: list[BaseException] = []
        self.server = servers.postgresql()
        self.url = self.server.database()
        self.patch(postgresql, "PAUSE", 0.0)

    def open(self, alone: bool = True) -> PostgresStore:
        store = PostgresStore(self.url, self.clock, self.reactor.call, 0.0, self.failures.append, alone)
        self.addCleanup(lambda: self.reactor.result(store.close()))
        return store

    def location(self, store: PostgresStore) -> MemoryLocation:
        location = MemoryLocation(self.clock, lambda: 1_700_000_000.0 + self.clock.seconds(), store)
        self.reactor.result(location.load())
        return location


class Away(Case):
    """It is restarted under a running server."""

    def tearDown(self) -> None:
        self.server.start()

    def test_K7_restart(self) -> None:
        """While it is away every write fails and who was known is found; afterwards all goes on by itself, and what
        was acknowledged is there."""
        store = self.open()
        location = self.location(store)
        one, two = binding(), binding(number=2)
        self.reactor.result(location.commit(one.aor, (one,), ()))
        self.server.stop()
        for _ in range(2):
            self.assertRaises(StoreFailed, self.reactor.result, location.commit(one.aor, (two,), ()))
        self.assertEqual(len(self.reactor.result(location.lookup(one.aor))), 1)
        self.server.start()
        self.reactor.result(location.commit(one.aor, (two,), ()))
        self.assertEqual(len(self.reactor.result(store.load(0.0))), 2)

    def test_restart_in_between(self) -> None:
        """A restart that nobody noticed costs no REGISTER."""
        store = self.open()
        location = self.location(store)
        self.server.stop()
        self.server.start()
        self.reactor.result(location.commit(binding().aor, (binding(),), ()))

    def test_users(self) -> None:
        """Users stay known meanwhile, changes are seen afterwards, and the absence is one line."""
        database = open_database(self.url)
        SqlAccounts(database).add("alice", DOMAIN, digests("alice", DOMAIN, "one"))
        database.close()
        store = self.open()
        store.start()
        self.server.stop()
        for _ in range(3):
            self.clock.advance(1)
            self.reactor.turn()
        self.assertIsNotNone(store.users.ha1_now("alice", DOMAIN, "MD5"))
        self.assertLessEqual(len(self.failures), 2)
        self.server.start()
        database = open_database(self.url)
        SqlAccounts(database).remove("alice", DOMAIN)
        database.close()
        self.clock.advance(1)
        self.reactor.turn()
        self.assertIsNone(store.users.ha1_now("alice", DOMAIN, "MD5"))

    def test_pause(self) -> None:
        """Where no connection can be made, not every job waits for another try."""
        self.patch(postgresql, "PAUSE", 60.0)
        location = self.location(self.open())
        self.server.stop()
        said = []
        for _ in range(2):
            error = self.assertRaises(
                StoreFailed, self.reactor.result, location.commit(binding().aor, (binding(),), ())
            )
            said.append(str(error))
        self.assertIn("the connection is lost", said[1])


class Start(Case):
    """What keeps it from being used is one line."""

    def refused(self, url: str, told: str) -> None:
        error = self.assertRaises(StoreFailed, open_database, url)
        self.assertIn(told, str(error))
        self.assertNotIn("\n", str(error))

    def test_nobody_there(self) -> None:
        """No server, no database, no URL."""
        self.refused(f"postgresql://127.0.0.1:{servers.free_port()}/x", "cannot use PostgreSQL")
        self.refused(self.url.replace("oversip@/oversip", "oversip@/nothing"), "does not exist")
        self.refused("what is this", "cannot use PostgreSQL")

    def test_not_installed(self) -> None:
        """Without psycopg the line says what to install."""
        self.patch(postgresql, "psycopg", None)
        self.refused(self.url, "oversip-tw[postgresql]")

    def test_one_server(self) -> None:
        """A second server on the same tables is refused, and may take its users from there; commands may, too."""
        self.open()
        error = self.assertRaises(StoreFailed, self.open)
        self.assertIn("another server keeps its bindings in this database", str(error))
        self.open(alone=False)
        open_database(self.url).close()

    def test_schema(self) -> None:
        """Newer tables are left alone, older ones wait for the upgrade, and one that fails changes nothing."""
        open_database(self.url).close()
        former = sql.MIGRATIONS
        self.patch(sql, "MIGRATIONS", (*former, "CREATE TABLE half (x INTEGER); nonsense"))
        self.refused(self.url, "oversip db upgrade")
        self.assertRaises(StoreFailed, upgrade_database, self.url)
        self.patch(sql, "MIGRATIONS", (*former, "CREATE TABLE more (x REAL, y BLOB) WITHOUT ROWID"))
        self.assertEqual(upgrade_database(self.url), (len(former), len(former) + 1))
        database = open_database(self.url)
        self.assertEqual(database.execute("SELECT to_regclass('half')::text").fetchone(), (None,))
        self.assertEqual(database.execute("SELECT count(*) FROM more").fetchone(), (0,))
        database.close()
        self.patch(sql, "MIGRATIONS", former)
        self.refused(self.url, "a newer version wrote it")

    def test_unreadable(self) -> None:
        """Tables that were tampered with are one line as well."""
        database = open_database(self.url)
        database.execute("DROP TABLE users")
        database.close()
        self.assertIn("cannot read PostgreSQL", str(self.assertRaises(StoreFailed, self.open)))
        database = open_database(self.url)
        database.execute("CREATE TABLE users (name TEXT, domain TEXT, md5 BYTEA, sha_256 BYTEA, sha_512_256 BYTEA, "
                         "removed INTEGER, version INTEGER)")  # fmt: skip
        database.execute("DROP TABLE secrets")
        database.close()
        self.assertIn("cannot use PostgreSQL", str(self.assertRaises(StoreFailed, self.open().secrets, "flows")))


class Texts(unittest.SynchronousTestCase):
    def test_A18_escapes(self) -> None:
        """A18: every text comes back, and all of it is what PostgreSQL can hold."""
        for text in (*NASTY, "", "\0", "\\", "\\x41", "a\\\0\udc80b", "".join(map(chr, range(256)))):
            stored = sql.escaped(text)
            stored.encode("utf-8")
            self.assertNotIn("\0", stored)
            self.assertEqual(sql.unescaped(stored), text)


