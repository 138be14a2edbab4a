"""SIP over UDP (RFC 3261 §18): a socket of our own in the reactor; datagrams.py knows what to do with what arrives.

Twisted's own UDP port costs twice as much per datagram; it serves where the reactor watches no file descriptors.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionDone, MessageLengthError
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from oversip_tw.interfaces import Log, Receiver
from oversip_tw.transport import icmp
from oversip_tw.transport.datagrams import Admit, Datagram, SocketAddress, UdpListener
from oversip_tw.transport.listener import ListenError, ListenerSpec

#: recvmmsg and sendmmsg, where they were built; the same is done without
native: ModuleType | None
try:
    from oversip_tw.transport import _datagrams as native
except ImportError:
    native = None

#: datagrams taken at one go before others get their turn
DRAIN = 64
#: datagrams taken by one system call, where there is one for that; what is sent meanwhile waits for the last of them
BATCH = 16
#: the longest datagram there can be
DATAGRAM = 65536
#: asked of the kernel; net.core.rmem_max may allow less
RECEIVE_BUFFER = 4 * 1024 * 1024


@implementer(IReadDescriptor)
class UdpReader(UdpListener):
    """A non-blocking socket that the reactor watches."""

    _socket: socket.socket | None = None

    def open(self, reactor: Any) -> None:
        """Bind and begin to read. Raises ListenError."""
        spec = self.listener.spec
        sock = bound_socket(spec)
        self._reactor = reactor
        self._socket = sock
        self.sendto = sock.sendto
        if native is not None:
            self.send_many = partial(native.send, sock.fileno())
        self.listener.bound(sock.getsockname()[1])
        reactor.addReader(self)

    def close(self) -> None:
        """Stop reading and give the port back. Harmless when it is not open."""
        if self._socket is not None:
            self._reactor.removeReader(self)
            self.closed()
            self._socket.close()
            self._socket = None

    def doRead(self) -> None:
        if self._socket is None:
            return
        if native is not None:
            self._read_batches(native.receive)
            return
        recvfrom = self._socket.recvfrom
        arrived = self.arrived
        quiet = True
        for _ in range(DRAIN):
            try:
                data, address = recvfrom(DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                self.network_errors()
                continue
            quiet = False
            arrived(data, address)
            if self._socket is None:
                return
        if quiet:
            # select() calls a socket readable that has nothing but errors.
            self.network_errors()

    def _read_batches(self, receive: Callable[[int, int], list[Datagram]]) -> None:
        """The same, many datagrams in one system call."""
        quiet = True
        left = DRAIN
        while left > 0:
            try:
                batch = receive(self.fileno(), BATCH)
            except OSError:
                left -= 1
                self.network_errors()
            else:
                if not batch:
                    break
                left -= len(batch)
                quiet = False
                self.arrived_together(batch)
            if self._socket is None:
                return
        if quiet:
            self.network_errors()

    def network_errors(self) -> None:
        if self._socket is not None:
            self.unreachable(icmp.unreachable_peers(self._socket))

    def connectionLost(self, reason: Failure) -> None:
        """The reactor takes an error that waits, with no datagram beside it, for the end (epoll's EPOLLERR)."""
        if self._socket is not None and isinstance(reason.value, ConnectionDone):
            self.network_errors()
            self._reactor.addReader(self)
        else:
            self.close()

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        return "SIP/UDP"


def bound_socket(spec: ListenerSpec) -> socket.socket:
    """A non-blocking UDP socket bound as ``spec`` says. Raises ListenError."""
    family = socket.AF_INET6 if ":" in spec.address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise ListenError(spec, error.strerror or str(error)) from None
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        icmp.prepare(sock)
        sock.bind((spec.address, spec.port))
    except OSError as error:
        sock.close()
        raise ListenError(spec, error.strerror or str(error)) from None
    return sock


class TwistedUdp(UdpListener, DatagramProtocol):
    """The same over ``listenUDP``, for reactors that watch no file descriptors."""

    _port: Any = None

    def open(self, reactor: Any) -> None:
        """Bind and begin to read. Raises ListenError."""
        spec = self.listener.spec
        try:
            self._port = reactor.listenUDP(spec.port, self, interface=spec.address, maxPacketSize=DATAGRAM)
        except CannotListenError as error:
            raise ListenError(spec, str(error.socketError)) from None
        self.sendto = self._write
        self.listener.bound(self._port.getHost().port)

    def close(self) -> None:
        """Stop reading and give the port back. Harmless when it is not open."""
        if self._port is not None:
            self.closed()
            self._port.stopListening()
            self._port = None

    def _write(self, data: bytes, address: SocketAddress) -> None:
        try:
            self._port.write(data, address[:2])
        except MessageLengthError as error:
            raise OSError(str(error)) from None

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.arrived(datagram, addr)


def udp_listener(
    reactor: Any, spec: ListenerSpec, receiver: Receiver, log: Log, admit: Admit = lambda flow: True
) -> UdpReader | TwistedUdp:
    """The kind of UDP listener that ``reactor`` allows; not open yet."""
    kind = UdpReader if IReactorFDSet.providedBy(reactor) else TwistedUdp
    return kind(spec, receiver, log, admit)
