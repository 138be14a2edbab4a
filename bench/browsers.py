"""Browsers in memory: WebSockets on which JsSIP registers, from the frames of a client to the frames of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow, HandshakeRequest
from oversip_tw.transport.accepted import AcceptedSocket
from oversip_tw.transport.listener import BoundListener, ListenerSpec
from oversip_tw.transport.websocket.connection import Connection
from oversip_tw.transport.websocket.factory import WebSocketFactory
from oversip_tw.transport.websocket.flow import WebSocketFlow

if TYPE_CHECKING:
    from bench.in_memory import Bench

DOMAIN = "bench.test"
#: more than are in the caches of a processor, fewer than a memo keeps
BROWSERS = 50

_MASK = b"\x5a\x17\xc3\x88"


class Believing(Hooks):
    """As that of `bench.registrar`: the user is who the handshake says, and hooks see nothing else."""

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None: ...


class _Written(AcceptedSocket):
    """A socket that takes everything."""

    def __init__(self) -> None:
        # nothing of Twisted's
        self.written: list[bytes] = []

    dataBuffer, offset, _tempDataLen = b"", 0, 0

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Browser:
    """One page, whose user the handshake has proven."""

    def __init__(self, bench: Bench, factory: WebSocketFactory, number: int) -> None:
        self.user = f"b{number}"
        self._host, self._name = f"h{number:011}.invalid", f"n{number:07}"
        self._instance = f"urn:uuid:{number:08x}-6a7b-4c8d-a9e0-0123456789ab"
        id, peer = b"s" + number.to_bytes(8, "big"), ("192.0.2.66", 1024 + number)
        flow = WebSocketFlow(id, factory.listener, ("192.0.2.1", 8080), peer, secure=False)
        flow.identity = f"sip:{self.user}@{DOMAIN}"
        self._connection = Connection(flow, factory, flow.peer[0])
        self._wire: Any = _Written()
        self._connection.transport = self._wire
        factory.opened(flow, self._connection)

    def register(self, cseq: int) -> bytes:
        """The frame of a REGISTER as JsSIP 3.13 sends it."""
        contact, aor = f"<sip:{self._name}@{self._host};transport=ws>", f"<sip:{self.user}@{DOMAIN}>"
        message = (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/WS {self._host};branch=z9hG4bK{cseq:07}\r\n"
            f"Max-Forwards: 69\r\nTo: {aor}\r\nFrom: {aor};tag=t{self._name}\r\n"
            f"Call-ID: {self._name}{self._name}\r\nCSeq: {cseq} REGISTER\r\n"
            f'Contact: {contact};+sip.ice;reg-id=1;+sip.instance="<{self._instance}>";expires=600\r\nExpires: 600\r\n'
            "Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n"
            "Supported: path,gruu,outbound\r\nUser-Agent: JsSIP 3.13.8\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        masked = bytes(octet ^ _MASK[place & 3] for place, octet in enumerate(message))
        return b"\x81\xfe" + len(message).to_bytes(2, "big") + _MASK + masked

    def hear(self, frame: bytes) -> None:
        """Octets from the browser."""
        self._connection.dataReceived(frame)

    def check(self, answers: int) -> None:
        """So many frames came back since, each a 200 with all that JsSIP needs."""
        written, self._wire.written = self._wire.written, []
        assert len(written) == answers, f"{len(written)} answers for {answers}"
        for frame in written:
            assert b"SIP/2.0 200 OK\r\n" in frame[:20], frame
            contact = f'\r\nContact: <sip:{self._name}@{self._host};transport=ws>;+sip.ice;reg-id=1;+sip.instance="'
            assert contact.encode() in frame, frame
            gruu = f';pub-gruu="sip:{self.user}@{DOMAIN};gr={self._instance}"'
            assert gruu.encode() in frame, frame
            for header in (b"Require: outbound", b"Flow-Timer: 120", b"Supported: gruu, outbound, path"):
                assert b"\r\n%b\r\n" % header in frame, frame


def browsers(bench: Bench, count: int) -> list[Browser]:
    """So many of them, connected."""
    bench.element.use_hooks(Believing())
    listener = BoundListener(ListenerSpec("ws", "192.0.2.1", 8080))
    bench.element.listens(listener)
    factory = WebSocketFactory(bench.element, bench.flows, listener, bench.clock)
    return [Browser(bench, factory, number) for number in range(count)]


def register(bench: Bench, first: int, units: int, counted: Callable[..., None]) -> None:
    """Refreshes of browsers, each by its own WebSocket."""
    pages = bench.browsers
    if not pages:
        pages += browsers(bench, BROWSERS)
    order = [pages[number % len(pages)] for number in range(units)]
    frames = [(page.hear, page.register(10 + first + number)) for number, page in enumerate(order)]

    def work() -> None:
        for hear, frame in frames:
            hear(frame)

    counted(work)
    for page in set(order):
        page.check(order.count(page))
    bench.clock.advance(1)
