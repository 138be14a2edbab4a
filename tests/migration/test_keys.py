"""The tables of OverSIP's keys: every one is carried over or told of, and has OverSIP's limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial import unittest

from oversip_tw.config.reading import key_of, section_class
from oversip_tw.config.sections import Config
from oversip_tw.demo import authority
from oversip_tw.migration import Refused, Translation, translate
from oversip_tw.migration.profile_keys import PROFILE
from oversip_tw.migration.server_keys import SECTIONS

Sections = dict[str, dict[str, Any]]

#: everything turned on, so that each key has something to say
RICH: Sections = {
    "core": {},
    "sip": {"sip_tls": True},
    "websocket": {"sip_ws": True, "sip_wss": True},
    "tls": {"public_cert": "server.pem", "private_cert": "server.key"},
}

#: for each key one value that OverSIP took and that is not its default; yes and no are turned round
OTHER = {
    "nameservers": ["192.0.2.53"],
    "syslog_facility": "local7",
    "syslog_level": "crit",
    "listen_ipv4": "192.0.2.1",
    "listen_ipv6": "2001:db8::1",
    "advertised_ipv4": "198.51.100.1",
    "advertised_ipv6": "2001:db8::2",
    "listen_port": 5070,
    "listen_port_tls": 5071,
    "listen_port_tls_tunnel": 5072,
    "local_domains": ["example.org"],
    "tcp_keepalive_interval": 180,
    "record_route_hostname_tls_ipv4": "edge.example.org",
    "record_route_hostname_tls_ipv6": "edge.example.org",
    "max_ws_message_size": 1048575,
    "max_ws_frame_size": 1048575,
    "ws_keepalive_interval": 180,
    "public_cert": "other.pem",
    "private_cert": "other.key",
    "ca_dir": ".",
    "dns_cache_time": 301,
    "blacklist_time": 600,
    "transport_preference": ["udp", "tcp"],
    "ip_type_preference": ["ipv4"],
    "timer_B": 64,
    "timer_C": 180,
    "timer_F": 64,
}

#: values just beyond OverSIP's limits, and of the wrong type
BEYOND = {
    "nameservers": ["2001:db8::53", "dns.example.org", [], ["192.0.2.1", 5]],
    "syslog_facility": ["mail", "local8", True, ["user"]],
    "syslog_level": ["emerg", "loud", 5],
    "listen_ipv4": ["2001:db8::1", "192.0.2", "localhost", 5, ["192.0.2.1"]],
    "listen_ipv6": ["192.0.2.1", "fe80::1%eth0", ":::"],
    "advertised_ipv4": ["edge.example.org", 5],
    "advertised_ipv6": ["198.51.100.1"],
    "listen_port": [0, 65536, "5060", True, 5060.5],
    "listen_port_tls": [-1, 65536],
    "listen_port_tls_tunnel": [0, 65536],
    "local_domains": ["192.0.2.1", "a b", "-a.org", 5, ["example.org", "a..b"], "x" * 64],
    "tcp_keepalive_interval": [179, "180", 180.0],
    "record_route_hostname_tls_ipv4": ["198.51.100.1", "sip:a.org"],
    "record_route_hostname_tls_ipv6": ["[2001:db8::1]"],
    "max_ws_message_size": [1048576, 0],
    "max_ws_frame_size": [1048576, 0],
    "ws_keepalive_interval": [179],
    "public_cert": ["nowhere.pem", "server.key", "", 5, "a\0b"],
    "private_cert": ["nowhere.key", "server.pem", "secret.key", ""],
    "ca_dir": ["nowhere", "server.pem", "", 5],
    "dns_cache_time": [299],
    "blacklist_time": [1, 601],
    "transport_preference": ["ws", [], ["udp", "sctp"], True],
    "ip_type_preference": ["ipv5", [], 4],
    "timer_B": [1, 65, 2.5],
    "timer_C": [7, 181],
    "timer_F": [1, 65],
}


def keys() -> Iterator[tuple[str, str, Any]]:
    """Section ("" for a profile), name and default of every key."""
    for section, rows in {**SECTIONS, "": PROFILE}.items():
        yield from ((section, key.name, key.default) for key in rows)


class Tables(unittest.SynchronousTestCase):
    """Each key by itself."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        (self.folder / "tls").mkdir(parents=True)
        authority.ensure(self.folder / "tls", ["localhost"])
        for old, new in (("server.pem", "other.pem"), ("server.key", "other.key")):
            (self.folder / "tls" / new).write_bytes((self.folder / "tls" / old).read_bytes())
        secret = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
        (self.folder / "tls" / "secret.key").write_bytes(secret)

    def translated(self, section: str = "", key: str = "", value: Any = None) -> Translation:
        """What becomes of RICH and one profile, with one more key."""
        server = {name: dict(rows) for name, rows in RICH.items()}
        profile: dict[str, Any] = {}
        if key:
            (server[section] if section else profile)[key] = value
        (self.folder / "oversip.conf").write_text(yaml.safe_dump(server))
        (self.folder / "proxies.conf").write_text(yaml.safe_dump({"default_proxy": profile}))
        return translate(self.folder, ["sip:pbx.example.net"])

    def test_each_is_carried_over_or_told(self) -> None:
        """Whatever is said by a key shows in the file that is written, or is told by the key's name."""
        plain = self.translated()
        for section, name, default in keys():
            rich = RICH.get(section, {}).get(name, default)
            value = (not rich) if isinstance(rich, bool) else OTHER[name]
            made = self.translated(section, name, value)
            told = [note for note in made.notes if note.key == f"{section or 'default_proxy'}.{name}" and note.line]
            effect = made.text.replace(", default of OverSIP", "") != plain.text.replace(", default of OverSIP", "")
            self.assertTrue(effect or told, f"{section}.{name}")

    def test_default_said_or_not(self) -> None:
        """A default that is written out means the same as one that is not."""
        plain = self.translated().text
        for section, name, default in keys():
            if name in RICH.get(section, {}):
                continue
            value = list(default) if isinstance(default, tuple) else default
            made = self.translated(section, name, value).text
            if name == "max_ws_message_size":
                made = made.replace(
                    "\n[limits]\nmessage = 65536                             # websocket.max_ws_message_size\n", ""
                )
            self.assertEqual(
                made.replace(", default of OverSIP", ""), plain.replace(", default of OverSIP", ""), f"{section}.{name}"
            )

    def test_limits(self) -> None:
        """What OverSIP refused is refused by name, saying what it took; nothing is written."""
        for section, name, default in keys():
            for value in ("maybe", 1, [True]) if isinstance(default, bool) else BEYOND[name]:
                with self.assertRaises(Refused) as caught:
                    self.translated(section, name, value)
                (mistake,) = caught.exception.mistakes
                self.assertEqual(mistake.key, f"{section or 'default_proxy'}.{name}")
                self.assertTrue(mistake.line)
                self.assertRegex(mistake.text, r"^(must be .*, not |cannot read /|/.* cannot be used: )")

    def test_limit_words(self) -> None:
        """Three of them, word for word."""
        for section, name, value, words in [
            ("sip", "tcp_keepalive_interval", 179, "must be a whole number, at least 180 seconds, not 179"),
            ("", "timer_C", 7, "must be a whole number, 8 to 180 seconds, not 7"),
            ("", "ip_type_preference", ["ipv4", "ip\x1bv5"], 'must be one of ipv4, ipv6, not "ip\\u001bv5"'),
        ]:
            with self.assertRaises(Refused) as caught:
                self.translated(section, name, value)
            self.assertEqual(caught.exception.mistakes[0].text, words)

    def test_null(self) -> None:
        """Null is as if the key was not there."""
        plain = self.translated()
        for section, name, _ in keys():
            if name not in RICH.get(section, {}):
                self.assertEqual(self.translated(section, name, None), plain, name)

    def test_targets(self) -> None:
        """What a key says it becomes is an option of ours."""
        options = {
            f"{'' if inner is None else each.name + '.'}{key_of(option)}"
            for each in attrs.fields(attrs.resolve_types(Config))
            for inner in [section_class(each.type)]
            for option in (attrs.fields(inner) if inner is not None else [each])
        }
        for rows, prefix in ((PROFILE, "profile."), *((rows, "") for rows in SECTIONS.values())):
            for key in rows:
                self.assertEqual(bool(key.to), not key.instead, key.name)
                if key.to:
                    self.assertIn(prefix + key.to, options)


