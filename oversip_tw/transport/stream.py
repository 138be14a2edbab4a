"""SIP over TCP and TLS (RFC 3261 §18.3): connections that clients and peers opened, and what all connections share."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IHandshakeListener, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from oversip_tw.interfaces import Address, Flow, Listener, Log, Receiver
from oversip_tw.outbound.flow_id import STREAM_OCTETS, stream_id
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import KEEPALIVE, StreamFramer
from oversip_tw.sip.limits import Limits
from oversip_tw.transaction.wheel import Timer, TimerWheel
from oversip_tw.transport.backlog import Backlog
from oversip_tw.transport.flow import StreamFlow
from oversip_tw.transport.gate import Gate, OnTls, everybody, words
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.reason import reason_text
from oversip_tw.transport.tls_peer import NOBODY, shown

PONG = b"\r\n"
#: TCP's own keep-alive after 120 s of silence, four times at 15 s (the kernel's default is two hours); tcp(7), Linux
_KEEP_ALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
#: TCP_USER_TIMEOUT (tcp(7)) once a peer's life is doubted, in milliseconds
_PROBE_PATIENCE = 10_000


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Spans in seconds, sizes in octets."""

    #: F5: a connection that has not said anything
    silent: float = 20.0
    #: F5: a TLS handshake that does not end
    handshake: float = 5.0
    #: F8: a message, from its first octet to its last
    slow_message: float = 20.0
    #: F19: what may wait for a peer, and for how long without any of it leaving
    queue: int = 256 * 1024
    stalled: float = 10.0
    #: from our close to the end of a peer that does not close
    closing: float = 5.0
    #: to make a connection to a next hop, TLS included
    connect: float = 4.0
    #: what may wait for a connection that is being made
    connect_queue: int = 1024 * 1024
    #: a connection that we made and nobody uses
    idle: float = 120.0
    #: how long what was sent may stay without an acknowledgement of TCP, on WebSockets too; 0: as the kernel has it
    unacknowledged: float = 30.0


