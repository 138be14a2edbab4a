"""oversip_tw.transport.accepted"""

from __future__ import annotations

import socket
import struct

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from .sockets import Producer, SocketCase


class WritingTests(SocketCase):
    def test_at_once(self) -> None:
        """What is written is at the client before the reactor had a turn, and epoll is not bothered."""
        self.wire.write(b"one")
        self.wire.writeSequence([b" two", b" three"])
        self.wire.write(b"")
        self.assertEqual(self.here(), b"one two three")
        self.assertFalse(self.writing)

    def test_answers_leave_together(self) -> None:
        """Several writes while a read is looked at make one segment, sent right after it."""
        sent = []
        real = self.wire._write_now
        self.wire._write_now = lambda data: sent.append(data) or real(data)
        self.server.then = lambda data: [self.wire.write(b"a"), self.wire.write(b"b"), self.assertEqual(sent, [])]
        self.client.send(b"question")
        self.turn()
        self.assertEqual((sent, self.here()), ([b"ab"], b"ab"))
        self.assertFalse(self.writing)

    def test_answers_of_a_failure(self) -> None:
        """A protocol that raises has its answer sent, and its connection closed by the reactor as ever."""

        def fail(data: bytes) -> None:
            self.wire.write(b"sorry")
            raise ZeroDivisionError

        self.server.then = fail
        self.client.send(b"question")
        self.turn()
        self.assertEqual(self.client.recv(100), b"sorry")
        self.assertEqual(self.client.recv(100), b"")
        self.assertIsNotNone(self.server.lost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_full(self) -> None:
        """What the kernel does not take waits and leaves in order; who fills the queue has to pause and may go on."""
        producer = Producer()
        self.wire.registerProducer(producer, True)
        wrote = b""
        for number in range(100):
            wrote += (piece := b"%04d" % number * 25_000)
            self.wire.write(piece)
        self.assertTrue(self.writing)
        self.assertEqual(set(producer.calls), {"pause"})
        producer.calls.clear()
        got = b""
        while len(got) < len(wrote):
            got += self.here()
            self.turn()
        self.assertTrue(got == wrote)
        self.assertEqual(producer.calls, ["resume"])
        self.assertFalse(self.writing)
        self.wire.write(b"at once again")
        self.assertEqual(self.here(), b"at once again")

    def test_pauses_and_goes_on_within_a_read(self) -> None:
        """A long answer that the kernel takes whole leaves nobody paused."""
        producer = Producer()
        self.wire.registerProducer(producer, True)
        self.server.then = lambda data: self.wire.write(b"x" * 70_000)
        self.client.send(b"question")
        self.turn()
        self.assertEqual(producer.calls, ["pause", "resume"])

    def test_pull_producer(self) -> None:
        """Who has to be asked for each piece is asked once in a turn, not all at once."""

        class Pull(Producer):
            def resumeProducing(producer) -> None:
                super().resumeProducing()
                self.wire.write(b"piece")

        producer = Pull()
        self.wire.registerProducer(producer, False)
        self.turn(3)
        self.assertEqual(producer.calls, ["resume"] * 4)
        self.wire.unregisterProducer()
        self.turn(3)
        self.assertEqual(producer.calls, ["resume"] * 4)
        self.assertEqual(self.here(), b"piece" * 4)


class EndingTests(SocketCase):
    def test_nothing_to_read(self) -> None:
        """A read too many does no harm."""
        self.assertIsNone(self.wire.doRead())
        self.assertIsNone(self.server.lost)

    def test_by_the_client(self) -> None:
        """FIN, after the last octets have been read."""
        self.client.send(b"last")
        self.client.close()
        self.turn(2)
        self.assertEqual(self.server.data, b"last")
        assert self.server.lost is not None
        self.server.lost.trap(ConnectionDone)
        self.wire.write(b"nobody is there")

    def test_reset(self) -> None:
        """RST is a lost connection."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()
        self.turn()
        assert self.server.lost is not None
        self.server.lost.trap(ConnectionLost)

    def test_write_after_reset(self) -> None:
        """A write never ends the connection by itself: whoever writes is in the middle of something."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()
        self.wire.write(b"too late")
        self.wire.write(b"too late")
        self.assertIsNone(self.server.lost)
        self.turn()
        self.assertIsNotNone(self.server.lost)

    def test_close_after_the_answer(self) -> None:
        """What was written before leaves before the end, also from within a read."""
        self.server.then = lambda data: [self.wire.write(b"bye"), self.wire.loseConnection()]
        self.client.send(b"question")
        self.turn(2)
        self.assertEqual(self.client.recv(100), b"bye")
        self.assertEqual(self.client.recv(100), b"")
        self.assertIsNotNone(self.server.lost)

    def test_half(self) -> None:
        """Our direction ends after what was written; the client's goes on."""
        self.wire.write(b"bye")
        self.wire.loseWriteConnection()
        self.turn()
        self.wire.write(b"too late")
        self.assertEqual((self.client.recv(100), self.client.recv(100)), (b"bye", b""))
        self.client.send(b"still here")
        self.turn()
        self.assertEqual(self.server.data, b"still here")

    def test_abort(self) -> None:
        """Nothing of what waits is sent any more, and nothing is written afterwards."""
        self.server.then = lambda data: [self.wire.write(b"no"), self.wire.abortConnection(), self.wire.write(b"no")]
        self.client.send(b"question")
        self.turn(2)
        self.assertRaises(ConnectionResetError, self.client.recv, 100)
        assert self.server.lost is not None
        self.server.lost.trap(ConnectionAborted)
