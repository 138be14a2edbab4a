"""No option is read in vain: each changes what some room is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.trial import unittest

from oversip_tw import config
from oversip_tw.config import Config, Listen
from oversip_tw.service import settings
from oversip_tw.transport.client_tls import ClientTlsSettings
from oversip_tw.transport.listener import CertificateFiles, ClientCertificates

SERVICE = Path(settings.__file__).parent


def told(given: Config) -> list[object]:
    """What all rooms are told."""
    return [
        settings.message_limits(given),
        settings.streams(given),
        settings.websockets(given, Listen("ws")),
        settings.timers(given),
        settings.bindings(given),
        settings.remembering(given),
        settings.resuming(given),
        settings.nat_pings(given),
        settings.pace(given),
        settings.challenges(given),
        settings.nonces(given),
        settings.flood_limits(given),
        settings.connections(given),
        settings.routing(given),
    ]


def other(option: attrs.Attribute[Any]) -> object:
    """Another value than the default."""
    default = option.default
    if option.name == "algorithms":
        return ("SHA-256",)
    if option.name == "service_route":
        return ("sip:192.0.2.1",)
    if isinstance(default, bool):
        return not default
    if isinstance(default, tuple):
        return ("192.0.2.0/24",)
    if isinstance(default, str):
        return {"replace": "refuse", "closed": "open", "deny": "open", "optional": "required", "off": "crlf"}[default]
    return default - 1 if option.name == "default_expires" else default + 1


class EveryOption(unittest.SynchronousTestCase):
    """[limits], [timers], [registrar], [auth]."""

    def check(self, section: str) -> None:
        given = config.default()
        before = told(given)
        source = "".join(file.read_text() for file in SERVICE.glob("*.py") if file.name != "settings.py")
        for option in attrs.fields(type(getattr(given, section))):
            changed = attrs.evolve(
                given, **{section: attrs.evolve(getattr(given, section), **{option.name: other(option)})}
            )
            used = f"{section}.{option.name}" in source
            self.assertTrue(used or told(changed) != before, f"{section}.{option.name} changes nothing")

    def test_limits(self) -> None:
        """Every limit reaches the room that keeps it."""
        self.check("limits")

    def test_timers(self) -> None:
        """Every span reaches the room that waits for it."""
        self.check("timers")

    def test_registrar(self) -> None:
        """Every rule of the registrar reaches it."""
        self.check("registrar")

    def test_auth(self) -> None:
        """Every rule of authentication reaches its room."""
        self.check("auth")


class Defaults(unittest.SynchronousTestCase):
    """Without a configuration."""

    def test_rooms_and_configuration_agree(self) -> None:
        """What a room takes for the usual is what the configuration calls its default."""
        for each in told(config.default()):
            if each == settings.routing(config.default()):
                continue
            if hasattr(each, "__dataclass_fields__") or attrs.has(type(each)):
                usual = type(each)()
                differing = {
                    name
                    for name in getattr(each, "__slots__", ())
                    if name not in ("domains", "__weakref__") and getattr(each, name) != getattr(usual, name)
                }
                # programs may come without Origin where no list was written; hooks keep the handshake
                self.assertEqual(differing - {"allow_missing_origin", "keep_handshake"}, set(), type(each))


class Listeners(unittest.SynchronousTestCase):
    """[[listen]], [[trusted]], [[route]] and [[profile]]."""

    def test_origins(self) -> None:
        """A page's listener takes that page; a list is a list; without either anybody may come."""
        given = config.default()
        for listen, origins, missing in [
            (Listen("ws", page=True), ("same-origin",), True),
            (Listen("ws", origins=("https://a.example",)), ("https://a.example",), False),
            (Listen("ws"), (), True),
        ]:
            made = settings.websockets(given, listen)
            self.assertEqual((made.origins, made.allow_missing_origin), (origins, missing))

    def test_algorithms(self) -> None:
        """A listener's algorithms stand after the general ones, each once."""
        given = config.default()
        self.assertEqual(settings.challenges_of(given, Listen("udp", algorithms=("SHA-256",))), ("MD5", "SHA-256"))

    def test_profiles(self) -> None:
        """A route has the profile it names, else the one called "default", else the usual one."""
        text = """
        [[route]]
        domains = "a.example"
        next_hop = "192.0.2.1"
        profile = "quick"
        [[route]]
        domains = "*"
        next_hop = "192.0.2.2"
        [[profile]]
        name = "quick"
        timer_b = 3
        transports = ["tcp"]
        """
        quick, usual = settings.routing(config.loads(text)).next_hops
        self.assertEqual((quick.profile.timers.b, quick.profile.resolve.transports), (3.0, ("tcp",)))
        self.assertEqual((usual.profile.timers.b, usual.profile.resolve.transports), (32.0, ("udp", "tcp", "tls")))
        self.assertEqual((quick.profile.resolve.tls, usual.profile.resolve.tls), ("quick", ""))
        patient = settings.routing(config.loads(text + '[[profile]]\nname = "default"\ntimer_b = 60'))
        self.assertEqual(patient.next_hops[1].profile.timers.b, 60.0)
        self.assertEqual(patient.profile.timers.b, 60.0)

    def test_clients_and_proxies(self) -> None:
        """What a listener asks of its clients, and that a proxy stands before it."""
        listen = Listen(
            "tls",
            certificate=("a.pem",),
            key=("a.key",),
            client_certificate="require",
            authorities="ca.pem",
            proxy_protocol=True,
        )
        made = settings.listener(listen)
        self.assertEqual((made.clients, made.proxy_protocol), (ClientCertificates("require", "ca.pem"), True))
        made = settings.listener(Listen("tcp"))
        self.assertEqual((made.clients, made.proxy_protocol), (ClientCertificates(), False))

    def test_service_route(self) -> None:
        """Users are told loose routers, and may use just those."""
        given = config.loads('[registrar]\nservice_route = ["sip:a.example.org", "sip:b.example.org:5070;lr"]')
        told = settings.bindings(given).service_route
        self.assertEqual(told, ("<sip:a.example.org;lr>", "<sip:b.example.org:5070;lr>"))
        self.assertEqual(tuple(f"<{uri}>" for uri in settings.routing(given).service_route), told)

    def test_domains(self) -> None:
        """Sections of domains and aliases, written in any case, with names of the first domain left out."""
        given = config.loads(
            """
            domains = ["example.org"]
            [[domain]]
            name = "Example.NET"
            realm = "Tele"
            catch_all = "Reception"
            max_registrations = 5
            max_calls = 2
            max_bindings = 3
            max_users = 4
            [[domain]]
            name = "example.com"
            realm = "example.com"
            catch_all = "sip:alice@example.org"
            [[alias]]
            names = ["sales", "info@EXAMPLE.net"]
            user = "alice"
            """
        )
        self.assertEqual(given.domains, ("example.org", "example.net", "example.com"))
        self.assertEqual([given.realm_of(domain) for domain in given.domains], ["example.org", "Tele", "example.com"])
        told = settings.by_domain(given)
        self.assertEqual(told.realms, {"example.net": "Tele"})
        self.assertEqual((told.registrations, told.calls), ({"example.net": 5}, {"example.net": 2}))
        self.assertEqual(told.bindings, {"example.net": 3})
        self.assertEqual([given.max_users_of(domain) for domain in given.domains], [0, 4, 0])
        for name in ("sip:sales@example.org", "sip:info@example.net", "sip:alice@example.org"):
            self.assertEqual(told.aliases.user_of(name), "sip:alice@example.org")
        caught = {domain: uri.text for domain, uri in settings.routing(given).catch_all.items()}
        self.assertEqual(
            caught, {"example.net": "sip:Reception@example.net", "example.com": "sip:alice@example.org"}
        )
        self.assertTrue(settings.by_domain(config.default()).aliases.empty)

    def test_client_tls(self) -> None:
        """TLS towards next hops by profile; "" is the one called "default", or the usual."""
        self.assertEqual(settings.client_tls(config.default()), {"": ClientTlsSettings()})
        text = f'''
        [[profile]]
        name = "trunk"
        authorities = "{__file__}"
        certificate = "{__file__}"
        key = "{__file__}"
        [[profile]]
        name = "default"
        verify = false
        '''
        lax = ClientTlsSettings(verify=False)
        trunk = ClientTlsSettings(True, __file__, CertificateFiles(__file__, __file__))
        self.assertEqual(settings.client_tls(config.loads(text)), {"": lax, "trunk": trunk, "default": lax})

    def test_trusted(self) -> None:
        """A trusted peer without transports has those that the room takes for granted."""
        given = config.loads('[[trusted]]\nnetwork = "192.0.2.1"\nrole = "trunk"')
        (source,) = settings.trusted(given)
        self.assertTrue(source.matches("udp", 5060, True))
        self.assertFalse(source.matches("ws", 5060, True))
