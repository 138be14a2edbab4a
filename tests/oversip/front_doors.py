"""An edge with its real transports in front, and wires in place of sockets."""

from __future__ import annotations

from typing import Any

from oversip_tw.testing import Clock, MemoryLog
from oversip_tw.transaction.wheel import TimerWheel
from oversip_tw.transport.datagrams import UdpListener
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.listener import ListenerSpec
from oversip_tw.transport.proxied import ProxiedFactory
from oversip_tw.transport.stream import StreamFactory, Streams, StreamSettings
from oversip_tw.transport.websocket import Settings, WebSocketFactory
from tests.edge.behind import EdgeWorld
from tests.transport.wires import Wire
from tests.websocket.wire import TEXT, Client, frame

PEER = ("192.0.2.7", 40000)


class Door:
    """One client at one of the transports: bytes go in, bytes come out."""

    #: in Via
    transport = ""

    def __init__(self, world: EdgeWorld) -> None:
        self.world = world

    def say(self, data: bytes) -> None:
        """``data`` arrives, all of it one datagram, segment or WebSocket message."""
        raise NotImplementedError

    def heard(self) -> bytes:
        """What has come back since the last look."""
        raise NotImplementedError

    @property
    def ended(self) -> int:
        """1 (or the code of a WebSocket's close) when the edge has closed, else 0."""
        return 0


class UdpDoor(Door):
    """A UDP socket."""

    transport = "UDP"

    def __init__(self, world: EdgeWorld) -> None:
        super().__init__(world)
        self.sent: list[bytes] = []
        self.udp = UdpListener(ListenerSpec("udp", "127.0.0.1", 5060), world.element, MemoryLog())
        self.udp.sendto = lambda data, address: self.sent.append(data)  # type: ignore[method-assign,assignment]

    def say(self, data: bytes) -> None:
        self.udp.arrived(data, PEER)

    def heard(self) -> bytes:
        said, self.sent[:] = b"".join(self.sent), []
        return said


class TcpDoor(Door):
    """A TCP connection; ``proxy``: one behind which others are."""

    transport = "TCP"

    def __init__(self, world: EdgeWorld, proxy: str = "") -> None:
        super().__init__(world)
        clock: Clock = world.clock
        streams = Streams(
            world.element,
            world.flows,
            TimerWheel(clock),
            MemoryLog(),
            StreamSettings(),
            connections=ConnectionLimits(total=100),
        )
        factory: Any = StreamFactory(streams, world.tcp)
        if proxy:
            factory = ProxiedFactory(streams, world.tcp, factory, lambda transport, peer: peer[0] == proxy)
        self.wire = Wire(proxy or PEER[0])
        self.connection = factory.buildProtocol(self.wire.getPeer())
        self.connection.makeConnection(self.wire)

    def say(self, data: bytes) -> None:
        self.connection.dataReceived(data)

    def heard(self) -> bytes:
        return self.wire.taken

    @property
    def ended(self) -> int:
        return int(self.wire.half_closed or self.wire.ending)


class WebSocketDoor(Door):
    """A WebSocket that stands."""

    transport = "WS"

    def __init__(self, world: EdgeWorld) -> None:
        super().__init__(world)
        factory = WebSocketFactory(
            world.element, world.flows, world.ws, world.clock, Settings(), on_connect=world.element.connecting
        )
        self.client = Client(factory, PEER[0]).open()
        self._ended = 0

    def say(self, data: bytes) -> None:
        self.client.send(frame(TEXT, data))

    def heard(self) -> bytes:
        said = b""
        for opcode, payload in self.client.frames():
            if opcode == 8:
                self._ended = int.from_bytes(payload[:2], "big") or 1005
            else:
                said += payload
        return said

    @property
    def ended(self) -> int:
        return self._ended


DOORS = (UdpDoor, TcpDoor, WebSocketDoor)
