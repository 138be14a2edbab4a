"""``oversip bindings``: who is registered, read from the store."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

from twisted.trial import unittest

from oversip_tw.cli.bindings import line
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes
from oversip_tw.store import bindings
from oversip_tw.store.database import open_database
from tests.cli.terminal import Terminal

ALICE = Binding(
    "sip:alice@example.org",
    "sip:x@h.invalid;transport=ws",
    expires_at=time.time() + 600,
    key=b"1",
    user_agent="JsSIP 3",
)
BOB = replace(ALICE, aor="sip:bob@example.org", contact="sip:bob@192.0.2.1", key=b"2", user_agent="")


class Bindings(unittest.SynchronousTestCase):
    """What is listed."""

    def setUp(self) -> None:
        self.terminal = Terminal(self.mktemp())
        (self.terminal.folder / "state").mkdir()
        gone = replace(ALICE, key=b"3", contact="sip:gone@192.0.2.1", expires_at=time.time() - 1)
        with contextlib.closing(open_database(self.terminal.folder / "state" / "oversip.sqlite")) as database:
            bindings.write(database, Changes(put=[ALICE, BOB, gone]))

    def test_all(self) -> None:
        """Every binding that lives, user by user; what has expired is not shown."""
        self.assertEqual(self.terminal.type("bindings", "-c", str(self.terminal.file)), 0)
        rows = [row.split("\t") for row in self.terminal.out.splitlines()]
        self.assertEqual(
            [(row[0], row[1], row[3]) for row in rows],
            [
                ("sip:alice@example.org", "sip:x@h.invalid;transport=ws", "JsSIP 3"),
                ("sip:bob@example.org", "sip:bob@192.0.2.1", "-"),
            ],
        )

    def test_of_one_user(self) -> None:
        """One user's alone, also by the bare name."""
        self.assertEqual(self.terminal.type("bindings", "-c", str(self.terminal.file), "bob"), 0)
        self.assertEqual(len(self.terminal.out.splitlines()), 1)
        self.assertIn("bob@192.0.2.1", self.terminal.out)

    def test_no_user(self) -> None:
        """What can be no user's name is told in a line."""
        for name in ("x y", "@example.org", "<", "bob@elsewhere.example"):
            self.assertEqual(self.terminal.type("bindings", "-c", str(self.terminal.file), name), 1)
            self.assertEqual(self.terminal.err.count("\n"), 1, name)

    def test_p7_terminal(self) -> None:
        """P7: what a phone wrote cannot move the cursor of who reads it."""
        shown = line(replace(ALICE, user_agent="a\x1b[2Jb\tc\udcff"), 0)
        self.assertTrue(shown.endswith("\ta?[2Jb?c?"), shown)
