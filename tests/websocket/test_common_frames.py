"""What oversip_tw.transport.websocket.connection takes ahead of Autobahn's machine."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow
from oversip_tw.testing import RecordingReceiver
from tests.websocket.wire import BINARY, CLOSE, PING, PONG, TEXT, Client, frame

CONTINUATION = 0


class CommonFramesTest(SynchronousTestCase):
    """It has to come out as it would from there."""

    def test_lengths(self) -> None:
        """At every boundary of the length forms, text and binary, alone in its read."""
        for size in (0, 1, 125, 126, 127, 1_199, 1_200, 1_201, 65_535, 65_536):
            for opcode in (TEXT, BINARY):
                client = Client().open()
                client.send(frame(opcode, b"m" * size))
                self.assertEqual(client.receiver.data, [b"m" * size] if size else [])
                self.assertFalse(client.wire.disconnecting)

    def test_cut_anywhere(self) -> None:
        """Two frames and a half, cut in two at every octet: the same messages in the same order."""
        for size in (3, 126, 300):
            first, second, third = b"a" * size, "ü".encode() * (size // 2), b"c" * size
            data = frame(TEXT, first) + frame(TEXT, second) + frame(BINARY, third)
            for cut in range(len(data) + 1):
                client = Client().open()
                client.send(data[:cut])
                client.send(data[cut:])
                self.assertEqual(client.receiver.data, [first, second, third], cut)

    def test_as_autobahn_does_it(self) -> None:
        """Whatever the first two octets are: whole, what is received and answered is as octet by octet."""
        for first in range(256):
            for second in (0x05, 0x80, 0x85, 0xFE, 0xFF):
                data = bytes((first, second)) + b"\x00\x7e" * 66 + frame(TEXT, b"after")
                whole, pieces = Client().open(), Client().open()
                whole.send(data)
                pieces.send(data, 1)
                self.assertEqual(whole.receiver.data, pieces.receiver.data, data[:2])
                self.assertEqual(whole.frames(), pieces.frames(), data[:2])
                self.assertEqual(whole.wire.disconnecting, pieces.wire.disconnecting, data[:2])

    def test_longer_forms_than_needed(self) -> None:
        """A length that would have fitted a shorter form breaks the protocol (RFC 6455 §5.2)."""
        for begin in (struct.pack("!BBH", 0x81, 0xFE, 125), struct.pack("!BBQ", 0x81, 0xFF, 65_535)):
            client = Client().open()
            client.send(begin + bytes(4) + b"x" * 65_535)
            self.assertEqual(client.close_code(), 1002)
            self.assertEqual(client.receiver.data, [])

    def test_masks(self) -> None:
        """Every mask is undone, that of zeros too; no mask is 1002."""
        for mask in (bytes(4), b"\xff" * 4, b"\x00\x00\x00\x01", b"\x80\x00\x00\x00"):
            for size in (1, 2, 3, 4, 5, 1_300):
                client = Client().open()
                client.send(frame(TEXT, b"m" * size, mask=mask))
                self.assertEqual(client.receiver.data, [b"m" * size])
        client = Client().open()
        client.send(frame(TEXT, b"message", mask=None))
        self.assertEqual(client.close_code(), 1002)

    def test_too_big(self) -> None:
        """A whole frame over the limit is closed 1009, one at the limit passes."""
        client = Client(message_size=1_000).open()
        client.send(frame(TEXT, b"m" * 1_000) + frame(TEXT, b"m" * 1_001) + frame(TEXT, b"after"))
        self.assertEqual(client.close_code(), 1009)
        self.assertEqual(client.receiver.data, [b"m" * 1_000])

    def test_bad_utf8(self) -> None:
        """1007 for a text frame, behind good ones in the same read; what comes after it is not looked at."""
        client = Client().open()
        client.send(frame(TEXT, b"good") + frame(TEXT, b"b\xe4d") + frame(TEXT, b"after"))
        self.assertEqual(client.close_code(), 1007)
        self.assertEqual(client.receiver.data, [b"good"])

    def test_control_frames_between(self) -> None:
        """Pings among messages are answered in their place, and the messages after them pass."""
        client = Client().open()
        client.send(frame(TEXT, b"one") + frame(PING, b"1") + frame(TEXT, b"\r\n\r\n") + frame(PING, b"2"))
        client.send(frame(TEXT, b"two"))
        self.assertEqual(client.frames(), [(PONG, b"1"), (TEXT, b"\r\n"), (PONG, b"2")])
        self.assertEqual(client.receiver.data, [b"one", b"two"])

    def test_inside_a_message(self) -> None:
        """A whole message where a fragment should come is 1002, in one read or in two."""
        for piece in (0, 5 + 6):
            client = Client().open()
            client.send(frame(TEXT, b"begun", fin=False) + frame(TEXT, b"whole"), piece)
            self.assertEqual(client.close_code(), 1002)
            self.assertEqual(client.receiver.data, [])

    def test_after_a_message_in_fragments(self) -> None:
        """The last fragment leaves nothing behind."""
        client = Client().open()
        client.send(frame(TEXT, b"be", fin=False))
        client.send(frame(CONTINUATION, b"gun"))
        client.send(frame(TEXT, b"whole"))
        self.assertEqual(client.receiver.data, [b"begun", b"whole"])

    def test_closed_by_a_message(self) -> None:
        """A receiver that closes the flow hears nothing of the rest of the read; the close handshake goes on."""

        class Closing(RecordingReceiver):
            def received(self, data: bytes, flow: Flow) -> None:
                super().received(data, flow)
                flow.close(4001, "enough")

        client = Client(receiver=Closing()).open()
        client.send(frame(TEXT, b"one") + frame(TEXT, b"two") + frame(CLOSE, struct.pack("!H", 4001)))
        self.assertEqual(client.receiver.data, [b"one"])
        self.assertEqual(client.close_code(), 4001)
        self.assertTrue(client.wire.disconnecting)

    def test_shows_life(self) -> None:
        """A message answers a ping as well as a pong does."""
        client = Client().open()
        client.clock.advance(25)
        client.send(frame(TEXT, b"message"))
        client.clock.advance(20)
        self.assertFalse(client.wire.aborted)

    def test_many_in_one_read(self) -> None:
        """Hundreds of messages in one read, then a ping, then half a message."""
        client = Client().open()
        messages = [b"message %d" % number for number in range(500)]
        client.send(b"".join(frame(TEXT, message) for message in messages) + frame(PING) + frame(TEXT, b"last")[:7])
        client.send(frame(TEXT, b"last")[7:])
        self.assertEqual(client.receiver.data, [*messages, b"last"])
        self.assertEqual(client.frames(), [(PONG, b"")])
