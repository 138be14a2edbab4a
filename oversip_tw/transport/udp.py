"""SIP over UDP (RFC 3261 §18): a socket of our own in the reactor, with STUN and CRLF keep-alives on the same port.

Twisted's own UDP port costs twice as much per datagram; it serves where the reactor watches no file descriptors.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionDone, MessageLengthError
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from oversip_tw.interfaces import Address, Flow, Log, Receiver
from oversip_tw.transport import icmp, stun
from oversip_tw.transport.flow import UdpFlow
from oversip_tw.transport.listener import BoundListener, ListenError, ListenerSpec

#: (host, port), and for IPv6 flow label and scope behind it
SocketAddress = tuple[str | int, ...]
Admit = Callable[[Flow], bool]

#: datagrams taken at one go before others get their turn
DRAIN = 64
#: the longest datagram there can be
DATAGRAM = 65536
#: UDP flows remembered per listener; a forgotten one is made again in 3 us
FLOWS = 16384
#: asked of the kernel; net.core.rmem_max may allow less
RECEIVE_BUFFER = 4 * 1024 * 1024

PING = b"\r\n\r\n"
PONG = b"\r\n"


class UdpListener:
    """Everything about UDP but the socket: what arrives, what leaves, the flows.

    ``admit`` says whether a keep-alive or STUN request on that flow is answered (F3). ``sendto`` is set by
    whoever opens the socket.
    """

    def __init__(self, spec: ListenerSpec, receiver: Receiver, log: Log, admit: Admit = lambda flow: True) -> None:
        self.listener = BoundListener(spec)
        self.sendto: Callable[[bytes, Any], object] = _closed
        #: datagrams that the kernel did not take
        self.unsent = 0
        self.keep_alives = 0
        self._receiver = receiver
        self._log = log
        self._admit = admit
        self._flows: dict[SocketAddress, UdpFlow] = {}

    def flow(self, peer: Address) -> UdpFlow:
        """The flow to ``peer``; equal to the one its datagrams come in on."""
        return self._flows.get(peer) or self._new_flow(peer)

    def _new_flow(self, address: SocketAddress) -> UdpFlow:
        if len(self._flows) >= FLOWS:
            self._flows.clear()
        flow = self._flows[address] = UdpFlow(self, self.listener, address)
        return flow

    def arrived(self, data: bytes, address: SocketAddress) -> None:
        """One datagram. Nothing that goes wrong with it gets out of here."""
        try:
            flow = self._flows.get(address) or self._new_flow(address)
            # SIP begins with a letter; STUN, CRLF and the NULs some phones send stand below.
            if data and data[0] > 0x20:
                self._receiver.received(data, flow)
            else:
                self._not_plain(data, flow)
        except Exception:
            self._log.error("bug while handling a datagram from {peer}\n{trace}", peer=address, trace=_trace())

    def _not_plain(self, data: bytes, flow: UdpFlow) -> None:
        if stun.looks_like_stun(data):
            self._keep_alive(stun.answer(data, flow.peer), flow)
            return
        message = data.lstrip(b"\r\n")
        if message.strip(b"\0 \t\r\n"):
            # RFC 3261 §7.5: empty lines before a message are ignored.
            self._receiver.received(message, flow)
        elif data.startswith(PING):
            self._keep_alive(PONG, flow)

    def _keep_alive(self, answer: bytes | None, flow: UdpFlow) -> None:
        if answer is not None and self._admit(flow):
            self.keep_alives += 1
            flow.send(answer)

    def write(self, data: bytes, address: SocketAddress) -> None:
        """Send one datagram. What the kernel refuses is lost, as datagrams may be; a transaction sends it again."""
        try:
            self.sendto(data, address)
        except OSError:
            self._again(data, address)
        except OverflowError:
            # A port beyond 65535, whoever wrote it.
            self.unsent += 1

    def _again(self, data: bytes, address: SocketAddress) -> None:
        """An error that came back for an earlier datagram is told to the next one that leaves: that one is tried
        once more, after the news."""
        self.network_errors()
        try:
            self.sendto(data, address)
        except OSError:
            self.unsent += 1

    def network_errors(self) -> None:
        """Read what came back for datagrams of ours; nothing can be learnt without a socket."""

    def unreachable(self, peers: list[Address]) -> None:
        for peer in peers:
            try:
                self._receiver.unreachable(peer)
            except Exception:
                self._log.error("bug while handling an ICMP error for {peer}\n{trace}", peer=peer, trace=_trace())


def _closed(data: bytes, address: SocketAddress) -> None:
    raise OSError("not open")


def _trace() -> str:
    return traceback.format_exc()


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
        self.listener.bound(sock.getsockname()[1])
        reactor.addReader(self)

    def close(self) -> None:
        """Stop reading and give the port back. Harmless when it is not open."""
        if self._socket is not None:
            self._reactor.removeReader(self)
            self._socket.close()
            self._socket = None
            self.sendto = _closed

    def doRead(self) -> None:
        if self._socket is None:
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
            self._port.stopListening()
            self._port = None
            self.sendto = _closed

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
