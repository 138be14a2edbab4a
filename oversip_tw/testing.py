"""Test doubles for users of this package: flows, listeners and look-ups in memory, and Twisted's clock.

The project's own tests use the same. Nothing here needs a reactor or a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count

from twisted.internet.task import Clock

from oversip_tw.interfaces import (
    Address,
    Flow,
    HandshakeRequest,
    Listener,
    LookupFailed,
    NaptrRecord,
    Receiver,
    SrvRecord,
    Target,
    TlsPeer,
)
from oversip_tw.outbound.flow_id import pack_udp, stream_id
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError

__all__ = [
    "Clock",
    "FakeConnector",
    "FakeLookups",
    "MemoryFlow",
    "MemoryHandshake",
    "MemoryListener",
    "MemoryLog",
    "RecordingReceiver",
    "pair",
    "pump",
]

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

_numbers = count(1)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class MemoryListener:
    """A `Listener` that listens nowhere. ``sent_by`` is made of address and port unless given."""

    def __init__(
        self, transport: str = "udp", address: str = "127.0.0.1", port: int | None = None, sent_by: str = ""
    ) -> None:
        self.transport = transport
        self.address = address
        self.port = DEFAULT_PORTS[transport] if port is None else port
        self.sent_by = sent_by or f"{_host(address)}:{self.port}"
        self.tap: Callable[[bytes, Flow], None] | None = None

    def __repr__(self) -> str:
        return f"<MemoryListener {self.transport} {self.sent_by}>"


class MemoryHandshake:
    """The `HandshakeRequest` of a WebSocket; header names in any letter case."""

    def __init__(self, path: str = "/", query: str = "", headers: Iterable[tuple[str, str]] = ()) -> None:
        self.path = path
        self.query = query
        self._headers = {name.lower(): value for name, value in headers}

    def header(self, name: str) -> str | None:
        return self._headers.get(name.lower())


class MemoryFlow:
    """A `Flow` that keeps what is sent in ``sent``; with ``other`` set, `pump` carries it over to there.

    Two UDP flows between the same addresses are equal, as real ones are; streams are equal to themselves alone.
    """

    def __init__(
        self,
        transport: str = "ws",
        peer: Address = ("127.0.0.1", 40000),
        listener: Listener | None = None,
        accepted: bool = True,
        secure: bool | None = None,
        id: bytes | None = None,
        receiver: Receiver | None = None,
    ) -> None:
        self.listener: Listener = listener or MemoryListener(transport, "::1" if ":" in peer[0] else "127.0.0.1")
        self.transport = transport
        self.reliable = transport != "udp"
        self.secure = transport in ("tls", "wss") if secure is None else secure
        self.accepted = accepted
        self.local: Address = (self.listener.address, self.listener.port)
        self.peer = peer
        self.id = self._new_id() if id is None else id
        self.identity: str | None = None
        self.variables: dict[str, object] = {}
        self.handshake: HandshakeRequest | None = None
        self.tls: TlsPeer | None = None
        self.closed = False
        self.failure = ""
        self.close_code: int | None = None
        self.close_reason = ""
        self.pings = 0
        #: everything that was sent, oldest first
        self.sent: list[bytes] = []
        self.receiver = receiver
        self.other: MemoryFlow | None = None
        self._carried = 0

    def _new_id(self) -> bytes:
        if self.transport == "udp":
            return pack_udp(self.local, self.peer)
        return stream_id(next(_numbers).to_bytes(8, "big"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MemoryFlow) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<MemoryFlow {self.transport} {self.peer[0]}:{self.peer[1]}{' closed' if self.closed else ''}>"

    def send(self, data: bytes) -> None:
        if not self.closed:
            if self.listener.tap is not None:
                self.listener.tap(data, self)
            self.sent.append(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, as real connections do: the receiver hears `flow_lost` once. Nothing happens on UDP."""
        if not self.reliable or self.closed:
            return
        self.close_code = code
        self.close_reason = reason
        self.lose(reason or "closed")

    def ping(self) -> None:
        self.pings += 1

    def take(self) -> list[bytes]:
        """What was sent since the last `take` or `pump`."""
        new = self.sent[self._carried :]
        self._carried = len(self.sent)
        return new

    def receive(self, data: bytes) -> None:
        """Let ``data`` arrive here, from the peer."""
        if self.receiver is not None and not self.closed:
            self.receiver.received(data, self)

    def lose(self, reason: str = "connection lost") -> None:
        """The connection breaks, at this end and at the other."""
        if self.closed:
            return
        self.closed = True
        if self.receiver is not None:
            self.receiver.flow_lost(self, reason)
        if self.other is not None:
            self.other.lose("closed by peer")


def pair(
    transport: str = "ws",
    accepting: Receiver | None = None,
    dialling: Receiver | None = None,
    listener: Listener | None = None,
    dialler: Address = ("127.0.0.1", 40000),
) -> tuple[MemoryFlow, MemoryFlow]:
    """Two ends of one connection (or of one UDP exchange): the one that accepted and the one that dialled."""
    here = MemoryFlow(transport, dialler, listener, True, receiver=accepting)
    there = MemoryFlow(transport, here.local, MemoryListener(transport, *dialler), False, receiver=dialling)
    here.other, there.other = there, here
    return here, there


