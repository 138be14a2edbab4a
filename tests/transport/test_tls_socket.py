"""oversip_tw.transport.tls_socket: what passes."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import INegotiated
from twisted.web.resource import Resource
from twisted.web.static import Data
from zope.interface.verify import verifyObject

from oversip_tw.outbound.flows import FlowTable
from oversip_tw.testing import Clock, MemoryListener, RecordingReceiver
from oversip_tw.transport.listener import ClientCertificates
from oversip_tw.transport.tls import ServerTls
from oversip_tw.transport.tls_peer import NOBODY, shown
from oversip_tw.transport.websocket import WebSocketFactory
from tests.websocket.wire import CLOSE, TEXT, frame, head

from .certificates import Authority
from .sockets import Producer, Server
from .tls_sockets import Stubborn, TlsSocketCase


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

    def test_half_a_record(self) -> None:
        """Nothing is heard of a record before its last octet."""
        self.shake_hands()
        self.peer.write(b"question")
        record = self._out.read()
        self.client.sendall(record[:-1])
        self.turn()
        self.assertEqual(self.server.data, b"")
        self.client.sendall(record[-1:])
        self.turn()
        self.assertEqual(self.server.data, b"question")

    def test_nobody_listens_to_handshakes(self) -> None:
        """A protocol may have no interest in them."""
        self.server = self.wire.protocol = Server()
        self.move()
        self.peer.write(b"question")
        self.move()
        self.assertEqual(self.server.data, b"question")

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

    def test_sent_in_part(self) -> None:
        """OpenSSL may take less than it is offered, short as that is: nothing is sent twice."""
        self.shake_hands()
        send = self.wire.tls.send
        for data in (b"short", b"x" * 16_385):
            self.wire.tls.send = lambda data: send(bytes(data[:3]))
            self.wire.write(data)
            del self.wire.tls.send
            self.move()
            self.assertEqual(self.read, data)
            self.read = b""

    def test_failed_in_part(self) -> None:
        """What has left before a failure has left; the failure is found with what has not."""
        self.shake_hands()
        send = self.wire.tls.send
        answers = [send, Stubborn(None, send=SSL.Error([])).send]
        self.wire.tls.send = lambda data: answers.pop(0)(bytes(data[:3]))
        self.wire.write(b"message")
        del self.wire.tls.send
        self.assertEqual(self.wire.dataBuffer, b"sage")
        self.move()
        self.assertEqual(self.read, b"message")

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


class ClientCertificateTests(TlsSocketCase):
    def make_tls(self, authority: Authority) -> ServerTls:
        clients = ClientCertificates("ask", authority.file)
        return ServerTls([authority.files("a", dns=["a.example"])], clients=clients)

    def test_shown(self) -> None:
        """What the client shows is there when the handshake is through."""
        files = self.authority.files("client", dns=["client.example"])
        self.context.load_cert_chain(files.certificate, files.key)
        self.peer = self.context.wrap_bio(self._in, self._out)
        self.shake_hands()
        peer = shown(self.wire)
        assert peer is not None
        self.assertEqual((peer.verified, peer.identities), (True, ("client.example",)))

    def test_nothing(self) -> None:
        """A client may show nothing."""
        self.shake_hands()
        self.assertEqual(shown(self.wire), NOBODY)


class WebSocketTests(TlsSocketCase):
    """`WebSocketFactory` directly on the socket: its front gives way to what comes after it."""

    def make_protocol(self) -> Any:
        page = Resource()
        page.putChild(b"", Data(b"the page", "text/plain"))
        self.receiver = RecordingReceiver()
        factory = WebSocketFactory(self.receiver, FlowTable(), MemoryListener("wss"), Clock(), resource=page)
        return factory.buildProtocol(None)

    def test_websocket(self) -> None:
        """Handshake, a message each way, and the close."""
        self.move()
        self.peer.write(head())
        self.move()
        self.assertTrue(self.read.startswith(b"HTTP/1.1 101 "))
        (flow,) = self.receiver.opened
        self.assertTrue(flow.secure)
        self.peer.write(frame(TEXT, b"hello") + frame(TEXT, b"\r\n\r\n"))
        self.move()
        self.assertEqual(self.receiver.data, [b"hello"])
        self.assertTrue(self.read.endswith(b"\x81\x02\r\n"))
        flow.send(b"x" * 100_000)
        for _ in range(20):
            self.move()
        self.assertTrue(self.read.endswith(b"x" * 100_000))
        self.peer.write(frame(CLOSE, b"\x03\xe9"))
        self.move()
        self.assertTrue(self.goodbye)
        self.assertEqual(len(self.receiver.lost), 1)

    def test_page(self) -> None:
        """twisted.web answers, and says goodbye."""
        self.move()
        self.peer.write(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.move()
        self.assertTrue(self.read.endswith(b"the page"))
        self.assertTrue(self.goodbye)

    def test_refused(self) -> None:
        """The answer arrives, then the goodbye."""
        self.move()
        self.peer.write(head(Sec_WebSocket_Protocol="other"))
        self.move()
        self.assertTrue(self.read.startswith(b"HTTP/1.1 400 "))
        self.assertTrue(self.goodbye)
