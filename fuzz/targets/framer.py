"""The stream framer: however a stream is cut into pieces, the same messages come out, and the parser agrees on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from fuzz.seeds import MESSAGES
from fuzz.targets import must
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import KEEPALIVE, StreamFramer
from oversip_tw.sip.parser import parse

MOST = 70_000
#: whole, and in pieces
READINGS = 2
#: what the framer has looked at itself, so that nobody downstream may see it otherwise
_FRAMED = ("Body Of Another Length", "Missing Content-Length", "Duplicate Content-Length", "Incomplete Message")


def seeds() -> Sequence[bytes]:
    found = [b"%d" % (number % 10) + message for number, message in enumerate(MESSAGES)]
    found += [b"7" + b"\r\n\r\n".join(MESSAGES[:4]), b"3" + b"\r\n" + b"".join(MESSAGES[3:9]), b"1\r\n\r\n\r\n\r\n"]
    return found


def run(data: bytes) -> object:
    """The first octet says how the stream is cut."""
    stream = data[1:]
    whole = _messages([stream])
    cut = _messages(_pieces(stream, data[0] if data else 0))
    must(whole == cut, f"pieces matter: {whole[-2:]!r} != {cut[-2:]!r}")
    outcome = []
    for message in whole:
        if isinstance(message, bytes) and message != KEEPALIVE:
            outcome.append(_parsed(message))
    return len(whole), tuple(outcome[:3])


def _pieces(stream: bytes, how: int) -> Iterator[bytes]:
    random = Random(how)
    most = random.choice((1, 2, 7, 100, 1460)) if len(stream) < 4096 else random.choice((100, 1460))
    start = 0
    while start < len(stream):
        size = random.randint(1, most)
        yield stream[start : start + size]
        start += size


def _messages(pieces: Sequence[bytes] | Iterator[bytes]) -> list[object]:
    """What came out, in order; an error as its status, and what the stream waits for at last."""
    framer = StreamFramer()
    found: list[object] = []
    try:
        for piece in pieces:
            found += framer.feed(piece)
            found_waiting = framer.waiting
        found.append(framer.waiting and found_waiting)
    except ParseError as error:
        found.append(error.status)
        if error.request is not None:
            error.request.response(error.status, error.reason, "fuzz").to_bytes()
        must(not list(framer.feed(b"\r\n\r\n")), "a dead stream speaks")
    return found


def _parsed(message: bytes) -> str:
    try:
        read = parse(message, framing="stream")
    except ParseError as error:
        must(error.reason not in _FRAMED, f"framer and parser see it otherwise: {error.reason}")
        return error.reason
    must(read.to_bytes() == message, "other bytes")
    return ""
