"""TCP connections that others opened: framing, deadlines, and how they end."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryListener, MemoryLog
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.stream import StreamFactory

from .wires import OPTIONS, SLOT, Room, lose

BAD = OPTIONS.replace(b"Content-Length: 0\r\n", b"")
ANSWER = b"SIP/2.0 400 Bad\r\n\r\n"


class OpenTests(SynchronousTestCase):
    """A connection comes in."""

    def test_flow(self) -> None:
        """The receiver hears of it, the table holds it, and it says where it came from."""
        room = Room()
        connection, wire = room.accept(peer="192.0.2.7")
        flow = connection.flow
        self.assertEqual(room.receiver.opened, [flow])
        self.assertIs(room.flows.find(flow.id), flow)
        self.assertEqual((flow.transport, flow.reliable, flow.secure, flow.accepted), ("tcp", True, False, True))
        self.assertEqual((flow.local, flow.peer), (("127.0.0.1", 5060), ("192.0.2.7", 40000)))
        self.assertEqual(wire.options, ["nodelay True", "keepalive True"])
        self.assertIn("192.0.2.7:40000", repr(flow))

    def test_ids(self) -> None:
        """No two connections have one id."""
        room = Room()
        self.assertEqual(len({room.accept()[0].flow.id for _ in range(50)}), 50)

    def test_ipv6(self) -> None:
        """IPv6 peers are named without brackets."""
        self.assertEqual(Room().accept(peer="2001:db8::7")[0].flow.peer, ("2001:db8::7", 40000))

    def test_F13_refused(self) -> None:
        """F13: beyond the limits no protocol is built, which closes the socket; a place given back is used again."""
        room = Room(connections=ConnectionLimits(per_address=1, total=5))
        factory = StreamFactory(room.streams, MemoryListener("tcp"))
        connection, _ = room.accept()
        self.assertIsNone(factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 40001)))
        lose(connection, ConnectionDone())
        self.assertIsNotNone(factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 40002)))


class MessageTests(SynchronousTestCase):
    """What comes over it."""

    def setUp(self) -> None:
        self.room = Room()
        self.connection, self.wire = self.room.accept()

    def test_pipelined(self) -> None:
        """Several messages in one segment arrive as several."""
        self.connection.dataReceived(OPTIONS * 3)
        self.assertEqual(self.room.receiver.data, [OPTIONS] * 3)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(1, 3 * len(OPTIONS) - 1), max_size=8))
    def test_split_anywhere(self, cuts: list[int]) -> None:
        """However the network cuts the stream, the same messages come out."""
        room = Room()
        connection, _ = room.accept()
        data = OPTIONS * 3
        at = 0
        for cut in [*sorted(cuts), len(data)]:
            connection.dataReceived(data[at:cut])
            at = cut
        self.assertEqual(room.receiver.data, [OPTIONS] * 3)

    def test_keep_alive(self) -> None:
        """A double CRLF is answered with one (RFC 5626 §4.4.1); a single one is not."""
        self.connection.dataReceived(b"\r\n\r\n" + OPTIONS)
        self.assertEqual(self.wire.taken, b"\r\n")
        self.connection.dataReceived(b"\r\n")
        self.assertEqual(self.wire.taken, b"")
        self.assertEqual(self.room.receiver.data, [OPTIONS])

    def test_F3_keep_alive_flood(self) -> None:
        """F3: keep-alives beyond the connection's bucket get nothing; messages are not counted there."""
        left = [2]

        def admit(flow: Flow) -> bool:
            left[0] -= 1
            return left[0] >= 0

        self.room.streams.admit = admit
        self.connection.dataReceived(b"\r\n\r\n" * 10 + OPTIONS)
        self.assertEqual(self.wire.taken, b"\r\n" * 2)
        self.assertEqual(self.room.receiver.data, [OPTIONS])

    def test_answers(self) -> None:
        """What is sent on the flow is written."""
        self.connection.flow.send(ANSWER)
        self.assertEqual(self.wire.taken, ANSWER)

    def test_bug(self) -> None:
        """A receiver that raises costs neither the connection nor the next message."""
        heard: list[bytes] = []

        def received(data: bytes, flow: Flow) -> None:
            heard.append(data)
            raise ZeroDivisionError

        self.room.receiver.received = received  # type: ignore[method-assign]
        self.connection.dataReceived(OPTIONS * 2)
        self.assertEqual(heard, [OPTIONS] * 2)
        self.assertFalse(self.wire.ending)
        self.assertEqual(len(self.room.log.lines), 2)
        self.assertIn("ZeroDivisionError", self.room.log.lines[0][1])


