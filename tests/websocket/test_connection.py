"""oversip_tw.transport.websocket.connection, flow and frames"""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow
from oversip_tw.testing import RecordingReceiver
from tests.websocket.wire import BINARY, CLOSE, PING, PONG, TEXT, Client, frame

CONTINUATION = 0


class Raising(RecordingReceiver):
    """A receiver with a bug in every method."""

    def flow_opened(self, flow: Flow) -> None:
        raise ZeroDivisionError

    def received(self, data: bytes, flow: Flow) -> None:
        super().received(data, flow)
        raise ZeroDivisionError

    def flow_lost(self, flow: Flow, reason: str) -> None:
        super().flow_lost(flow, reason)
        raise ZeroDivisionError


class MessagesTest(SynchronousTestCase):
    def test_one_message_each(self) -> None:
        """Text or binary, whole or in fragments: each WebSocket message is one call of the receiver."""
        client = Client().open()
        client.send(frame(TEXT, b"one") + frame(BINARY, b"\xff\x00") + frame(TEXT, b"th", fin=False))
        client.send(frame(CONTINUATION, b"r", fin=False) + frame(PING) + frame(CONTINUATION, b"ee"))
        self.assertEqual(client.receiver.data, [b"one", b"\xff\x00", b"three"])
        self.assertEqual({flow for _, flow in client.receiver.messages}, set(client.receiver.opened))

    def test_P13_keep_alive(self) -> None:
        """CRLFCRLF is answered CRLF; a lone CRLF and an empty message are ignored."""
        client = Client().open()
        client.send(frame(TEXT, b"\r\n") + frame(TEXT) + frame(BINARY))
        self.assertEqual(client.frames(), [])
        client.send(frame(TEXT, b"\r\n\r\n") + frame(BINARY, b"\r\n\r\n"))
        self.assertEqual(client.frames(), [(TEXT, b"\r\n")] * 2)
        self.assertEqual(client.receiver.data, [])

    def test_P13_bad_utf8(self) -> None:
        """1007 for bad UTF-8 in text and only there; the receiver hears of the end, not of the message."""
        client = Client().open()
        client.send(frame(BINARY, b"\xc3\x28"))
        self.assertIsNone(client.close_code())
        client.send(frame(TEXT, b"a\xc3\x28"))
        self.assertEqual(client.close_code(), 1007)
        self.assertEqual(client.receiver.data, [b"\xc3\x28"])
        self.assertEqual(len(client.receiver.lost), 1)

    def test_sends_text_or_binary(self) -> None:
        """What is UTF-8 leaves as text, what is not as binary; every size in one frame."""
        client = Client().open()
        (flow,) = client.receiver.opened
        for data, opcode in ((b"INVITE", TEXT), ("grüß".encode(), TEXT), (b"\xff", BINARY), (b"", TEXT)):
            flow.send(data)
            self.assertEqual(client.frames(), [(opcode, data)])
        for size in (125, 126, 65_535, 65_536):
            flow.send(b"x" * size)
            self.assertEqual(client.frames(), [(TEXT, b"x" * size)])

    def test_30_KiB_pass(self) -> None:
        """Video offers are that large, and arrive in pieces."""
        client = Client().open()
        client.send(frame(TEXT, b"v" * 30_000), 1460)
        client.send(frame(TEXT, b"w" * 65_536))
        self.assertEqual([len(data) for data in client.receiver.data], [30_000, 65_536])

    @settings(max_examples=60)
    @given(st.lists(st.binary(min_size=5, max_size=300), max_size=5), st.integers(1, 50))
    def test_any_split(self, messages: list[bytes], piece: int) -> None:
        """However the octets are cut, the messages come out as they were."""
        client = Client().open()
        client.send(b"".join(frame(BINARY, message) for message in messages), piece)
        self.assertEqual(
            client.receiver.data, [message for message in messages if message.strip(b"\r\n") or len(message) > 4]
        )

    @settings(max_examples=150)
    @given(st.binary(max_size=200))
    def test_junk(self, junk: bytes) -> None:
        """Whatever stands in place of frames: nothing but messages, answers and a close; never an exception."""
        client = Client().open()
        client.send(junk)
        client.frames()
        client.clock.advance(60)
        client.drop()
        self.assertEqual(client.clock.getDelayedCalls(), [])
        self.assertEqual(len(client.receiver.lost), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_bugs_of_receivers_are_logged(self) -> None:
        """An exception of the receiver stands in the log and costs this client no other message."""
        client = Client(receiver=Raising()).open()
        client.send(frame(TEXT, b"hello one") + frame(TEXT, b"hello two"))
        self.assertEqual(len(client.receiver.data), 2)
        client.drop()
        self.assertEqual(len(client.receiver.lost), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 4)


class LimitsTest(SynchronousTestCase):
    def test_F9_on_the_header_alone(self) -> None:
        """A frame that claims too much is closed 1009 before any of it has come."""
        for size in (2**63 - 1, 2**32, 65_537):
            client = Client().open()
            client.send(struct.pack("!BBQ", 0x81, 0xFF, size) + b"mask")
            self.assertEqual(client.close_code(), 1009, size)
            client.send(b"x" * 100_000)
            self.assertEqual(client.read(), b"")
            self.assertEqual(client.receiver.data, [])
            self.assertLess(len(client.wire.protocol.data), 1000)

    def test_F9_over_several_frames(self) -> None:
        """A message that grows too long by fragments is closed 1009 on the header of the last straw."""
        client = Client().open()
        client.send(frame(TEXT, b"x" * 40_000, fin=False))
        self.assertIsNone(client.close_code())
        client.send(frame(CONTINUATION, b"x" * 25_537)[:8])
        self.assertEqual(client.close_code(), 1009)

    def test_F10_too_many_fragments(self) -> None:
        """128 frames make a message, 129 are closed 1008; empty ones count too."""
        for part in (b"", b"x"):
            client = Client().open()
            client.send(frame(TEXT, b"x" * 5, fin=False) + frame(CONTINUATION, part, fin=False) * 126)
            client.send(frame(CONTINUATION))
            self.assertEqual(len(client.receiver.data), 1)
            client.send(frame(TEXT, b"x", fin=False) + frame(CONTINUATION, part, fin=False) * 127)
            self.assertIsNone(client.close_code())
            client.send(frame(CONTINUATION, part))
            self.assertEqual(client.close_code(), 1008)
            self.assertEqual(len(client.receiver.data), 1)

    def test_F11_control_frames(self) -> None:
        """20 control frames a second pass, the 21st is closed 1008; the next second counts anew."""
        for kind in (PING, PONG):
            client = Client().open()
            client.send(frame(kind) * 20)
            client.clock.advance(1)
            client.send(frame(kind) * 20)
            self.assertIsNone(client.close_code())
            client.send(frame(kind))
            self.assertEqual(client.close_code(), 1008)

    def test_F11_messages_that_carry_nothing(self) -> None:
        """Empty ones and CRLFs are counted together with control frames, whole or in pieces."""
        for kind in (frame(TEXT), frame(BINARY, b"\r\n"), frame(TEXT, b"\r\n\r\n")):
            client = Client().open()
            client.send(kind * 19 + frame(PING))
            self.assertIsNone(client.close_code())
            for octet in kind:
                client.send(bytes((octet,)))
            self.assertEqual(client.close_code(), 1008)

    def test_F11_after_our_close(self) -> None:
        """A client that goes on sending instead of closing as well is left."""
        client = Client().open()
        [flow] = client.receiver.opened
        flow.close(4000, "enough")
        client.send(frame(BINARY, b"xx") * 20)
        self.assertFalse(client.wire.disconnecting)
        client.send(frame(BINARY, b"xx"))
        self.assertTrue(client.wire.disconnecting)

    def test_F11_flood_in_one_segment(self) -> None:
        """After the close nothing more of the flood is looked at."""
        client = Client().open()
        client.send(frame(PING) * 10_000)
        self.assertEqual(len(client.frames()), 21)
        client.send(frame(PING) * 10_000)
        self.assertEqual(client.frames(), [])

    def test_F12_no_compression(self) -> None:
        """permessage-deflate is never agreed to; a compressed frame breaks the protocol."""
        client = Client().open(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
        client.send(frame(TEXT, b"x", rsv=4))
        self.assertEqual(client.close_code(), 1002)

    def test_F19_too_much_waits(self) -> None:
        """A client that does not read is cut when more than 256 KiB wait for it."""
        client = Client().open()
        (flow,) = client.receiver.opened
        client.wire.stuck = True
        for _ in range(4):
            flow.send(b"x" * 60_000)
        self.assertFalse(client.wire.aborted)
        flow.send(b"x" * 60_000)
        self.assertTrue(client.wire.aborted)
        self.assertEqual([reason for _, reason in client.receiver.lost], ["does not read"])
        self.assertTrue(flow.closed)
        flow.send(b"x")

    def test_F19_nothing_moves(self) -> None:
        """A client that takes nothing for 10 s is cut, however little waits."""
        client = Client().open()
        (flow,) = client.receiver.opened
        client.wire.stuck = True
        flow.send(b"x" * 1000)
        flow.send(b"x" * 1000)
        client.clock.advance(9.9)
        self.assertFalse(client.wire.aborted)
        flow.send(b"x" * 1000)
        client.clock.advance(0.1)
        self.assertTrue(client.wire.aborted)

    def test_F19_slow_but_alive(self) -> None:
        """A client that takes a little is left alone, also while more is sent than it takes."""
        client = Client(ping_interval=1000).open()
        (flow,) = client.receiver.opened
        client.wire.stuck = True
        flow.send(b"x" * 2000)
        for _ in range(5):
            flow.send(b"x" * 2000)
            client.wire.dataBuffer = client.wire.dataBuffer[500:]
            client.clock.advance(10)
        self.assertFalse(client.wire.aborted)
        client.wire.dataBuffer = b""
        client.clock.advance(100)
        self.assertFalse(client.wire.aborted)


class PingTest(SynchronousTestCase):
    def test_T11_ping_and_pong(self) -> None:
        """A ping every 25 s; a client that answers stays."""
        client = Client().open()
        for _ in range(4):
            client.clock.advance(24.9)
            self.assertEqual(client.frames(), [])
            client.clock.advance(0.1)
            self.assertEqual(client.frames(), [(PING, b"")])
            client.send(frame(PONG))
        self.assertFalse(client.wire.disconnecting)

    def test_T11_no_pong(self) -> None:
        """Ten seconds without an answer: cut, and the receiver hears of it at once."""
        client = Client().open()
        client.clock.advance(25)
        client.clock.advance(9.9)
        self.assertEqual(client.receiver.lost, [])
        client.clock.advance(0.1)
        self.assertTrue(client.wire.aborted)
        self.assertEqual([reason for _, reason in client.receiver.lost], ["no answer to a ping"])
        client.drop()
        self.assertEqual(len(client.receiver.lost), 1)
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_anything_shows_life(self) -> None:
        """Octets of a long message on a slow line answer the ping too."""
        client = Client().open()
        client.clock.advance(25)
        client.send(frame(TEXT, b"hello")[:3])
        client.clock.advance(20)
        self.assertFalse(client.wire.aborted)

    def test_asked_by_the_flow(self) -> None:
        """`Flow.ping` asks at once, once while no answer has come, and has the same patience."""
        client = Client().open()
        (flow,) = client.receiver.opened
        flow.ping()
        flow.ping()
        self.assertEqual(client.frames(), [(PING, b"")])
        client.clock.advance(10)
        self.assertTrue(client.wire.aborted)
        flow.ping()


class CloseTest(SynchronousTestCase):
    def test_by_the_client(self) -> None:
        """A close is answered, the flow ends at once, and the connection follows."""
        client = Client().open()
        (flow,) = client.receiver.opened
        client.send(frame(CLOSE, b"\x03\xe9bye") + frame(TEXT, b"after"))
        self.assertEqual(client.close_code(), 1000)
        self.assertEqual(client.receiver.lost, [(flow, "closed by the client (1001)")])
        self.assertTrue(flow.closed)
        self.assertIsNone(client.flows.find(flow.id))
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual(client.receiver.data, [])
        client.clock.advance(2)
        self.assertTrue(client.wire.aborted, "one that keeps the connection open is cut")

    def test_by_the_flow(self) -> None:
        """`Flow.close` sends code and reason (1001, 4000, any), and waits for the client's own."""
        client = Client().open()
        (flow,) = client.receiver.opened
        flow.close(1001, "going away")
        flow.close(1001, "again")
        self.assertEqual(client.frames(), [(CLOSE, b"\x03\xe9going away")])
        flow.send(b"too late")
        client.send(frame(TEXT, b"too late"))
        self.assertEqual((client.read(), client.receiver.data, client.receiver.lost), (b"", [], []))
        self.assertEqual(client.factory.closes, {1001: 1})
        client.send(frame(CLOSE, b"\x03\xe9"))
        self.assertTrue(client.wire.disconnecting)
        client.drop(clean=True)
        self.assertEqual(len(client.receiver.lost), 1)

    def test_client_does_not_answer_the_close(self) -> None:
        """Politely after 2 s, in haste after 4."""
        client = Client().open()
        client.receiver.opened[0].close(4000, "no SIP")
        self.assertEqual(client.close_code(), 4000)
        client.clock.advance(2)
        self.assertTrue(client.wire.disconnecting)
        self.assertFalse(client.wire.aborted)
        client.clock.advance(2)
        self.assertTrue(client.wire.aborted)

    def test_long_reasons_are_cut(self) -> None:
        """A close frame has room for 123 octets of reason, and no half character."""
        client = Client().open()
        client.receiver.opened[0].close(4000, "ü" * 100)
        ((_, payload),) = client.frames()
        self.assertEqual(payload[2:], ("ü" * 61).encode())

    def test_T10_connection_breaks(self) -> None:
        """RST in the middle of a message: the flow is lost once, nothing stays behind."""
        client = Client().open()
        (flow,) = client.receiver.opened
        client.send(frame(TEXT, b"half a message")[:7])
        client.drop()
        self.assertEqual([lost for lost, _ in client.receiver.lost], [flow])
        self.assertTrue(flow.closed)
        self.assertEqual((client.factory.open, client.flows.count), (0, 0))
        self.assertEqual(client.clock.getDelayedCalls(), [])
        flow.close()
        flow.send(b"x")

    def test_half_close(self) -> None:
        """A connection that ends without a close frame is lost all the same."""
        client = Client().open()
        client.drop(clean=True)
        self.assertEqual([reason for _, reason in client.receiver.lost], ["closed"])
