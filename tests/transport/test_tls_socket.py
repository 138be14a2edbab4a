"""oversip_tw.transport.tls_socket: a client of Python's ssl at the other end of a real socket."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, INegotiated
from zope.interface import implementer
from zope.interface.verify import verifyObject

from oversip_tw.transport.tls import HTTP, ServerTls
from oversip_tw.transport.tls_socket import TlsSocket

from .certificates import Authority
from .sockets import Producer, Server, SocketCase


@implementer(IHandshakeListener)
class TlsServer(Server):
    """Remembers the end of the handshake too."""

    secured = 0

    def handshakeCompleted(self) -> None:
        self.secured += 1


class Stubborn:
    """OpenSSL's side that raises what it is told, once for each method, and then is as ever."""

    def __init__(self, tls: Any, **errors: Exception) -> None:
        self._tls = tls
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        error = self._errors.pop(name, None)
        if error is None:
            return getattr(self._tls, name)

        def fail(*args: object) -> None:
            raise error

        return fail


class TlsSocketCase(SocketCase):
    def setUp(self) -> None:
        tls = ServerTls([Authority(self.mktemp()).files("a", dns=["a.example"])], HTTP)
        self.transport = lambda *args: TlsSocket(tls.connection, *args)
        super().setUp()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = context.wrap_bio(self._in, self._out)
        #: what the client's TLS has read; whether the server has said goodbye
        self.read = b""
        self.goodbye = False

    def make_protocol(self) -> Any:
        return TlsServer()

    def move(self) -> None:
        """Let both ends do what they can."""
        for _ in range(4):
            self.peer_moves()
            self.turn()
        self.peer_moves()

    def peer_moves(self) -> None:
        self.client.sendall(self._out.read())
        with contextlib.suppress(ConnectionResetError):
            self._in.write(self.here())
        try:
            self.peer.do_handshake()
            while more := self.peer.read(1 << 20):
                self.read += more
            self.goodbye = True
        except ssl.SSLZeroReturnError:
            self.goodbye = True
        except ssl.SSLWantReadError:
            pass
        with contextlib.suppress(ConnectionError):
            self.client.sendall(self._out.read())

    def shake_hands(self) -> None:
        self.move()
        self.assertEqual(self.server.secured, 1)

    def lost(self) -> BaseException:
        """Why the connection ended, which it has."""
        assert self.server.lost is not None
        return self.server.lost.value


class PassingTests(TlsSocketCase):
    def test_messages(self) -> None:
        """Both ways; the answers to one read in one record; the socket as handle."""
        self.shake_hands()
        self.server.then = lambda data: [self.wire.write(b"to "), self.wire.write(data)]
        self.peer.write(b"question")
        self.move()
        self.assertEqual((self.server.data, self.read), (b"question", b"to question"))
        self.assertEqual(self.wire.getHandle().getpeername(), self.client.getsockname())
        self.assertFalse(self.writing)

    def test_what_is_negotiated(self) -> None:
        """INegotiated, before and after the handshake; nothing is known of a connection that has ended."""
        self.assertTrue(verifyObject(INegotiated, self.wire))
        self.assertIsNone(self.wire.negotiatedProtocol)
        self.shake_hands()
        self.assertEqual(self.wire.negotiatedProtocol, b"http/1.1")
        self.assertIsNone(self.wire.getPeerCertificate())
        self.wire.abortConnection()
        self.turn()
        self.assertIsNone(self.wire.negotiatedProtocol)

    def test_written_too_early(self) -> None:
        """What is written before the handshake is through leaves after it, and keeps nobody busy until then."""
        self.wire.write(b"early")
        self.turn(2)
        self.assertFalse(self.writing)
        self.assertEqual(self.here(), b"")
        self.move()
        self.assertEqual(self.read, b"early")

    def test_pulled_too_early(self) -> None:
        """A pull producer waits for the handshake too, and does not keep the reactor busy."""

        class Pull(Producer):
            def resumeProducing(producer) -> None:
                super().resumeProducing()
                if len(producer.calls) < 4:
                    self.wire.write(b"piece")
                else:
                    self.wire.unregisterProducer()

        self.wire.registerProducer(Pull(), False)
        self.turn(2)
        self.assertFalse(self.writing)
        self.move()
        self.turn(4)
        self.move()
        self.assertEqual(self.read, b"piece" * 3)

    def test_full(self) -> None:
        """Megabytes to a client that reads late: whole and in order, with more written while a record is stuck."""
        self.shake_hands()
        producer = Producer()
        self.wire.registerProducer(producer, True)
        wrote = b""
        for number in range(60):
            wrote += (piece := b"%06d" % number * 12_000)
            self.wire.write(piece)
            self.turn()
        self.assertTrue(self.writing)
        self.assertIn("pause", producer.calls)
        for _ in range(1000):
            if len(self.read) == len(wrote):
                break
            self.move()
            if len(self.read) < len(wrote) - 200_000:
                wrote += b"more"
                self.wire.write(b"more")
        self.assertTrue(self.read == wrote)
        self.assertIn("resume", producer.calls)
        self.assertFalse(self.writing)

    def test_long_message_of_the_client(self) -> None:
        """Several records come one by one."""
        self.shake_hands()
        self.peer.write(b"x" * 16_384 + b"y" * 16_384 + b"z")
        self.move()
        self.assertEqual(self.server.data, b"x" * 16_384 + b"y" * 16_384 + b"z")

    def test_reading_needs_writing(self) -> None:
        """OpenSSL that has to write before it reads is left alone until there is room, then goes on."""
        for method in ("do_handshake", "recv"):
            if method == "recv":
                self.shake_hands()
                self.peer.write(b"question")
            self.wire.tls = Stubborn(self.wire.tls, **{method: SSL.WantWriteError()})
            self.peer_moves()
            self.turn()
            self.assertEqual((self.reading, self.writing), (False, True))
            self.turn()
            self.assertEqual((self.reading, self.writing), (True, False))
        self.assertEqual(self.server.data, b"question")

    def test_reading_needs_writing_and_more_of_it(self) -> None:
        """No room yet in spite of the reactor's word: it waits again."""
        self.shake_hands()
        self.peer.write(b"question")
        self.peer_moves()
        self.wire.tls = Stubborn(Stubborn(self.wire.tls, recv=SSL.WantWriteError()), recv=SSL.WantWriteError())
        self.turn(2)
        self.assertEqual((self.reading, self.writing), (False, True))
        self.turn()
        self.assertEqual(self.server.data, b"question")


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
