"""Connections without sockets: one end by hand, or two ends joined."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport
from zope.interface import implementer

from oversip_tw.interfaces import Target
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.testing import MemoryListener, MemoryLog, RecordingReceiver
from oversip_tw.transaction.wheel import TimerWheel
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.stream import AcceptedConnection, StreamFactory, Streams, StreamSettings

#: a timer of the wheel ends within this much after its time
SLOT = 0.11

OPTIONS = (
    b"OPTIONS sip:example.org SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP client.invalid;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:alice@example.org>;tag=1\r\n"
    b"To: <sip:example.org>\r\n"
    b"Call-ID: 1\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@implementer(ITCPTransport)
class Wire(StringTransport):
    """One end of a TCP connection; ``stuck`` keeps what is written in the queue that a real transport has."""

    def __init__(self, peer: str = "192.0.2.7", port: int = 40000) -> None:
        kind = IPv6Address if ":" in peer else IPv4Address
        super().__init__(
            hostAddress=kind("TCP", "::1" if ":" in peer else "127.0.0.1", 5060), peerAddress=kind("TCP", peer, port)
        )
        self.stuck = False
        self.dataBuffer = b""
        self.offset = 0
        self.half_closed = False
        self.options: list[str] = []

    def write(self, data: bytes) -> None:
        if self.stuck:
            self.dataBuffer += data
            if len(self.dataBuffer) > 65536 and self.producer is not None:
                self.producer.pauseProducing()
        else:
            super().write(data)

    def drain(self, octets: int) -> None:
        """The peer takes some of what waits."""
        self.dataBuffer = self.dataBuffer[octets:]
        if not self.dataBuffer and self.producer is not None:
            self.producer.resumeProducing()

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.options.append(f"nodelay {enabled}")

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.options.append(f"keepalive {enabled}")

    def getTcpNoDelay(self) -> bool:
        return True

    def getTcpKeepAlive(self) -> bool:
        return True

    @property
    def taken(self) -> bytes:
        """What was written since the last look."""
        data: bytes = self.value()
        self.clear()
        return data

    @property
    def ending(self) -> bool:
        return bool(self.disconnecting or self.disconnected)

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()

    aborted = False


class Room:
    """What stream connections stand in: a receiver that records, a flow table, a clock in the reactor."""

    def __init__(
        self, answer: bytes | None = None, connections: ConnectionLimits | None = None, **settings: Any
    ) -> None:
        self.reactor = MemoryReactorClock()
        self.receiver = RecordingReceiver(answer)
        self.flows = FlowTable()
        self.log = MemoryLog()
        self.wheel = TimerWheel(self.reactor)
        self.streams = Streams(
            self.receiver,
            self.flows,
            self.wheel,
            self.log,
            StreamSettings(**settings),
            connections=connections or ConnectionLimits(total=100),
        )

    def accept(self, transport: str = "tcp", peer: str = "192.0.2.7") -> tuple[AcceptedConnection, Wire]:
        """A connection that a client made."""
        wire = Wire(peer)
        listener = MemoryListener(transport, "::1" if ":" in peer else "127.0.0.1")
        connection = StreamFactory(self.streams, listener).buildProtocol(wire.getPeer())
        assert connection is not None
        connection.makeConnection(wire)
        return connection, wire

    def advance(self, seconds: float) -> None:
        """Time goes by, in steps as a reactor's time does."""
        while seconds > 0:
            self.reactor.advance(min(1.0, seconds))
            seconds -= 1.0


def lose(protocol: Protocol, error: Exception) -> None:
    """Twisted reports the end of a connection."""
    protocol.connectionLost(Failure(error))


def joined(client: Any, server: Any, rounds: int = 50) -> tuple[FakeTransport, FakeTransport]:
    """Two protocols joined by a wire; gives their ends (client's, server's). Call `flow` to move what they write."""
    here = IPv4Address("TCP", "127.0.0.1", 40000)
    there = IPv4Address("TCP", "127.0.0.1", 5061)
    client_end = FakeTransport(client, False, here, there)
    server_end = FakeTransport(server, True, there, here)
    server.makeConnection(server_end)
    client.makeConnection(client_end)
    return client_end, server_end


def flow(reactor: MemoryReactorClock, client: FakeTransport, server: FakeTransport) -> None:
    """Move octets between the ends until none moves; then tell the protocols of an end that one of them made."""
    for _ in range(100):
        # What is aggregated for TLS leaves in the next turn of the reactor.
        reactor.advance(0)
        moved = False
        for end, other in ((client, server), (server, client)):
            data = end.getOutBuffer()
            if data:
                moved = True
                if not other.disconnected:
                    other.bufferReceived(data)
        if not moved:
            break
    if client.disconnecting or server.disconnecting:
        for end in (client, server):
            if not end.disconnected:
                end.disconnected = 1
                end.reportDisconnect()


def target(transport: str = "tcp", address: str = "127.0.0.1", port: int = 5060, name: str = "") -> Target:
    return Target(transport, address, port, name)
