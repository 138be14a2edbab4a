"""Connections through a proxy that says who is behind it."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address
from oversip_tw.testing import MemoryListener
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.proxied import Proxied, ProxiedFactory
from oversip_tw.transport.stream import StreamFactory
from oversip_tw.transport.tls import ServerTls, TlsFactory
from oversip_tw.transport.websocket import WebSocketFactory

from ..websocket.wire import head
from .certificates import Authority
from .test_proxy_header import v2
from .test_tls import Client, ClientCreator
from .wires import OPTIONS, SLOT, Room, Wire, flow, joined, lose

PROXY = "10.0.0.1"
LINE = b"PROXY TCP4 198.51.100.4 10.0.0.1 40001 5060\r\n"


def is_proxy(transport: str, address: Address) -> bool:
    return address[0].startswith("10.")


class ProxiedCase(SynchronousTestCase):
    """Ways in for TCP, TLS and WebSocket."""

    def setUp(self) -> None:
        self.use(Room(answer=b"SIP/2.0 200 OK\r\n\r\n"))

    def use(self, room: Room) -> None:
        self.room = room
        self.listener = MemoryListener("tcp")
        self.factory = ProxiedFactory(room.streams, self.listener, StreamFactory(room.streams, self.listener), is_proxy)

    def come(self, peer: str = PROXY, factory: ProxiedFactory | None = None) -> tuple[Proxied, Wire]:
        """The proxy connects."""
        wire = Wire(peer)
        connection = (factory or self.factory).buildProtocol(wire.getPeer())
        assert connection is not None
        connection.makeConnection(wire)
        return connection, wire

    @property
    def peers(self) -> list[Address]:
        return [flow.peer for flow in self.room.receiver.opened]


class TcpTests(ProxiedCase):
    """Over TCP."""

    def test_peer(self) -> None:
        """The flow's peer is whom the header names, in each version; the rest is SIP."""
        for header in (LINE, v2("198.51.100.4", 40001)):
            connection, wire = self.come()
            self.assertEqual(self.room.receiver.opened, [])
            connection.dataReceived(header + OPTIONS)
            self.assertEqual(self.peers, [("198.51.100.4", 40001)])
            self.assertEqual((self.room.receiver.data, wire.taken), ([OPTIONS], b"SIP/2.0 200 OK\r\n\r\n"))
            lose(connection, ConnectionDone())
            self.assertEqual([reason for _, reason in self.room.receiver.lost], ["closed by peer"])
            self.setUp()

    def test_split(self) -> None:
        """Octet by octet is as good."""
        for header in (LINE, v2("2001:db8::7", 40001)):
            connection, _ = self.come()
            for octet in header + OPTIONS:
                connection.dataReceived(bytes([octet]))
        self.assertEqual(self.peers, [("198.51.100.4", 40001), ("2001:db8::7", 40001)])
        self.assertEqual(self.room.receiver.data, [OPTIONS] * 2)

    def test_nobody_behind(self) -> None:
        """A proxy that speaks for itself, or does not know its client, is the peer."""
        for header in (b"PROXY UNKNOWN\r\n", v2(command=0x20), v2(kind=0)):
            self.come()[0].dataReceived(header + OPTIONS)
        self.assertEqual(self.peers, [(PROXY, 40000)] * 3)

    def test_T9_strangers(self) -> None:
        """T9: who is no proxy of ours does not come in, header or none: one line a second in the log."""
        for _ in range(5):
            self.assertIsNone(self.factory.buildProtocol(Wire("203.0.113.9").getPeer()))
        self.assertEqual(len(self.room.log.lines), 1)
        self.assertIn("closed a connection from 203.0.113.9: no proxy that we trust", self.room.log.lines[0][1])
        self.room.advance(1 + SLOT)
        self.assertIsNone(self.factory.buildProtocol(Wire("203.0.113.9").getPeer()))
        self.assertIn("(4 more since", self.room.log.lines[1][1])

    def test_wrong(self) -> None:
        """A wrong header closes the connection; what comes after it goes nowhere."""
        for data in (OPTIONS, b"PROXY TCP4 nonsense\r\n", v2(kind=0x12)):
            connection, wire = self.come()
            connection.dataReceived(data)
            connection.dataReceived(LINE + OPTIONS)
            self.assertTrue(wire.aborted)
            lose(connection, ConnectionDone())
        self.assertEqual((self.room.receiver.opened, self.room.receiver.lost), ([], []))
        self.assertEqual(self.room.streams.connections.count, 0)

    def test_late(self) -> None:
        """A header has 5 s to come, however it dribbles."""
        connection, wire = self.come()
        for octet in LINE[:9]:
            self.room.advance(0.5)
            connection.dataReceived(bytes([octet]))
        self.assertFalse(wire.ending)
        self.room.advance(0.5 + SLOT)
        self.assertTrue(wire.aborted)
        lose(connection, ConnectionDone())
        self.room.advance(2)
        self.assertEqual(self.room.wheel.count, 0)

    def test_gone_before(self) -> None:
        """A proxy that hangs up before its header has left nothing behind."""
        connection, _ = self.come()
        lose(connection, ConnectionDone())
        self.assertEqual((self.room.receiver.lost, self.room.wheel.count), ([], 0))

    def test_limits(self) -> None:
        """Connections are counted for the client behind; the proxy itself may make as many as it likes."""
        self.use(Room(connections=ConnectionLimits(2, 100, lambda address: address == PROXY)))
        connections = [self.come() for _ in range(4)]
        for connection, _ in connections:
            connection.dataReceived(LINE + OPTIONS)
        self.assertEqual([wire.ending for _, wire in connections], [False, False, True, True])
        self.assertEqual((len(self.peers), self.room.streams.connections.refused), (2, 2))
        connections[2][0].dataReceived(OPTIONS)
        for connection, _ in connections:
            lose(connection, ConnectionDone())
        self.assertEqual(self.room.streams.connections.count, 0)

    def test_halves(self) -> None:
        """A client that ends its direction gets its answer, and framing lost is answered, as without a proxy."""
        connection, wire = self.come()
        self.assertFalse(IHalfCloseableProtocol.providedBy(connection))
        connection.dataReceived(LINE + OPTIONS)
        self.assertTrue(IHalfCloseableProtocol.providedBy(connection))
        connection.readConnectionLost()
        self.assertTrue(wire.disconnecting)
        connection, wire = self.come()
        connection.dataReceived(LINE + OPTIONS.replace(b"Content-Length: 0\r\n", b""))
        self.assertTrue(wire.half_closed)
        connection.writeConnectionLost()
        self.assertEqual(wire.taken, b"SIP/2.0 200 OK\r\n\r\n")

    def test_options_of_the_socket(self) -> None:
        """Options are set on the socket beneath."""
        connection, wire = self.come()
        connection.dataReceived(LINE)
        self.assertEqual(wire.options, ["nodelay True", "keepalive True"])


