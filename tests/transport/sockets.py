"""One accepted connection between real sockets of this host, moved on by hand: no test waits for anything."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.accepted import AcceptedSocket

#: octets that the kernel keeps at each end, about
_ROOM = 65_536


class Server(Protocol):
    """Remembers what it got and why it ended; ``then`` is called with what arrives."""

    transport: Any

    def __init__(self) -> None:
        self.data = b""
        self.lost: Failure | None = None
        self.then: Callable[[bytes], object] = lambda data: None

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.then(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class Producer:
    """Counts how often it was told to pause, to go on and to stop."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class SocketCase(SynchronousTestCase):
    """``client`` is a plain socket; `turn` is a turn of a reactor that nobody else uses."""

    transport: Any = AcceptedSocket

    def setUp(self) -> None:
        self.reactor: Any = EPollReactor()
        self.addCleanup(self._end)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(listener.close)
        self.client = socket.socket()
        for sock, option in ((listener, socket.SO_SNDBUF), (self.client, socket.SO_RCVBUF)):
            # Else the kernel takes megabytes, or not, as it likes.
            sock.setsockopt(socket.SOL_SOCKET, option, _ROOM)
        self.client.connect(listener.getsockname())
        self.addCleanup(self.client.close)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.settimeout(5)
        sock, address = listener.accept()
        self.server = self.make_protocol()
        self.wire: Any = self.transport(sock, self.server, address, None, 1, self.reactor)
        self.server.makeConnection(self.wire)

    def make_protocol(self) -> Any:
        return Server()

    def _end(self) -> None:
        # Nothing happens if that has been.
        self.wire.connectionLost(Failure(ConnectionError("end of the test")))
        self.reactor.waker.connectionLost(None)
        self.reactor._poller.close()

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0)

    @property
    def writing(self) -> bool:
        return self.wire in self.reactor.getWriters()

    @property
    def reading(self) -> bool:
        return self.wire in self.reactor.getReaders()

    def here(self) -> bytes:
        """What has arrived at the client; b"" for nothing."""
        data = b""
        while select.select([self.client], [], [], 0)[0] and (more := self.client.recv(1 << 20)):
            data += more
        return data
