"""sipvicious, what scanners of the Internet use: it finds a SIP server, no user, and no password."""

from __future__ import annotations

from .case import SystemCase
from .processes import Child, program
from .server import Server


class Sipvicious(SystemCase):
    """Debian's package against a server with users whose names are in its list."""

    def setUp(self) -> None:
        names = [("100", "100"), ("101", "easy"), ("1000", "1000"), ("alice", "alice")]
        server = Server(names=names, users=0, domain="127.0.0.1")
        self.addCleanup(server.stop)
        self.use(server)

    def run_tool(self, name: str, *words: str) -> str:
        """What it says."""
        child = Child(name, [program(name), *words])
        child.wait(60)
        return child.output()

    @property
    def place(self) -> list[str]:
        return ["-p", str(self.server.port), "127.0.0.1"]

    def test_A4_svwar_finds_nobody(self) -> None:
        """A4: none of its methods tells a user from a name that is nobody's."""
        words = self.server.folder.write("names", "100\n101\n1000\nalice\nbob\n99\n")
        for method in ("REGISTER", "INVITE", "OPTIONS"):
            for force in ((), ("--force",)):
                said = self.run_tool("svwar", "-m", method, "-d", str(words), *force, *self.place)
                self.assertIn("found nothing", said)

    def crack(self, user: str, guesses: list[str]) -> str:
        words = self.server.folder.write(f"words-{user}", "\n".join([*guesses, ""]))
        return self.run_tool("svcrack", "-u", user, "-d", str(words), *self.place)

    def test_A7_svcrack_is_stopped(self) -> None:
        """A7: the right password, beyond the tenth guess, is of no use from there; the log says so once."""
        self.assertIn("| 100 ", self.crack("100", ["a", "b", "100"]), "it does guess")
        said = self.crack("101", [*(f"guess{number}" for number in range(40)), "easy"])
        self.assertIn("found nothing", said)
        self.assertEqual(1, self.server.child.output().count("too many failed logins from 127.0.0.1 for 101@127.0.0.1"))

    def test_svmap_learns_no_version(self) -> None:
        """It sees that something answers, and not what."""
        said = self.run_tool("svmap", *self.place)
        self.assertIn(f"127.0.0.1:{self.server.port}", said)
        self.assertNotIn("OverSIP", said)
