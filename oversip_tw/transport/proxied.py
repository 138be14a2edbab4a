"""Connections that come through a proxy of ours and say in a PROXY header who is behind it.

Twisted has a wrapper for this too; it wants the whole header in the first octets that arrive, and knows no client
whom the proxy does not know.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import alsoProvides, directlyProvides, providedBy

from oversip_tw.interfaces import Address, Listener
from oversip_tw.transaction.wheel import Timer
from oversip_tw.transport.proxy_header import BadHeader, ProxyHeader, read_header
from oversip_tw.transport.stream import Streams

#: Whether an address is that of a proxy of ours, for connections of a transport.
IsProxy = Callable[[str, Address], bool]

#: seconds between two lines in the log about who may not come in
_QUIET = 1.0


class Proxied(ProtocolWrapper):
    """One connection. What is wrapped, TLS included, begins with the octet after the header, and sees its peer."""

    transport: Any
    factory: ProxiedFactory

    def __init__(self, factory: ProxiedFactory) -> None:
        super().__init__(factory, None)  # type: ignore[arg-type]
        self._buffer = b""
        self._deadline: Timer | None = None
        self._peer: IAddress | None = None
        self._refused = False

    def makeConnection(self, transport: Any) -> None:
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)
        streams = self.factory.streams
        self._deadline = streams.wheel.after(streams.settings.handshake, self._late)

    def getPeer(self) -> Any:
        return self._peer or self.transport.getPeer()

    def dataReceived(self, data: bytes) -> None:
        if self.wrappedProtocol is not None:
            self.wrappedProtocol.dataReceived(data)
        elif not self._refused:
            self._buffer += data
            try:
                header = read_header(self._buffer)
            except BadHeader as error:
                self._refuse(str(error))
            else:
                if header is not None:
                    self._begin(header)

    def _begin(self, header: ProxyHeader) -> None:
        self._stop_waiting()
        rest, self._buffer = self._buffer[header.length :], b""
        if header.source is not None:
            host, port = header.source
            self._peer = IPv6Address("TCP", host, port) if ":" in host else IPv4Address("TCP", host, port)
        wrapped = self.factory.wrappedFactory.buildProtocol(self.getPeer())
        if wrapped is None:
            # Too many connections of that client, or in all.
            self._refused = True
            self.transport.abortConnection()
            return
        self.wrappedProtocol = wrapped
        closes_by_halves = IHalfCloseableProtocol.providedBy(wrapped)
        wrapped.makeConnection(self)
        if closes_by_halves:
            # Not before: what wraps a transport (TLS) claims to be whatever its transport is.
            alsoProvides(self, IHalfCloseableProtocol)
        if rest:
            self.dataReceived(rest)

    def readConnectionLost(self) -> None:
        """Passed on to what closes by halves."""
        self.wrappedProtocol.readConnectionLost()  # type: ignore[attr-defined]

    def writeConnectionLost(self) -> None:
        """Passed on to what closes by halves."""
        self.wrappedProtocol.writeConnectionLost()  # type: ignore[attr-defined]

    def _late(self) -> None:
        self._deadline = None
        self._refuse("no PROXY header in time")

    def _refuse(self, reason: str) -> None:
        self._stop_waiting()
        self._refused = True
        self.factory.complain(reason, self.transport.getPeer())
        self.transport.abortConnection()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_waiting()
        wrapped: IProtocol | None = self.wrappedProtocol
        self.wrappedProtocol = None  # type: ignore[assignment]
        self._refused = True
        if wrapped is not None:
            wrapped.connectionLost(reason)


class ProxiedFactory(WrappingFactory):
    """Lets in connections from our proxies alone, and reads their headers; ``wrapped`` builds what comes after."""

    noisy = False
    wrappedFactory: Any

    def __init__(self, streams: Streams, listener: Listener, wrapped: IProtocolFactory, is_proxy: IsProxy) -> None:
        super().__init__(wrapped)
        self.streams = streams
        self._listener = listener
        self._is_proxy = is_proxy
        self._quiet = False
        self._unsaid = 0

    def buildProtocol(self, addr: Any) -> Proxied | None:  # type: ignore[override]
        """None, which closes the socket, for whoever is no proxy of ours."""
        if self._is_proxy(self._listener.transport, (str(addr.host), int(addr.port))):
            return Proxied(self)
        self.complain("no proxy that we trust", addr)
        return None

    def complain(self, reason: str, peer: Any) -> None:
        """Somebody may not come in: a line in the log, and no more than one in a second."""
        if self._quiet:
            self._unsaid += 1
            return
        self._quiet = True
        self.streams.wheel.after(_QUIET, self._speak_again)
        unsaid, self._unsaid = self._unsaid, 0
        self.streams.log.warn(
            "{transport} port {port}: closed a connection from {host}: {reason}{more}",
            transport=self._listener.transport,
            port=self._listener.port,
            host=peer.host,
            reason=reason,
            more=f" ({unsaid} more since the last line)" if unsaid else "",
        )

    def _speak_again(self) -> None:
        self._quiet = False
