"""The front of a WebSocket listener, in memory, and the connection that it makes: handshake, frames, end, no rest."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from twisted.logger import Logger, globalLogPublisher
from twisted.web.static import Data

from fuzz.seeds import HANDSHAKES, MESSAGES
from fuzz.targets import Wrong, must
from oversip_tw.interfaces import Flow, HandshakeRequest
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import Clock, RecordingReceiver
from tests.websocket.wire import BINARY, CLOSE, PING, PONG, TEXT, Client, frame, head

MOST = 70_000
#: octets of a stream that may come one by one
_SHORT = 1024
#: messages of nonsense that are borne with; the server closes at the first, and thousands are not one input
_PATIENCE = 500
_failures: list[str] = []
_PAGE, _HOOK, _ORIGINS = 1, 2, 4


def _observe(event: dict[str, object]) -> None:
    """Twisted and Autobahn catch, and log: that is an escaped exception too."""
    if "log_failure" in event or event.get("isError"):
        failure = event.get("log_failure")
        _failures.append(getattr(failure, "getTraceback", lambda: repr(event))())


globalLogPublisher.addObserver(_observe)


def seeds() -> Sequence[bytes]:
    """Handshakes right and wrong, each kind of frame behind a right one."""
    frames = [frame(TEXT, message) for message in MESSAGES[:3]] + [frame(BINARY, MESSAGES[0]), frame(TEXT, b"\r\n\r\n")]
    frames += [frame(TEXT, MESSAGES[0][:50], fin=False) + frame(PING, b"x") + frame(0, MESSAGES[0][50:])]
    frames += [frame(PONG), frame(CLOSE, b"\x03\xe8bye"), frame(CLOSE), frame(TEXT, b"\xff"), frame(TEXT, mask=None)]
    frames += [frame(3), frame(TEXT, rsv=4), b"\x81\xff" + b"\xff" * 8, frame(PING, bytes(125)) * 30]
    opened = [b"%d" % kind + head() + each for each in frames for kind in (0, 2)]
    return opened + [b"%d" % kind + each for kind in range(8) for each in HANDSHAKES]


def run(data: bytes) -> object:
    """The first octet says what kind of listener it is, and how the stream is cut."""
    kind = data[0] if data else 0
    stream = data[1:]
    receiver = _Receiver()
    clock = Clock()
    client = Client(
        clock=clock,
        receiver=receiver,
        origins=("https://example.com",) if kind & _ORIGINS else (),
        resource=Data(b"page", "text/html") if kind & _PAGE else None,
        on_connect=_connecting if kind & _HOOK else None,
        random=lambda size: bytes(size),
        log=Logger(namespace="fuzz", observer=_observe),
    )
    random = Random(kind)
    # octet by octet a long stream is thousands of reads, whose sum says nothing about the reading of an input
    most = random.choice((1, 7, 1460, 65536) if len(stream) < _SHORT else (60, 1460, 65536))
    start = 0
    while start < len(stream) and not client.wire.disconnecting:
        size = random.randint(1, most)
        client.send(stream[start : start + size])
        start += size
    for _, flow in receiver.messages[:1]:
        flow.send(MESSAGES[0])
        flow.close()
    outcome = _spoken(client.read())
    clock.advance(30)
    client.drop()
    clock.advance(10)
    must(client.factory.open == 0, "counted as open after its end")
    must(not clock.getDelayedCalls(), "a timer left over")
    must(len(receiver.opened) == len(receiver.lost), "opened and not lost, or the other way")
    if _failures:
        failure = _failures[0]
        _failures.clear()
        raise Wrong(f"logged: {failure}")
    return outcome, len(receiver.messages), client.wire.aborted


class _Receiver(RecordingReceiver):
    """Has had enough at some time, as the element at once."""

    def received(self, data: bytes, flow: Flow) -> None:
        super().received(data, flow)
        if len(self.messages) > _PATIENCE:
            flow.close(4000, "not a SIP message")


def _connecting(handshake: HandshakeRequest, flow: Flow) -> None:
    if "no" in handshake.query or "no" in (handshake.header("Cookie") or ""):
        raise SIPError(403)
    flow.variables["seen"] = handshake.path


def _spoken(written: bytes) -> object:
    """One HTTP answer, whole, and after a 101 nothing but whole frames."""
    if not written:
        return 0
    answer, end, rest = written.partition(b"\r\n\r\n")
    must(answer.startswith(b"HTTP/1.") and end, "no HTTP answer")
    status = int(answer.split(b" ")[1])
    lines = answer.split(b"\r\n")
    must(not any(odd in line for line in lines for odd in (b"\r", b"\n", b"\0")), "a line end in a line")
    if status == 101:
        while rest:
            size, at = rest[1], 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, at = int.from_bytes(rest[2 : 2 + width], "big"), 2 + width
            must(len(rest) >= at + size, "a frame cut short")
            rest = rest[at + size :]
    return status
