"""The parser: only ParseError escapes, what can be answered is, and what passes is a fixed point (P14)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from fuzz.seeds import MESSAGES
from fuzz.targets import must
from oversip_tw.server.trace import hide
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Message, Request, Response
from oversip_tw.sip.parser import Framing, parse

MOST = 66_000
_FRAMINGS: tuple[Framing, ...] = ("datagram", "stream", "websocket")
#: our own edits may make a message longer than we would let in
_ROOMY = Limits(*(each * 2 for each in (65536, 16384, 128, 70, 20, 10, 2048, 8192)))
_VIA = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKfuzz"


def seeds() -> Sequence[bytes]:
    return [b"%d" % framing + message for framing in range(3) for message in MESSAGES]


def run(data: bytes) -> object:
    """The first octet says how the message came."""
    framing = _FRAMINGS[data[0] % 3] if data else "datagram"
    data = data[1:]
    hidden = hide(data)
    must(hide(hidden) == hidden, "what is hidden hides more")
    try:
        message = parse(data, framing=framing)
    except ParseError as error:
        if error.request is not None:
            _refused(error.request, error)
        return error.status, error.reason
    out = message.to_bytes()
    if message.content_length is not None and len(out) <= len(data):
        kept = data.lstrip(b"\r\n") if data[:2] == b"\r\n" else data
        must((kept + b"\r\n").startswith(out), "untouched, but other bytes")
    again = parse(out, _ROOMY, framing)
    must(again.to_bytes() == out, "no fixed point")
    must(type(again) is type(message) and again.body == message.body, "read otherwise the second time")
    seen = _read(message)
    must(_read(again) == seen, "typed values differ the second time")
    must(message.to_bytes() == out, "reading changed it")
    if isinstance(message, Request):
        _answered(message)
        _forwarded(message, framing)
    else:
        _passed_back(message, framing)
    return message.cseq_method, len(seen)


def _read(message: Message) -> list[object]:
    """Everything typed; what is read late may be bad."""
    seen: list[object] = [message.via, message.from_, message.to, message.from_tag, message.to_tag, message.call_id]
    seen += [message.cseq, message.cseq_method, message.expires]
    seen += [sorted(message.headers), [value for name in message.headers for value in message.headers.all(name)]]
    for late in ("vias", "contacts", "contact_star", "routes"):
        try:
            seen.append(getattr(message, late, None))
        except ParseError as error:
            seen.append(error.reason)
    for name in ("Path", "Record-Route", "Require", "Supported", "Proxy-Require"):
        try:
            seen.append(message.values(name))
        except ParseError as error:
            seen.append(error.reason)
    if isinstance(message, Request):
        seen += [message.method, message.uri, message.max_forwards, message.in_dialog]
    elif isinstance(message, Response):
        seen += [message.status, message.reason]
    return seen


def _answered(request: Request) -> None:
    """An answer to what was right is right."""
    answer = parse(request.response(404, to_tag="fuzz", headers=[("Warning", "399 x")]).to_bytes(), _ROOMY, "stream")
    must(isinstance(answer, Response) and answer.status == 404, "another status")
    must(answer.via == request.via and answer.from_tag == request.from_tag, "goes elsewhere")
    must(answer.to_tag == (request.to_tag or "fuzz"), "another To tag")


def _forwarded(request: Request, framing: Framing) -> None:
    """What a proxy changes leaves a message."""
    before = request.to_bytes()
    copy = request.copy()
    via = copy.via.replace_params(received="192.0.2.1", rport="5")
    copy.replace_first("Via", via.text)
    must((copy.via.received, copy.via.rport) == ("192.0.2.1", "5"), "received or rport not as written")
    copy.prepend("Via", _VIA)
    copy.prepend("Record-Route", "<sip:ov@192.0.2.9;lr>")
    copy.max_forwards = 12
    copy.uri = "sip:else@example.net"
    copy.remove("Authorization")
    with suppress(ParseError):
        copy.remove_first("Route")
    read = parse(copy.to_bytes(), _ROOMY, framing)
    must(isinstance(read, Request) and read.max_forwards == 12 and read.uri.host == "example.net", "edits lost")
    must(read.via.text == _VIA and read.get_all("Record-Route")[0] == "<sip:ov@192.0.2.9;lr>", "not on top")
    must(read.body == request.body and not read.has("Authorization"), "body or credentials wrong")
    must(read.remove_first("Via") == _VIA and read.via == via, "the next Via is not what it was")
    must(request.to_bytes() == before, "a copy shares its lines")


def _passed_back(response: Response, framing: Framing) -> None:
    """A response without its top Via is a response, if another Via is left."""
    copy = response.copy()
    try:
        copy.remove_first("Via")
        if not copy.values("Via"):
            return
        via = copy.via
    except ParseError:
        return
    try:
        must(parse(copy.to_bytes(), _ROOMY, framing).via == via, "another Via")
    except ParseError as error:
        must(error.reason == "Bad Branch", f"no response any more: {error.reason}")


def _refused(request: Request, error: ParseError) -> None:
    """What can be answered can be read, and its answer is one message, however bad the request."""
    _ = (request.via, request.from_, request.to, request.from_tag, request.to_tag, request.call_id, request.in_dialog)
    _ = (request.cseq, request.cseq_method, request.max_forwards, request.uri, request.content_length)
    request.replace_first("Via", request.via.replace_params(received="192.0.2.1", rport="5").text)
    must(request.via.received == "192.0.2.1", "received not as written")
    octets = request.response(error.status, error.reason, "fuzz", error.headers).to_bytes()
    must(octets.startswith(b"SIP/2.0 %d " % error.status), "no status line")
    must(octets.find(b"\r\n\r\n") == len(octets) - 4, "more than one head")
    # NUL is right behind a backslash, in quotes (RFC 4475, intmeth)
    lines = octets[:-4].replace(b"\\\0", b"").split(b"\r\n")
    must(not any(odd in line for line in lines for odd in (b"\r", b"\n", b"\0")), "CR, LF or NUL in an answer")
