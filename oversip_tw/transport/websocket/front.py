"""The first protocol on every connection: reads one HTTP head within limits, decides, and hands the connection over."""

# mypy: allow-untyped-calls

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.server import Site
from zope.interface import implementer

from oversip_tw.interfaces import Address
from oversip_tw.promise import Task, spawn
from oversip_tw.sip.errors import SIPError
from oversip_tw.transport.gate import Gate
from oversip_tw.transport.tls_peer import NOBODY, shown
from oversip_tw.transport.websocket import forwarded, handshake
from oversip_tw.transport.websocket.flow import WebSocketFlow
from oversip_tw.transport.websocket.head import Head
from oversip_tw.transport.websocket.refusal import Refusal

if TYPE_CHECKING:
    from oversip_tw.transport.websocket.factory import OnConnect, WebSocketFactory

_END = b"\r\n\r\n"


@implementer(IHandshakeListener)
class Front(Protocol):
    """Answers what is no WebSocket and no page by itself, so each limit and each rule exists once."""

    #: a connection, or TLS or PROXY around one
    transport: Any

    def __init__(self, factory: WebSocketFactory) -> None:
        self.server = factory
        self._buffer = bytearray()
        self._lines = 0
        #: a decision is made or under way: what arrives now is kept for the next protocol, or thrown away
        self._decided = False
        self._refused = False
        self._asking: Task | None = None
        #: somebody looks at who has shown what in the TLS handshake; the flow that it is shown
        self._gate: Gate | None = None
        self._flow: WebSocketFlow | None = None
        self._host = ""

    def connectionMade(self) -> None:
        self.server.heads.start(self)
        self._peer = _address(self.transport.getPeer())
        self._host = self._peer[0]
        self._has_room = self.server.entered(self._host)

    def handshakeCompleted(self) -> None:
        """TLS is through: whoever wants to know the peer is asked before a word of HTTP is read."""
        server = self.server
        if server.on_tls is None or self._refused or not self._has_room:
            return
        flow = self._flow = self._new_flow(self._peer, True)
        answer = server.on_tls(flow, flow.tls or NOBODY)
        if answer is not None:
            server.heads.stop(self)
            self._gate = Gate(2 * server.settings.message_size)
            self._gate.ask(answer, self._let_in, self._turn_away)

    def _let_in(self, held: bytes) -> None:
        self._gate = None
        if self._flow is not None and self._flow.closed:
            self._hang_up()
        else:
            self.server.heads.start(self)
            self.dataReceived(held)

    def _turn_away(self, error: BaseException) -> None:
        self._gate = None
        if not isinstance(error, SIPError):
            self.server.log.failure("on_tls", failure=Failure(error))
        elif error.status == 500:
            self.server.log.error("{flow} refused: {reason}", flow=self._flow, reason=error.reason)
        self._hang_up()

    def _hang_up(self) -> None:
        """Close without an answer; the deadline cuts who does not let go."""
        self._refused = True
        self.server.heads.start(self)
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._refused or not data:
            return
        if self._gate is not None:
            if not self._gate.hold(data):
                self._refused = True
                self.transport.abortConnection()
            return
        if not self._buffer:
            # RFC 9112 §2.2: an empty line before the request is forgiven.
            data = data.lstrip(b"\r\n")
        scanned = max(0, len(self._buffer) - len(_END) + 1)
        self._buffer += data
        if self._decided:
            self._overfull()
            return
        try:
            self._need_room()
            end = self._end_of_head(scanned, data)
            if end:
                self._decided = True
                self._decide(Head(bytes(self._buffer[:end])), end)
        except Refusal as refusal:
            self._refuse(refusal)
        except Exception:
            self.server.log.failure("opening a WebSocket")
            self._refuse(Refusal(500))

    def _overfull(self) -> None:
        """While a hook thinks, nobody may send: a WebSocket client waits for the 101."""
        if len(self._buffer) > 2 * self.server.settings.message_size:
            self._refused = True
            self.transport.abortConnection()

    def _end_of_head(self, scanned: int, data: bytes) -> int:
        """Where the head ends, 0 if that has not come yet. Raises Refusal (431) at the octet that is too many."""
        limits = self.server.settings
        end = self._buffer.find(_END, scanned)
        self._lines += data.count(b"\n") if end < 0 else self._buffer.count(b"\n", 0, end) - self._lines
        size = end + len(_END) if end >= 0 else len(self._buffer)
        # The request line is no field; the lines counted so far are those that have ended.
        if size > limits.head_size or self._lines > limits.head_fields + (end < 0):
            raise Refusal(431)
        return size if end >= 0 else 0

    # -- deciding

    def _decide(self, head: Head, end: int) -> None:
        server = self.server
        peer = forwarded.effective_peer(head, self._peer, server.trusted_proxy)
        self._count_as(peer[0])
        secure = server.secure or forwarded.over_tls(head, self._peer, server.trusted_proxy)
        upgrade = handshake.wants_upgrade(head)
        if head.path in server.settings.paths and (upgrade or head.path != "/" or server.site is None):
            handshake.check(head, server.origins, secure)
            self._open(head, end, peer, secure)
        elif server.site is None or upgrade:
            raise Refusal(404)
        else:
            self._serve(head, server.site, peer, secure)

    def _count_as(self, host: str) -> None:
        """Behind a proxy the limits go by its client."""
        if host != self._host:
            self.server.went(self._host)
            self._host = host
            self._has_room = self.server.entered(host)
            self._need_room()

    def _need_room(self) -> None:
        if not self._has_room:
            raise Refusal(503, headers=[("Retry-After", str(self.server.settings.retry_after))])

    def _serve(self, head: Head, site: Site, peer: Address, secure: bool) -> None:
        """A page: let twisted.web answer, which sets no limit to a body by itself."""
        if head.all("Transfer-Encoding"):
            raise Refusal(411)
        length = head.one("Content-Length") or "0"
        if not (length.isascii() and length.isdigit()):
            raise Refusal(400, "Bad Content-Length")
        if len(length) > 9 or int(length) > self.server.settings.body_size:
            raise Refusal(413)
        self.server.heads.stop(self)
        channel = self.server.channel(site, peer, secure)
        _hand_over(self.transport, channel)
        channel.dataReceived(bytes(self._buffer))

    def _open(self, head: Head, end: int, peer: Address, secure: bool) -> None:
        server = self.server
        flow = self._flow or self._new_flow(peer, secure)
        if peer != self._peer:
            # The certificate is the proxy's, and says nothing of who is behind it.
            flow.tls = flow.identity = None
        flow.peer, flow.handshake = peer, head
        if server.on_connect is None:
            self._welcome(head, end, flow)
        else:
            server.heads.stop(self)
            server.hooks.start(self)
            self._asking = spawn(self._ask(server.on_connect, head, end, flow), self._ask_failed)

    def _new_flow(self, peer: Address, secure: bool) -> WebSocketFlow:
        server = self.server
        flow = WebSocketFlow(server.new_id(), server.listener, _address(self.transport.getHost()), peer, secure)
        flow.tls = shown(self.transport)
        return flow

    async def _ask(self, on_connect: OnConnect, head: Head, end: int, flow: WebSocketFlow) -> None:
        answer = on_connect(head, flow)
        if answer is not None:
            await answer
        self.server.hooks.stop(self)
        self._welcome(head, end, flow)

    def _ask_failed(self, error: BaseException) -> None:
        self.server.hooks.stop(self)
        if isinstance(error, Refusal):
            self._refuse(error)
        elif isinstance(error, SIPError):
            self._refuse(Refusal(error.status, error.reason, error.headers))
        else:
            self.server.log.failure("on_connect", failure=Failure(error))
            self._refuse(Refusal(500))

    def ask_late(self) -> None:
        """`Settings.connect_timeout` has passed and ``on_connect`` still thinks."""
        if self._asking is not None:
            self._asking.cancel()
        self.server.log.error("on_connect took too long")
        self._refuse(Refusal(500))

    def _welcome(self, head: Head, end: int, flow: WebSocketFlow) -> None:
        self.server.heads.stop(self)
        if flow.closed:
            # The hook closed it: that is a refusal too.
            raise Refusal(403)
        self.transport.write(handshake.accept(head))
        head.compact()
        connection = self.server.connection(flow, self._host)
        _hand_over(self.transport, connection)
        self.server.opened(flow, connection)
        rest = bytes(self._buffer[end:])
        if rest:
            connection.dataReceived(rest)

    # -- ending

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close. What comes now is thrown away, and the deadline cuts who does not let go."""
        if self._refused:
            return
        self._refused = True
        self._buffer.clear()
        self.server.refused(refusal.status)
        self.transport.write(refusal.to_bytes())
        self.server.heads.start(self)
        self.transport.loseConnection()

    def head_late(self) -> None:
        """`Settings.head_timeout` has passed: no head yet, or a refused client that does not go."""
        self._refused = True
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.server.heads.stop(self)
        self.server.hooks.stop(self)
        self._refused = True
        if self._gate is not None:
            self._gate.forget()
        if self._asking is not None:
            self._asking.cancel()
        if self._has_room:
            self.server.went(self._host)


def _hand_over(transport: Any, protocol: Protocol) -> None:
    """From now on ``protocol`` is what ``transport`` (a connection, or TLS or PROXY around one) talks to."""
    if isinstance(transport, ProtocolWrapper):
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
    protocol.makeConnection(transport)


def _address(address: object) -> Address:
    """Host and port of Twisted's address; a UNIX socket has neither."""
    return getattr(address, "host", ""), getattr(address, "port", 0)
