"""The PROXY header, version 1 and 2: what it says, and how little of it may be wrong."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.proxy_header import BadHeader, ProxyHeader, read_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(
    source: str = "192.0.2.7", port: int = 40000, command: int = 0x21, kind: int | None = None, more: bytes = b""
) -> bytes:
    """A header of version 2; ``more`` is its extensions."""
    address = ip_address(source)
    here = ip_address("2001:db8::1" if address.version == 6 else "192.0.2.1")
    said = address.packed + here.packed + struct.pack("!HH", port, 5060) + more
    kind = (0x21 if address.version == 6 else 0x11) if kind is None else kind
    return SIGNATURE + struct.pack("!BBH", command, kind, len(said)) + said


GOOD = [
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 5060\r\n", ("192.0.2.7", 40000)),
    (b"PROXY TCP6 2001:DB8:0::7 2001:db8::1 1 65535\r\n", ("2001:db8::7", 1)),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 40000 5060\r\n", ("192.0.2.7", 40000)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ff:ff " + b"x" * 85 + b"\r\n", None),
    (v2(), ("192.0.2.7", 40000)),
    (v2("2001:db8::7", 0), ("2001:db8::7", 0)),
    (v2("::ffff:192.0.2.7"), ("192.0.2.7", 40000)),
    (v2(more=b"\x03\x00\x04abcd" * 10), ("192.0.2.7", 40000)),
    (v2(command=0x20), None),
    (v2(command=0x20, kind=0x77), None),
    (v2(kind=0x00), None),
    (SIGNATURE + b"\x20\x00\x00\x00", None),
    (SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216), None),
]

BAD = [
    (b"OPTIONS sip:", "no PROXY header"),
    (b"\x16\x03\x01", "no PROXY header"),
    (b"proxy TCP4", "no PROXY header"),
    (b"\r\nPROXY", "no PROXY header"),
    (b"PROXY TCP4 " + b"1" * 96, "too long"),
    (b"PROXY UNKNOWN " + b"x" * 93, "too long"),
    (b"PROXY \r\n", "not understood"),
    (b"PROXY TCP5 192.0.2.7 192.0.2.1 40000 5060\r\n", "not understood"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 40000\r\n", "not understood"),
    (b"PROXY TCP4  192.0.2.7 192.0.2.1 40000 5060\r\n", "not understood"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 5060 \r\n", "not understood"),
    (b"PROXY TCP4 2001:db8::7 192.0.2.1 40000 5060\r\n", "wrong address"),
    (b"PROXY TCP6 192.0.2.7 2001:db8::1 40000 5060\r\n", "wrong address"),
    (b"PROXY TCP6 fe80::1%eth0 2001:db8::1 40000 5060\r\n", "wrong address"),
    (b"PROXY TCP4 192.0.2.07 192.0.2.1 40000 5060\r\n", "wrong address"),
    (b"PROXY TCP4 192.0.2.7 host 40000 5060\r\n", "wrong address"),
    (b"PROXY TCP4 \xd9\xa1.0.2.7 192.0.2.1 40000 5060\r\n", "wrong address"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 5060\r\n", "wrong port"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 040 5060\r\n", "wrong port"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 -1 5060\r\n", "wrong port"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 " + b"9" * 50 + b"\r\n", "wrong port"),
    (v2(command=0x22), "nobody knows"),
    (v2(command=0x11), "nobody knows"),
    (v2(kind=0x12), "not TCP"),
    (v2(kind=0x41), "not TCP"),
    (v2(kind=0x21), "cut short"),
    (SIGNATURE + b"\x21\x11\x00\x0b", "cut short"),
    (v2(more=bytes(2100)), "too long"),
]


class HeaderTests(SynchronousTestCase):
    """`read_header`."""

    def test_good(self) -> None:
        """Who is behind the proxy, or nobody that it knows; what follows the header is not its business."""
        for data, source in GOOD:
            for rest in (b"", b"OPTIONS sip:example.org SIP/2.0\r\n"):
                self.assertEqual(read_header(data + rest), ProxyHeader(len(data), source), data)

    def test_split(self) -> None:
        """A part of a header is not enough, wherever it ends, and is no mistake."""
        for data, _ in GOOD:
            for end in range(1, len(data)):
                self.assertIsNone(read_header(data[:end]), data[:end])

    def test_bad(self) -> None:
        """What is wrong is told, and one octet too many of a line is not waited for."""
        for data, words in BAD:
            whole = data if words != "cut short" else data + bytes(11)
            self.assertIn(words, str(self.assertRaises(BadHeader, read_header, whole)), data)

    @given(
        st.binary(max_size=300), st.sampled_from([b"", SIGNATURE, b"PROXY ", b"PROXY TCP4 ", SIGNATURE + b"\x21\x11"])
    )
    def test_anything(self, data: bytes, begin: bytes) -> None:
        """Whatever comes: a header, not yet one, or none; nothing else."""
        try:
            read_header(begin + data)
        except BadHeader as error:
            self.assertNotIn("\n", str(error))
