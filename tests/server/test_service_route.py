"""Service-Route (RFC 3608): the way that users are told to send their requests by."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.registrar import settings as registrar
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups
from tests.server.world import CORE, DOMAIN, Phone, World

FIRST, SECOND = "sip:127.0.0.1:5060;lr", "sip:services.example.net:5070;lr"
OTHER = "127.0.0.9"


def world(*route: str, **options: Any) -> World:
    """One whose users are told ``route``."""
    uris = tuple(map(Uri.parse, route))
    told = registrar.Settings(domains=frozenset({DOMAIN}), service_route=tuple(f"<{uri}>" for uri in uris))
    lookups = FakeLookups(a={"services.example.net": [OTHER]})
    return World(registrar_settings=told, service_route=uris, lookups=lookups, **options)


class ServiceRouteTests(SynchronousTestCase):
    """The first hop is we, the second somebody else."""

    def setUp(self) -> None:
        self.world = world(FIRST, SECOND)
        self.alice = self.world.phone("alice")
        self.route = list(self.alice.register().values("Service-Route"))
        self.services = Phone(self.world, "services", self.world.udp_flow((OTHER, 5070)))

    def send(self, *route: str) -> None:
        request = self.alice.build("MESSAGE", f"sip:bob@{DOMAIN}")
        for hop in route:
            request.append("Route", hop)
        self.alice.ask(request)

    def test_told(self) -> None:
        """In the order of the configuration; nothing where there is none."""
        self.assertEqual(self.route, [f"<{FIRST}>", f"<{SECOND}>"])
        self.assertFalse(World().registered("alice").register().has("Service-Route"))

    def test_followed(self) -> None:
        """The request of a user goes that way, whoever it is for."""
        for route in (self.route, self.route[1:]):
            self.send(*route)
            [arrived] = self.services.requests("MESSAGE")
            self.assertEqual(list(arrived.values("Route")), [f"<{SECOND}>"])
            self.services.answer(arrived, 200)
            self.assertEqual(self.alice.statuses()[-1], 200)

    def test_R1_no_other(self) -> None:
        """Not a part of it, not more than it, not in another order, and nothing without credentials."""
        third = "<sip:third.example.net;lr>"
        for route in ((third,), (*self.route, third), (third, *self.route), (self.route[1], self.route[1])):
            self.send(*route)
            self.assertEqual(self.alice.statuses()[-1:], [403], route)
        request = self.alice.build("MESSAGE", f"sip:bob@{DOMAIN}")
        request.append("Route", self.route[1])
        self.alice.send(request)
        self.assertEqual(self.alice.statuses(), [407])
        self.assertEqual(self.services.requests("MESSAGE"), [])

    def test_R1_strangers(self) -> None:
        """Where anybody may call users, nobody but users may use it."""
        opened = world(SECOND, inbound="open")
        stranger = opened.phone("mallory", "udp")
        for route, status in ((f"<{SECOND}>", 403), ("", 480)):
            request = stranger.build("MESSAGE", f"sip:bob@{DOMAIN}", From="<sip:m@example.org>;tag=x")
            if route:
                request.append("Route", route)
            stranger.send(request)
            self.assertEqual(stranger.statuses(), [status])
        self.assertEqual(opened.udp_flow((OTHER, 5070)).take(), [])

    def test_trusted(self) -> None:
        """A trusted hop writes what it likes, as ever."""
        core = Phone(self.world, "core", self.world.udp_flow((CORE, 5060)))
        request = core.build("MESSAGE", f"sip:bob@{DOMAIN}")
        request.append("Route", "<sip:127.0.0.7:5099;lr>")
        core.send(request)
        self.assertEqual(len(self.world.udp_flow(("127.0.0.7", 5099)).take()), 1)
