"""All places where we are reached: opened together or not at all, closed in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import deferLater

from oversip_tw.interfaces import Address, Flow
from oversip_tw.transport.listener import TRANSPORTS, BoundListener, ListenError, ListenerSpec
from oversip_tw.transport.port import listen_tcp
from oversip_tw.transport.proxied import IsProxy, ProxiedFactory
from oversip_tw.transport.stream import StreamFactory, Streams
from oversip_tw.transport.tls import HTTP, CertificateError, ServerTls, TlsFactory
from oversip_tw.transport.udp import TwistedUdp, UdpReader, udp_listener

#: Makes the Twisted factory of a ws or wss listener; for wss, TLS is put around what it builds.
WebSocketFactory = Callable[[BoundListener], IProtocolFactory]

#: seconds between two looks whether the last connection has ended
_LOOK = 0.1


class Listeners:
    """Opens listeners and keeps them. ``bound`` and ``udp`` are living lists, in the order of opening."""

    def __init__(self, reactor: Any, streams: Streams, is_proxy: IsProxy = lambda transport, address: False) -> None:
        """``is_proxy``: whose PROXY headers are believed."""
        self.bound: list[BoundListener] = []
        self.udp: list[UdpReader | TwistedUdp] = []
        self._reactor = reactor
        self._streams = streams
        self._is_proxy = is_proxy
        self._ports: list[Any] = []
        self._tls: list[ServerTls] = []
        streams.flows.serve_udp(self._udp_flow)

    def open_all(self, specs: Iterable[ListenerSpec], websocket: WebSocketFactory | None = None) -> None:
        """Open every one; ``websocket`` makes the factories of ws and wss.

        Raises ListenError for the first that cannot be opened, after those opened before were closed again.
        """
        try:
            for spec in specs:
                self.open(spec, websocket)
        except ListenError:
            self.close_ports()
            raise

    def open(self, spec: ListenerSpec, websocket: WebSocketFactory | None = None) -> BoundListener:
        """Open one. Its port and ``sent_by`` are known afterwards. Raises ListenError."""
        if spec.transport not in TRANSPORTS:
            raise ListenError(spec, "no such transport")
        listener = self._open_udp(spec) if spec.transport == "udp" else self._open_stream(spec, websocket)
        self.bound.append(listener)
        return listener

    def _open_udp(self, spec: ListenerSpec) -> BoundListener:
        streams = self._streams
        port = udp_listener(self._reactor, spec, streams.receiver, streams.log, lambda flow: streams.admit(flow))
        port.open(self._reactor)
        self.udp.append(port)
        return port.listener

    def _open_stream(self, spec: ListenerSpec, websocket: WebSocketFactory | None) -> BoundListener:
        listener = BoundListener(spec)
        factory: IProtocolFactory
        if spec.transport not in ("ws", "wss"):
            factory = StreamFactory(self._streams, listener)
        elif websocket is not None:
            factory = websocket(listener)
        else:
            raise ListenError(spec, "nothing here speaks WebSocket")
        tls = self._server_tls(spec) if spec.transport in ("tls", "wss") else None
        on_socket = tls
        if spec.proxy_protocol:
            if tls is not None:
                factory, on_socket = TlsFactory(tls, False, factory, self._reactor), None
            factory = ProxiedFactory(self._streams, listener, factory, self._is_proxy)
        streams = self._streams
        patience = streams.settings.unacknowledged
        self._ports.append(listen_tcp(self._reactor, listener, factory, streams.log, on_socket, patience))
        if tls is not None:
            self._tls.append(tls)
        return listener

    def _server_tls(self, spec: ListenerSpec) -> ServerTls:
        if not spec.certificates:
            raise ListenError(spec, "no certificate")
        try:
            return ServerTls(spec.certificates, HTTP if spec.transport == "wss" else (), clients=spec.clients)
        except CertificateError as error:
            raise ListenError(spec, str(error)) from None

    def _udp_flow(self, local: Address, peer: Address) -> Flow | None:
        for port in self.udp:
            if (port.listener.address, port.listener.port) == local:
                return port.flow(peer)
        return None

    def reload(self) -> None:
        """Read all certificates again, for new handshakes. Raises CertificateError, and then none has changed."""
        for use in [tls.prepare() for tls in self._tls]:
            use()

    def close_ports(self) -> Deferred[Any]:
        """Give all ports back, and forget them. Connections stay."""
        for port in self.udp:
            port.close()
        self.udp.clear()
        self.bound.clear()
        self._streams.flows.forget_udp()
        return self.stop_accepting()

    def stop_accepting(self) -> Deferred[Any]:
        """Take no new connections; those there are go on, and so does UDP. Fires when the ports are free."""
        ports = self._ports[:]
        self._ports.clear()
        return DeferredList([port.stopListening() for port in ports])

    async def stop(self, code: int = 1001, reason: str = "going away", patience: float = 5.0) -> None:
        """End in order: no new connections, then those there are (WebSockets hear ``code``), UDP at the very end.

        What is queued still leaves; a peer that does not close within ``patience`` seconds is not waited for.
        """
        await self.stop_accepting()
        ended = self._reactor.seconds() + patience
        for flow in self._streams.flows.all():
            flow.close(code, reason)
        while self._streams.connections.count and self._reactor.seconds() < ended:
            await deferLater(self._reactor, _LOOK)
        await self.close_ports()
