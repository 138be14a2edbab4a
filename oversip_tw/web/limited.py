"""An HTTP port that nobody can hold on to: few connections, each for a short time and one request."""

# mypy: allow-untyped-calls

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from oversip_tw.interfaces import Clock

#: seconds from the first octet of a connection to its last
DEADLINE = 30.0
#: connections at a time
MOST_CONNECTIONS = 100
#: octets of a body that are kept; what comes after them is read and forgotten until the deadline
KEPT = 65_537


class BoundedRequest(Request):
    """Keeps a bounded body, and is the last one of its connection."""

    #: there was more of the body than is kept
    too_long = False

    def gotLength(self, length: int | None) -> None:
        """Twisted's own would make a file of a long one."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Some of the body came."""
        assert self.content is not None
        rest = KEPT - self.content.tell()
        self.too_long = self.too_long or len(data) > rest
        self.content.write(data[:rest])

    def process(self) -> None:
        """All of it is here."""
        self.channel.persistent = False
        line: Any = self.channel.transport
        line.is_asking = False
        self.setHeader(b"Connection", b"close")
        super().process()


class _QuietSite(Site):
    displayTracebacks = False
    requestFactory = BoundedRequest

    def log(self, request: http.Request) -> None:
        """No access log: a scrape every 15 s is no news."""


class _Timed(ProtocolWrapper):
    """Ends when its time is over, whatever it does."""

    factory: LimitedSite
    #: its request is not all here yet
    is_asking = True

    def connectionMade(self) -> None:
        """It begins."""
        self._end = self.factory.clock.callLater(DEADLINE, self.abortConnection)  # the transport's
        super().connectionMade()

    def make_room(self) -> None:
        """End for the sake of another, with the reactor's next turn."""
        self.is_asking = False
        self.abortConnection()

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # its default is a Failure made at import
        """It is over."""
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)


class LimitedSite(WrappingFactory):
    """Serves ``resource``; for ``reactor.listenTCP``."""

    protocol = _Timed
    noisy = False

    def __init__(self, resource: Resource, clock: Clock) -> None:
        super().__init__(_QuietSite(resource, timeout=DEADLINE, reactor=clock))
        self.clock = clock

    def buildProtocol(self, addr: IAddress | None) -> ProtocolWrapper | None:  # type: ignore[override]  # as `Factory`
        """None: there are too many. Whoever takes the longest to ask makes room: strangers can open them all, and an
        honest client takes no time."""
        if len(self.protocols) >= MOST_CONNECTIONS:
            slowest = next((each for each in self.protocols if each.is_asking), None)
            if slowest is None:
                return None
            slowest.make_room()
        return super().buildProtocol(addr)
