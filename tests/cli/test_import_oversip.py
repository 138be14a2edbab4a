"""``oversip import-oversip``: what is written, what is told, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial import unittest

from oversip_tw import config
from tests.cli.oversip_files import PROFILES, SERVER, OverSip, certificate, listeners


class Samples(unittest.SynchronousTestCase):
    """The files that OverSIP came with."""

    def setUp(self) -> None:
        self.oversip = OverSip(self.mktemp())

    def test_written(self) -> None:
        """They become a configuration that our loader takes, with the listeners and profiles that they had."""
        moved = self.oversip.moved()
        self.assertEqual(
            listeners(moved),
            [
                ("udp", "0.0.0.0", 5060),
                ("tcp", "0.0.0.0", 5060),
                ("udp", "::", 5060),
                ("tcp", "::", 5060),
                ("ws", "0.0.0.0", 10080),
                ("ws", "::", 10080),
            ],
        )
        self.assertEqual([each["name"] for each in moved["profile"]], ["default", "in_dialog", "users", "core"])
        self.assertEqual(moved["edge"], {"core": "sip:CHANGE-ME.example.net", "max_forwards_cap": 10})
        self.assertEqual(moved["log"], {"level": "info"})

    def test_told(self) -> None:
        """What did not come along is told, each in a line with its file, its line there, its key and what to do."""
        self.assertEqual(self.oversip.move(), 0)
        told = self.oversip.told
        self.assertTrue(
            any(line.startswith("oversip.conf:42: websocket.ws_keepalive_interval: not c") for line in told)
        )
        self.assertTrue(any(line.startswith("oversip.conf:9: sip.sip_tls: no such listener") for line in told))
        self.assertTrue(any(line.startswith("proxies.conf:4: default_proxy.use_dns_cache: ") for line in told))
        self.assertTrue(told[-1].startswith("edge.core: sip:CHANGE-ME.example.net stands there"))
        self.assertFalse(any("use_tls_tunnel: " in line for line in told), "there was no tunnel to lose")

    def test_core(self) -> None:
        """--core names what the edge stands in front of, and nothing is left to do there; two are tried in order."""
        self.assertEqual(self.oversip.moved("--core", "sip:192.0.2.7")["edge"]["core"], ["sip:192.0.2.7"])
        self.assertNotIn("edge.core", self.oversip.terminal.err)
        moved = self.oversip.moved("--core", "sip:a.example", "--core", "sip:b.example;transport=tcp")
        self.assertEqual(moved["edge"]["core"], ["sip:a.example", "sip:b.example;transport=tcp"])

    def test_no_core(self) -> None:
        """A core that is none is refused in a line."""
        self.assertEqual(self.oversip.move("--core", "alice@example.org"), 1)
        self.assertEqual((self.oversip.text, len(self.oversip.told)), ("", 1))
        self.assertTrue(self.oversip.told[0].startswith("oversip: --core: must be a SIP URI without user"))

    def test_again(self) -> None:
        """The same files give the same text."""
        self.oversip.move()
        once = (self.oversip.text, self.oversip.told)
        self.oversip.move()
        self.assertEqual((self.oversip.text, self.oversip.told), once)

    def test_every_value_says_where_from(self) -> None:
        """Behind each value stands a comment."""
        self.oversip.move()
        rows = [line for line in self.oversip.text.splitlines() if " = " in line and not line.startswith("#")]
        self.assertEqual([row for row in rows if " # " not in row], [])
        self.assertIn("port = 5060                                 # sip.listen_port\n", self.oversip.text)

    def test_logic(self) -> None:
        """A server.rb is seen, and said to need new code; without one there is nothing to say."""
        self.oversip.move()
        self.assertNotIn("server.rb", self.oversip.terminal.err)
        (self.oversip.folder / "server.rb").touch()
        self.oversip.move()
        (line,) = (line for line in self.oversip.told if line.startswith("server.rb: "))
        self.assertIn("docs/howto/writing-logic.md", line)
        self.assertIn("etc/edge_logic.py", line)


class Output(unittest.SynchronousTestCase):
    """-o FILE."""

    def setUp(self) -> None:
        self.oversip = OverSip(self.mktemp())
        self.file = self.oversip.folder / "new.toml"

    def test_written(self) -> None:
        """The file holds what standard output would have; the notes are told all the same."""
        self.oversip.move()
        text, told = self.oversip.text, self.oversip.told
        self.assertEqual(self.oversip.move("-o", str(self.file)), 0)
        self.assertEqual(self.file.read_text(), text)
        self.assertEqual(self.oversip.told, told)
        self.assertEqual(self.oversip.text, f"{self.file}: written; next: oversip check {self.file}\n")
        config.load(str(self.file))

    def test_not_overwritten(self) -> None:
        """A file that is there stays as it is."""
        self.file.write_text("precious")
        self.assertEqual(self.oversip.move("--output", str(self.file)), 1)
        self.assertEqual(self.oversip.told, [f"oversip: {self.file} exists; name a new file"])
        self.assertEqual(self.file.read_text(), "precious")

    def test_nowhere(self) -> None:
        """A folder that is not there, and a link that leads nowhere, are told in a line."""
        self.assertEqual(self.oversip.move("-o", str(self.oversip.folder / "no" / "new.toml")), 1)
        self.assertEqual(len(self.oversip.told), 1)
        os.symlink("/nowhere/at/all", self.file)
        self.assertEqual(self.oversip.move("-o", str(self.file)), 1)
        self.assertEqual(len(self.oversip.told), 1)

    def test_nothing_written_with_a_mistake(self) -> None:
        """A mistake in OverSIP's files leaves no file behind."""
        (self.oversip.folder / "oversip.conf").write_text("sip:\n  listen_port: 0\n")
        self.assertEqual(self.oversip.move("-o", str(self.file)), 1)
        self.assertFalse(self.file.exists())


