"""``oversip user forward``: rules are set, shown and forgotten."""

from __future__ import annotations

from twisted.trial import unittest

from tests.cli.terminal import Terminal

NOTHING = "forward_busy\t-\nforward_no_answer\t-\nforward_unregistered\t-\nring_timeout\t-\n"


class Forward(unittest.SynchronousTestCase):
    """One command after another on one store."""

    def setUp(self) -> None:
        self.terminal = Terminal(self.mktemp())
        self.terminal.user("add", "bob", "--password-stdin", stdin="x\n")

    def test_set_show_reset(self) -> None:
        """Each option sets one rule and leaves the others; --reset forgets all."""
        self.assertEqual(0, self.terminal.user("forward", "bob"))
        self.assertEqual(NOTHING, self.terminal.out)
        self.assertEqual(0, self.terminal.user("forward", "bob", "--busy", "alice", "--no-answer", "alice@example.net"))
        told = "forward_busy\tsip:alice@example.org\nforward_no_answer\tsip:alice@example.net\n"
        told += "forward_unregistered\t-\n"
        self.assertEqual(f"{told}ring_timeout\t25\n", self.terminal.out)
        self.assertEqual(0, self.terminal.user("forward", "bob", "--ring-timeout", "7.5"))
        self.assertEqual(f"{told}ring_timeout\t7.5\n", self.terminal.out)
        self.assertEqual(0, self.terminal.user("forward", "bob", "--reset", "--unregistered", "sip:x@example.org"))
        self.assertIn("forward_busy\t-\nforward_no_answer\t-\nforward_unregistered\tsip:x@", self.terminal.out)
        self.assertEqual(0, self.terminal.user("forward", "bob", "--reset"))
        self.assertEqual(NOTHING, self.terminal.out)

    def test_removed_user(self) -> None:
        """Nobody's calls go on by the rules of a user who was removed."""
        self.terminal.user("forward", "bob", "--busy", "alice")
        self.terminal.user("remove", "bob")
        self.terminal.user("add", "bob", "--password-stdin", stdin="x\n")
        self.terminal.user("forward", "bob")
        self.assertEqual(NOTHING, self.terminal.out)

    def test_nowhere(self) -> None:
        """ "" is to nowhere."""
        self.terminal.user("forward", "bob", "--busy", "alice")
        self.terminal.user("forward", "bob", "--busy", "")
        self.assertEqual(NOTHING, self.terminal.out)

    def test_refusals(self) -> None:
        """Each is one line on standard error, and nothing changes."""
        for words, told in (
            (("bob", "--busy", "bob"), "leads back to the same user"),
            (("bob", "--busy", "x@far.example"), "far.example is a foreign domain"),
            (("bob", "--busy", "tel:+1555"), "neither a user nor a SIP URI"),
            (("bob", "--ring-timeout", "0"), "a ring timeout is 1 to 3600 seconds"),
            (("bob", "--ring-timeout", "nan"), "a ring timeout is 1 to 3600 seconds"),
            (("nobody", "--busy", "alice"), "there is no user nobody@example.org"),
            (("b:b", "--busy", "alice"), "no name of a user"),
            (("bob@far.example", "--busy", "alice"), "far.example is not one of our domains"),
        ):
            self.assertEqual(1, self.terminal.user("forward", *words), words)
            self.assertIn(told, self.terminal.err)
            self.assertEqual(1, self.terminal.err.count("\n"), self.terminal.err)
        self.terminal.user("forward", "bob")
        self.assertEqual(NOTHING, self.terminal.out)