class FramingLostTests(SynchronousTestCase):
    """P1-P3: after an error of framing nothing more can be read."""

    def setUp(self) -> None:
        self.room = Room(answer=ANSWER)
        self.connection, self.wire = self.room.accept()

    def test_P3_answered_and_closed(self) -> None:
        """P3: the messages before are served, the receiver can answer, then our direction is closed."""
        self.connection.dataReceived(OPTIONS + BAD + OPTIONS)
        self.assertEqual(self.room.receiver.data, [OPTIONS])
        ((error, flow),) = self.room.receiver.errors
        self.assertEqual(error.status, 400)
        self.assertIs(flow, self.connection.flow)
        self.assertEqual(self.wire.taken, ANSWER * 2)
        self.assertTrue(self.wire.half_closed)
        self.assertFalse(self.wire.ending)
        self.assertTrue(flow.closed)
        self.assertIsNone(self.room.flows.find(flow.id))

    def test_rest_is_thrown_away(self) -> None:
        """What the peer still sends is read, so that no RST overtakes the answer, and means nothing."""
        self.connection.dataReceived(BAD)
        self.connection.dataReceived(OPTIONS)
        self.assertEqual(self.room.receiver.data, [])
        lose(self.connection, ConnectionDone())
        self.assertEqual(self.room.receiver.lost, [(self.connection.flow, "framing lost")])

    def test_peer_stays(self) -> None:
        """A peer that does not close either is aborted after 5 s."""
        self.connection.dataReceived(BAD)
        self.room.advance(5 + SLOT)
        self.assertTrue(self.wire.aborted)

    def test_P1_endless_head(self) -> None:
        """P1: a head beyond 16 KiB ends the connection."""
        self.connection.dataReceived(OPTIONS[:-2] + b"X: " + b"x" * 17000)
        self.assertEqual(len(self.room.receiver.errors), 1)
        self.assertTrue(self.wire.half_closed)

    def test_receiver_closes(self) -> None:
        """A receiver that closes the flow itself is fine."""

        def malformed(error: SIPError, flow: Flow) -> None:
            flow.close()

        self.room.receiver.malformed = malformed  # type: ignore[method-assign]
        self.connection.dataReceived(BAD)
        self.assertTrue(self.wire.disconnecting)
        self.assertFalse(self.wire.half_closed)


class DeadlineTests(SynchronousTestCase):
    """F5 and F8."""

    def setUp(self) -> None:
        self.room = Room()
        self.connection, self.wire = self.room.accept()

    def test_F5_silent(self) -> None:
        """F5: who says nothing is closed after 20 s."""
        self.room.advance(19.9)
        self.assertFalse(self.wire.ending)
        self.room.advance(0.1 + SLOT)
        self.assertTrue(self.wire.aborted)
        lose(self.connection, ConnectionLost())
        self.assertEqual(self.room.receiver.lost, [(self.connection.flow, "silent")])

    def test_idle_stays(self) -> None:
        """Who has said something may be silent for as long as it likes."""
        self.connection.dataReceived(OPTIONS)
        self.room.advance(3600)
        self.assertFalse(self.wire.ending)

    def test_keep_alive_counts(self) -> None:
        """A keep-alive is something said."""
        self.connection.dataReceived(b"\r\n\r\n")
        self.room.advance(60)
        self.assertFalse(self.wire.ending)

    def test_F8_slow_message(self) -> None:
        """F8: a message has 20 s from its first octet, however steadily the next ones drip."""
        self.room.advance(10)
        for octet in OPTIONS[:25]:
            self.connection.dataReceived(bytes((octet,)))
            self.room.advance(0.79)
        self.assertFalse(self.wire.ending)
        self.room.advance(0.3 + SLOT)
        self.assertTrue(self.wire.aborted)
        lose(self.connection, ConnectionLost())
        self.assertEqual(self.room.receiver.lost[0][1], "message too slow")

    def test_F8_second_message(self) -> None:
        """F8: so has one that begins behind another; the time begins anew with each."""
        self.connection.dataReceived(OPTIONS + OPTIONS[:10])
        self.room.advance(15)
        self.connection.dataReceived(OPTIONS[10:] + OPTIONS[:10])
        self.room.advance(15)
        self.assertFalse(self.wire.ending)
        self.room.advance(5 + SLOT)
        self.assertTrue(self.wire.aborted)

    def test_no_timer_stays(self) -> None:
        """K3: a connection that has ended leaves no timer behind."""
        self.connection.dataReceived(OPTIONS[:10])
        lose(self.connection, ConnectionDone())
        self.assertEqual(self.room.wheel.count, 0)
        self.assertEqual(self.room.flows.count, 0)
        self.assertEqual(self.room.streams.connections.count, 0)


