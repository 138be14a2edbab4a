"""``oversip user alias``: further names of users."""

from __future__ import annotations

from twisted.trial import unittest

from tests.cli.terminal import Terminal

CONFIG = 'domains = ["example.org"]\n[[alias]]\nuser = "carol@example.org"\nnames = "sales"\n'


class Alias(unittest.SynchronousTestCase):
    """One command after another on one store."""

    def setUp(self) -> None:
        self.terminal = Terminal(self.mktemp(), CONFIG)
        for name in ("alice", "bob", "carol"):
            self.terminal.user("add", name, "--password-stdin", stdin="x\n")

    def alias(self, *words: str) -> int:
        return self.terminal.user("alias", *words)

    def test_add_list_remove(self) -> None:
        """Twice the same is no mistake; a name in any letters comes back as it was."""
        for _ in range(2):
            self.assertEqual(0, self.alias("add", "info", "alice"))
        self.assertEqual(0, self.alias("add", "ä b@example.org".replace(" ", ""), "bob@example.org"))
        self.assertEqual(0, self.alias("list"))
        told = "info@example.org\talice@example.org\näb@example.org\tbob@example.org\n"
        self.assertEqual(told, self.terminal.out)
        self.assertEqual(0, self.alias("remove", "info"))
        self.assertEqual("removed info@example.org\n", self.terminal.out)
        self.assertEqual(0, self.alias("add", "info", "bob"))
        self.alias("list")
        self.assertIn("info@example.org\tbob@example.org\n", self.terminal.out)

    def test_goes_with_the_user(self) -> None:
        """Who comes after him under the same name has none of his."""
        self.alias("add", "info", "alice")
        self.terminal.user("remove", "alice")
        self.terminal.user("add", "alice", "--password-stdin", stdin="x\n")
        self.alias("list")
        self.assertEqual("", self.terminal.out)

    def test_refusals(self) -> None:
        """Each is one line on standard error, and nothing changes."""
        self.alias("add", "info", "alice")
        for words, told in (
            (("add", "help", "nobody"), "there is no user nobody@example.org"),
            (("add", "alice", "bob"), "alice@example.org is a user"),
            (("add", "bob", "bob"), "bob@example.org is a user"),
            (("add", "info", "bob"), "info@example.org is an alias of alice@example.org"),
            (("add", "help", "info"), "there is no user info@example.org"),
            (("add", "sales", "bob"), "sales@example.org is an alias by the configuration"),
            (("add", "a:b", "bob"), "no name of a user"),
            (("add", "help@far.example", "bob"), "far.example is not one of our domains"),
            (("remove", "help"), "help@example.org is no alias in the store"),
        ):
            self.assertEqual(1, self.alias(*words), words)
            self.assertIn(told, self.terminal.err)
            self.assertEqual(1, len(self.terminal.err.splitlines()))
        self.alias("list")
        self.assertEqual("info@example.org\talice@example.org\n", self.terminal.out)

    def test_where_users_are_elsewhere(self) -> None:
        """Nobody can tell who is a user then; what is an alias is known."""
        away = 'domains = ["example.org"]\n[users]\nkind = "http"\nurl = "http://127.0.0.1:9/"\n'
        self.terminal = Terminal(self.mktemp(), away)
        self.assertEqual(0, self.alias("add", "info", "alice"))
        for words, told in (
            (("add", "help", "info"), "info@example.org is an alias itself"),
            (("add", "alice", "bob"), "alice@example.org has aliases, so it is a user"),
        ):
            self.assertEqual(1, self.alias(*words), words)
            self.assertIn(told, self.terminal.err)
