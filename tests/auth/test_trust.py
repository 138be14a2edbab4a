"""Who is trusted by where it comes from."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.networks import REMEMBERED, Networks
from oversip_tw.auth.trust import Role, Trust, TrustedSource
from oversip_tw.interfaces import TlsPeer
from oversip_tw.testing import MemoryFlow


def role(trust: Trust, transport: str, address: str, port: int = 40000, accepted: bool = True) -> Role | None:
    return trust.role(MemoryFlow(transport, (address, port), accepted=accepted))


class RoleTests(SynchronousTestCase):
    """What a role allows (rules of who is challenged)."""

    def test_allowances(self) -> None:
        """Core, trunk and node are unchallenged hops, an edge is a challenged one, a proxy neither."""
        self.assertEqual([each.hop for each in Role], [True, True, True, True, False])
        self.assertEqual([each.unchallenged for each in Role], [True, True, True, False, False])
        self.assertIs(Role("core"), Role.CORE)


class TrustTests(SynchronousTestCase):
    """Which entry a flow matches."""

    def test_nobody(self) -> None:
        """Without entries everybody is a stranger."""
        self.assertIsNone(role(Trust(), "udp", "127.0.0.1"))

    def test_network(self) -> None:
        """An entry without port and transports means UDP, TCP and TLS from its networks, IPv4 and IPv6."""
        trust = Trust([TrustedSource(("192.0.2.0/24", "2001:db8::/32"), Role.TRUNK)])
        for transport in ("udp", "tcp", "tls"):
            self.assertIs(role(trust, transport, "192.0.2.7"), Role.TRUNK)
            self.assertIs(role(trust, transport, "2001:db8::7"), Role.TRUNK)
            self.assertIs(role(trust, transport, "::ffff:192.0.2.7"), Role.TRUNK)
            self.assertIsNone(role(trust, transport, "192.0.3.7"))
            self.assertIsNone(role(trust, transport, "2001:db9::7"))

    def test_websocket_has_to_be_named(self) -> None:
        """A WebSocket from a trusted network is a client unless its transport stands in the entry."""
        trust = Trust([TrustedSource(("127.0.0.0/8",), Role.CORE)])
        self.assertEqual([role(trust, transport, "127.0.0.1") for transport in ("ws", "wss")], [None, None])
        trust = Trust([TrustedSource(("127.0.0.0/8",), Role.PROXY, transports=frozenset({"ws"}))])
        self.assertEqual(
            [role(trust, transport, "127.0.0.1") for transport in ("ws", "wss", "udp", "tcp")],
            [Role.PROXY, None, None, None],
        )

    def test_proxy_beside_a_core(self) -> None:
        """On one machine: connections that it dials are the proxy's; UDP, and what we dialled, are the core's."""
        trust = Trust([TrustedSource(("127.0.0.1",), Role.PROXY), TrustedSource(("127.0.0.1",), Role.CORE)])
        self.assertIs(role(trust, "tcp", "127.0.0.1"), Role.PROXY)
        self.assertIs(role(trust, "udp", "127.0.0.1"), Role.CORE)
        self.assertIs(role(trust, "tcp", "127.0.0.1", accepted=False), Role.CORE)

    def test_port(self) -> None:
        """With a port: UDP from that port and connections that we dialled to it; whatever else runs on that host and
        dials us is a stranger, unless the entry names the transport."""
        trust = Trust([TrustedSource(("127.0.0.1",), Role.CORE, port=5080)])
        self.assertIs(role(trust, "udp", "127.0.0.1", 5080), Role.CORE)
        self.assertIsNone(role(trust, "udp", "127.0.0.1", 5081))
        self.assertIsNone(role(trust, "tcp", "127.0.0.1", 5080))
        self.assertIs(role(trust, "tcp", "127.0.0.1", 5080, accepted=False), Role.CORE)
        self.assertIsNone(role(trust, "tcp", "127.0.0.1", 5081, accepted=False))
        trust = Trust([TrustedSource(("127.0.0.1",), Role.CORE, 5080, frozenset({"udp", "tcp"}))])
        self.assertIs(role(trust, "tcp", "127.0.0.1", 41234), Role.CORE)
        self.assertIsNone(role(trust, "tls", "127.0.0.1", 41234))

    def test_first_match(self) -> None:
        """The first entry that matches counts: exceptions stand before the rule."""
        trust = Trust([TrustedSource(("192.0.2.1",), Role.EDGE), TrustedSource(("192.0.2.0/24",), Role.CORE)])
        self.assertIs(role(trust, "udp", "192.0.2.1"), Role.EDGE)
        self.assertIs(role(trust, "udp", "192.0.2.2"), Role.CORE)

    def test_no_address(self) -> None:
        """A peer whose address is none (a path, a zone nobody knows) is a stranger, not an error."""
        trust = Trust([TrustedSource(("0.0.0.0/0", "::/0"), Role.CORE)])
        self.assertIsNone(role(trust, "tcp", "/run/socket"))
        self.assertIs(role(trust, "udp", "fe80::1%eth0"), Role.CORE)

    def test_mistake(self) -> None:
        """What is no network is a mistake of the configuration."""
        self.assertRaises(ValueError, Trust, [TrustedSource(("example.com",), Role.CORE)])

    def test_bounded(self) -> None:
        """No number of peers makes the memory grow beyond its limit, and answers stay right."""
        trust = Trust([TrustedSource(("10.0.0.0/24",), Role.CORE)])
        for number in range(REMEMBERED + 10):
            expected = Role.CORE if number < 256 else None
            self.assertIs(trust.role_of("udp", (f"10.0.{number // 256}.{number % 256}", 5060)), expected)
        self.assertLessEqual(len(trust._remembered), REMEMBERED)


class NetworksTests(SynchronousTestCase):
    """Sets of networks."""

    def test_membership(self) -> None:
        """Addresses and networks, host bits allowed; the empty set holds nothing."""
        networks = Networks(["192.0.2.7/24", "::1"])
        self.assertEqual(
            [each in networks for each in ("192.0.2.200", "192.0.3.1", "::1", "::2", "x", "192.0.2.200")],
            [True, False, True, False, False, True],
        )
        self.assertNotIn("127.0.0.1", Networks())

    def test_bounded(self) -> None:
        """The memory of answers is bounded."""
        networks = Networks(["10.0.0.0/8"])
        for number in range(REMEMBERED + 10):
            self.assertIn(f"10.0.{number // 256}.{number % 256}", networks)
        self.assertLessEqual(len(networks._remembered), REMEMBERED)


class CertificateTests(SynchronousTestCase):
    """Who is known by a certificate."""

    def peer(
        self, trust: Trust, names: tuple[str, ...], verified: bool | None = True, transport: str = "tls", **how: object
    ) -> Role | None:
        flow = MemoryFlow(transport, ("192.0.2.9", 40000), **how)  # type: ignore[arg-type]
        flow.tls = TlsPeer((b"",), verified, "", names)
        return trust.role(flow)

    def test_anywhere(self) -> None:
        """The name is enough, from wherever it comes, where our authorities vouch for it; no other name is."""
        trust = Trust([TrustedSource((), Role.TRUNK, certificate="sip.provider.example")])
        self.assertIs(self.peer(trust, ("other.example", "sip.provider.example")), Role.TRUNK)
        self.assertIs(self.peer(trust, ("sip.provider.example",), accepted=False), Role.TRUNK)
        for verified in (False, None):
            self.assertIsNone(self.peer(trust, ("sip.provider.example",), verified))
        for name in ("provider.example", "a.sip.provider.example", "*.provider.example", "*", ""):
            self.assertIsNone(self.peer(trust, (name,)))
        self.assertIsNone(self.peer(trust, ()))
        self.assertIsNone(role(trust, "tls", "192.0.2.9"))
        self.assertIsNone(role(trust, "udp", "192.0.2.9"))

    def test_both(self) -> None:
        """With a network too, both have to be right."""
        trust = Trust([TrustedSource(("192.0.2.0/24",), Role.TRUNK, certificate="a.example")])
        self.assertIs(self.peer(trust, ("a.example",)), Role.TRUNK)
        self.assertIsNone(self.peer(trust, ("b.example",)))
        trust = Trust([TrustedSource(("198.51.100.0/24",), Role.TRUNK, certificate="a.example")])
        self.assertIsNone(self.peer(trust, ("a.example",)))

    def test_websocket_has_to_be_named(self) -> None:
        """As with addresses."""
        names = ("a.example",)
        self.assertIsNone(self.peer(Trust([TrustedSource((), Role.EDGE, certificate="a.example")]), names, True, "wss"))
        named = Trust([TrustedSource((), Role.EDGE, None, frozenset({"wss"}), "a.example")])
        self.assertIs(self.peer(named, names, True, "wss"), Role.EDGE)

    def test_next_hop(self) -> None:
        """Where we dial, the name that TLS is going to prove counts."""
        trust = Trust([TrustedSource((), Role.TRUNK, certificate="a.example")])
        self.assertIs(trust.role_of("tls", ("192.0.2.9", 5061), False, ("a.example",)), Role.TRUNK)
        self.assertIsNone(trust.role_of("tls", ("192.0.2.9", 5061), False))
