"""What `oversip_tw.interfaces.Flow` is on a WebSocket."""

from __future__ import annotations

from typing import Protocol

from oversip_tw.interfaces import Address, HandshakeRequest, Listener, TlsPeer
from oversip_tw.transport.flow import FIELDS


class Wire(Protocol):
    """What a flow needs of the connection that carries it."""

    def send(self, data: bytes) -> None: ...
    def finish(self, code: int, reason: str) -> None: ...
    def probe(self) -> None: ...


class WebSocketFlow:
    """One WebSocket. It exists from the handshake on (TLS's, where a hook asks), so that hooks can mark it, and
    sends once it is open."""

    __slots__ = ("__weakref__", "wire", *FIELDS)

    def __init__(
        self,
        id: bytes,
        listener: Listener,
        local: Address,
        peer: Address,
        secure: bool,
        handshake: HandshakeRequest | None = None,
    ) -> None:
        self.id = id
        self.transport = listener.transport
        self.reliable = True
        self.secure = secure
        self.listener = listener
        self.accepted = True
        self.local = local
        self.peer = peer
        self.identity: str | None = None
        self.variables: dict[str, object] = {}
        self.handshake: HandshakeRequest | None = handshake
        self.tls: TlsPeer | None = None
        self.closed = False
        self.failure = ""
        #: the open connection; None before and after
        self.wire: Wire | None = None

    def send(self, data: bytes) -> None:
        """One SIP message in one WebSocket message: text if it is UTF-8, else binary (RFC 7118 §5)."""
        if self.wire is not None and not self.closed:
            if (tap := self.listener.tap) is not None:
                tap(data, self)
            self.wire.send(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Nothing more is sent or received; `Receiver.flow_lost` follows from the reactor."""
        if not self.closed:
            self.closed = True
            if self.wire is not None:
                self.wire.finish(code, reason)

    def ping(self) -> None:
        """Ping now; a client that does not answer in time is lost."""
        if self.wire is not None and not self.closed:
            self.wire.probe()

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<{self.transport.upper()} flow from {self.peer[0]}:{self.peer[1]}{state}>"
