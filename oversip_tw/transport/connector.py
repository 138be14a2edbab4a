"""The way out to next hops: UDP at once, TCP and TLS by connections that are made, reused and closed when idle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from OpenSSL import SSL
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from oversip_tw.interfaces import Address, Flow, Target
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError
from oversip_tw.transaction.wheel import Timer
from oversip_tw.transport.client_tls import ClientTls, ClientTlsSettings
from oversip_tw.transport.datagrams import UdpListener
from oversip_tw.transport.flow import StreamFlow
from oversip_tw.transport.listener import BoundListener
from oversip_tw.transport.peer_identity import WrongPeer
from oversip_tw.transport.reason import reason_text
from oversip_tw.transport.route import source_towards
from oversip_tw.transport.stream import StreamConnection, Streams
from oversip_tw.transport.tls import TlsFactory

#: transport, address, port; on TLS the domain that was proven, and by which settings
Key = tuple[str, str, int, str, ClientTlsSettings | None]

#: looks at an idle connection; it is closed after so many in a row
_LOOKS = 4
#: addresses whose UDP listener is remembered
_WAYS = 4096


class DialledConnection(StreamConnection):
    """A connection that we make. Its flow takes messages at once; they leave when it stands."""

    ends_unopened = True

    def __init__(self, streams: Streams, listener: BoundListener, target: Target, tls: ClientTls | None) -> None:
        super().__init__(streams, listener)
        self._tls = tls
        #: whom TLS has to prove
        self.name = target.name or target.address
        self.flow = StreamFlow(self, listener, (target.address, target.port), streams.new_id(), accepted=False)
        self._queue: list[bytes] | None = []
        self.queued = 0
        self._used = True
        self._quiet = 0
        self._idle: Timer | None = None
        self._hung_up: Callable[[], None] = lambda: None

    def connects_by(self, hang_up: Callable[[], None]) -> None:
        """``hang_up`` stops the attempt. From here on it has its time to succeed."""
        self._hung_up = hang_up
        self._wait(self._streams.settings.connect, "connecting took too long")

    def connectionMade(self) -> None:
        if self.flow.closed:
            self.transport.abortConnection()
            return
        self.set_options()
        if self._tls is None:
            self.opened()

    def secured(self) -> None:
        if self._tls is not None:
            try:
                self._tls.check(self.transport.getHandle(), self.name)
            except WrongPeer as error:
                self.flow.failure = "tls"
                self.abort(str(error))
                return
        self.meet(self._streams.tls_connected)

    def opened(self) -> None:
        queue, self._queue, self.queued = self._queue or [], None, 0
        super().opened()
        for data in queue:
            self.write(data)
        self._look_again()

    def write(self, data: bytes) -> None:
        if self._queue is None:
            self._used = True
            super().write(data)
        elif self.queued + len(data) <= self._streams.settings.connect_queue:
            self.queued += len(data)
            self._queue.append(data)

    def probe(self) -> None:
        if self._queue is None:
            super().probe()

    def dataReceived(self, data: bytes) -> None:
        self._used = True
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        flow = self.flow
        if isinstance(reason.value, SSL.Error):
            # A server that wants a certificate of us says so after our side of the handshake (TLS 1.3).
            flow.failure = "tls"
        elif self._queue is not None and not flow.failure:
            flow.failure = "connect" if self._why or self._tls is None else "tls"
        super().connectionLost(reason)

    def failed(self, reason: Failure) -> None:
        """The connection could not be made."""
        self.flow.failure = "connect"
        self._stop_waiting()
        timeout = isinstance(reason.value, ConnectTimeout)
        self.ended(self._why or ("connecting took too long" if timeout else reason_text(reason)))

    def ended(self, reason: str) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._queue = []
        super().ended(reason)

    def finish(self) -> None:
        if self._queue is None:
            super().finish()
        else:
            if self._gate is not None:
                # A hook that closes it refuses it.
                self.flow.failure = "tls"
            self.abort("closed by us")

    def abort(self, reason: str) -> None:
        if self.transport is not None:
            super().abort(reason)
            return
        # `failed` follows, from the reactor.
        self._why = self._why or reason
        self.flow.closed = True
        self._stop_waiting()
        self._hung_up()

    def _look_again(self) -> None:
        self._idle = self._streams.wheel.after(self._streams.settings.idle / _LOOKS, self._look)

    def _look(self) -> None:
        self._idle = None
        if self.flow.closed:
            return
        self._quiet = 0 if self._used else self._quiet + 1
        self._used = False
        if self._quiet < _LOOKS:
            self._look_again()
        else:
            self._why = "idle"
            self.flow.close()


class _Dialling(ClientFactory):
    """Hands Twisted the one protocol it is for."""

    noisy = False

    def __init__(self, connection: DialledConnection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        return self._connection

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._connection.failed(reason)


class _DiallingTls(TlsFactory):
    """The same with TLS around it."""

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.wrappedFactory.clientConnectionFailed(connector, reason)  # type: ignore[attr-defined]


class Connector:
    """`interfaces.Connector`. ``listeners`` and ``udp`` are the living lists of `listeners.Listeners`.

    ``tls`` holds the sets of TLS settings that a `Target` names, "" the one for all others.
    """

    def __init__(
        self,
        reactor: Any,
        streams: Streams,
        listeners: Sequence[BoundListener],
        udp: Sequence[UdpListener],
        tls: Mapping[str, ClientTls] | None = None,
        source: Callable[[str], str] = source_towards,
    ) -> None:
        self._reactor = reactor
        self._streams = streams
        self._listeners = listeners
        self._udp = udp
        self._tls: Mapping[str, ClientTls] = tls or {"": ClientTls()}
        self._source = source
        self._pool: dict[Key, DialledConnection] = {}
        #: which UDP listener leads to an address, while there are as many listeners as at first
        self._udp_ways: dict[str, UdpListener] = {}
        self._udp_known = 0

    def flow_to(self, target: Target) -> Flow:
        """See `interfaces.Connector.flow_to`. Raises SIPError 478 (no way there), 503 (too much waits to get there)."""
        if target.transport == "udp":
            return self._udp_flow((target.address, target.port))
        tls = self._tls_for(target) if target.transport == "tls" else None
        key: Key = (
            target.transport,
            target.address,
            target.port,
            target.name.lower() if tls is not None else "",
            tls.settings if tls is not None else None,
        )
        connection = self._pool.get(key)
        if connection is None or connection.flow.closed:
            connection = self._pool[key] = self._dial(target, tls)
        elif connection.queued >= self._streams.settings.connect_queue:
            raise SIPError(503)
        return connection.flow

    def use_tls(self, tls: Mapping[str, ClientTls]) -> None:
        """Make connections by these sets from now on. Those there are serve on where the settings are the same."""
        self._tls = tls

    def _tls_for(self, target: Target) -> ClientTls:
        return self._tls.get(target.tls) or self._tls[""]

    @property
    def count(self) -> int:
        """Connections made or being made."""
        self._sweep()
        return len(self._pool)

    def close(self) -> None:
        """Close all connections; their flows are lost in the usual way."""
        for connection in list(self._pool.values()):
            connection.flow.close()
        self._pool.clear()

    def _udp_flow(self, peer: Address) -> Flow:
        if len(self._udp) != self._udp_known or len(self._udp_ways) >= _WAYS:
            self._udp_ways.clear()
            self._udp_known = len(self._udp)
        way = self._udp_ways.get(peer[0])
        if way is None:
            best = self._best("udp", peer[0], [port.listener for port in self._udp])
            way = self._udp_ways[peer[0]] = next(port for port in self._udp if port.listener is best)
        return way.flow(peer)

    def _dial(self, target: Target, tls: ClientTls | None) -> DialledConnection:
        if target.transport not in ("tcp", "tls"):
            # A browser cannot be dialled, and no SIP server expects a WebSocket from us (RFC 7118 §5).
            raise SIPError(478, "Unsupported Transport", code=codes.UNSUPPORTED_TRANSPORT)
        self._sweep()
        listener = self._best(target.transport, target.address, self._listeners)
        connection = DialledConnection(self._streams, listener, target, tls)
        factory: ClientFactory | _DiallingTls = _Dialling(connection)
        if tls is not None:
            factory = _DiallingTls(tls.towards(connection.name), True, factory, self._reactor)
        attempt = self._reactor.connectTCP(
            target.address,
            target.port,
            factory,
            timeout=self._streams.settings.connect,
            bindAddress=self._bind_address(listener, target.address),
        )
        connection.connects_by(attempt.disconnect)
        return connection

    def _best(self, transport: str, address: str, listeners: Iterable[BoundListener]) -> BoundListener:
        """The listener whose address a packet to ``address`` leaves from; else one of all addresses, else the first."""
        fitting = [each for each in listeners if each.transport == transport and each.ipv6 == (":" in address)]
        if not fitting:
            raise _no_listener(transport, address, listeners)
        if len(fitting) == 1:
            return fitting[0]
        source = self._source(address)
        return next(
            (each for each in fitting if each.address == source),
            next((each for each in fitting if ip_address(each.address).is_unspecified), fitting[0]),
        )

    def _bind_address(self, listener: BoundListener, address: str) -> tuple[str, int] | None:
        """Our own address, where the peer may know us by it and the kernel would let it out there."""
        own = ip_address(listener.address)
        if own.is_unspecified or own.is_loopback != ip_address(address).is_loopback:
            return None
        return listener.address, 0

    def _sweep(self) -> None:
        """Forget connections that have ended; done when one is made, so the pool never outgrows what lives."""
        for key in [key for key, connection in self._pool.items() if connection.flow.closed]:
            del self._pool[key]


def _no_listener(transport: str, address: str, listeners: Iterable[BoundListener]) -> SIPError:
    """Why nothing of ours can send there."""
    if not any(each.transport == transport for each in listeners):
        return SIPError(478, "Unsupported Transport", code=codes.UNSUPPORTED_TRANSPORT)
    family, code = ("IPv6", codes.NO_IPV6) if ":" in address else ("IPv4", codes.NO_IPV4)
    return SIPError(478, f"Destination Requires Unsupported {family}", code=code)
