"""STUN on the SIP port."""

from __future__ import annotations

import struct
from binascii import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport import stun

#: the transaction of RFC 5769 §2.1, whose answers §2.2 and §2.3 print
COOKIE = bytes.fromhex("2112a442")
TRANSACTION = COOKIE + bytes.fromhex("b7e7a701bc34d686fa87dfae")
CLASSIC = bytes(range(16))
PEER = ("192.0.2.1", 32853)


def request(transaction: bytes = TRANSACTION, attributes: bytes = b"", kind: int = 1) -> bytes:
    return struct.pack("!HH", kind, len(attributes)) + transaction + attributes


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + b"\0" * (-len(value) % 4)


def fingerprinted(data: bytes) -> bytes:
    data = data[:2] + struct.pack("!H", len(data) - 20 + 8) + data[4:]
    return data + struct.pack("!HHI", 0x8028, 4, crc32(data) ^ 0x5354554E)


class ModernTests(SynchronousTestCase):
    """RFC 5389."""

    def test_ipv4(self) -> None:
        """XOR-MAPPED-ADDRESS is what RFC 5769 §2.2 prints."""
        answer = stun.answer(request(), PEER)
        self.assertEqual(answer, bytes.fromhex("0101000c") + TRANSACTION + bytes.fromhex("002000080001a147e112a643"))

    def test_ipv6(self) -> None:
        """An IPv6 address is hidden behind cookie and transaction (RFC 5769 §2.3)."""
        answer = stun.answer(request(), ("2001:db8:1234:5678:11:2233:4455:6677", 32853))
        self.assertEqual(
            answer,
            bytes.fromhex("01010018") + TRANSACTION + bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
        )

    def test_fingerprint(self) -> None:
        """Who sends FINGERPRINT gets one that fits; a wrong one is no STUN at all."""
        asked = fingerprinted(request())
        answer = stun.answer(asked, PEER)
        plain = stun.answer(request(), PEER)
        assert answer is not None
        assert plain is not None
        self.assertEqual(answer, fingerprinted(plain))
        self.assertIsNone(stun.answer(asked[:-1] + b"\0", PEER))

    def test_unknown_attribute(self) -> None:
        """An attribute that has to be understood is named in a 420; an optional one is passed over."""
        answer = stun.answer(request(attributes=attribute(0x0024, b"1234") + attribute(0x0025, b"")), PEER)
        self.assertEqual(
            answer,
            bytes.fromhex("01110010")
            + TRANSACTION
            + bytes.fromhex("0009000400000414")
            + bytes.fromhex("000a000400240025"),
        )
        self.assertEqual(
            stun.answer(request(attributes=attribute(0x8022, b"pjnath")), PEER), stun.answer(request(), PEER)
        )

    def test_credentials_are_not_needed(self) -> None:
        """USERNAME and MESSAGE-INTEGRITY change nothing."""
        attributes = attribute(0x0006, b"user") + attribute(0x0008, bytes(20))
        self.assertEqual(stun.answer(request(attributes=attributes), PEER), stun.answer(request(), PEER))


class ClassicTests(SynchronousTestCase):
    """RFC 3489: no magic cookie."""

    def test_ipv4(self) -> None:
        """The address stands in the open, in MAPPED-ADDRESS."""
        self.assertEqual(
            stun.answer(request(CLASSIC), PEER),
            bytes.fromhex("0101000c") + CLASSIC + bytes.fromhex("000100080001") + b"\x80\x55" + bytes((192, 0, 2, 1)),
        )

    def test_ipv6(self) -> None:
        """So does an IPv6 one."""
        answer = stun.answer(request(CLASSIC), ("::1", 5060))
        self.assertEqual(
            answer,
            bytes.fromhex("01010018") + CLASSIC + bytes.fromhex("000100140002") + b"\x13\xc4" + bytes(15) + b"\1",
        )

    def test_change_request(self) -> None:
        """An answer from another address cannot be had: 420; CHANGE-REQUEST that asks for nothing is fine."""
        plain = stun.answer(request(CLASSIC), PEER)
        self.assertEqual(stun.answer(request(CLASSIC, attribute(3, bytes(4))), PEER), plain)
        refused = stun.answer(request(CLASSIC, attribute(3, b"\0\0\0\6")), PEER)
        assert refused is not None
        self.assertEqual(refused[:2], b"\x01\x11")


class OtherTests(SynchronousTestCase):
    """What is not answered."""

    def test_not_a_request(self) -> None:
        """Indications, answers, other methods and messages cut short get nothing."""
        for data in (
            request(kind=0x0011),
            request(kind=0x0101),
            request(kind=0x0003),
            request()[:19],
            request()[:-4] + b"",
            request() + b"1234",
            request(attributes=b"\0\6\0\x09abcd"),
            request(attributes=b"ab"),
            b"",
        ):
            self.assertIsNone(stun.answer(data, PEER), data)

    def test_told_from_sip(self) -> None:
        """The first octet tells STUN from SIP and from the CRLF of a keep-alive."""
        self.assertTrue(stun.looks_like_stun(request()))
        self.assertFalse(stun.looks_like_stun(b"OPTIONS sip:a@b SIP/2.0\r\n"))
        self.assertFalse(stun.looks_like_stun(b"\r\n\r\n"))
        self.assertFalse(stun.looks_like_stun(b"\0\0\0\0"))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=80), st.sampled_from((TRANSACTION, CLASSIC)))
    def test_anything(self, attributes: bytes, transaction: bytes) -> None:
        """No input raises, and no answer is longer than the request by more than the address it holds (F2)."""
        data = request(transaction, attributes)
        answer = stun.answer(data, ("2001:db8::1", 5060))
        if answer is not None:
            self.assertLessEqual(len(answer), len(data) + 24)
