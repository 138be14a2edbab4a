"""What `interfaces.Flow` is on UDP and on connections."""

from __future__ import annotations

from typing import Final, Protocol

from oversip_tw.interfaces import Address, HandshakeRequest, Listener, TlsPeer
from oversip_tw.outbound.flow_id import pack_udp

#: what every flow has
FIELDS: Final = (
    "accepted", "closed", "failure", "handshake", "id", "identity", "listener", "local", "peer", "reliable", "secure",
    "tls", "transport", "variables",
)  # fmt: skip


class Forgetful(dict[str, object]):
    """Stays empty: what a hook writes onto a UDP flow is thrown away."""

    def __setitem__(self, key: str, value: object) -> None: ...
    def setdefault(self, key: str, default: object = None) -> object:
        return default

    def update(self, *args: object, **kw: object) -> None: ...


class Datagrams(Protocol):
    """Where a UDP flow's messages leave from."""

    def write(self, data: bytes, address: tuple[str | int, ...]) -> None:
        """Send one datagram; never raises."""


class UdpFlow:
    """A UDP source seen from one listener: a value, equal to any other with the same two ends."""

    __slots__ = ("_address", "_socket", *FIELDS)

    def __init__(self, socket: Datagrams, listener: Listener, address: tuple[str | int, ...]) -> None:
        self._socket = socket
        self._address = address
        self.transport = "udp"
        self.reliable = False
        self.secure = False
        self.listener = listener
        self.accepted = True
        self.local: Address = (listener.address, listener.port)
        self.peer: Address = (str(address[0]), int(address[1]))
        self.id = pack_udp(self.local, self.peer)
        self.identity: str | None = None
        self.variables: dict[str, object] = Forgetful()
        self.handshake: HandshakeRequest | None = None
        self.tls: TlsPeer | None = None
        self.closed = False
        self.failure = ""

    def send(self, data: bytes) -> None:
        if (tap := self.listener.tap) is not None:
            tap(data, self)
        self._socket.write(data, self._address)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Nothing to close."""

    def ping(self) -> None:
        """Nothing to ask: a UDP client shows by its own keep-alives that it lives (RFC 5626 §4.4.2)."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UdpFlow) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<UDP flow {self.peer[0]}:{self.peer[1]}>"


class Wire(Protocol):
    """What a `StreamFlow` needs of the connection beneath it."""

    def write(self, data: bytes) -> None: ...
    def finish(self) -> None:
        """Send what is queued, then close."""

    def probe(self) -> None:
        """Make a dead peer show within seconds."""


class StreamFlow:
    """A TCP or TLS connection; ``wire`` is the protocol that moves its bytes."""

    __slots__ = ("__weakref__", "_wire", *FIELDS)

    def __init__(
        self, wire: Wire, listener: Listener, peer: Address, id: bytes, accepted: bool, local: Address | None = None
    ) -> None:
        self._wire = wire
        self.transport = listener.transport
        self.reliable = True
        self.secure = listener.transport == "tls"
        self.listener = listener
        self.accepted = accepted
        self.local: Address = local or (listener.address, listener.port)
        self.peer = peer
        self.id = id
        self.identity: str | None = None
        self.variables: dict[str, object] = {}
        self.handshake: HandshakeRequest | None = None
        self.tls: TlsPeer | None = None
        self.closed = False
        self.failure = ""

    def send(self, data: bytes) -> None:
        if not self.closed:
            if (tap := self.listener.tap) is not None:
                tap(data, self)
            self._wire.write(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """No more is read or sent; what is queued leaves first. `Receiver.flow_lost` follows from the reactor."""
        if not self.closed:
            self.closed = True
            self._wire.finish()

    def ping(self) -> None:
        if not self.closed:
            self._wire.probe()

    def __repr__(self) -> str:
        way = "from" if self.accepted else "to"
        return f"<{self.transport.upper()} flow {way} {self.peer[0]}:{self.peer[1]}{' closed' if self.closed else ''}>"
