"""``oversip user``: users come, change and go in the store that the server reads."""

from __future__ import annotations

import contextlib
from hashlib import md5

from twisted.trial import unittest

from oversip_tw.store.database import open_database
from tests.cli.terminal import Terminal


class Users(unittest.SynchronousTestCase):
    """One command after another on one store."""

    def setUp(self) -> None:
        self.terminal = Terminal(self.mktemp())

    def test_add_list_remove(self) -> None:
        """A user who was added is listed, and is not after having been removed."""
        self.assertEqual(self.terminal.user("add", "alice@example.org", "--password-stdin", stdin="secret\n"), 0)
        self.assertEqual(self.terminal.out, "added alice@example.org\n")
        self.assertEqual(self.terminal.user("add", "bob@example.net", "--password-stdin", stdin="x\n"), 0)
        self.assertEqual(self.terminal.user("list"), 0)
        self.assertEqual(self.terminal.out, "bob@example.net\nalice@example.org\n")
        self.assertEqual(self.terminal.user("remove", "alice@example.org"), 0)
        self.terminal.user("list")
        self.assertEqual(self.terminal.out, "bob@example.net\n")

    def test_bare_name(self) -> None:
        """Without a domain the first one is meant, and the case of a domain does not count."""
        self.terminal.user("add", "alice", "--password-stdin", stdin="secret\n")
        self.assertEqual(self.terminal.user("passwd", "alice@EXAMPLE.org", "--password-stdin", stdin="new\n"), 0)
        self.assertEqual(self.terminal.out, "changed the password of alice@example.org\n")

    def test_password_is_stored_as_ha1(self) -> None:
        """The first line of standard input is the password, blanks and all; the store holds digests and no password."""
        self.terminal.user("add", "alice", "--password-stdin", stdin=" se cret \nsecond line\n")
        with contextlib.closing(open_database(self.terminal.folder / "state" / "oversip.sqlite")) as database:
            ((stored,),) = database.execute("SELECT md5 FROM users").fetchall()
        self.assertEqual(stored, md5(b"alice:example.org: se cret ").digest())
        for file in (self.terminal.folder / "state").iterdir():
            self.assertNotIn(b"se cret", file.read_bytes())

    def test_realm_of_the_domain(self) -> None:
        """What is stored is for the realm of the domain, where it has one."""
        self.terminal = Terminal(self.mktemp(), '[[domain]]\nname = "example.org"\nrealm = "Tele phony"\n')
        for command, password in (("add", "one"), ("passwd", "two")):
            self.terminal.user(command, "alice", "--password-stdin", stdin=f"{password}\n")
            with contextlib.closing(open_database(self.terminal.folder / "state" / "oversip.sqlite")) as database:
                ((stored,),) = database.execute("SELECT md5 FROM users").fetchall()
            self.assertEqual(stored, md5(f"alice:Tele phony:{password}".encode()).digest())

    def test_only_the_owner_reads_the_store(self) -> None:
        """Folder and file are closed to everybody else."""
        self.terminal.user("add", "alice", "--password-stdin", stdin="secret\n")
        self.assertEqual((self.terminal.folder / "state").stat().st_mode & 0o077, 0)
        self.assertEqual((self.terminal.folder / "state" / "oversip.sqlite").stat().st_mode & 0o077, 0)

    def test_full_domain(self) -> None:
        """A domain has no more users than it may; others, and those who are there, are none too many."""
        self.terminal = Terminal(
            self.mktemp(), 'domains = ["example.net"]\n[[domain]]\nname = "example.org"\nmax_users = 2\n'
        )
        users = ("a@example.org", 0), ("b@example.org", 0), ("c@example.org", 1), ("c", 0), ("d", 0), ("e", 0)
        for user, status in users:
            self.assertEqual(self.terminal.user("add", user, "--password-stdin", stdin="x\n"), status, user)
        self.assertEqual(self.terminal.user("add", "c@example.org", "--password-stdin", stdin="x\n"), 1)
        self.assertIn("example.org has 2 users and may have no more (max_users)", self.terminal.err)
        self.assertEqual(self.terminal.user("add", "b@example.org", "--password-stdin", stdin="x\n"), 1)
        self.assertIn("b@example.org exists", self.terminal.err)
        self.terminal.user("remove", "a@example.org")
        self.assertEqual(self.terminal.user("add", "c@example.org", "--password-stdin", stdin="x\n"), 0)

    def test_refusals(self) -> None:
        """Each refusal is one line on standard error, and status 1."""
        self.terminal.user("add", "alice", "--password-stdin", stdin="secret\n")
        for command, words, stdin, told in [
            ("add", ["alice", "--password-stdin"], "x\n", "alice@example.org exists"),
            ("add", ["carol@example.com", "--password-stdin"], "x\n", "example.com is not one of our domains"),
            ("add", ["carol", "--password-stdin"], "", "an empty password"),
            ("add", ["carol"], "secret\n", "no terminal to ask for a password on"),
            ("add", ["a:b", "--password-stdin"], "x\n", "no name of a user"),
            ("passwd", ["carol", "--password-stdin"], "x\n", "there is no user carol@example.org"),
            ("remove", ["carol"], "", "there is no user carol@example.org"),
        ]:
            self.assertEqual(self.terminal.user(command, *words, stdin=stdin), 1, told)
            self.assertEqual(self.terminal.err.count("\n"), 1, self.terminal.err)
            self.assertIn(told, self.terminal.err)
            self.assertEqual(self.terminal.out, "")

    def test_no_store_to_speak_of(self) -> None:
        """Users of a memory store cannot be added from outside."""
        terminal = Terminal(self.mktemp(), '[store]\nkind = "memory"\n')
        self.assertEqual(terminal.user("list"), 1)
        self.assertIn("live in the server alone", terminal.err)

    def test_store_that_cannot_be_opened(self) -> None:
        """A store that is none is one line, not a traceback."""
        terminal = Terminal(self.mktemp(), '[store]\npath = "oversip.toml"\n')
        self.assertEqual(terminal.user("list"), 1)
        self.assertEqual(terminal.err.count("\n"), 1)
        self.assertIn("oversip.toml", terminal.err)
