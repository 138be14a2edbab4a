"""``oversip check``, and what every command does with a configuration that is no good."""

from __future__ import annotations

import sys

from twisted.trial import unittest

from oversip_tw import __version__, native
from oversip_tw.demo import authority
from tests.cli.terminal import Terminal


class Check(unittest.SynchronousTestCase):
    """Good or not, and why not."""

    def test_good(self) -> None:
        """A good configuration is called so; the built-in one is."""
        terminal = Terminal(self.mktemp())
        self.assertEqual(terminal.type("check", str(terminal.file)), 0)
        self.assertEqual(terminal.out, f"{terminal.file}: good\n")
        self.assertEqual(terminal.type("check", "-c", str(terminal.file)), 0)
        self.assertEqual(terminal.type("check"), 0)

    def test_every_command_tells_all_mistakes(self) -> None:
        """A bad configuration ends every command with all that is wrong with it, a line each, and status 1."""
        terminal = Terminal(self.mktemp(), "prot = 1\n[timers]\nt1 = 0\n")
        for words in (["check"], ["run"], ["user", "list"], ["bindings"]):
            self.assertEqual(terminal.type(*words, "-c", str(terminal.file)), 1)
            self.assertEqual(
                sorted(terminal.err.splitlines()),
                [
                    f"{terminal.file}: prot: unknown; did you mean listen.port?",
                    f"{terminal.file}: timers.t1: must be seconds, at least 0.001, not 0",
                ],
            )

    def test_certificates_and_hooks(self) -> None:
        """What only shows when it is used is looked at too: a certificate that is none, hooks that are not there."""
        terminal = Terminal(
            self.mktemp(),
            'hooks = "nowhere_to_be_found:Hooks"\n[[listen]]\ntransport = "tls"\n'
            'certificate = "oversip.toml"\nkey = "oversip.toml"\n',
        )
        self.assertEqual(terminal.type("check", str(terminal.file)), 1)
        first, second = terminal.err.splitlines()
        self.assertIn("listen[1].certificate: ", first)
        self.assertIn("hooks: cannot load nowhere_to_be_found:Hooks: ModuleNotFoundError", second)

    def test_A15_secrets(self) -> None:
        """Neither a wrong one nor a good one is repeated; that there is one is said."""
        wrong = '[admin]\nport = 0\ntoken = "s3cret!"\n[users]\nkind = "http"\nurl = "htp://a:s3cret@b"\ntoken = ""\n'
        terminal = Terminal(self.mktemp(), wrong)
        self.assertEqual(terminal.type("check", str(terminal.file)), 1)
        self.assertEqual(3, len(terminal.err.splitlines()), terminal.err)
        self.assertNotIn("s3cret", terminal.err)
        good = wrong.replace("s3cret!", "s3cret-and-longer").replace("htp:", "http:").replace('""', '"s3cret"')
        terminal = Terminal(self.mktemp(), good)
        self.assertEqual(terminal.type("check", str(terminal.file), "--effective"), 0)
        self.assertNotIn("s3cret", terminal.out + terminal.err)
        self.assertEqual(2, terminal.out.count("# token is set, and not shown\n"))
        self.assertIn("# url is set, and not shown\n", terminal.out)
        terminal.file.write_text(good.replace("a:s3cret@", ""))
        self.assertEqual(terminal.type("check", str(terminal.file), "--effective"), 0)
        self.assertIn('url = "http://b"\n', terminal.out)

    def test_byte_order_mark(self) -> None:
        """Some editors begin a file with one."""
        terminal = Terminal(self.mktemp())
        terminal.file.write_bytes(b"\xef\xbb\xbf" + terminal.file.read_bytes())
        self.assertEqual(terminal.type("check", str(terminal.file)), 0)

    def test_file_of_users(self) -> None:
        """One that is not there, or names none, is told with the key that names it."""
        terminal = Terminal(self.mktemp(), '[users]\nkind = "htdigest"\npath = "users"\n')
        for content in (None, "alice:example.org:nothing\n"):
            if content is not None:
                (terminal.folder / "users").write_text(content)
            self.assertEqual(terminal.type("check", str(terminal.file)), 1)
            self.assertIn("oversip.toml: users.path: cannot ", terminal.err)

    def test_authorities_and_profiles(self) -> None:
        """So are the authorities for clients, and what profiles say of TLS, each with its key."""
        terminal = Terminal(
            self.mktemp(),
            '[[listen]]\ntransport = "tls"\ncertificate = "server.pem"\nkey = "server.key"\n'
            'client_certificate = "ask"\nauthorities = "oversip.toml"\n'
            '[[profile]]\nname = "a"\n[[profile]]\nname = "b"\nauthorities = "oversip.toml"\n'
            '[[profile]]\nname = "c"\ncertificate = "server.pem"\nkey = "ca.key"\n',
        )
        authority.ensure(terminal.folder, ["localhost"])
        self.assertEqual(terminal.type("check", str(terminal.file)), 1)
        told = [line.split(": ")[1] for line in terminal.err.splitlines()]
        self.assertEqual(told, ["listen[1].authorities", "profile[2].authorities", "profile[3].certificate"])
        self.assertEqual(terminal.type("run", "-c", str(terminal.file)), 1)
        self.assertIn("no usable PEM certificates", terminal.err)

    def test_key_of_another_certificate(self) -> None:
        """A key that does not belong to its certificate is told before the first browser comes."""
        terminal = Terminal(
            self.mktemp(), '[[listen]]\ntransport = "wss"\ncertificate = "server.pem"\nkey = "ca.key"\n'
        )
        authority.ensure(terminal.folder, ["localhost"])
        self.assertEqual(terminal.type("check", str(terminal.file)), 1)
        self.assertIn("listen[1].certificate: ", terminal.err)

    def test_hooks_of_the_wrong_kind(self) -> None:
        """Hooks that are no Hooks are told so."""
        terminal = Terminal(self.mktemp(), 'hooks = "collections:OrderedDict"\n')
        self.assertEqual(terminal.type("check", str(terminal.file)), 1)
        self.assertIn("collections:OrderedDict is not derived from oversip_tw.hooks.Hooks", terminal.err)


class CommandLine(unittest.SynchronousTestCase):
    """The command line itself."""

    def test_version(self) -> None:
        """--version says name, version and which build it is."""
        terminal = Terminal(self.mktemp())
        self.assertEqual(terminal.type("--version"), 0)
        self.assertEqual(terminal.out, f"oversip {__version__} ({native.name()})\n")

    def test_not_understood(self) -> None:
        """No command, or one that there is not: usage and status 2."""
        terminal = Terminal(self.mktemp())
        for words in ([], ["fly"], ["user"], ["user", "fly"], ["user", "add"]):
            self.assertEqual(terminal.type(*words), 2)
            self.assertIn("usage: oversip", terminal.err)

    def test_small_commands_do_not_wait_for_twisted(self) -> None:
        """The parser needs no reactor: none is installed by asking for help."""
        self.assertNotIn("twisted.internet.reactor", vars(sys.modules["oversip_tw.cli.arguments"]))
