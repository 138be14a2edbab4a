"""The htdigest file: what it may hold, and when it is read again."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store.htdigest import HtdigestUsers, read
from oversip_tw.testing import Clock
from tests.registrar.phones import DOMAIN, outcome
from tests.store.files import Reactor

ONE, TWO = "0" * 32, "A" * 32


class Files(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.reactor = Reactor()
        self.failures: list[BaseException] = []

    def users(self) -> HtdigestUsers:
        made = HtdigestUsers(self.path, self.clock, self.reactor.call, self.failures.append)
        made.start()
        self.addCleanup(lambda: outcome(made.close()))
        return made

    def test_lines(self) -> None:
        """Comments and empty lines, an IPv6 address as realm, and letter case."""
        self.path.write_text(f"# made by hand\n\nalice:Example.COM:{ONE}\n  \nbob:::1:{TWO}\n")
        self.assertEqual(
            read(self.path),
            {("alice", "example.com"): (bytes(16), None, None), ("bob", "::1"): (b"\xaa" * 16, None, None)},
        )

    def test_refused(self) -> None:
        """What cannot be read is one line with the number of the line; no password that is there is told."""
        for content, told in (
            (f"alice:{DOMAIN}:{ONE}\nalice:{DOMAIN}:secret\n".encode(), "line 2 does not end with 32 hexadecimal"),
            (f"{ONE}\n".encode(), "line 1 names no user"),
            (f"a b:{DOMAIN}:{ONE}\n".encode(), "line 1 names no user"),
            (b"\xff\n", "it is not UTF-8 (byte 0)"),
        ):
            self.path.write_bytes(content)
            error = self.assertRaises(StoreFailed, read, self.path)
            self.assertIn(told, str(error))
            self.assertNotIn("secret", str(error))
        self.path.unlink()
        self.assertIn("No such file", str(self.assertRaises(StoreFailed, self.users)))

    def test_bad_change(self) -> None:
        """A change that cannot be read is said once, and everybody stays; the next good one counts."""
        self.path.write_text(f"alice:{DOMAIN}:{ONE}\n")
        users = self.users()
        self.path.write_text("rubbish\n")
        for _ in range(3):
            self.clock.advance(1)
            if not self.failures:
                self.reactor.turn()
        self.assertEqual(len(self.failures), 1)
        self.assertEqual(users.ha1_now("alice", DOMAIN, "MD5"), ONE)
        self.path.unlink()
        self.clock.advance(1)
        self.reactor.turn()
        self.assertEqual((len(self.failures), users.known), (2, 1))
        self.path.write_text(f"bob:{DOMAIN}:{TWO}\n")
        self.clock.advance(1)
        self.reactor.turn()
        self.assertIsNone(users.ha1_now("alice", DOMAIN, "MD5"))
        self.assertEqual(users.ha1_now("bob", DOMAIN, "MD5"), TWO.lower())

    def test_unchanged(self) -> None:
        """It is not read while it stays as it is, and no timer is left at the end."""
        self.path.write_text(f"alice:{DOMAIN}:{ONE}\n")
        users = self.users()
        for _ in range(3):
            self.clock.advance(1)
        self.assertTrue(self.reactor._calls.empty())
        outcome(users.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
