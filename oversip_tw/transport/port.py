"""The socket that accepts connections: Twisted's, with another answer to running out of file descriptors (K2)."""

from __future__ import annotations

import errno
import socket
import traceback
from functools import partial
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, IReactorFDSet

from oversip_tw.interfaces import Clock, Delayed, Log
from oversip_tw.transport.accepted import AcceptedSocket
from oversip_tw.transport.listener import BoundListener, ListenError
from oversip_tw.transport.tls import ServerTls, TlsFactory
from oversip_tw.transport.tls_socket import TlsSocket

#: Nothing can be accepted now: no descriptor, or no memory for one. The client waits in the kernel's queue.
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: connections accepted at one go before others get their turn: when thousands return, those that are in go on as if
#: nothing were, and the rest waits in the kernel's queue, where it costs nothing
_AT_ONCE = 16
#: seconds until we try again; Twisted would ask at once and again, or close what it cannot serve
_PAUSE = 0.5
#: seconds between two lines in the log about it
_QUIET = 1.0


class AcceptingPort(tcp.Port):
    """Pauses while nothing can be accepted, and takes IPv6 alone on an IPv6 address."""

    def __init__(
        self,
        listener: BoundListener,
        factory: IProtocolFactory,
        reactor: Any,
        log: Log,
        tls: ServerTls | None = None,
        unacknowledged: float = 0.0,
    ) -> None:
        spec = listener.spec
        self._unacknowledged = int(unacknowledged * 1000)
        super().__init__(spec.port, factory, spec.backlog, spec.address, reactor)
        #: makes what ``factory``'s protocols talk to
        self.transport: Any = AcceptedSocket if tls is None else partial(TlsSocket, tls.connection)
        self._clock: Clock = reactor
        self._log = log
        self._paused: Delayed | None = None
        self._logged = -_QUIET

    numberAccepts = _AT_ONCE

    def createInternetSocket(self) -> socket.socket:
        sock: socket.socket = super().createInternetSocket()  # type: ignore[no-untyped-call]
        if self.addressFamily == socket.AF_INET6:
            # Else "::" takes 0.0.0.0 too, and peers show as ::ffff:192.0.2.1.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Linux lets accepted sockets inherit it: small messages leave at once.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._unacknowledged and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._unacknowledged)
        return sock

    def doRead(self) -> None:
        for _ in range(self.numberAccepts):
            try:
                sock, address = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                # This client has gone, or a packet filter wants it gone; the next may be fine.
                continue
            try:
                self._accepted(sock, address)
            except Exception:
                # this client's misfortune: to the reactor it would look like the port's end
                sock.close()
                self._log.error(
                    "cannot serve a connection on port {port}\n{trace}",
                    port=self._realPortNumber,
                    trace=traceback.format_exc(),
                )

    def _accepted(self, sock: socket.socket, address: Any) -> None:
        protocol = self.factory.buildProtocol(self._buildAddr(address))  # type: ignore[union-attr, no-untyped-call]
        if protocol is None:
            sock.close()
            return
        self.sessionno += 1
        transport = self.transport(sock, protocol, address, self, self.sessionno, self.reactor)
        protocol.makeConnection(transport)

    def _pause(self, error: OSError) -> None:
        self.stopReading()  # type: ignore[no-untyped-call]
        now = self._clock.seconds()
        if now - self._logged >= _QUIET:
            self._logged = now
            self._log.error(
                "cannot accept on port {port}: {reason}; trying again", port=self._realPortNumber, reason=error.strerror
            )
        self._paused = self._clock.callLater(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self.startReading()  # type: ignore[no-untyped-call]

    def loseConnection(self, *args: Any) -> Any:
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        return super().loseConnection(*args)  # type: ignore[no-untyped-call]

    stopListening = loseConnection


def listen_tcp(
    reactor: Any,
    listener: BoundListener,
    factory: IProtocolFactory,
    log: Log,
    tls: ServerTls | None = None,
    unacknowledged: float = 0.0,
) -> Any:
    """Accept connections for ``factory``, inside ``tls`` if that is given, and tell ``listener`` its port.

    ``unacknowledged``: as `StreamSettings.unacknowledged`, for all that is accepted. Gives an IListeningPort.
    Raises ListenError.
    """
    spec = listener.spec
    try:
        if IReactorFDSet.providedBy(reactor):
            port: Any = AcceptingPort(listener, factory, reactor, log, tls, unacknowledged)
            port.startListening()
        else:
            if tls is not None:
                factory = TlsFactory(tls, False, factory, reactor)
            port = reactor.listenTCP(spec.port, factory, spec.backlog, spec.address)
    except CannotListenError as error:
        raise ListenError(spec, os_text(error.socketError)) from None
    except OSError as error:
        raise ListenError(spec, os_text(error)) from None
    listener.bound(port.getHost().port)
    return port


def os_text(error: Any) -> str:
    """What the system says of ``error``, without its number."""
    return str(getattr(error, "strerror", None) or error)
