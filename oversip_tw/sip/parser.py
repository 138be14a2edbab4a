"""Bytes to messages, with every check that RFC 3261 and RFC 4475 want before anything is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeVar

from oversip_tw.sip import grammar
from oversip_tw.sip.address import NameAddr, unreadable_address
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.fields import first_of, read_call_id, read_content_length, read_cseq, read_max_forwards
from oversip_tw.sip.layout import Layout, known, layout_called, layout_of
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.memo import Memo
from oversip_tw.sip.message import ABSENT, Message, Request, Response
from oversip_tw.sip.scan import end_of_head, plain_head, values
from oversip_tw.sip.uri import Uri, unreadable
from oversip_tw.sip.via import Via, readable_via

T = TypeVar("T")

#: how a message was cut out of what came: by the datagram, by Content-Length on a stream, by the WebSocket message
Framing = Literal["datagram", "stream", "websocket"]

DEFAULT: Final = Limits()
_METHODS: Final = frozenset(
    ("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER")
).union(("SUBSCRIBE", "UPDATE"))
_SIP: Final = frozenset(("SIP/", "sip/"))
#: characters of a status line without reason and the space before it
_BARE_STATUS: Final = len("SIP/2.0 200")
_VERSIONS = frozenset(("SIP/2.0", "sip/2.0"))
#: lines of a head, counted before anything is done for each; four for every field is more than anybody folds
_LINES_OF_A_FIELD: Final = 4
#: lines of a damaged head that are read to answer it
_READABLE_LINES = 512
_any_line_end = re.compile(r"\r\n|\r|\n")
#: a start line somewhere behind the first message
_another = re.compile(rb"(?:^|\n)(?:SIP/2\.0 |[^\r\n]++(?<= SIP/2\.0)\r?\n)", re.IGNORECASE)


def parse(data: bytes, limits: Limits = DEFAULT, framing: Framing = "datagram") -> Request | Response:
    """The message in ``data``. Raises ParseError alone; ``error.request`` is set when it can be answered.

    Route, Contact, Expires and so on are read when they are asked for, and may raise ParseError then. A missing
    Content-Length is added, so that the message can go on over a stream.
    """
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    end = end_of_head(data)
    if end < 0:
        # The end of a datagram may stand for the empty line (RFC 4475, baddn), but never in the midst of a line.
        if framing != "datagram" or data[-2:] != b"\r\n":
            raise ParseError("Incomplete Message", request=answerable(data) if framing == "datagram" else None)
        end = len(data) - 2
    try:
        if end > limits.line or len(data) > limits.message:
            _check_size(data, end, limits)
        message = _parse(data, end, limits, framing)
    except ParseError as error:
        error.request = answerable(data[: min(end, limits.head)])
        raise
    excess = len(data) - end - 4 - len(message._body)
    if excess > 0 and framing == "websocket":
        _refuse_excess(data[-excess:], message)
    return message


def _check_size(data: bytes, end: int, limits: Limits) -> None:
    if len(data) > limits.message:
        raise ParseError(status=513)
    if end > limits.head:
        raise ParseError("Header Section Too Long")
    if max(map(len, data[:end].split(b"\r\n"))) > limits.line:
        raise ParseError("Header Field Too Long")


def _refuse_excess(excess: bytes, message: Request | Response) -> None:
    """One SIP message per WebSocket message (RFC 7118 §5): what follows the body must be line ends."""
    if excess.strip(b"\r\n"):
        answer = message if isinstance(message, Request) and _another.search(excess) is None else None
        raise ParseError("Octets After The Body", request=answer)


def _parse(data: bytes, end: int, limits: Limits, framing: Framing) -> Request | Response:
    body = data[end + 4 :]
    plain = plain_head(data, end)
    if plain is not None:
        lines, called = plain
        layout = known.get(called) or layout_called(called)
    if plain is None or layout.folded:
        lines, reading, layout = _odd_head(data[:end], limits)
    elif len(lines) > _LINES_OF_A_FIELD * limits.headers:
        raise ParseError("Too Many Header Fields")
    else:
        reading = lines
    start = lines[0]
    message: Request | Response
    if start[:4] in _SIP:
        status, reason = _statuses[start]
        if len(start) == _BARE_STATUS:
            # The space before the reason belongs there even if that is empty; some forget it, and others insist on it.
            lines[0] = f"{start} "
        message = Response(lines, layout, body, status, reason)  # type: ignore[arg-type]  # no line is None yet
        length = _read(message, reading, layout, limits)
    else:
        method, uri = _request_line(start, limits)
        message = Request(lines, layout, body, method, uri)  # type: ignore[arg-type]  # no line is None yet
        length = _read(message, reading, layout, limits)
        _check_request(message, reading, layout, limits)
    _cut_body(message, length if layout.content_length else None, framing)
    return message


def _odd_head(octets: bytes, limits: Limits) -> tuple[list[str], list[str], Layout]:
    """A head that is not plain: its lines as they came and as they read, fields put together, and where they are."""
    head = octets.decode("utf-8", "surrogateescape")
    lines = head.split("\r\n")
    size = len(lines) - 1
    if size >= _LINES_OF_A_FIELD * limits.headers:
        raise ParseError("Too Many Header Fields")
    if head.count("\n") != size or head.count("\r") != size:
        raise ParseError("CR Or LF Alone")
    lines, reading, layout = _unfolded(lines)
    if "\0" in head:
        _check_nul(reading)
    return lines, reading, layout


def _unfolded(lines: list[str]) -> tuple[list[str], list[str], Layout]:
    """Fields of several lines put together: as they came, as they read, and where they are."""
    fields_of_lines = [[lines[0]]]
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            fields_of_lines[-1].append(line)
        else:
            fields_of_lines.append([line])
    joined = ["\r\n".join(parts) for parts in fields_of_lines]
    starts = []
    for line in joined[1:]:
        name, colon, _ = line.partition(":")
        starts.append(name + colon)
    return joined, [grammar.unfold(line) for line in joined], layout_of(tuple(starts))


def _check_nul(reading: list[str]) -> None:
    """NUL is legal as a quoted pair in a quoted string (RFC 4475, intmeth) and nowhere else."""
    for line in reading:
        if "\0" in line and "\0" in grammar.quoted_up_to_nul.sub("", line):
            raise ParseError("NUL In The Header Section")


def _read_status(start: str) -> tuple[int, str]:
    match = grammar.status_line.fullmatch(f"{start} " if len(start) == _BARE_STATUS else start)
    if match is None or match[1] not in _VERSIONS:
        raise ParseError("Bad Status-Line")
    return int(match[2]), match[3]


#: status line -> status and reason
_statuses: Final = Memo(_read_status, 256, 63)


def _request_line(start: str, limits: Limits) -> tuple[str, Uri]:
    space = start.find(" ")
    end = len(start) - len(" SIP/2.0")
    if not 0 <= space < end or not (start.endswith(" SIP/2.0") or start.endswith(" sip/2.0")):  # noqa: PIE810 - compiled, it is twice as fast
        raise _odd_request_line(start)
    method = start[:space]
    uri_text = start[space + 1 : end]
    if " " in uri_text:
        raise _odd_request_line(start)
    if method not in _METHODS and grammar.token.fullmatch(method) is None:
        raise ParseError("Bad Method")
    if len(uri_text) > limits.uri:
        raise ParseError(status=414)
    uri = Uri.parse(uri_text)
    if uri.headers:
        raise ParseError("Headers In The Request-URI")
    return method, uri


def _odd_request_line(start: str) -> ParseError:
    """What is wrong with one that is not of three parts, the last of them our version."""
    parts = start.split(" ")
    if len(parts) == 3 and grammar.sip_version.fullmatch(parts[2]) is not None:
        return ParseError(status=505)
    return ParseError("Bad Request-Line")


def _read(message: Message, reading: list[str], layout: Layout, limits: Limits) -> str:
    """Read what every message must have; gives the value of Content-Length, if there is one."""
    if layout.problem:
        raise ParseError(layout.problem)
    if layout.size > limits.headers:
        raise ParseError("Too Many Header Fields")
    field, from_, to, call_id, cseq, hops, length = values(reading, layout.places)
    if (len(layout.vias) > 1 or "," in field) and _crowded(reading, layout, layout.vias, limits.vias):
        raise ParseError("Too Many Via")
    via = message._via = Via.parse(first_of(field) if "," in field else field)
    branch = via.branch
    if branch is not None and len(branch) == 7 and via.has_magic_cookie:
        raise ParseError("Bad Branch")
    message._from = NameAddr.parse(from_)
    message._to = NameAddr.parse(to)
    message._call_id = read_call_id(call_id)
    message._cseq = read_cseq(cseq)
    message._max_forwards = read_max_forwards(hops) if layout.max_forwards else ABSENT
    return length


def _check_request(request: Request, reading: list[str], layout: Layout, limits: Limits) -> None:
    method = request.method
    if request.cseq_method != method:
        raise ParseError("CSeq Of Another Method", 400 if method in _METHODS else 501)
    if layout.routes and _crowded(reading, layout, layout.routes, limits.routes):
        raise ParseError("Too Many Route")
    if layout.contacts and _crowded(reading, layout, layout.contacts, limits.contacts):
        raise ParseError("Too Many Contact", 403)


def _crowded(reading: list[str], layout: Layout, slots: list[int], limit: int) -> bool:
    """Whether the fields in ``slots`` hold more than ``limit`` values."""
    most = len(slots)
    for slot in slots:
        if "," in (line := reading[slot]):
            most += line.count(",")
    if most <= limit:
        return False
    return sum(len(grammar.split_list(reading[slot][layout.values[slot] :])) for slot in slots) > limit


def _cut_body(message: Message, text: str | None, framing: Framing) -> None:
    """Make the body as long as Content-Length says (RFC 3261 §18.3)."""
    body = message._body
    if text is None:
        if framing == "stream":
            raise ParseError("Missing Content-Length")
        message.append("Content-Length", str(len(body)))
        return
    length = message._content_length = read_content_length(text)
    if length != len(body):
        if length > len(body) or framing == "stream":
            raise ParseError("Body Of Another Length")
        message._body = body[:length]


def answerable(data: bytes) -> Request | None:
    """What can be read of a damaged head, or of its beginning, if it suffices for a refusal.

    There must be a Via that says where to send it, and a CSeq. Nothing that is typed raises in what is returned. An ACK
    is returned too: it is up to the caller never to answer one.
    """
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")
    lines, reading, layout = _unfolded(_any_line_end.split(text, _READABLE_LINES)[:_READABLE_LINES])
    start = reading[0].split(" ")
    start = [part for part in start if part]
    if not start or grammar.token.fullmatch(start[0]) is None:
        return None
    request = Request(lines, layout, b"", start[0], None)  # type: ignore[arg-type]  # no line is None yet
    field = request.get("Via") or ""
    via = readable_via(field)
    cseq = request.get("CSeq")
    if via is None or not cseq:
        return None
    if via.text != field:
        # Whoever answers writes into the topmost Via and reads it again.
        _mend_via(request, via)
    request._via = via
    request._cseq = _or_else(read_cseq, cseq, (0, start[0]))
    request._call_id = request.get("Call-ID") or ""
    request._from = _read_address(request.get("From") or "")
    request._to = _read_address(request.get("To") or "")
    hops = request.get("Max-Forwards")
    request._max_forwards = ABSENT if hops is None else _or_else(read_max_forwards, hops, ABSENT)
    request._content_length = 0
    uri = start[1] if len(start) > 1 else ""
    request._uri = _or_else(Uri.parse, uri, unreadable(uri))
    return request


def _mend_via(request: Request, via: Via) -> None:
    try:
        request.replace_first("Via", via.text)
    except ParseError:
        request.set("Via", via.text)


def _or_else(read: Callable[[str], T], text: str, otherwise: T) -> T:
    try:
        return read(text)
    except ParseError:
        return otherwise


def _read_address(text: str) -> NameAddr:
    try:
        return NameAddr.parse(text)
    except ParseError:
        return unreadable_address(text)
