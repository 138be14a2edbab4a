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
from oversip_tw.store import database
from oversip_tw.store.database import open_database


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
        self.assertEqual(self.value("PRAGMA user_version"), database.SCHEMA)
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

    def test_older_schema(self) -> None:
        """A file of an older version gets what it lacks, and keeps what it has."""
        open_database(self.path).close()
        self.next_version("CREATE TABLE more (x);\nINSERT INTO more VALUES (7)")
        for _ in range(2):
            opened = open_database(self.path)
            self.assertEqual(opened.execute("SELECT x FROM more").fetchall(), [(7,)])
            opened.close()

    def next_version(self, migration: str) -> list[MonkeyPatcher]:
        """Be the version after this one."""
        return [
            self.patch(database, "MIGRATIONS", (*database.MIGRATIONS, migration)),
            self.patch(database, "SCHEMA", database.SCHEMA + 1),
        ]

    def test_failed_migration(self) -> None:
        """A migration that fails leaves the file as it was."""
        open_database(self.path).close()
        patches = self.next_version("CREATE TABLE half (x); nonsense")
        self.assertRaises(StoreFailed, open_database, self.path)
        for patch in patches:
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
        self.assertRaises(StoreFailed, open_database, self.path.parent)
        self.assertRaises(StoreFailed, open_database, self.path / "below")
