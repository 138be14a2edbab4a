"""``oversip user``, ``bindings`` and ``db`` on every backend that there is."""

from __future__ import annotations

import sqlite3
import time

from twisted.trial import unittest

from oversip_tw.registrar.changes import Changes
from oversip_tw.store import bindings, sql
from oversip_tw.store.database import open_database
from oversip_tw.store.passwords import digests
from oversip_tw.store.postgresql import open_database as open_postgresql
from tests.cli.terminal import Terminal
from tests.store import servers
from tests.store.contracts import binding


class Everywhere(unittest.SynchronousTestCase):
    def terminal(self, text: str) -> Terminal:
        return Terminal(self.mktemp(), f'domains = ["example.org"]\n{text}\n')

    def life_of_a_user(self, terminal: Terminal, own: bool = True) -> None:
        """``own``: users and their rules are in one store."""
        self.assertEqual(terminal.user("add", "alice", "--password-stdin", stdin="secret\n"), 0, terminal.err)
        self.assertEqual(terminal.user("add", "alice", "--password-stdin", stdin="secret\n"), 1)
        self.assertIn("alice@example.org exists", terminal.err)
        self.assertEqual(terminal.user("passwd", "alice", "--password-stdin", stdin="other\n"), 0)
        self.assertEqual((terminal.user("list"), terminal.out), (0, "alice@example.org\n"))
        self.assertEqual(terminal.user("forward", "alice", "--busy", "bob", "--ring-timeout", "7"), 0)
        self.assertEqual(terminal.user("forward", "bob") == 1, own)
        rules = "forward_busy\tsip:bob@example.org\nforward_no_answer\t-\nforward_unregistered\t-\nring_timeout\t7\n"
        self.assertEqual((terminal.user("forward", "alice"), terminal.out), (0, rules))
        self.assertEqual(terminal.user("alias", "add", "info", "alice"), 0, terminal.err)
        self.assertEqual(terminal.out, "info@example.org is alice@example.org\n")
        named = "info@example.org\talice@example.org\n"
        self.assertEqual((terminal.user("alias", "list"), terminal.out), (0, named))
        self.assertEqual(terminal.user("add", "info", "--password-stdin", stdin="x\n") == 1, own)
        if not own:
            terminal.user("remove", "info")
        self.assertEqual(terminal.user("remove", "alice"), 0)
        self.assertEqual((terminal.user("alias", "list"), terminal.out), (0, ""))
        terminal.user("add", "alice", "--password-stdin", stdin="x\n")
        terminal.user("forward", "alice")
        self.assertNotIn("bob", terminal.out)
        terminal.user("remove", "alice")
        self.assertEqual((terminal.user("list"), terminal.out), (0, ""))
        self.assertEqual(terminal.user("remove", "alice"), 1)
        self.assertEqual(terminal.type("bindings", "-c", str(terminal.file)), 0)
        self.assertEqual(terminal.out, "")
        self.assertEqual(terminal.type("db", "upgrade", "-c", str(terminal.file)), 0)
        self.assertIn("nothing to do", terminal.out)

    def test_sqlite(self) -> None:
        """The embedded store, and another file for users."""
        self.life_of_a_user(self.terminal(""))
        self.life_of_a_user(self.terminal('[users]\nkind = "sqlite"\npath = "users.sqlite"'), own=False)

    def test_postgresql(self) -> None:
        """PostgreSQL, for everything and for users alone."""
        url = servers.postgresql().database()
        self.life_of_a_user(self.terminal(f'[store]\nkind = "postgresql"\nurl = "{url}"'))
        self.life_of_a_user(self.terminal(f'[users]\nkind = "postgresql"\nurl = "{url}"'), own=False)

    def test_postgresql_bindings(self) -> None:
        """What stands in PostgreSQL is listed."""
        url = servers.postgresql().database()
        database = open_postgresql(url)
        now = time.time()
        bindings.write(database, Changes((binding(expires_at=now + 60, updated_at=now),)))
        database.close()
        terminal = self.terminal(f'[store]\nkind = "postgresql"\nurl = "{url}"')
        self.assertEqual(terminal.type("bindings", "-c", str(terminal.file)), 0)
        self.assertIn("sip:x1@h.invalid;transport=ws", terminal.out)

    def test_redis(self) -> None:
        """Redis, for everything and for users alone."""
        server = servers.redis()
        server.empty()
        self.life_of_a_user(self.terminal(f'[store]\nkind = "redis"\nurl = "{server.url}"'))
        self.life_of_a_user(self.terminal(f'[users]\nkind = "redis"\nurl = "{server.url}"'), own=False)

    def test_away(self) -> None:
        """A database that is not there is one line."""
        port = servers.free_port()
        for text in (
            f'[store]\nkind = "redis"\nurl = "redis://127.0.0.1:{port}"',
            f'[store]\nkind = "postgresql"\nurl = "postgresql://127.0.0.1:{port}/x"',
        ):
            terminal = self.terminal(text)
            for words in (("user", "list"), ("bindings",), ("db", "upgrade")):
                self.assertEqual(terminal.type(*words, "-c", str(terminal.file)), 1)
                self.assertEqual(len(terminal.err.splitlines()), 1, terminal.err)

    def test_htdigest(self) -> None:
        """An htdigest file is listed; who wants to change it is told the tool."""
        terminal = self.terminal('[users]\nkind = "htdigest"\npath = "users"')
        self.assertEqual(terminal.user("list"), 1)
        self.assertIn("cannot read", terminal.err)
        made = digests("alice", "example.org", "x")[0]
        assert made is not None
        (terminal.folder / "users").write_text(f"alice:example.org:{made.hex()}\n")
        self.assertEqual((terminal.user("list"), terminal.out), (0, "alice@example.org\n"))
        for command in ("add", "passwd"):
            self.assertEqual(terminal.user(command, "bob", "--password-stdin", stdin="x\n"), 1)
            self.assertIn("htdigest ", terminal.err)
        self.assertEqual(terminal.user("remove", "alice"), 1)

    def test_http(self) -> None:
        """Users of a web application are managed there."""
        terminal = self.terminal('[users]\nkind = "http"\nurl = "http://127.0.0.1:8000/users"')
        for words in (("list",), ("remove", "alice"), ("add", "alice", "--password-stdin")):
            self.assertEqual(terminal.user(*words, stdin="x\n"), 1)
            self.assertIn("http://127.0.0.1:8000/users: manage them there", terminal.err)

    def test_memory(self) -> None:
        """Nothing outlives a server without a store."""
        terminal = self.terminal('[store]\nkind = "memory"')
        for words in (("user", "list"), ("bindings",), ("db", "upgrade")):
            self.assertEqual(terminal.type(*words, "-c", str(terminal.file)), 1)
            self.assertIn("memory", terminal.err)