class Files(unittest.SynchronousTestCase):
    """Files that are not there, or not YAML."""

    def refused(self, server: str | bytes, profiles: str = PROFILES) -> list[str]:
        oversip = OverSip(self.mktemp(), "", profiles)
        data = server if isinstance(server, bytes) else server.encode()
        (oversip.folder / "oversip.conf").write_bytes(data)
        self.assertEqual(oversip.move(), 1)
        self.assertEqual(oversip.text, "")
        return oversip.told

    def test_missing(self) -> None:
        """Each file that is missing is one line; a folder that is missing, or a file in its place, another."""
        oversip = OverSip(self.mktemp())
        for name in ("oversip.conf", "proxies.conf"):
            (oversip.folder / name).unlink()
        self.assertEqual(oversip.move(), 1)
        reason = "No such file or directory"
        self.assertEqual(
            oversip.told,
            [f"cannot read {oversip.folder / name}: {reason}" for name in ("oversip.conf", "proxies.conf")],
        )
        for name in ("nowhere", str(oversip.terminal.file), "x" * 300):
            self.assertEqual(oversip.terminal.type("import-oversip", name), 1)
            self.assertEqual(len(oversip.told), 1)
            self.assertIn("is no folder", oversip.told[0])

    def test_not_yaml(self) -> None:
        """What is no YAML is told with its line, one line for each file; nothing of it reaches the terminal raw."""
        self.assertEqual(
            self.refused("sip:\n  listen_ipv6: ::\n", "a: [\n"),
            [
                "oversip.conf:2: not YAML: mapping values are not allowed here",
                "proxies.conf:2: not YAML: expected the node content, but found '<stream end>'",
            ],
        )
        for broken in (
            "a: \x1b",
            b"a: \xff\n",
            "sip: {sip_udp: !ruby/object:X {}}",
            "sip: {sip_udp: &a [*a]}",
            "sip: &a {sip_udp: *a}",
            "a: 2001-99-99",
            "[" * 5000,
            "a: *b",
        ):
            told = self.refused(broken)
            self.assertEqual(len(told), 1, broken)
            self.assertTrue(told[0].startswith("oversip.conf"), told)
            self.assertNotIn("\x1b", told[0])

    def test_twice(self) -> None:
        """What stands twice is told with both lines, in whatever depth; Ruby took the last in silence."""
        self.assertEqual(
            self.refused("sip:\n  listen_port: 1\n  listen_port: 2\ncore:\ncore:\n"),
            [
                "oversip.conf:3: sip.listen_port: stands in line 2 too",
                "oversip.conf:5: core: stands in line 4 too",
            ],
        )

    def test_other_shapes(self) -> None:
        """A list where sections are expected, a value in place of a section, keys in place of a value."""
        self.assertEqual(self.refused("- a\n"), ["oversip.conf:1: must hold sections, each with its keys"])
        self.assertEqual(self.refused("sip: 5\n"), ["oversip.conf:1: sip: must hold keys, not 5"])
        (told,) = self.refused("sip:\n  listen_port:\n    a: 1\n")
        self.assertEqual(told, "oversip.conf:2: sip.listen_port: must be a whole number, 1 to 65535, not {'a': 1}")
        self.assertEqual(self.refused("core:\n  ? [a]\n  : 1\n"), ["oversip.conf:2: core: a key must be a word"])

    def test_empty(self) -> None:
        """Empty files, and sections with nothing in them, are OverSIP's defaults."""
        nothing = OverSip(self.mktemp(), "", "").moved()
        self.assertNotIn("profile", nothing)
        self.assertEqual(nothing, OverSip(self.mktemp(), "sip:\nwebsocket: {}\n", "# nothing\n").moved())
        self.assertEqual(listeners(nothing)[0], ("udp", "0.0.0.0", 5060))

    def test_anchors(self) -> None:
        """Profiles that share keys by YAML's anchors and merges are read as Ruby read them."""
        oversip = OverSip(
            self.mktemp(),
            SERVER,
            "default_proxy: &d\n  timer_B: 6\n  timer_F: 7\nproxy_out: &o\n  <<: *d\n  timer_F: 8\nother: *o\n",
        )
        for name, timers in (("default", (6, 7)), ("core", (6, 8)), ("other", (6, 8))):
            found = oversip.profile(name)
            self.assertEqual((found["timer_b"], found["timer_f"]), timers, name)


