"""The page beside the WebSocket: one twisted.web request per connection."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers
from twisted.web.server import Site

from oversip_tw.interfaces import Address


class PageChannel(HTTPChannel):
    """An HTTPChannel for one request: the next one has to pass the front again, with its limits and its answers."""

    transport: Any
    #: the factory watches the whole exchange
    timeOut = None

    def __init__(
        self, site: Site, ended: Callable[[PageChannel], None], peer: Address = ("", 0), secure: bool = False
    ) -> None:
        """``peer``: who asks, behind the proxies that are trusted. ``secure``: over TLS, all the way."""
        super().__init__()
        self.peer = peer
        self.secure = secure
        self.site = self.factory = site
        self.requestFactory = site.requestFactory
        self._ended = ended

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Always the last request of its connection."""
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Nobody needs to know which version answers."""
        headers.removeHeader(b"server")
        super().writeHeaders(version, code, reason, headers)

    def cut(self) -> None:
        """The exchange took too long."""
        if self.transport is not None:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's default is a Failure too
        self._ended(self)
        super().connectionLost(reason)


class QuietSite(Site):
    """A Site without an access log: counts are for metrics, and addresses are the users' own affair."""

    displayTracebacks = False

    def log(self, request: Request) -> None:
        """Nothing."""
