"""`make demo`: what it sets up and what it says."""

from __future__ import annotations

import contextlib
import io
import socket
from pathlib import Path

from twisted.trial import unittest

from oversip_tw import config
from oversip_tw.demo import __main__ as demo
from oversip_tw.demo import authority, places
from oversip_tw.demo.places import Ports, Trouble


class Demo(unittest.SynchronousTestCase):
    """From nothing to a configuration that can be run, without running it."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.runs: list[tuple[config.Config, str]] = []
        self.patch(demo, "run", self.run_)

    def run_(self, settings: config.Config, announcement: str) -> int:
        self.runs.append((settings, announcement))
        return 0

    def make(self, **environment: str) -> int:
        """`make demo` with ``environment``, on loopback."""
        self.out = io.StringIO()
        with contextlib.redirect_stderr(self.out):
            return demo.main({"DEMO_DIR": str(self.folder), "ADDRESSES": "127.0.0.1"} | environment)

    def test_first_and_second_start(self) -> None:
        """Passwords are random and shown at the first start; later ones say how to set new ones."""
        self.patch(places, "taken", lambda wanted: [])
        self.assertEqual(self.make(), 0)
        self.assertEqual(self.make(), 0)
        (_, first), (_, second) = self.runs
        shown = dict(line.split() for line in first.splitlines() if line.startswith(("  alice@", "  bob@")))
        self.assertEqual(set(shown), {"alice@localhost", "bob@localhost"})
        self.assertNotEqual(shown["alice@localhost"], shown["bob@localhost"])
        self.assertNotIn(shown["alice@localhost"], second)
        self.assertIn("oversip user passwd -c", second)

    def test_given_password(self) -> None:
        """DEMO_PASSWORD is both users' password from then on."""
        self.patch(places, "taken", lambda wanted: [])
        self.make()
        self.assertEqual(self.make(DEMO_PASSWORD="secret"), 0)
        self.assertIn("  alice@localhost  secret\n  bob@localhost  secret\n", self.runs[1][1])

    def test_places(self) -> None:
        """Page and WebSocket share one TLS port, SIP lives next to it; every name is in the certificate."""
        self.patch(places, "taken", lambda wanted: [])
        self.make(PORT_BASE="18443")
        settings, announcement = self.runs[0]
        there = {(each.transport, each.port, each.page) for each in settings.listen if each.address == "127.0.0.1"}
        self.assertEqual(
            there,
            {("wss", 18443, True), ("udp", 18444, False), ("tcp", 18444, False), ("tls", 18445, False)},
        )
        self.assertEqual(settings.domains, ("localhost",))
        self.assertIn("sip:127.0.0.1:18444", announcement)
        names = demo.certified_names(["127.0.0.1"])
        self.assertTrue({"localhost", config.host_name(), "127.0.0.1", "::1"} <= set(names))
        self.assertFalse(authority.ensure(self.folder, names))

    def test_taken_ports(self) -> None:
        """Ports that are taken are named in one line that says what to do, and nothing is started."""
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            base = port if port <= 65533 else port - 2
            self.assertEqual(self.make(PORT_BASE=str(base)), 1)
        told = self.out.getvalue()
        self.assertEqual(told.count("\n"), 1)
        self.assertIn(f"tcp port {port} (on 127.0.0.1)", told)
        self.assertIn("make demo PORT_BASE=", told)
        self.assertEqual(self.runs, [])

    def test_no_right(self) -> None:
        """A port that is free but not for us is not called taken."""

        class Refused(socket.socket):
            def bind(self, place: object) -> None:
                raise PermissionError

        self.patch(places, "_socket", lambda transport, address: Refused())
        with self.assertRaisesRegex(Trouble, "no right to open tcp port 443"):
            places.taken([("tcp", "127.0.0.1", 443)])

    def test_page_addresses(self) -> None:
        """The page's addresses are localhost and those that others reach, also on a machine without IPv6."""
        self.patch(demo, "is_built", lambda: True)
        told = demo.announcement(self.folder, ["127.0.0.1", "192.0.2.7"], Ports(), {})
        there = demo.announcement(self.folder, ["127.0.0.1", "::1", "192.0.2.7"], Ports(), {})
        for text in (told, there):
            self.assertIn("https://localhost:8443/\n  https://192.0.2.7:8443/\nUsers", text)

    def test_nonsense(self) -> None:
        """What was mistyped is said in one line."""
        for environment in (
            {"PORT_BASE": "http"},
            {"PORT_BASE": "70000"},
            {"ADDRESSES": "here"},
            {"ADDRESSES": "192.0.2.77"},
        ):
            self.assertEqual(self.make(**environment), 1)
            self.assertEqual(self.out.getvalue().count("\n"), 1)

    def test_ports(self) -> None:
        """The usual ports, or three in a row."""
        self.assertEqual(Ports.of(""), Ports(8443, 5060, 5061))
        self.assertEqual(Ports.of("7000"), Ports(7000, 7001, 7002))
        with self.assertRaises(Trouble):
            Ports.of("65534")
