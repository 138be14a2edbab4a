"""WebSocketFactory inside TLS, both ends in memory."""

from __future__ import annotations

from typing import Any, cast

import trustme
from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.static import Data

from oversip_tw.outbound.flows import FlowTable
from oversip_tw.testing import Clock, MemoryListener, RecordingReceiver
from oversip_tw.transport.websocket import WebSocketFactory
from tests.websocket.wire import TEXT, frame, head

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
CERTIFICATE = AUTHORITY.issue_cert("sip.example.com", key_type=trustme.KeyType.ECDSA)


class Peer(Protocol):
    """A TLS client that collects what it reads."""

    def __init__(self) -> None:
        self.read = b""
        self.gone = False

    def dataReceived(self, data: bytes) -> None:
        self.read += data

    def connectionLost(self, reason: object = None) -> None:
        self.gone = True


def page() -> Resource:
    root = Resource()
    root.putChild(b"", Data(b"the page", "text/plain"))
    return root


class TlsTest(SynchronousTestCase):
    def connect(self, alpn: list[bytes] | None = None) -> tuple[Peer, Any, iosim.IOPump]:
        self.clock = Clock()
        self.receiver = RecordingReceiver()
        factory = WebSocketFactory(self.receiver, FlowTable(), MemoryListener("wss"), self.clock, resource=page())
        chain = CERTIFICATE.private_key_and_cert_chain_pem.bytes()
        contexts = ssl.PrivateCertificate.loadPEM(chain).options()
        server = TLSMemoryBIOFactory(contexts, False, factory, self.clock).buildProtocol(None)
        peer = Peer()
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if alpn:
            context.set_alpn_protos(alpn)
        contexts_of_client = ssl.ClientContextFactory()
        contexts_of_client.getContext = lambda: context
        client = TLSMemoryBIOFactory(
            contexts_of_client, True, Factory.forProtocol(lambda: peer), self.clock
        ).buildProtocol(None)
        pump = iosim.connect(
            server, iosim.makeFakeServer(server), client, iosim.makeFakeClient(client), clock=self.clock
        )
        self.flush(pump)
        return peer, client, pump

    def flush(self, pump: iosim.IOPump) -> None:
        for _ in range(4):
            pump.flush()
            self.clock.advance(0)

    def test_websocket(self) -> None:
        """Handshake, a message each way; the hand-over happens inside the TLS protocol."""
        peer, _, pump = self.connect()
        transport = cast("Any", peer.transport)
        transport.write(head())
        self.flush(pump)
        self.assertTrue(peer.read.startswith(b"HTTP/1.1 101 "))
        (flow,) = self.receiver.opened
        self.assertTrue(flow.secure)
        transport.write(frame(TEXT, b"hello"))
        self.flush(pump)
        self.assertEqual(self.receiver.data, [b"hello"])
        flow.send(b"welcome")
        self.flush(pump)
        self.assertTrue(peer.read.endswith(b"\x81\x07welcome"))
        flow.close(1001)
        self.flush(pump)
        transport.write(frame(8, b"\x03\xe9"))
        self.flush(pump)
        self.assertTrue(peer.gone)
        self.assertEqual(len(self.receiver.lost), 1)

    def test_alpn(self) -> None:
        """A client that offers ALPN gets http/1.1 and no fatal alert."""
        peer, client, pump = self.connect([b"h2", b"http/1.1"])
        self.assertEqual(client.negotiatedProtocol, b"http/1.1")
        cast("Any", peer.transport).write(head())
        self.flush(pump)
        self.assertTrue(peer.read.startswith(b"HTTP/1.1 101 "))

    def test_page(self) -> None:
        """A page is served on the same port, and the connection ends with it."""
        peer, _, pump = self.connect()
        cast("Any", peer.transport).write(b"GET / HTTP/1.1\r\nHost: sip.example.com\r\n\r\n")
        self.flush(pump)
        self.assertTrue(peer.read.startswith(b"HTTP/1.1 200 "), peer.read)
        self.assertTrue(peer.read.endswith(b"the page"))
        self.assertTrue(peer.gone)

    def test_F7_refused_over_tls(self) -> None:
        """431 reaches the client, and the connection ends although more is on its way."""
        peer, _, pump = self.connect()
        for _ in range(20):
            cast("Any", peer.transport).write(b"x" * 1000)
        self.flush(pump)
        self.assertTrue(peer.read.startswith(b"HTTP/1.1 431 "))
        self.assertTrue(peer.gone)

    def test_F5_tls_handshake_never_begins(self) -> None:
        """Silence before the TLS handshake is cut after the same 5 s."""
        clock = Clock()
        factory = WebSocketFactory(RecordingReceiver(), FlowTable(), MemoryListener("wss"), clock)
        chain = CERTIFICATE.private_key_and_cert_chain_pem.bytes()
        contexts = ssl.PrivateCertificate.loadPEM(chain).options()
        server = TLSMemoryBIOFactory(contexts, False, factory, clock).buildProtocol(None)
        transport = StringTransport()
        server.makeConnection(transport)
        clock.advance(4.9)
        self.assertFalse(transport.disconnecting)
        clock.advance(0.1)
        self.assertTrue(transport.disconnecting)