class Streams:
    """What all stream connections share. ``connections`` counts those that others open.

    ``admit`` says whether one more keep-alive on that flow is answered (F3, on UDP too); ``tls_accepted`` and
    ``tls_connected`` look at the peers of TLS connections, theirs and ours. They and ``receiver`` may be set until the
    first listener opens.
    """

    __slots__ = (
        "admit",
        "connections",
        "flows",
        "limits",
        "log",
        "new_id",
        "receiver",
        "settings",
        "tls_accepted",
        "tls_connected",
        "wheel",
    )

    def __init__(
        self,
        receiver: Receiver,
        flows: FlowTable,
        wheel: TimerWheel,
        log: Log,
        settings: StreamSettings = StreamSettings(),
        limits: Limits = Limits(),  # noqa: B008 - frozen
        connections: ConnectionLimits | None = None,
    ) -> None:
        self.receiver = receiver
        self.flows = flows
        self.wheel = wheel
        self.log = log
        self.settings = settings
        self.limits = limits
        self.connections = connections or ConnectionLimits()
        self.admit: Callable[[Flow], bool] = lambda flow: True
        self.tls_accepted: OnTls = everybody
        self.tls_connected: OnTls = everybody
        self.new_id: Callable[[], bytes] = lambda: stream_id(os.urandom(STREAM_OCTETS))


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class StreamConnection(Protocol):
    """One connection. It is *open* once TLS, if any, is through; ``flow`` is what the rest of the server sees."""

    transport: Any
    flow: StreamFlow
    #: whether the rest of the server is told of an end that came before it was open
    ends_unopened = False

    def __init__(self, streams: Streams, listener: Listener) -> None:
        self._streams = streams
        self._listener = listener
        self._framer = StreamFramer(streams.limits)
        self._deadline: Timer | None = None
        self._backlog: Backlog | None = None
        self._why = ""
        #: a message has begun and its deadline runs
        self._begun = False
        self._announced = False
        #: somebody looks at who has shown what in the TLS handshake
        self._gate: Gate | None = None

    # Twisted calls these

    def set_options(self) -> None:
        """Small messages leave at once, and the kernel finds out about peers that vanished."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        for option, value in _KEEP_ALIVE.items():
            _set_tcp(self.transport, option, value)
        give_up_after(self.transport, self._streams.settings.unacknowledged)

    def connectionMade(self) -> None:
        self.set_options()
        if self._listener.transport == "tls":
            self._wait(self._streams.settings.handshake, "TLS handshake too slow")
        else:
            self.opened()

    def handshakeCompleted(self) -> None:
        if not self._announced and self._gate is None and not self.flow.closed:
            self.secured()

    def dataReceived(self, data: bytes) -> None:
        flow = self.flow
        if flow.closed:
            return
        if self._gate is not None:
            if not self._gate.hold(data):
                self.abort("sent too much before it was let in")
            return
        try:
            for message in self._framer.feed(data):
                self._begun = False
                if message is KEEPALIVE:
                    if self._streams.admit(flow):
                        self.write(PONG)
                else:
                    self._receive(message)
                if flow.closed:
                    return
        except ParseError as error:
            self._stop_waiting()
            self._report(self._streams.receiver.malformed, error, flow)
            self.hang_up()
        else:
            self._watch_pace()

    def readConnectionLost(self) -> None:
        """The peer ends its direction: what it asked last has been answered, and that leaves before we close too."""
        self._why = self._why or "closed by peer"
        self.flow.closed = True
        self.finish()

    def writeConnectionLost(self) -> None:
        """Our direction has ended: `hang_up`."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_waiting()
        if self._gate is not None:
            self._gate.forget()
        if self._backlog is not None:
            self._backlog.stop()
            self._backlog = None
        self.ended(self._why or reason_text(reason))

    # what there is to a connection's life

    def secured(self) -> None:
        """TLS is through."""
        self.meet(self._streams.tls_accepted)

    def meet(self, look: OnTls) -> None:
        """Open, once ``look`` has nothing against who is at the other end."""
        self.flow.tls = peer = shown(self.transport)
        answer = look(self.flow, peer or NOBODY)
        if answer is None:
            self.opened()
        else:
            # The answer has its own time.
            self._stop_waiting()
            self._gate = Gate(2 * self._streams.limits.message)
            self._gate.ask(answer, self._let_in, self._turn_away)

    def _let_in(self, held: bytes) -> None:
        self._gate = None
        if not self.flow.closed:
            self.opened()
            if held:
                self.dataReceived(held)

    def _turn_away(self, error: BaseException) -> None:
        self._why = self._why or words(error, self._streams.log, self.flow)
        self.flow.close()
        self._gate = None

    def opened(self) -> None:
        """Messages may pass. A subclass that keeps the flow from being used yet calls this when it may."""
        settings = self._streams.settings
        self._stop_waiting()
        self._backlog = Backlog(self.transport, self._streams.wheel, settings.queue, settings.stalled, self._give_up)
        self.flow.local = _address(self.transport.getHost())
        self._streams.flows.add(self.flow)
        self._announced = True
        self._report(self._streams.receiver.flow_opened, self.flow)

    def ended(self, reason: str) -> None:
        """The connection is gone: tell whoever used it, once."""
        self.flow.closed = True
        self._streams.flows.remove(self.flow)
        if self._announced or self.ends_unopened:
            self._report(self._streams.receiver.flow_lost, self.flow, reason)

    def _receive(self, message: bytes) -> None:
        self._report(self._streams.receiver.received, message, self.flow)

    def _report(self, receive: Callable[..., None], *what: object) -> None:
        """A bug in what we report to must not cost the other calls on this connection."""
        try:
            receive(*what)
        except Exception:
            self._streams.log.error("bug while handling {flow}\n{trace}", flow=self.flow, trace=traceback.format_exc())

    # deadlines

    def _watch_pace(self) -> None:
        """A message gets its time from its first octet on, however often a few more arrive."""
        if not self._framer.waiting:
            self._begun = False
            self._stop_waiting()
        elif not self._begun:
            self._begun = True
            self._wait(self._streams.settings.slow_message, "message too slow")

    def _wait(self, seconds: float, reason: str) -> None:
        self._stop_waiting()
        self._deadline = self._streams.wheel.after(seconds, lambda: self.abort(reason))

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # what `StreamFlow` asks for

    def write(self, data: bytes) -> None:
        self.transport.write(data)
        if self._backlog is not None:
            self._backlog.wrote(len(data))

    def finish(self) -> None:
        """Send what is queued, then close; abort a peer that does not let us."""
        self._close_soon()
        self.transport.loseConnection()

    def probe(self) -> None:
        """A CRLF that every SIP stack skips; a peer that does not even acknowledge it on TCP is gone in 10 s."""
        _set_tcp(self.transport, "TCP_USER_TIMEOUT", _PROBE_PATIENCE)
        self.write(PONG)

    # the ways a connection ends

    def hang_up(self) -> None:
        """Framing is lost: let the answer leave, then close.

        Closing at once would make the kernel send RST for what the peer still sends, and the answer would be lost
        with it: so on TCP only our direction is closed, the rest is read and thrown away until the peer ends too.
        """
        if self.flow.closed:
            return
        self.flow.closed = True
        self._why = "framing lost"
        self._close_soon()
        if isinstance(self.transport, TLSMemoryBIOProtocol) or not ITCPTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def abort(self, reason: str) -> None:
        """Close without waiting for anything."""
        self._why = self._why or reason
        self.flow.closed = True
        self._close_soon()
        self._stop_waiting()
        self.transport.abortConnection()

    def _give_up(self, reason: str) -> None:
        self.abort(f"peer {reason}")

    def _close_soon(self) -> None:
        self._why = self._why or "closed by us"
        self._streams.flows.remove(self.flow)
        if self._backlog is not None:
            self._backlog.stop()
            self._backlog = None
        self._wait(self._streams.settings.closing, "did not close")


