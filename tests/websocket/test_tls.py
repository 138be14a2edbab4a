"""WebSocketFactory inside TLS, both ends in memory."""

from __future__ import annotations

from typing import Any, cast

import trustme
from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.static import Data

from oversip_tw.interfaces import Flow, TlsPeer
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import Clock, MemoryListener, RecordingReceiver
from oversip_tw.transport.gate import OnTls
from oversip_tw.transport.limits import ConnectionLimits
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
    def connect(self, alpn: list[bytes] | None = None, **options: Any) -> tuple[Peer, Any, iosim.IOPump]:
        self.clock = Clock()
        self.receiver = RecordingReceiver()
        factory = WebSocketFactory(
            self.receiver, FlowTable(), MemoryListener("wss"), self.clock, resource=page(), **options
        )
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

    def look(self, decides: Deferred[None]) -> OnTls:
        """Notes who comes, marks the flow and waits."""
        self.seen: list[tuple[Flow, TlsPeer]] = []

        async def look(flow: Flow, peer: TlsPeer) -> None:
            self.seen.append((flow, peer))
            flow.variables["seen"] = True
            await decides

        return look

    def test_looked_at(self) -> None:
        """Somebody looks at the peer before HTTP is read; what came waits, and the flow is the one of the WebSocket."""
        decides: Deferred[None] = Deferred()
        asked: list[tuple[object, bool]] = []
        peer, _, pump = self.connect(
            on_tls=self.look(decides), on_connect=lambda head, flow: asked.append((flow, flow.variables["seen"]))
        )
        [(flow, shown)] = self.seen
        self.assertEqual((shown, flow.tls, flow.handshake, flow.secure), (TlsPeer(), None, None, True))
        cast("Any", peer.transport).write(head())
        self.flush(pump)
        self.clock.advance(4.5)
        self.assertEqual((peer.read, asked), (b"", []))
        decides.callback(None)
        self.flush(pump)
        self.assertTrue(peer.read.startswith(b"HTTP/1.1 101 "))
        self.assertEqual((asked, self.receiver.opened), ([(flow, True)], [flow]))

    def test_let_in_and_silent(self) -> None:
        """Once let in, the head has its 5 s."""
        decides: Deferred[None] = Deferred()
        peer, _, pump = self.connect(on_tls=self.look(decides))
        self.clock.advance(4.5)
        decides.callback(None)
        self.clock.advance(4.9)
        self.flush(pump)
        self.assertFalse(peer.gone)
        self.clock.advance(0.2)
        self.flush(pump)
        self.assertTrue(peer.gone)

    def test_turned_away(self) -> None:
        """Refused, closed, too slow, a defect: the connection ends without a word of HTTP; the last two are logged."""
        for decision in (SIPError(403), "close", SIPError(500, "Hook Took Too Long"), ZeroDivisionError("x")):
            decides: Deferred[None] = Deferred()
            limits = ConnectionLimits(total=5)
            peer, _, pump = self.connect(on_tls=self.look(decides), connections=limits)
            cast("Any", peer.transport).write(head())
            self.flush(pump)
            if isinstance(decision, Exception):
                decides.errback(Failure(decision))
            else:
                self.seen[0][0].close()
                decides.callback(None)
            self.flush(pump)
            self.assertTrue(peer.gone)
            self.assertEqual((peer.read, self.receiver.opened, self.receiver.lost, limits.count), (b"", [], [], 0))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_bounded_while_looked_at(self) -> None:
        """Who sends without end meanwhile is cut off."""
        decides: Deferred[None] = Deferred()
        peer, _, pump = self.connect(on_tls=self.look(decides))
        for _ in range(20):
            cast("Any", peer.transport).write(b"x" * 10_000)
        self.flush(pump)
        self.assertTrue(peer.gone)

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
