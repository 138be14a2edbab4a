"""RFC 6455 as the cases of the Autobahn test suite ask for it: groups 1-7 and 10, in memory.

The suite's echo server is a receiver here that sends back what it gets. Three things differ by design and are asked
for as they should be with us: empty messages are ignored (no SIP), messages end at 64 KiB, and control frames at 20 a
second.
"""

from __future__ import annotations

import struct
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow
from oversip_tw.testing import RecordingReceiver
from tests.websocket.wire import BINARY, CLOSE, PING, PONG, TEXT, Client, frame

CONTINUATION = 0


class Echo(RecordingReceiver):
    def received(self, data: bytes, flow: Flow) -> None:
        super().received(data, flow)
        flow.send(data)


def client() -> Client:
    return Client(receiver=Echo()).open()


class Conformance(SynchronousTestCase):
    def echoes(self, data: bytes, expected: list[tuple[int, bytes]], piece: int = 0) -> None:
        """``data`` is answered by exactly these frames, and the connection stays open."""
        peer = client()
        peer.send(data, piece)
        self.assertEqual(peer.frames(), expected)
        self.assertFalse(peer.wire.disconnecting)

    def fails(self, data: bytes, code: int, before: list[tuple[int, bytes]] | None = None) -> None:
        """``data`` ends the connection with ``code``, whole or octet by octet; nothing is echoed after it."""
        for piece in (0, 1):
            peer = client()
            peer.send(data + frame(TEXT, b"after"), piece)
            frames = peer.frames()
            self.assertEqual(frames[:-1], before or [], data[:20])
            self.assertEqual((frames[-1][0], frames[-1][1][:2]), (CLOSE, struct.pack("!H", code)), data[:20])


class Group1Framing(Conformance):
    def test_1_1_text(self) -> None:
        """1.1.2-1.1.8: text of every length form, whole and chopped."""
        for size, piece in ((125, 0), (126, 0), (127, 0), (128, 0), (65_535, 0), (65_536, 0), (65_536, 997)):
            self.echoes(frame(TEXT, b"*" * size), [(TEXT, b"*" * size)], piece)

    def test_1_2_binary(self) -> None:
        """1.2.2-1.2.8: binary of every length form (what is not UTF-8 comes back as binary)."""
        for size, piece in ((125, 0), (126, 0), (127, 0), (128, 0), (65_535, 0), (65_536, 0), (65_536, 997)):
            self.echoes(frame(BINARY, b"\xfe" * size), [(BINARY, b"\xfe" * size)], piece)

    def test_empty(self) -> None:
        """1.1.1 and 1.2.1: empty messages are legal and carry no SIP."""
        self.echoes(frame(TEXT) + frame(BINARY) + frame(TEXT, b"after"), [(TEXT, b"after")])


