"""Check 1: OverSIP's configuration, moved over and checked."""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw import config
from oversip_tw.config.effective import effective
from tests.cli.oversip_files import PROFILES, SERVER, OverSip, certificate
from tests.cli.terminal import Terminal


class ImportTests(SynchronousTestCase):
    """The files that OverSIP came with, by `oversip import-oversip`. (tests/migration takes every key by itself.)"""

    def moved(self, server: str = SERVER, profiles: str = PROFILES, certificates: bool = False) -> OverSip:
        return OverSip(self.mktemp(), server, profiles, certificates)

    def test_01_shipped_files(self) -> None:
        """Everything that was switched on listens, and every profile keeps its timers, transports, families and
        look-ups; OverSIP's own Max-Forwards of 10 comes along."""
        oversip = self.moved()
        moved = oversip.moved("--core", "sip:pbx.example.net")
        self.assertEqual({"udp", "tcp", "ws"}, {each["transport"] for each in moved["listen"]})
        self.assertEqual({5060, 10080}, {each["port"] for each in moved["listen"]})
        self.assertEqual(10, moved["edge"]["max_forwards_cap"])
        loaded = config.loads(oversip.text)
        profiles = {each.name: each for each in loaded.profile}
        self.assertEqual({"default", "in_dialog", "users", "core"}, set(profiles))
        core, inside, users, default = (profiles[name] for name in ("core", "in_dialog", "users", "default"))
        self.assertEqual((6, 60, 6), (core.timer_b, core.timer_c, core.timer_f))
        self.assertEqual((32, 60, 32), (inside.timer_b, inside.timer_c, inside.timer_f))
        self.assertEqual((32, 120, 32), (default.timer_b, default.timer_c, default.timer_f))
        self.assertEqual((False, False), (inside.naptr, inside.srv))
        self.assertEqual((False, False), (users.dns, users.failover_on_503))
        self.assertEqual(("tcp", "udp"), default.transports)  # OverSIP, too, left tls out where it had no certificate
        self.assertEqual(("ipv4", "ipv6"), default.families)

    def test_01_good_for_check(self) -> None:
        """What was written is good, certificates and all, says `oversip check`."""
        server = SERVER.split("tls:\n")[0]
        oversip = self.moved(server, certificates=True)
        folder = oversip.folder
        (folder / "oversip.conf").write_text(server + certificate(folder))
        self.assertEqual(0, oversip.move("--core", "sip:192.0.2.7", "-o", str(folder / "new.toml")), oversip.told)
        self.assertEqual(0, oversip.terminal.type("check", "-c", str(folder / "new.toml")), oversip.terminal.err)
        written = tomllib.loads((folder / "new.toml").read_text())
        self.assertEqual({"udp", "tcp", "tls", "ws", "wss"}, {each["transport"] for each in written["listen"]})

    def test_01_limits(self) -> None:
        """Values beyond OverSIP's limits are refused by file, line and key, and nothing is written."""
        for old, new, key in (
            ("tcp_keepalive_interval: null", "tcp_keepalive_interval: 179", "sip.tcp_keepalive_interval"),
            ("  listen_port: 5060", "  listen_port: 65536", "sip.listen_port"),
            ("max_ws_message_size: 65536", "max_ws_message_size: 1048576", "websocket.max_ws_message_size"),
        ):
            oversip = self.moved(SERVER.replace(old, new))
            self.assertEqual(1, oversip.move())
            self.assertTrue(any(key in line for line in oversip.told), oversip.told)
            self.assertEqual("", oversip.text)
        oversip = self.moved(profiles=PROFILES.replace("timer_C: 120", "timer_C: 7"))
        self.assertEqual(1, oversip.move())
        [line] = oversip.told
        self.assertRegex(line, r"^proxies\.conf:\d+: default_proxy\.timer_C: ")

    def test_01_all_addresses(self) -> None:
        """0.0.0.0, which OverSIP refused by name, is an address here, where the default listens as well."""
        oversip = self.moved(SERVER.replace("listen_ipv4: null", "listen_ipv4: 0.0.0.0", 1))
        self.assertIn("0.0.0.0", {each["address"] for each in oversip.moved()["listen"]})

    def test_01_typing_error(self) -> None:
        """A key that there is not is told (OverSIP ignored it)."""
        oversip = self.moved(SERVER.replace("sip_udp:", "sip_upd:"))
        self.assertEqual(1, oversip.move())
        self.assertTrue(any("sip_upd" in line for line in oversip.told), oversip.told)


class CheckTests(SynchronousTestCase):
    """Our own file."""

    def test_01_effective(self) -> None:
        """`check --effective` prints what holds, every default included, and that is a file which says the same."""
        text = '[edge]\ncore = "sip:pbx.example.net"\n[[profile]]\nname = "core"\ntimer_b = 6\n[[listen]]\n'
        text += 'transport = "udp"\n[[listen]]\n'
        terminal = Terminal(self.mktemp(), text + 'transport = "ws"\norigins = ["https://phone.example.org"]\n')
        self.assertEqual(0, terminal.type("check", "-c", str(terminal.file), "--effective"), terminal.err)
        shown = tomllib.loads(terminal.out)
        self.assertEqual(6.0, shown["profile"][0]["timer_b"])
        self.assertEqual(32.0, shown["profile"][0]["timer_f"])
        self.assertEqual("path", shown["edge"]["return"])
        self.assertEqual(181.0, shown["timers"]["timer_c"])
        before = config.load(str(terminal.file))
        self.assertEqual(before, config.loads(terminal.out))
        self.assertEqual(terminal.out, effective(before))

    def test_01_effective_default(self) -> None:
        """So does what holds without any file, and what is odd in a file."""
        self.assertEqual(config.default(), config.loads(effective(config.default())))
        odd = config.loads('state_dir = "a \\"b\\" \\\\ ü\\n"\n', Path("/"))
        self.assertEqual(odd, config.loads(effective(odd), Path("/")))

    def test_01_mistakes(self) -> None:
        """A typing error and a wrong value are each told in a line, and the exit status is 1."""
        terminal = Terminal(self.mktemp(), '[edge]\ncore = "sip:a"\nprob = 5\n[timers]\ntimer_c = 0\n')
        self.assertEqual(1, terminal.type("check", "-c", str(terminal.file), "--effective"))
        self.assertEqual("", terminal.out)
        self.assertEqual(2, len(terminal.err.splitlines()))
        self.assertIn("edge.prob: unknown; did you mean probe?", terminal.err)
        self.assertEqual(1, terminal.type("run", "-c", str(terminal.file)))