class EndTests(SynchronousTestCase):
    """The ways a connection ends."""

    def setUp(self) -> None:
        self.room = Room()
        self.connection, self.wire = self.room.accept()

    def test_T10_peer_ends(self) -> None:
        """T10: FIN, RST, in the midst of a message or not: the flow is lost, once, and sending is harmless."""
        self.connection.dataReceived(OPTIONS[:30])
        lose(self.connection, ConnectionDone())
        flow = self.connection.flow
        self.assertEqual(self.room.receiver.lost, [(flow, "closed by peer")])
        self.assertTrue(flow.closed)
        flow.send(ANSWER)
        flow.close()
        flow.ping()
        self.assertEqual(self.wire.taken, b"")
        self.assertEqual(len(self.room.receiver.lost), 1)

    def test_T10_half_close(self) -> None:
        """T10: a peer that asks and ends its direction at once (``nc -N``) still gets what has been answered."""
        self.room.receiver.answer = ANSWER
        self.connection.dataReceived(OPTIONS)
        self.connection.readConnectionLost()
        self.assertEqual(self.wire.taken, ANSWER)
        self.assertTrue(self.wire.disconnecting)
        self.assertIsNone(self.wire.producer)
        flow = self.connection.flow
        self.assertTrue(flow.closed)
        self.assertIsNone(self.room.flows.find(flow.id))
        lose(self.connection, ConnectionDone())
        self.assertEqual(self.room.receiver.lost, [(flow, "closed by peer")])

    def test_we_close(self) -> None:
        """What is queued leaves, nothing is read any more, and the loss is told when it has happened."""
        flow = self.connection.flow
        flow.send(ANSWER)
        flow.close()
        self.assertTrue(self.wire.disconnecting)
        self.assertIsNone(self.wire.producer)
        self.assertTrue(flow.closed)
        self.assertIsNone(self.room.flows.find(flow.id))
        self.connection.dataReceived(OPTIONS)
        self.assertEqual((self.room.receiver.data, self.room.receiver.lost), ([], []))
        lose(self.connection, ConnectionDone())
        self.assertEqual(self.room.receiver.lost, [(flow, "closed by us")])

    def test_peer_takes_nothing(self) -> None:
        """A close that the peer holds up ends by force after 5 s."""
        self.connection.flow.close()
        self.room.advance(5 + SLOT)
        self.assertTrue(self.wire.aborted)

    def test_closed_while_reading(self) -> None:
        """A message may make us close: the ones behind it in the same segment are not served."""
        self.room.receiver.received = lambda data, flow: flow.close()  # type: ignore[method-assign]
        self.connection.dataReceived(OPTIONS + b"\r\n\r\n")
        self.assertEqual(self.wire.taken, b"")

    def test_ping(self) -> None:
        """A ping is a CRLF that every stack skips; what it finds out is the kernel's."""
        self.connection.flow.ping()
        self.assertEqual(self.wire.taken, b"\r\n")


class ReaderThatDoesNotReadTests(SynchronousTestCase):
    """F19."""

    def setUp(self) -> None:
        self.room = Room()
        self.connection, self.wire = self.room.accept()
        self.connection.dataReceived(OPTIONS)
        self.wire.stuck = True

    def send(self, octets: int) -> None:
        for _ in range(octets // 1024):
            self.connection.flow.send(bytes(1024))

    def test_F19_too_much(self) -> None:
        """F19: more than 256 KiB in the queue ends the connection."""
        self.send(256 * 1024)
        self.assertFalse(self.wire.ending)
        self.send(1024)
        self.assertTrue(self.wire.aborted)
        self.assertTrue(self.connection.flow.closed)
        lose(self.connection, ConnectionLost())
        self.assertIn("octets wait", self.room.receiver.lost[0][1])

    def test_F19_stalled(self) -> None:
        """F19: so does a full queue that nothing leaves for 10 s."""
        self.send(70 * 1024)
        self.room.advance(9)
        self.assertFalse(self.wire.ending)
        self.room.advance(1 + SLOT)
        self.assertTrue(self.wire.aborted)
        lose(self.connection, ConnectionLost())
        self.assertIn("took nothing for 10 s", self.room.receiver.lost[0][1])

    def test_slow_is_not_stalled(self) -> None:
        """A slow reader that takes a little every few seconds stays, also while more is written."""
        self.send(100 * 1024)
        for _ in range(12):
            self.room.advance(8)
            self.wire.drain(2048)
            self.send(1024)
        self.assertFalse(self.wire.ending)

    def test_recovers(self) -> None:
        """A queue that empties starts afresh."""
        self.send(100 * 1024)
        self.room.advance(8)
        self.wire.drain(100 * 1024)
        self.room.advance(60)
        self.assertFalse(self.wire.ending)
        self.assertEqual(self.room.wheel.count, 0)


class FlowTests(SynchronousTestCase):
    """What hooks may do with it."""

    def test_variables(self) -> None:
        """A connection remembers what hooks write onto it."""
        connection, _ = Room().accept()
        connection.flow.variables["user"] = "alice"
        self.assertEqual(connection.flow.variables, {"user": "alice"})

    def test_log_is_optional_work(self) -> None:
        """Nothing is logged for an ordinary connection."""
        room: Any = Room()
        connection, _ = room.accept()
        connection.dataReceived(OPTIONS)
        lose(connection, ConnectionDone())
        self.assertEqual(room.log.lines, MemoryLog().lines)