class TlsTests(ProxiedCase):
    """TLS inside."""

    def test_peer(self) -> None:
        """The header comes first and in the clear, then TLS, whose flow has the client as its peer."""
        authority = Authority(self.mktemp())
        listener = MemoryListener("tls")
        tls = ServerTls([authority.files("us", dns=["example.org"])])
        inner = TlsFactory(tls, False, StreamFactory(self.room.streams, listener), self.room.reactor)
        factory = ProxiedFactory(self.room.streams, listener, inner, is_proxy)
        server: Any = factory.buildProtocol(Wire(PROXY).getPeer())
        peer = Client()
        client = TLSMemoryBIOFactory(
            ClientCreator(),
            True,
            Factory.forProtocol(lambda: peer),
            self.room.reactor,  # type: ignore[arg-type]
        ).buildProtocol(None)
        ends = joined(client, server)
        server.dataReceived(v2("198.51.100.4", 40001))
        flow(self.room.reactor, *ends)
        client.write(OPTIONS)
        flow(self.room.reactor, *ends)
        self.assertEqual((self.peers, self.room.receiver.data), ([("198.51.100.4", 40001)], [OPTIONS]))
        self.assertEqual(peer.data, b"SIP/2.0 200 OK\r\n\r\n")
        self.assertFalse(IHalfCloseableProtocol.providedBy(server))
        client.loseConnection()
        flow(self.room.reactor, *ends)
        self.assertEqual(len(self.room.receiver.lost), 1)
        self.assertEqual(self.room.streams.connections.count, 0)


class WebSocketTests(ProxiedCase):
    """HTTP inside."""

    def open(self, source: str, **fields: str) -> Any:
        """A handshake behind a header that names ``source``; the flow."""
        listener = MemoryListener("ws")
        inner = WebSocketFactory(
            self.room.receiver,
            self.room.flows,
            listener,
            self.room.reactor,
            trusted_proxy=lambda peer: is_proxy("ws", peer),
            connections=self.room.streams.connections,
        )
        factory = ProxiedFactory(self.room.streams, listener, inner, is_proxy)
        connection, wire = self.come(factory=factory)
        connection.dataReceived(v2(source, 40001) + head(**fields))
        self.assertTrue(wire.taken.startswith(b"HTTP/1.1 101 "))
        self.assertEqual(self.room.streams.connections._by_address, {self.peers[-1][0]: 1})
        lose(connection, ConnectionDone())
        self.assertEqual(self.room.streams.connections.count, 0)
        return self.room.receiver.opened[-1]

    def test_peer(self) -> None:
        """The client that the header names is the flow's peer, and what it says of others is its own invention."""
        flow = self.open("198.51.100.4", X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="https")
        self.assertEqual((flow.peer, flow.secure), (("198.51.100.4", 40001), False))

    def test_proxy_behind_proxy(self) -> None:
        """Behind a balancer there may be another proxy of ours, whose word on its own client counts."""
        flow = self.open("10.0.0.2", X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="https")
        self.assertEqual((flow.peer[0], flow.secure), ("203.0.113.9", True))
