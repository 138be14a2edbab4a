"""Users in the database, as the command line sees them."""

from __future__ import annotations

from hashlib import md5, sha256

from twisted.trial import unittest

from oversip_tw.auth import digest
from oversip_tw.store.database import open_database
from oversip_tw.store.passwords import (
    ALGORITHMS,
    UnknownUser,
    UserExists,
    add_user,
    change_password,
    digests,
    list_users,
    remove_user,
)


class Users(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.database = open_database(self.path)
        self.addCleanup(self.database.close)

    def test_digests(self) -> None:
        """What is stored is HA1 as authentication computes it, for each algorithm there."""
        self.assertEqual(
            dict(zip(ALGORITHMS, (each.hex() for each in digests("jörg", "example.com", "pä ss:w")), strict=True)),
            {name: digest.ha1(name, "jörg", "example.com", "pä ss:w") for name in digest.ALGORITHMS},
        )
        self.assertEqual(digests("a", "b", "c")[:2], (md5(b"a:b:c").digest(), sha256(b"a:b:c").digest()))

    def test_life_of_a_user(self) -> None:
        """Added, changed, removed, added again."""
        add_user(self.database, "alice", "Example.COM", "one")
        add_user(self.database, "bob", "example.com", "one")
        self.assertEqual(list_users(self.database), [("alice", "example.com"), ("bob", "example.com")])
        change_password(self.database, "alice", "EXAMPLE.com", "two")
        remove_user(self.database, "alice", "example.com")
        self.assertEqual(list_users(self.database), [("bob", "example.com")])
        add_user(self.database, "alice", "example.com", "three")
        stored = self.database.execute("SELECT md5 FROM users WHERE name = 'alice'").fetchone()
        self.assertEqual(stored, (md5(b"alice:example.com:three").digest(),))

    def test_refused(self) -> None:
        """Nobody twice, nothing to change or to remove that is not there, and a password stays as it is then."""
        add_user(self.database, "alice", "example.com", "one")
        self.assertRaises(UserExists, add_user, self.database, "alice", "EXAMPLE.com", "two")
        self.assertRaises(UnknownUser, change_password, self.database, "Alice", "example.com", "two")
        self.assertRaises(UnknownUser, remove_user, self.database, "alice", "example.net")
        remove_user(self.database, "alice", "example.com")
        self.assertRaises(UnknownUser, remove_user, self.database, "alice", "example.com")
        self.assertRaises(UnknownUser, change_password, self.database, "alice", "example.com", "two")

    def test_names(self) -> None:
        """A name no phone could prove is refused: a colon would move the border between name and realm."""
        for name in ("", "a:b", "a b", "a@b", "a\n", 'a"', "<a>", "a" * 300):
            self.assertRaises(ValueError, add_user, self.database, name, "example.com", "x")
        self.assertRaises(ValueError, add_user, self.database, "a", "", "x")
        add_user(self.database, "a", "::1", "x")  # a domain may be an IPv6 address

    def test_removed_secrets(self) -> None:
        """Of a removed user nothing but the name is left."""
        add_user(self.database, "alice", "example.com", "one")
        remove_user(self.database, "alice", "example.com")
        self.assertEqual(
            self.database.execute("SELECT md5, sha_256, sha_512_256 FROM users").fetchall(), [(None, None, None)]
        )

    def test_no_password(self) -> None:
        """No password is in the file, nor in its log."""
        add_user(self.database, "alice", "example.com", "VerySecret")
        with open(self.path, "rb") as main, open(f"{self.path}-wal", "rb") as log:
            self.assertNotIn(b"VerySecret", main.read() + log.read())