class Group2Pings(Conformance):
    def test_2_payloads(self) -> None:
        """2.1-2.4 and 2.6: a pong carries the ping's payload, up to 125 octets, binary too, chopped too."""
        for payload in (b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
            self.echoes(frame(PING, payload), [(PONG, payload)])
            self.echoes(frame(PING, payload), [(PONG, payload)], 1)

    def test_2_5_too_long(self) -> None:
        """2.5: a ping of 126 octets breaks the protocol."""
        self.fails(frame(PING, b"\xfe" * 126), 1002)

    def test_2_unsolicited_pongs(self) -> None:
        """2.7-2.9: pongs nobody asked for are ignored."""
        self.echoes(frame(PONG) + frame(PONG, b"unsolicited") + frame(PING, b"ping"), [(PONG, b"ping")])

    def test_2_several(self) -> None:
        """2.10 and 2.11: ten pings, ten pongs in their order."""
        pings = [b"payload-%d" % number for number in range(10)]
        self.echoes(b"".join(frame(PING, ping) for ping in pings), [(PONG, ping) for ping in pings], 1)


class Group3Reserved(Conformance):
    def test_3_reserved_bits(self) -> None:
        """3.1-3.7: any RSV bit on any frame is 1002; what came before is still echoed."""
        for rsv in range(1, 8):
            for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
                self.fails(frame(opcode, b"Hello", rsv=rsv), 1002)
        self.fails(frame(TEXT, b"Hello") + frame(TEXT, b"Hello", rsv=2), 1002, [(TEXT, b"Hello")])


class Group4Opcodes(Conformance):
    def test_4_1_data(self) -> None:
        """4.1.1-4.1.5: opcodes 3-7 are 1002, with and without payload."""
        for opcode in range(3, 8):
            self.fails(frame(opcode), 1002)
            self.fails(frame(TEXT, b"Hello") + frame(opcode, b"reserved") + frame(PING), 1002, [(TEXT, b"Hello")])

    def test_4_2_control(self) -> None:
        """4.2.1-4.2.5: opcodes 11-15 likewise."""
        for opcode in range(11, 16):
            self.fails(frame(opcode), 1002)
            self.fails(frame(TEXT, b"Hello") + frame(opcode, b"reserved") + frame(PING), 1002, [(TEXT, b"Hello")])


class Group5Fragments(Conformance):
    def test_5_control_frames_are_whole(self) -> None:
        """5.1 and 5.2: a ping or pong in fragments is 1002."""
        for opcode in (PING, PONG):
            self.fails(frame(opcode, b"frag", fin=False) + frame(CONTINUATION, b"ment"), 1002)

    def test_5_two_fragments(self) -> None:
        """5.3-5.8: a message in two frames, in any pieces, with a ping between that is answered at once."""
        first, last = frame(TEXT, b"fragment1", fin=False), frame(CONTINUATION, b"fragment2")
        for piece in (0, 1):
            self.echoes(first + last, [(TEXT, b"fragment1fragment2")], piece)
            self.echoes(first + frame(PING, b"p") + last, [(PONG, b"p"), (TEXT, b"fragment1fragment2")], piece)

    def test_5_nothing_to_continue(self) -> None:
        """5.9-5.14: a continuation without a beginning is 1002, FIN or not."""
        for fin in (True, False):
            self.fails(frame(CONTINUATION, b"non-continuation", fin=fin) + frame(TEXT, b"Hello"), 1002)

    def test_5_15_continuation_after_the_end(self) -> None:
        """5.15: a message in two fragments, then a continuation of nothing."""
        whole = frame(TEXT, b"fragment1", fin=False) + frame(CONTINUATION, b"fragment2")
        self.fails(whole + frame(CONTINUATION, b"fragment3", fin=False), 1002, [(TEXT, b"fragment1fragment2")])

    def test_5_nothing_but_continuations(self) -> None:
        """5.16 and 5.17: it stays wrong when repeated."""
        self.fails(
            (frame(CONTINUATION, b"f1", fin=False) + frame(TEXT, b"f2", fin=False) + frame(CONTINUATION)) * 2, 1002
        )

    def test_5_18_new_message_inside(self) -> None:
        """5.18: a new text frame inside a fragmented message is 1002."""
        self.fails(frame(TEXT, b"fragment1", fin=False) + frame(TEXT, b"fragment2"), 1002)

    def test_5_pings_between(self) -> None:
        """5.19 and 5.20: five fragments with pings between them."""
        parts = [b"fragment%d" % number for number in range(1, 6)]
        data = frame(TEXT, parts[0], fin=False) + frame(CONTINUATION, parts[1], fin=False) + frame(PING, b"p1")
        data += frame(CONTINUATION, parts[2], fin=False) + frame(CONTINUATION, parts[3], fin=False)
        data += frame(PING, b"p2") + frame(CONTINUATION, parts[4])
        for piece in (0, 1):
            self.echoes(data, [(PONG, b"p1"), (PONG, b"p2"), (TEXT, b"".join(parts))], piece)


#: 6.5-6.22: what Markus Kuhn's stress test counts as well-formed, and what it does not
VALID = """
00 61 c280 e0a080 f0908080 7f dfbf efbfbf f48fbfbf ed9fbf ee8080 efbfbd f48fbfbf efbfbe
cebae1bdb9cf83cebcceb5 e282ac efbbbf f09d849e cebae1bdb9cf83cebcceb520c384c3960a
"""
INVALID = """
80 bf 80bf 80bf80 80bf80bf80bf c020 c0c1 e0e1 f0f7 c0 e080 f08080 c3 e282 f09d84 dff0 f888808080
fc8480808080 c0af e080af f08080af f8808080af fc80808080af c1bf e09fbf f08fbfbf c080 e08080 f0808080
eda080 edafbf edb080 edbfbf eda080edb080 edafbfedbfbf f4908080 f5808080 fe ff fefeffff
cebae1bdb9cf83cebcceb5eda080656469746564 f7bfbfbf
"""


class Group6Utf8(Conformance):
    def test_6_valid(self) -> None:
        """6.1-6.2, 6.5-6.23: well-formed UTF-8 is echoed, also octet by octet and in frames of one octet."""
        for octets in (bytes.fromhex(text) for text in VALID.split()):
            self.echoes(frame(TEXT, octets), [(TEXT, octets)], 1)
            frames = [frame(TEXT if not i else CONTINUATION, octets[i : i + 1], fin=False) for i in range(len(octets))]
            self.echoes(b"".join(frames) + frame(CONTINUATION), [(TEXT, octets)])

    def test_6_invalid(self) -> None:
        """6.3, 6.6-6.21: anything else is 1007, whole, cut short at the end of the message, or in one-octet frames."""
        for octets in (bytes.fromhex(text) for text in INVALID.split()):
            self.fails(frame(TEXT, octets), 1007)
            frames = [frame(TEXT if not i else CONTINUATION, octets[i : i + 1], fin=False) for i in range(len(octets))]
            self.fails(b"".join(frames) + frame(CONTINUATION), 1007)

    def test_6_4_fails_fast(self) -> None:
        """6.4: the first impossible octet ends it, before the frame or the message is complete."""
        peer = client()
        peer.send(frame(TEXT, bytes.fromhex("cebae1bdb9cf83cebcceb5f4908080"), fin=False))
        self.assertEqual(peer.close_code(), 1007)
        peer = client()
        peer.send(frame(TEXT, b"ok\xff" + b"x" * 50)[:9])
        self.assertEqual(peer.close_code(), 1007)

    def test_6_binary_is_not_checked(self) -> None:
        """Binary messages may hold anything (RFC 7118 allows them)."""
        for octets in (bytes.fromhex(text) for text in INVALID.split()):
            self.echoes(frame(BINARY, octets), [(BINARY, octets)])


class Group7Close(Conformance):
    def closed(self, data: bytes, code: int) -> Client:
        peer = client()
        peer.send(data)
        self.assertEqual(peer.close_code(), code)
        return peer

    def test_7_1_after_the_close(self) -> None:
        """7.1.1-7.1.6: what came before is echoed; pings, data and a second close after it are ignored."""
        for after in (b"", frame(PING), frame(TEXT, b"x"), frame(CLOSE), frame(CONTINUATION, b"x"), b"\xff" * 70_000):
            peer = client()
            peer.send(frame(TEXT, b"Hello") + frame(CLOSE, b"\x03\xe8") + after)
            peer.send(after)
            self.assertEqual([opcode for opcode, _ in peer.frames()], [TEXT, CLOSE])
            self.assertTrue(peer.wire.disconnecting)

    def test_7_1_5_inside_a_message(self) -> None:
        """7.1.5: a close between two fragments ends the message too."""
        peer = self.closed(
            frame(TEXT, b"fragment1", fin=False) + frame(CLOSE) + frame(CONTINUATION, b"fragment2"), 1000
        )
        self.assertEqual(cast("Echo", peer.receiver).data, [])

    def test_7_3_payloads(self) -> None:
        """7.3.1-7.3.6: empty is fine, one octet is not; a reason up to 123 octets is, a longer one is not."""
        self.closed(frame(CLOSE), 1000)
        self.closed(frame(CLOSE, b"\x03"), 1002)
        self.closed(frame(CLOSE, b"\x03\xe8"), 1000)
        self.closed(frame(CLOSE, b"\x03\xe8Hello World!"), 1000)
        self.closed(frame(CLOSE, b"\x03\xe8" + b"*" * 123), 1000)
        self.closed(frame(CLOSE, b"\x03\xe8" + b"*" * 124), 1002)

    def test_7_5_reason(self) -> None:
        """7.5.1: the reason has to be UTF-8."""
        self.closed(frame(CLOSE, b"\x03\xe8" + bytes.fromhex("cebae1bdb9cf83cebcceb5eda080656469746564")), 1007)

    def test_7_7_valid_codes(self) -> None:
        """7.7: the codes a client may send."""
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
            self.closed(frame(CLOSE, struct.pack("!H", code)), 1000)

    def test_7_9_invalid_codes(self) -> None:
        """7.9 and 7.13: reserved codes and such as are none."""
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535):
            self.closed(frame(CLOSE, struct.pack("!H", code)), 1002)


class Group10AutoFragments(Conformance):
    def test_10_1_1_large_in_fragments(self) -> None:
        """10.1.1: 64 KiB in fragments of 1300 octets arrive as one message."""
        data = b"*" * 65_536
        parts = [data[i : i + 1300] for i in range(0, len(data), 1300)]
        octets = b"".join(
            frame(TEXT if not i else CONTINUATION, part, fin=i == len(parts) - 1) for i, part in enumerate(parts)
        )
        self.echoes(octets, [(TEXT, data)])
        self.echoes(octets, [(TEXT, data)], 1460)


class Masking(Conformance):
    def test_unmasked(self) -> None:
        """RFC 6455 §5.1: a client that does not mask is 1002."""
        self.fails(frame(TEXT, b"Hello", mask=None), 1002)

    def test_lengths_are_minimal(self) -> None:
        """§5.2: a length in more octets than it needs is 1002, and so is one with the highest bit set."""
        self.fails(struct.pack("!BBH", 0x81, 0xFE, 125) + b"mask", 1002)
        self.fails(struct.pack("!BBQ", 0x81, 0xFF, 65_535) + b"mask", 1002)
        self.fails(struct.pack("!BBQ", 0x81, 0xFF, 2**63) + b"mask", 1002)
