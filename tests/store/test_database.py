"""The file: made private, brought up to date, refused when it is not ours."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from twisted.python.monkey import MonkeyPatcher
from twisted.trial import unittest

from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import database, sql
from oversip_tw.store.database import open_database, upgrade_database


class Opening(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "state" / "oversip.sqlite"

    def value(self, statement: str) -> object:
        with sqlite3.connect(self.path) as other:
            (value,) = other.execute(statement).fetchone()
        other.close()
        return value

    def test_new(self) -> None:
        """A new file says whose it is and of which schema, writes ahead, and syncs at each commit."""
        opened = open_database(self.path)
        self.assertEqual(opened.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        self.assertEqual(opened.execute("PRAGMA synchronous").fetchone(), (2,))
        opened.close()
        self.assertEqual(self.value("PRAGMA user_version"), sql.newest())
        self.assertEqual(self.value("PRAGMA application_id"), database.APPLICATION_ID)

    def test_private(self) -> None:
        """File, write-ahead log and folder are for their owner alone: they hold keys."""
        opened = open_database(self.path)
        opened.execute("INSERT INTO secrets VALUES ('a', 1, x'00')")
        for path in self.path.parent.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(self.path.parent.stat().st_mode), 0o700)
        opened.close()

    def test_again(self) -> None:
        """Opening it again changes nothing."""
        open_database(self.path).close()
        opened = open_database(self.path)
        opened.execute("INSERT INTO secrets VALUES ('a', 1, x'00')")
        opened.close()
        opened = open_database(self.path)
        self.assertEqual(opened.execute("SELECT name FROM secrets").fetchall(), [("a",)])
        opened.close()

    def test_opened_twice(self) -> None:
        """A second connection keeps the locks of the first: another process that goes leaves its journal alone."""
        opened = open_database(self.path)
        opened.execute("INSERT INTO secrets VALUES ('name', 0, x'00')")
        open_database(self.path).close()
        script = "import sys; from oversip_tw.store.database import open_database; open_database(sys.argv[1]).close()"
        environment = {"PYTHONPATH": ":".join(sys.path)}
        subprocess.run([sys.executable, "-c", script, str(self.path)], check=True, env=environment)
        self.assertTrue(self.path.with_name(self.path.name + "-wal").exists())
        opened.close()

    def next_version(self, migration: str) -> MonkeyPatcher:
        """Be the version after this one."""
        return self.patch(sql, "MIGRATIONS", (*sql.MIGRATIONS, migration))

    def fill(self) -> None:
        """Something is in the file."""
        opened = open_database(self.path)
        opened.execute("INSERT INTO secrets VALUES ('a', 1, x'00')")
        opened.close()

    def test_older_schema(self) -> None:
        """A file of an older version is left alone, and the one line says what to do."""
        self.fill()
        self.next_version("CREATE TABLE more (x)")
        error = self.assertRaises(StoreFailed, open_database, self.path)
        self.assertEqual(
            str(error),
            f"cannot use {self.path}: its schema is {sql.newest() - 1} and this version needs {sql.newest()}: "
            "oversip db upgrade",
        )
        self.assertEqual(self.value("PRAGMA user_version"), sql.newest() - 1)

    def test_upgrade(self) -> None:
        """An upgrade gives it what it lacks, keeps what it has, and leaves a private copy of what was there before."""
        self.fill()
        self.next_version("CREATE TABLE more (x);\nINSERT INTO more VALUES (7)")
        before, after, copy = upgrade_database(self.path)
        assert copy is not None
        self.assertEqual((before, after), (sql.newest() - 1, sql.newest()))
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        with sqlite3.connect(copy) as old:
            self.assertEqual(old.execute("SELECT name FROM secrets").fetchall(), [("a",)])
            self.assertEqual(old.execute("PRAGMA user_version").fetchone(), (before,))
        old.close()
        opened = open_database(self.path)
        self.assertEqual(opened.execute("SELECT x FROM more").fetchall(), [(7,)])
        self.assertEqual(opened.execute("SELECT name FROM secrets").fetchall(), [("a",)])
        opened.close()
        self.assertEqual(upgrade_database(self.path), (sql.newest(), sql.newest(), None))

    def test_upgrade_of_nothing(self) -> None:
        """Where there is no file yet, one is made, and nothing is copied."""
        self.assertEqual(upgrade_database(self.path), (0, sql.newest(), None))
        self.assertEqual([path.name for path in self.path.parent.iterdir()], [self.path.name])

    def test_no_room_for_a_copy(self) -> None:
        """Without a copy nothing is upgraded."""
        self.fill()
        self.next_version("CREATE TABLE more (x)")
        self.path.with_name(f"{self.path.name}.schema-{sql.newest() - 1}").mkdir()
        self.assertIn("cannot copy", str(self.assertRaises(StoreFailed, upgrade_database, self.path)))
        self.assertEqual(self.value("PRAGMA user_version"), sql.newest() - 1)

    def test_failed_migration(self) -> None:
        """A migration that fails leaves the file as it was."""
        self.fill()
        patch = self.next_version("CREATE TABLE half (x); nonsense")
        self.assertRaises(StoreFailed, upgrade_database, self.path)
        patch.restore()
        opened = open_database(self.path)
        self.assertEqual(opened.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone(), (0,))
        opened.close()

    def test_newer_schema(self) -> None:
        """A file that a newer version wrote is left alone; the error names file and reason in one line."""
        open_database(self.path).close()
        with sqlite3.connect(self.path) as other:
            other.execute("PRAGMA user_version = 99")
        other.close()
        error = self.assertRaises(StoreFailed, open_database, self.path)
        self.assertIn(str(self.path), str(error))
        self.assertIn("newer", str(error))
        self.assertNotIn("\n", str(error))

    def test_of_another_program(self) -> None:
        """Another program's database is not touched."""
        self.path.parent.mkdir(parents=True)
        with sqlite3.connect(self.path) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
        self.assertIn("another program", str(self.assertRaises(StoreFailed, open_database, self.path)))
        self.assertEqual(self.value("SELECT group_concat(name) FROM sqlite_schema"), "theirs")

    def test_no_database(self) -> None:
        """What is no database, or no file, is said so."""
        self.path.parent.mkdir(parents=True)
        self.path.write_text("x" * 5000)
        self.assertRaises(StoreFailed, open_database, self.path)
        self.assertRaises(StoreFailed, upgrade_database, self.path)
        self.assertRaises(StoreFailed, open_database, self.path.parent)
        self.assertRaises(StoreFailed, open_database, self.path / "below")