class Listeners(unittest.SynchronousTestCase):
    """Where the server is reached."""

    def moved(self, server: str) -> OverSip:
        return OverSip(self.mktemp(), server, PROFILES, certificates=True)

    def test_tls(self) -> None:
        """With a certificate there are TLS and WSS, also where a tunnel ended TLS; the tunnel is told of."""
        folder = Path(self.mktemp())
        for tunnel in ("no", "yes"):
            text = SERVER.partition("tls:\n")[0].replace("use_tls_tunnel: no", f"use_tls_tunnel: {tunnel}")
            oversip = OverSip(f"{folder}-{tunnel}", text, PROFILES, certificates=True)
            (oversip.folder / "oversip.conf").write_text(text + certificate(oversip.folder))
            moved = oversip.moved()
            secure = [each for each in moved["listen"] if each["transport"] in ("tls", "wss")]
            self.assertEqual([each["port"] for each in secure], [5061, 5061, 10443, 10443])
            for each in secure:
                self.assertEqual(each["certificate"], str(oversip.folder / "tls" / "server.pem"))
                self.assertEqual(each["key"], str(oversip.folder / "tls" / "server.key"))
            told = [line for line in oversip.told if "use_tls_tunnel: " in line]
            self.assertEqual(len(told), 2 if tunnel == "yes" else 0)
            self.assertTrue(all("proxy_protocol = true" in line for line in told))

    def test_advertised(self) -> None:
        """Each family has an address and one to advertise; the host name for TLS beats that, on WSS too."""
        oversip = self.moved(
            "sip:\n  sip_tls: yes\n  listen_ipv4: 192.0.2.1\n  listen_ipv6: '2001:DB8::1'\n"
            "  advertised_ipv4: 198.51.100.1\n  record_route_hostname_tls_ipv4: Edge.Example.ORG\n"
            "  advertised_ipv6: '2001:db8::9'\n"
            "websocket:\n  sip_wss: yes\n  enable_ipv6: no\n  advertised_ipv4: 198.51.100.2\n"
            "tls: {public_cert: server.pem, private_cert: server.key}\n"
        )
        found = [(each["transport"], each["address"], each.get("advertised")) for each in oversip.moved()["listen"]]
        self.assertEqual(
            found,
            [
                ("udp", "192.0.2.1", "198.51.100.1"),
                ("tcp", "192.0.2.1", "198.51.100.1"),
                ("tls", "192.0.2.1", "edge.example.org"),
                ("udp", "2001:db8::1", "2001:db8::9"),
                ("tcp", "2001:db8::1", "2001:db8::9"),
                ("tls", "2001:db8::1", "2001:db8::9"),
                ("wss", "0.0.0.0", "edge.example.org"),
            ],
        )
        self.assertEqual([line for line in oversip.told if "sip.listen_ipv" in line], [])

    def test_everywhere(self) -> None:
        """0.0.0.0 and ::, which OverSIP refused by name, are what they say."""
        oversip = self.moved("sip:\n  sip_tcp: no\n  listen_ipv4: 0.0.0.0\n  listen_ipv6: '::'\n")
        self.assertEqual(listeners(oversip.moved()), [("udp", "0.0.0.0", 5060), ("udp", "::", 5060)])
        self.assertNotIn("sip.listen_ipv", oversip.terminal.err)

    def test_none(self) -> None:
        """With everything turned off there is nothing to write; our default listeners shall not stand in."""
        oversip = self.moved("sip: {sip_udp: no, sip_tcp: no}\n")
        self.assertEqual(oversip.move(), 1)
        self.assertIn("nothing is left to listen on", oversip.told[0])

    def test_same_port(self) -> None:
        """Two listeners on one port are told in a line."""
        oversip = self.moved("sip: {enable_ipv6: no}\nwebsocket: {sip_ws: yes, enable_ipv6: no, listen_port: 5060}\n")
        self.assertEqual(oversip.move(), 1)
        self.assertEqual(oversip.told, ["oversip: listen[3]: 0.0.0.0 port 5060 is taken by listen[2]"])