class Mistakes(unittest.SynchronousTestCase):
    """Names that are none, and everything at once."""

    def refused(self, server: str, profiles: str = "") -> list[str]:
        return [str(mistake) for mistake in self.translate(server, profiles)[0]]

    def translate(self, server: str, profiles: str = "") -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Mistakes and notes."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "oversip.conf").write_text(server)
        (folder / "proxies.conf").write_text(profiles)
        try:
            return (), translate(folder).notes
        except Refused as refused:
            return refused.mistakes, ()

    def test_slips(self) -> None:
        """A key like one of ours was meant to be that: of this section, of another, or a section."""
        ignored = "unknown, and OverSIP ignored it; did you mean"
        self.assertEqual(
            self.refused(
                "webscoket:\nsip:\n  listen_prt: 5\n  max_ws_mesage_size: 5\nlisten_port: 5\n",
                "default_proxy:\n  timer_b: 5\n  use_blacklists: no\n",
            ),
            [
                f"oversip.conf:1: webscoket: {ignored} websocket?",
                f"oversip.conf:3: sip.listen_prt: {ignored} listen_port?",
                f"oversip.conf:4: sip.max_ws_mesage_size: {ignored} websocket.max_ws_message_size?",
                f"oversip.conf:5: listen_port: {ignored} sip.listen_port?",
                f"proxies.conf:2: default_proxy.timer_b: {ignored} timer_B?",
                f"proxies.conf:3: default_proxy.use_blacklists: {ignored} use_blacklist?",
            ],
        )

    def test_strangers(self) -> None:
        """A key like none of ours is told of and left out, as OverSIP left it out."""
        mistakes, notes = self.translate("elephant: 1\nsip:\n  zebra: 5\n", "default_proxy:\n  tiger: 5\n")
        self.assertEqual(mistakes, ())
        told = [str(note) for note in notes]
        for place in ("oversip.conf:1: elephant", "oversip.conf:3: sip.zebra", "proxies.conf:2: default_proxy.tiger"):
            self.assertIn(f"{place}: unknown, OverSIP did not read it either; left out", told)

    def test_all_at_once(self) -> None:
        """Mistakes of both files, also where one of them is not YAML, are told together."""
        self.assertEqual(len(self.refused("sip:\n  listen_port: 0\n  sip_udp: maybe\n", "a:\n  timer_B: 1\n")), 3)
        self.assertEqual(len(self.refused("sip: [\n", "a:\n  timer_B: 1\nb: 5\n")), 3)
