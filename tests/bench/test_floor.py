"""The echo that everything is measured against (`bench.floor`)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.floor import accept_of, answered, echoed


def masked(payload: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A text frame of a client."""
    size = len(payload)
    head = b"\x81" + (bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big"))
    return head + mask + bytes(octet ^ mask[at % 4] for at, octet in enumerate(payload))


class Echo(SynchronousTestCase):
    def test_accept(self) -> None:
        """The example of RFC 6455 §1.3."""
        self.assertEqual(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        head = b"GET /ws HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip"
        self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", answered(head))
        self.assertIn(b"Sec-WebSocket-Protocol: sip\r\n", answered(head))

    def test_frames(self) -> None:
        """The payload goes back without its mask, whatever its length; half a frame waits."""
        for size in (0, 1, 5, 125, 126, 700):
            payload = bytes(range(256)) * 3
            payload = payload[:size]
            head = b"\x81" + (bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big"))
            frame = masked(payload)
            self.assertEqual(echoed(frame * 2 + frame[:-1]), ((head + payload) * 2, frame[:-1]))