class Values(unittest.SynchronousTestCase):
    """Single values and what becomes of them."""

    def one(self, profile: str, server: str = SERVER) -> dict[str, object]:
        return OverSip(self.mktemp(), server, f"default_proxy: {{{profile}}}\n").profile("default")

    def test_profiles_of_the_samples(self) -> None:
        """Each profile has the sample's values, and OverSIP's defaults, not those of "default", where it has none."""
        oversip = OverSip(self.mktemp())
        core, users, inside = (oversip.profile(name) for name in ("core", "users", "in_dialog"))
        self.assertEqual([core[f"timer_{letter}"] for letter in "bcf"], [6, 60, 6])
        self.assertEqual((core["down_for"], oversip.profile("default")["down_for"]), (10, 400))
        self.assertEqual((users["dns"], users["failover_on_503"], users["naptr"]), (False, False, True))
        self.assertEqual((inside["naptr"], inside["srv"], inside["dns"]), (False, False, True))
        self.assertEqual(core["families"], ["ipv6", "ipv4"])
        self.assertEqual(oversip.profile("default")["families"], ["ipv4", "ipv6"])

    def test_record_route(self) -> None:
        """Two keys are one option; the second alone is refused, as OverSIP did."""
        self.assertEqual(self.one("")["record_route"], "dialogs")
        self.assertEqual(self.one("do_record_routing: no")["record_route"], "none")
        self.assertEqual(self.one("record_route_all: yes")["record_route"], "all")
        oversip = OverSip(self.mktemp(), SERVER, "p: {record_route_all: yes, do_record_routing: no}\n")
        self.assertEqual(oversip.move(), 1)
        self.assertEqual(oversip.told, ["proxies.conf:1: p.record_route_all: needs do_record_routing, which is off"])

    def test_blacklist(self) -> None:
        """The time that a dead target is passed over; none without a blacklist."""
        self.assertEqual(self.one("blacklist_time: 600")["down_for"], 600)
        self.assertEqual(self.one("blacklist_time: 600, use_blacklist: no")["down_for"], 0)

    def test_no_srv_no_naptr(self) -> None:
        """Without SRV there was no NAPTR."""
        self.assertEqual(self.one("use_naptr: yes, use_srv: no")["naptr"], False)

    def test_what_was_off(self) -> None:
        """Transports and families that OverSIP did not speak are not in the lists; a list never gets empty."""
        found = self.one("", "sip: {sip_tcp: no, enable_ipv6: no}\n")
        self.assertEqual((found["transports"], found["families"]), (["udp"], ["ipv4"]))
        only_tls = "{transport_preference: tls}\n"
        self.assertEqual(OverSip(self.mktemp(), SERVER, f"trunk: {only_tls}").profile("trunk")["transports"], ["tls"])
        # OverSIP started, and reached nobody.
        oversip = OverSip(self.mktemp(), SERVER, f"default_proxy: {only_tls}")
        self.assertEqual(oversip.move(), 1)
        self.assertIn('needs a [[listen]] with transport "tls"', oversip.told[0])

    def test_names(self) -> None:
        """Profiles of one's own keep their names; two with one name are refused."""
        self.assertEqual(OverSip(self.mktemp(), SERVER, "trunk: {timer_B: 4}\n").profile("trunk")["timer_b"], 4)
        oversip = OverSip(self.mktemp(), SERVER, "proxy_out:\ncore:\n")
        self.assertEqual(oversip.move(), 1)
        self.assertEqual(
            oversip.told,
            ['proxies.conf:2: core: would be called "core", and so would proxy_out: give one of them another name'],
        )
        strange = OverSip(self.mktemp(), SERVER, '"a\\e[2J\\x7f\\"": {}\n').moved()
        self.assertEqual(strange["profile"][0]["name"], 'a\x1b[2J\x7f"')
        self.assertEqual(OverSip(self.mktemp(), SERVER, '"": {}\n').move(), 1)

    def test_log(self) -> None:
        """Levels that we have not become the next one that tells no less."""
        for theirs, ours in (("debug", "debug"), ("notice", "info"), ("warn", "warn"), ("crit", "error")):
            oversip = OverSip(self.mktemp(), f"core:\n  syslog_level: {theirs}\n")
            self.assertEqual(oversip.moved()["log"]["level"], ours)
            self.assertEqual("core.syslog_level" in oversip.terminal.err, theirs != ours)

    def test_message_size(self) -> None:
        """The bound on a message; a smaller one than ours is for all transports now, which is told."""
        for theirs, ours, told in ((1048575, 1048575, False), (5000, 5000, True), (1, 256, True)):
            oversip = OverSip(self.mktemp(), f"websocket:\n  max_ws_message_size: {theirs}\n")
            self.assertEqual(oversip.moved()["limits"], {"message": ours})
            self.assertEqual("max_ws_message_size" in oversip.terminal.err, told)

    def test_lists(self) -> None:
        """Name servers and domains, one or several."""
        oversip = OverSip(
            self.mktemp(), "core: {nameservers: [192.0.2.1, 192.0.2.2]}\nsip: {local_domains: EXAMPLE.org}\n"
        )
        moved = oversip.moved()
        self.assertEqual(moved["dns"]["servers"], ["192.0.2.1", "192.0.2.2"])
        self.assertEqual(moved["aliases"], ["example.org"])
