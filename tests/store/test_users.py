"""Users in memory."""

from __future__ import annotations

import hashlib

from twisted.trial import unittest

from oversip_tw.store.passwords import digests
from oversip_tw.store.users import KnownUsers
from tests.registrar.phones import outcome


class Known(unittest.SynchronousTestCase):
    def test_ha1(self) -> None:
        """Known users have HA1 in hex per algorithm, of a domain in any letter case; names count to the letter."""
        users = KnownUsers()
        users.set("alice", "Example.com", digests("alice", "example.com", "x"))
        md5 = digests("alice", "example.com", "x")[0].hex()
        self.assertEqual(outcome(users.ha1("alice", "EXAMPLE.com", "MD5")), md5)
        for user, domain, algorithm in (
            ("Alice", "example.com", "MD5"),
            ("alice", "example.net", "MD5"),
            ("alice", "example.com", "SHA-1"),
            ("alice' OR '1'='1", "example.com", "MD5"),
        ):
            self.assertIsNone(outcome(users.ha1(user, domain, algorithm)))

    def test_lacking(self) -> None:
        """A user may have some algorithms alone."""
        users = KnownUsers()
        users.set("alice", "example.com", (b"\1" * 16, None, None))
        self.assertEqual(outcome(users.ha1("alice", "example.com", "MD5")), "01" * 16)
        self.assertIsNone(outcome(users.ha1("alice", "example.com", "SHA-256")))
        users.set("alice", "example.com", None)
        self.assertEqual(len(users), 0)

    def test_by_userhash(self) -> None:
        """RFC 7616 §3.4.4: whoever has a hash is found by it, also who came or went since the first question."""
        known = KnownUsers()
        known.set("alice", "Example.com", (b"a", b"b", b"c"))

        def found(name: str, hash: str = "md5") -> str | None:
            return known.name_of(hashlib.new(hash, f"{name}:A Realm".encode()).hexdigest(), "EXAMPLE.com", "A Realm")

        self.assertEqual([found("alice", hash) for hash in ("md5", "sha256", "sha512_256")], ["alice"] * 3)
        self.assertIsNone(found("bob"))
        known.set("bob", "example.com", (b"a", b"b", b"c"))
        known.set("alice", "example.com", None)
        known.set("carol", "other.example", (b"a", b"b", b"c"))
        self.assertEqual((found("alice"), found("bob"), found("carol")), (None, "bob", None))
        known.replace({("carol", "example.com"): (b"a", b"b", b"c")})
        self.assertEqual((found("bob"), found("carol")), (None, "carol"))
