"""What a WebSocket listener listens with, plain or inside TLS."""

# mypy: allow-untyped-calls

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Site
from zope.interface import implementer

from oversip_tw.interfaces import Address, Clock, Flow, HandshakeRequest, Listener, Receiver
from oversip_tw.outbound.flow_id import STREAM_OCTETS, stream_id
from oversip_tw.transport.gate import OnTls
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.websocket.connection import Connection
from oversip_tw.transport.websocket.deadlines import Deadlines
from oversip_tw.transport.websocket.flow import WebSocketFlow
from oversip_tw.transport.websocket.forwarded import TrustedProxy
from oversip_tw.transport.websocket.front import Front
from oversip_tw.transport.websocket.http import PageChannel, QuietSite
from oversip_tw.transport.websocket.origin import Origins
from oversip_tw.transport.websocket.settings import Settings

#: May refuse an upgrade by raising `Refusal` or SIPError; may set the flow's ``identity`` and ``variables``.
OnConnect = Callable[[HandshakeRequest, Flow], Awaitable[None] | None]


class Table(Interface):
    """The part of `oversip_tw.outbound.flows.FlowTable` that is used here."""

    def add(self, flow: Flow) -> None: ...
    def remove(self, flow: Flow) -> None: ...


@implementer(IProtocolNegotiationFactory)
class WebSocketFactory(Factory):
    """Accepts WebSockets for SIP and, beside them, requests for ``resource``.

    One per listener. ``trusted_proxy`` says whose X-Forwarded-For and X-Forwarded-Proto are believed; ``connections``
    limits how many there may be (None: no limit); ``random`` gives that many unguessable octets; ``on_tls`` looks at
    the peer of a TLS handshake before its HTTP head is read (None: nobody does).
    """

    noisy = False
    #: read by Autobahn
    isServer = True

    def __init__(
        self,
        receiver: Receiver,
        flows: Table,
        listener: Listener,
        clock: Clock,
        settings: Settings | None = None,
        resource: IResource | None = None,
        on_connect: OnConnect | None = None,
        trusted_proxy: TrustedProxy = lambda address: False,
        connections: ConnectionLimits | None = None,
        random: Callable[[int], bytes] = os.urandom,
        log: Logger | None = None,
        on_tls: OnTls | None = None,
    ) -> None:
        self.receiver = receiver
        self.flows = flows
        self.listener = listener
        self.clock = clock
        self.settings = settings or Settings()
        self.site = None if resource is None else QuietSite(resource)
        self.on_connect = on_connect
        self.trusted_proxy = trusted_proxy
        self.on_tls = on_tls
        self.log = log or Logger(namespace="oversip_tw.transport.websocket")
        self.origins = Origins(self.settings.origins, self.settings.allow_missing_origin)
        self.secure = listener.transport == "wss"
        self._connections = connections
        self._random = random
        self._start_clocks()
        # Plain numbers, read when somebody asks for metrics.
        #: open WebSockets
        self.open = 0
        #: WebSockets ever opened
        self.accepted = 0
        #: refusals by HTTP status, our own closes by WebSocket code
        self.refusals: Counter[int] = Counter()
        self.closes: Counter[int] = Counter()

    def _start_clocks(self) -> None:
        clock, limits, log = self.clock, self.settings, self.log
        self.heads: Deadlines[Front] = Deadlines(clock, limits.head_timeout, Front.head_late, log)
        self.hooks: Deadlines[Front] = Deadlines(clock, limits.connect_timeout, Front.ask_late, log)
        self.pings: Deadlines[Connection] = Deadlines(clock, limits.ping_interval, Connection.ping_due, log)
        self.pongs: Deadlines[Connection] = Deadlines(clock, limits.pong_timeout, Connection.pong_missed, log)
        self.stalls: Deadlines[Connection] = Deadlines(clock, limits.write_timeout, Connection.look_for_progress, log)
        self.closing: Deadlines[Connection] = Deadlines(clock, limits.close_timeout, Connection.close_late, log)
        self.pages: Deadlines[PageChannel] = Deadlines(clock, limits.http_timeout, PageChannel.cut, log)

    def acceptableProtocols(self) -> list[bytes]:
        """ALPN (RFC 7301). Without an answer every client that asks gets a fatal alert."""
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A connection begins."""
        return Front(self)

    # -- how many

    def entered(self, host: str) -> bool:
        """A connection from ``host`` asks to come in (F13)."""
        return self._connections is None or self._connections.enter(host)

    def went(self, host: str) -> None:
        """One that was let in has ended."""
        if self._connections is not None:
            self._connections.leave(host)

    # -- what a front makes

    def new_id(self) -> bytes:
        """What a flow token will carry."""
        return stream_id(self._random(STREAM_OCTETS))

    def channel(self, site: Site, peer: Address, secure: bool) -> PageChannel:
        """An HTTP exchange in place of the front of ``peer``."""
        channel = PageChannel(site, lambda ended: self._page_ended(ended, peer[0]), peer, secure)
        self.pages.start(channel)
        return channel

    def _page_ended(self, channel: PageChannel, host: str) -> None:
        self.pages.stop(channel)
        self.went(host)

    def connection(self, flow: WebSocketFlow, host: str) -> Connection:
        """A WebSocket in place of the front of ``host``."""
        return Connection(flow, self, host)

    def refused(self, status: int) -> None:
        """A front answered ``status``."""
        self.refusals[status] += 1

    def opened(self, flow: WebSocketFlow, connection: Connection) -> None:
        """The 101 is out."""
        flow.wire = connection
        if not self.settings.keep_handshake:
            flow.handshake = None
        self.open += 1
        self.accepted += 1
        self.pings.start(connection)
        self.flows.add(flow)
        try:
            self.receiver.flow_opened(flow)
        except Exception:
            self.log.failure("opening {flow}", flow=flow)

    # -- what a connection reports

    def closed(self, code: int) -> None:
        """We close with ``code``."""
        self.closes[code] += 1

    def lost(self, flow: WebSocketFlow, reason: str) -> None:
        """The flow is of no use any more; its connection may still be closing."""
        self.open -= 1
        self.flows.remove(flow)
        try:
            self.receiver.flow_lost(flow, reason)
        except Exception:
            self.log.failure("losing {flow}", flow=flow)

    def left(self, connection: Connection) -> None:
        """The connection is gone."""
        for deadlines in (self.pings, self.pongs, self.stalls, self.closing):
            deadlines.stop(connection)
        self.went(connection.host)