def pump(
    *flows: MemoryFlow, through: Callable[[bytes], Iterable[bytes]] = lambda data: (data,), rounds: int = 1000
) -> None:
    """Carry what was sent on ``flows`` to their other ends until nothing moves.

    ``through`` may lose, double or change what passes. More than ``rounds`` is an AssertionError: two elements that
    talk in a circle.
    """
    for _ in range(rounds):
        moved = False
        for flow in flows:
            for data in flow.take():
                moved = True
                if flow.other is not None:
                    for arriving in through(data):
                        flow.other.receive(arriving)
        if not moved:
            return
    raise AssertionError(f"still moving after {rounds} rounds")


class RecordingReceiver:
    """A `Receiver` that only remembers; ``answer`` is sent back for each message if given."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.opened: list[Flow] = []
        self.messages: list[tuple[bytes, Flow]] = []
        self.errors: list[tuple[SIPError, Flow]] = []
        self.lost: list[tuple[Flow, str]] = []
        self.unreached: list[Address] = []

    @property
    def data(self) -> list[bytes]:
        """The messages without their flows."""
        return [data for data, _ in self.messages]

    def flow_opened(self, flow: Flow) -> None:
        self.opened.append(flow)

    def received(self, data: bytes, flow: Flow) -> None:
        self.messages.append((data, flow))
        if self.answer is not None:
            flow.send(self.answer)

    def malformed(self, error: SIPError, flow: Flow) -> None:
        self.errors.append((error, flow))
        if self.answer is not None:
            flow.send(self.answer)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.lost.append((flow, reason))

    def unreachable(self, peer: Address) -> None:
        self.unreached.append(peer)


class FakeConnector:
    """A `Connector` that hands out `MemoryFlow`\\ s, one per target, found in ``flows``; ``refused`` makes 478 of some.

    ``listeners`` are what the flows claim as their side: the first of the transport and family.
    """

    def __init__(self, listeners: Sequence[Listener] = (), receiver: Receiver | None = None) -> None:
        self.listeners = list(listeners)
        self.receiver = receiver
        self.flows: dict[Target, MemoryFlow] = {}
        self.refused: set[str] = set()

    def flow_to(self, target: Target) -> Flow:
        if target.transport in self.refused or target.transport in ("ws", "wss"):
            raise SIPError(478, "Unsupported Transport", code=codes.UNSUPPORTED_TRANSPORT)
        flow = self.flows.get(target)
        if flow is None or flow.closed:
            flow = MemoryFlow(
                target.transport,
                (target.address, target.port),
                self._listener(target),
                accepted=target.transport == "udp",
                receiver=self.receiver,
            )
            self.flows[target] = flow
        return flow

    def _listener(self, target: Target) -> Listener | None:
        for listener in self.listeners:
            if listener.transport == target.transport and (":" in listener.address) == (":" in target.address):
                return listener
        return None


class FakeLookups:
    """DNS out of dictionaries, by lower-case name; a name in ``broken`` fails, every question is kept in ``asked``.

    Answers are good for ``ttl`` seconds, those to a question in ``ttls`` for as long as it says there.
    """

    def __init__(
        self,
        naptr: dict[str, list[NaptrRecord]] | None = None,
        srv: dict[str, list[SrvRecord]] | None = None,
        a: dict[str, list[str]] | None = None,
        aaaa: dict[str, list[str]] | None = None,
        broken: Iterable[str] = (),
        ttl: float = 60.0,
    ) -> None:
        self.naptr_records = naptr or {}
        self.srv_records = srv or {}
        self.a_records = a or {}
        self.aaaa_records = aaaa or {}
        self.broken = {name.lower() for name in broken}
        self.asked: list[tuple[str, str]] = []
        self.ttl = ttl
        self.ttls: dict[tuple[str, str], float] = {}

    def _name(self, kind: str, name: str) -> str:
        name = name.lower().rstrip(".")
        self.asked.append((kind, name))
        if name in self.broken:
            raise LookupFailed(name)
        return name

    async def naptr(self, name: str) -> Sequence[NaptrRecord]:
        return self.naptr_records.get(self._name("naptr", name), [])

    async def srv(self, name: str) -> Sequence[SrvRecord]:
        return self.srv_records.get(self._name("srv", name), [])

    async def a(self, name: str) -> Sequence[str]:
        return self.a_records.get(self._name("a", name), [])

    async def aaaa(self, name: str) -> Sequence[str]:
        return self.aaaa_records.get(self._name("aaaa", name), [])

    def good_for(self, kind: str, name: str) -> float:
        return self.ttls.get((kind, name.lower().rstrip(".")), self.ttl)


class MemoryLog:
    """A `Log` that keeps its lines, formatted, in ``lines`` as (level, text)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, format: str, **fields: object) -> None:
        self.lines.append(("info", format.format(**fields)))

    def warn(self, format: str, **fields: object) -> None:
        self.lines.append(("warn", format.format(**fields)))

    def error(self, format: str, **fields: object) -> None:
        self.lines.append(("error", format.format(**fields)))
