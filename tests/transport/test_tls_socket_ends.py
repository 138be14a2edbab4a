"""oversip_tw.transport.tls_socket: how connections end."""

from __future__ import annotations

import contextlib
import ssl

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from .sockets import Producer
from .tls_sockets import Stubborn, TlsSocketCase


class EndingTests(TlsSocketCase):
    def test_by_the_client(self) -> None:
        """A goodbye is answered with one, after what was still to be sent: an orderly end."""
        self.shake_hands()
        self.peer.write(b"last question")
        self.server.then = lambda data: self.wire.write(b"last answer")
        with contextlib.suppress(ssl.SSLWantReadError):
            self.peer.unwrap()
        self.client.sendall(self._out.read())
        self.turn(4)
        self._in.write(self.here())
        self.assertEqual(self.peer.read(100), b"last answer")
        self.assertRaises(ssl.SSLZeroReturnError, self.peer.read, 100)
        self.assertIsInstance(self.lost(), ConnectionDone)

    def test_by_the_client_while_somebody_produces(self) -> None:
        """A producer, paused or not, does not keep a connection that the client has left."""
        for paused in (False, True):
            if paused:
                self.setUp()
            self.shake_hands()
            self.wire.registerProducer(Producer(), True)
            if paused:
                self.wire.dataBuffer = b"waits"
                self.wire.producerPaused = True
                self.wire.startWriting()
            with contextlib.suppress(ssl.SSLWantReadError):
                self.peer.unwrap()
            self.client.sendall(self._out.read())
            self.turn(4)
            self.assertIsInstance(self.lost(), ConnectionDone)

    def test_without_a_goodbye(self) -> None:
        """FIN alone is a lost connection, during the handshake too."""
        self.client.close()
        self.turn()
        self.assertIsInstance(self.lost(), ConnectionLost)
        self.setUp()
        self.shake_hands()
        self.client.close()
        self.turn()
        self.assertIsInstance(self.lost(), ConnectionLost)

    def test_hung_up(self) -> None:
        """So is an end that the reactor sees before we do."""
        self.shake_hands()
        self.wire.readConnectionLost(None)
        self.assertIsInstance(self.lost(), ConnectionLost)

    def test_by_us(self) -> None:
        """Goodbye, then we wait for the client's; nothing is sent any more, what comes is still heard."""
        self.shake_hands()
        self.wire.write(b"last")
        self.wire.loseConnection()
        self.wire.loseConnection()
        self.wire.write(b"too late")
        self.peer.write(b"meanwhile")
        self.move()
        self.assertEqual((self.read, self.goodbye, self.server.data), (b"last", True, b"meanwhile"))
        self.assertIsNone(self.server.lost)
        self.assertTrue(self.reading)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.peer.unwrap()
        self.client.sendall(self._out.read())
        self.turn(2)
        self.assertIsInstance(self.lost(), ConnectionDone)

    def test_by_us_while_reading_is_paused(self) -> None:
        """The client's goodbye is heard all the same."""
        self.shake_hands()
        self.wire.pauseProducing()
        self.wire.loseWriteConnection()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.peer.unwrap()
        self.client.sendall(self._out.read())
        self.turn(2)
        self.assertIsInstance(self.lost(), ConnectionDone)

    def test_by_us_with_much_to_send(self) -> None:
        """The goodbye comes last, however long that takes."""
        self.shake_hands()
        self.wire.write(b"x" * 9_000_000)
        self.wire.loseConnection()
        for _ in range(1000):
            if self.goodbye:
                break
            self.move()
        self.assertEqual(len(self.read), 9_000_000)
        self.assertTrue(self.goodbye)

    def test_by_us_from_within_a_read(self) -> None:
        """The answer leaves first."""
        self.shake_hands()
        self.server.then = lambda data: [self.wire.write(b"bye"), self.wire.loseConnection()]
        self.peer.write(b"question")
        self.move()
        self.assertEqual((self.read, self.goodbye), (b"bye", True))

    def test_by_us_while_somebody_produces(self) -> None:
        """Whoever produces may end it first, then it is closed."""
        self.shake_hands()
        self.wire.registerProducer(Producer(), True)
        self.wire.loseConnection()
        self.wire.write(b"the rest")
        self.move()
        self.assertEqual((self.read, self.goodbye), (b"the rest", False))
        self.wire.unregisterProducer()
        self.move()
        self.assertTrue(self.goodbye)

    def test_by_us_before_the_handshake(self) -> None:
        """There is nobody to say goodbye to; but what was written leaves first, if the handshake ends."""
        self.wire.loseConnection()
        self.turn(2)
        self.assertIsInstance(self.lost(), ConnectionAborted)
        self.setUp()
        self.wire.write(b"early")
        self.wire.loseConnection()
        self.move()
        self.assertEqual((self.read, self.goodbye), (b"early", True))

    def test_no_room_for_a_goodbye(self) -> None:
        """It waits until there is; where it cannot be said, the next read shows what happened."""
        self.shake_hands()
        self.wire.tls = Stubborn(self.wire.tls, shutdown=SSL.WantWriteError())
        self.wire.loseConnection()
        self.assertTrue(self.writing)
        self.move()
        self.assertTrue(self.goodbye)
        self.assertFalse(self.writing)
        self.setUp()
        self.shake_hands()
        self.wire.tls = Stubborn(self.wire.tls, shutdown=SSL.Error([]))
        self.wire.loseConnection()
        self.client.close()
        self.turn()
        self.assertIsInstance(self.lost(), ConnectionLost)

    def test_abort(self) -> None:
        """Nothing of what waits is sent."""
        self.shake_hands()
        self.server.then = lambda data: [self.wire.write(b"no"), self.wire.abortConnection(), self.wire.write(b"no")]
        self.peer.write(b"question")
        self.peer_moves()
        self.turn(2)
        self.assertRaises(ConnectionResetError, self.client.recv, 100)
        self.assertIsInstance(self.lost(), ConnectionAborted)

    def test_abort_while_reading_waits(self) -> None:
        """What aborts from within the read that a write made possible ends there."""
        self.shake_hands()
        self.server.then = lambda data: self.wire.abortConnection()
        self.wire.write(b"")
        self.peer.write(b"question")
        self.peer_moves()
        self.wire.tls = Stubborn(self.wire.tls, recv=SSL.WantWriteError())
        self.turn(3)
        self.assertIsInstance(self.lost(), ConnectionAborted)


class BrokenTests(TlsSocketCase):
    def test_no_tls(self) -> None:
        """Who speaks something else gets an alert, with all that it sent unread, and the reason is TLS's."""
        self.client.sendall(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00" * 100)
        self.turn()
        self.assertEqual(self.client.recv(100)[:1], b"\x15")
        self.assertEqual(self.client.recv(100), b"")
        self.assertIsInstance(self.lost(), SSL.Error)

    def test_garbage_after_the_handshake(self) -> None:
        """A record that cannot be decrypted."""
        self.shake_hands()
        self.client.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        self.turn()
        self.assertIsInstance(self.lost(), SSL.Error)

    def test_write_to_nobody(self) -> None:
        """A write that fails is no end by itself; the reactor finds out."""
        self.shake_hands()
        self.wire.tls = Stubborn(Stubborn(self.wire.tls, send=SSL.SysCallError(32, "EPIPE")), send=SSL.Error([]))
        self.wire.write(b"too late")
        self.assertIsNone(self.server.lost)
        self.turn()
        self.assertIsInstance(self.lost(), ConnectionLost)
