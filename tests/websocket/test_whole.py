"""oversip_tw.transport.websocket.whole: frames read and written by C, against Python."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.websocket import frames, whole

SIZES = (0, 1, 3, 7, 8, 9, 125, 126, 127, 128, 600, 65_535, 65_536, 70_000)


def masked(first: int, payload: bytes, mask: bytes = b"\x11\xfe\x00\x80") -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big") if size < 65_536 else b""
    length = length or b"\xff" + size.to_bytes(8, "big")
    return bytes([first]) + length + mask + bytes(octet ^ mask[at & 3] for at, octet in enumerate(payload))


class WholeTest(SynchronousTestCase):
    def test_common(self) -> None:
        """A whole message of any length, behind others and before others."""
        for size in SIZES:
            for first in (0x81, 0x82):
                payload = bytes(32 + number % 90 for number in range(size))
                data = b"before" + masked(first, payload)
                self.assertEqual(whole.whole_message(data + b"after", 6, 100_000), (payload, len(data)))
                self.assertEqual(whole.whole_message(data, 6, size), (payload, len(data)))
                self.assertIsNone(whole.whole_message(data, 6, size - 1))
                self.assertIsNone(whole.whole_message(data[:-1], 6, 100_000))

    def test_not_common(self) -> None:
        """Whatever needs more thought is left to Autobahn."""
        for data in (
            b"",
            masked(0x01, b"x"),  # a fragment
            masked(0xC1, b"x"),  # a reserved bit
            masked(0x89, b"x"),  # a ping
            b"\x81\x01xxxx",  # no mask
            b"\x81\xfe\x00\x05\0\0\0\0xxxxx",  # longer than it has to be written
            b"\x81\xff" + (200).to_bytes(8, "big") + bytes(204),
            b"\x81\xff" + b"\xff" * 8 + bytes(204),
            b"\x81\xff\0\0\0\0",
            masked(0x81, b"\xff\xfe"),  # no UTF-8
        ):
            self.assertIsNone(whole.whole_message(data, 0, 100_000), data)
        self.assertEqual(whole.whole_message(masked(0x82, b"\xff\xfe"), 0, 100), (b"\xff\xfe", 8))
        self.assertEqual(whole.whole_message(masked(0x81, "é".encode()), 0, 100), ("é".encode(), 8))

    def test_out(self) -> None:
        """Text where it is UTF-8, binary else, with the shortest length."""
        for size in SIZES:
            for payload in (b"x" * size, b"\xff" * size):
                opcode = frames.TEXT if frames.is_utf8(payload) else frames.BINARY
                self.assertEqual(whole.message_frame(payload), frames.frame(opcode, payload))


class InC(SynchronousTestCase):
    def test_alike(self) -> None:
        """Whatever arrives, cut and damaged anywhere, is read alike."""
        random = Random(7)
        for _ in range(4000):
            payload = random.choice((b"x" * random.randrange(300), random.randbytes(random.randrange(9)), b"\xc3\xa9"))
            data = bytearray(masked(random.choice((0x81, 0x82)), payload, random.randbytes(4)))
            for _ in range(random.choice((0, 0, 1, 2))):
                data[random.randrange(len(data[:16]))] = random.randrange(256)
            given = bytes(data[: random.choice((len(data), len(data), random.randrange(len(data) + 1)))])
            start, most = random.choice((0, 0, 0, 1, len(given))), random.choice((65_536, 100, 0))
            found = whole.native.whole_message(given, start, most)
            self.assertEqual(found, whole._whole_message(given, start, most), (given, start, most))
            self.assertEqual(whole.native.message_frame(given), frames.message_frame(given))

    def test_misuse(self) -> None:
        """What fits no signature raises, and no place is beyond the octets."""
        native: Any = whole.native
        for arguments in (("", 0, 1), (b"", "", 1), (b"", 0, None), (b"",)):
            self.assertRaises(TypeError, native.whole_message, *arguments)
        self.assertRaises(TypeError, native.message_frame, "")
        self.assertRaises(OverflowError, native.whole_message, b"", 1 << 80, 1)
        for start in (-1, 7):
            self.assertIsNone(native.whole_message(masked(0x81, b""), start, 1))


if whole.native is None:
    del InC
