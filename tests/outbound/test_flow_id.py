"""Flow ids: addresses survive the way into a token and back."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address, Target
from oversip_tw.outbound import flow_id

ports = st.integers(0, 65535)
hosts = (
    st.ip_addresses().map(str)
    | st.integers(0, 2**32 - 1).map(lambda number: f"::ffff:{IPv4Address(number)}")
    | st.integers(0, 2**64 - 1).map(lambda number: f"{IPv6Address((0xFE80 << 112) + number)}%eth0")
)
addresses = st.tuples(hosts, ports)


class FlowIdTests(SynchronousTestCase):
    """What each kind of id holds."""

    @given(local=addresses, peer=addresses)
    def test_udp(self, local: Address, peer: Address) -> None:
        """Both addresses of a UDP flow come back as the very same text, with zone or mapped or not."""
        packed = flow_id.pack_udp(local, peer)
        self.assertEqual(flow_id.unpack_udp(packed), (local, peer))
        self.assertEqual(
            [flow_id.is_udp(packed), flow_id.is_stream(packed), flow_id.is_hop(packed)], [True, False, False]
        )

    @given(
        transport=st.sampled_from(["udp", "tcp", "tls", "ws", "wss"]),
        address=addresses,
        name=st.text("abc.-", max_size=9),
    )
    def test_hop(self, transport: str, address: Address, name: str) -> None:
        """A hop comes back as the target it was; the domain only where TLS needs it."""
        packed = flow_id.pack_hop(Target(transport, *address, name))
        kept = name if transport in ("tls", "wss") else ""
        self.assertEqual(flow_id.unpack_hop(packed), Target(transport, *address, kept))
        self.assertTrue(flow_id.is_hop(packed))

    def test_sizes(self) -> None:
        """An IPv4 pair takes 15 octets, an IPv6 pair 39, an IPv4 hop 9: tokens stay short."""
        self.assertEqual(len(flow_id.pack_udp(("127.0.0.1", 5060), ("192.0.2.1", 5060))), 15)
        self.assertEqual(len(flow_id.pack_udp(("::1", 5060), ("2001:db8::1", 5060))), 39)
        self.assertEqual(len(flow_id.pack_hop(Target("tcp", "192.0.2.1", 5060, "example.com"))), 9)

    def test_stream(self) -> None:
        """A connection's id is eight random octets under an "s", and nothing else is one."""
        packed = flow_id.stream_id(b"12345678")
        self.assertEqual(packed, b"s12345678")
        self.assertTrue(flow_id.is_stream(packed))
        self.assertRaises(ValueError, flow_id.stream_id, b"1234567")

    @given(octets=st.binary(max_size=40))
    def test_garbage(self, octets: bytes) -> None:
        """Octets of no flow raise ValueError and nothing else."""
        for prefix, unpack in ((b"u", flow_id.unpack_udp), (b"h", flow_id.unpack_hop), (b"", flow_id.unpack_udp)):
            try:
                unpack(prefix + octets)
            except ValueError:
                continue

    def test_cut_short(self) -> None:
        """Every shorter and every longer id is refused; a hop is not a UDP flow."""
        packed = flow_id.pack_udp(("127.0.0.1", 5060), ("2001:db8::1", 5060))
        for length in range(len(packed)):
            self.assertRaises(ValueError, flow_id.unpack_udp, packed[:length])
        self.assertRaises(ValueError, flow_id.unpack_udp, packed + b"x")
        hop = flow_id.pack_hop(Target("udp", "192.0.2.1", 5060))
        for length in range(len(hop)):
            self.assertRaises(ValueError, flow_id.unpack_hop, hop[:length])
        self.assertRaises(ValueError, flow_id.unpack_udp, hop)
        self.assertRaises(ValueError, flow_id.unpack_hop, b"h\x09" + hop[2:])
        self.assertRaises(ValueError, flow_id.unpack_hop, b"h\x00\x05" + hop[2:])

    def test_no_address(self) -> None:
        """A peer that has no IP address (a socket's path) is kept as the text it is."""
        addresses = (("127.0.0.1", 5060), ("/run/oversip", 0))
        self.assertEqual(flow_id.unpack_udp(flow_id.pack_udp(*addresses)), addresses)