class AcceptedConnection(StreamConnection):
    """A connection that the peer opened; ``admitted`` is the address under which `ConnectionLimits` let it in."""

    def __init__(self, streams: Streams, listener: Listener, admitted: str) -> None:
        super().__init__(streams, listener)
        self._admitted = admitted

    def connectionMade(self) -> None:
        peer = _address(self.transport.getPeer())
        self.flow = StreamFlow(self, self._listener, peer, self._streams.new_id(), accepted=True)
        super().connectionMade()

    def opened(self) -> None:
        super().opened()
        if not self.flow.closed:
            self._wait(self._streams.settings.silent, "silent")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._streams.connections.leave(self._admitted)
        super().connectionLost(reason)


class StreamFactory(Factory):
    """Builds `AcceptedConnection`\\ s for one listener; with TLS, what wraps it does the TLS."""

    noisy = False

    def __init__(self, streams: Streams, listener: Listener) -> None:
        self.streams = streams
        self.listener = listener

    def buildProtocol(self, addr: IAddress | None) -> AcceptedConnection | None:
        """None, which closes the socket, beyond the limits of connections."""
        host = _address(addr)[0]
        if not self.streams.connections.enter(host):
            return None
        return AcceptedConnection(self.streams, self.listener, host)


def give_up_after(transport: Any, seconds: float) -> None:
    """End the connection beneath ``transport`` when the peer does not acknowledge what it was sent for so long; 0: the
    kernel decides, which may take it a quarter of an hour."""
    if seconds:
        _set_tcp(transport, "TCP_USER_TIMEOUT", int(seconds * 1000))


def _address(address: Any) -> Address:
    return str(address.host), int(address.port)


def _set_tcp(transport: Any, option: str, value: int) -> None:
    """Set an option of the socket beneath ``transport``, where there is one and the system knows the option."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    if isinstance(handle, socket.socket) and hasattr(socket, option):
        handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
