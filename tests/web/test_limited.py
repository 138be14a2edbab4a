"""oversip_tw.web.limited: nobody holds on to the port."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from oversip_tw.testing import Clock
from oversip_tw.web import LimitedSite
from oversip_tw.web.limited import DEADLINE, KEPT, MOST_CONNECTIONS

PEER = IPv4Address("TCP", "127.0.0.1", 40000)


class Length(Resource):
    """Answers how much of the body it has."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        return f"{len(request.content.read())} {request.too_long}".encode()

    def render_GET(self, request: Any) -> Any:
        return NOT_DONE_YET if request.path == b"/wait" else self.render_POST(request)


class LimitedTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.site = LimitedSite(Length(), self.clock)

    def connect(self) -> tuple[Any, StringTransport]:
        transport = StringTransport()
        protocol = self.site.buildProtocol(PEER)
        assert protocol is not None
        protocol.makeConnection(transport)  # type: ignore[arg-type]
        return protocol, transport

    def test_one_request(self) -> None:
        """Each connection is for one, and says so."""
        protocol, transport = self.connect()
        protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(1, transport.value().count(b"HTTP/1.1 200"))
        self.assertIn(b"Connection: close", transport.value())
        self.assertTrue(transport.disconnecting)

    def test_long_body(self) -> None:
        """Of a body as long as it likes, in chunks or not, a bounded part is kept."""
        for head in (b"Content-Length: 1000000", b"Transfer-Encoding: chunked"):
            protocol, transport = self.connect()
            protocol.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % head)
            for _ in range(100):
                data = b"x" * 10_000
                protocol.dataReceived(data if b"Length" in head else b"2710\r\n%b\r\n" % data)
            if b"chunked" in head:
                protocol.dataReceived(b"0\r\n\r\n")
            self.assertIn(b"%d True" % KEPT, transport.value())

    def test_short_body(self) -> None:
        """One that fits is all there."""
        protocol, transport = self.connect()
        protocol.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        self.assertIn(b"3 False", transport.value())

    def test_F8_slow(self) -> None:
        """An octet a second is no way to stay: head or body."""
        for begin in (b"GET /", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"):
            protocol, transport = self.connect()
            protocol.dataReceived(begin)
            for _ in range(int(DEADLINE)):
                self.assertFalse(transport.disconnected)
                protocol.dataReceived(b"x")
                self.clock.advance(1)
            self.assertTrue(transport.disconnected)
            protocol.connectionLost(None)

    def test_F13_many(self) -> None:
        """Beyond a number whoever has not asked for the longest time makes room; where all have, the newest is turned
        away, and their end makes room."""
        made = [self.connect() for _ in range(MOST_CONNECTIONS)]
        made[0][0].dataReceived(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        made += [self.connect(), self.connect()]
        self.assertEqual([1, 2], [number for number, (_, wire) in enumerate(made) if wire.disconnected])
        for protocol, _ in (made.pop(1), made.pop(1)):
            protocol.connectionLost(None)
        for protocol, _ in made[1:]:
            protocol.dataReceived(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIsNone(self.site.buildProtocol(PEER))
        made[0][0].connectionLost(None)
        self.assertIsNotNone(self.site.buildProtocol(PEER))

    def test_no_timer_is_left(self) -> None:
        """A connection that ends by itself takes its deadline along."""
        protocol, _ = self.connect()
        protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        protocol.connectionLost(None)
        self.assertEqual([], self.clock.getDelayedCalls())