class Upgrading(unittest.SynchronousTestCase):
    """A newer version on older tables."""

    def setUp(self) -> None:
        self.patch(sql, "MIGRATIONS", sql.MIGRATIONS)

    def newer(self) -> None:
        sql.MIGRATIONS = (*sql.MIGRATIONS, "CREATE TABLE more (x INTEGER)")  # type: ignore[misc,assignment]

    def test_sqlite(self) -> None:
        """Every command refuses, with the line that says what to do; the upgrade copies first."""
        terminal = Terminal(self.mktemp())
        terminal.user("add", "alice", "--password-stdin", stdin="x\n")
        before = sql.newest()
        self.newer()
        self.assertEqual(terminal.user("list"), 1)
        self.assertIn("oversip db upgrade", terminal.err)
        self.assertEqual(terminal.type("db", "upgrade", "-c", str(terminal.file)), 0)
        self.assertIn(f"schema {before} became {before + 1}", terminal.out)
        copy = terminal.folder / "state" / f"oversip.sqlite.schema-{before}"
        with sqlite3.connect(copy) as old:
            self.assertEqual(old.execute("SELECT name FROM users").fetchall(), [("alice",)])
        old.close()
        self.assertEqual((terminal.user("list"), terminal.out), (0, "alice@example.org\n"))

    def test_newer_than_us(self) -> None:
        """Tables of a version to come are not touched, nor served from."""
        terminal = Terminal(self.mktemp())
        terminal.user("add", "alice", "--password-stdin", stdin="x\n")
        database = open_database(terminal.folder / "state" / "oversip.sqlite")
        database.execute("PRAGMA user_version = 99")
        database.close()
        for words in (("user", "list"), ("bindings",), ("db", "upgrade")):
            self.assertEqual(terminal.type(*words, "-c", str(terminal.file)), 1)
            self.assertIn("a newer version wrote it (schema 99", terminal.err)
            self.assertEqual(len(terminal.err.splitlines()), 1)

    def test_postgresql(self) -> None:
        """The same on PostgreSQL."""
        url = servers.postgresql().database()
        terminal = Terminal(self.mktemp(), f'domains = ["example.org"]\n[store]\nkind = "postgresql"\nurl = "{url}"\n')
        terminal.user("add", "alice", "--password-stdin", stdin="x\n")
        self.newer()
        self.assertEqual(terminal.user("list"), 1)
        self.assertIn("oversip db upgrade", terminal.err)
        self.assertEqual(terminal.type("db", "upgrade", "-c", str(terminal.file)), 0)
        self.assertEqual((terminal.user("list"), terminal.out), (0, "alice@example.org\n"))
        sql.MIGRATIONS = sql.MIGRATIONS[:-1]  # type: ignore[misc]
        self.assertEqual(terminal.user("list"), 1)
        self.assertIn("a newer version wrote it", terminal.err)
