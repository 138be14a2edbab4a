"""What every message goes through, in C where that was built (`_scan`), else here: both do the same.

``plain_...`` reads the usual form; None stands for all other ones, right and wrong, which somebody else reads. What is
plain to one of the two need not be to the other: that only costs time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from oversip_tw.sip import grammar
from oversip_tw.sip.layout import line_starts

#: display name, URI, tag
_Address = tuple[str, str, str | None]

#: user, host, port
_Uri = tuple[str | None, str, str | None]

native: Any
try:
    from oversip_tw.sip import _scan as native
except ImportError:  # pragma: no cover - whether it was built
    native = None


def _end_of_head(data: bytes) -> int:
    """Where the empty line begins; -1: there is none."""
    return data.find(b"\r\n\r\n")


def _plain_head(data: bytes, end: int) -> tuple[list[str], str] | None:
    """The lines of ``data[:end]``, and the beginnings of all but the first, colons included, as one text.

    Such a head has no NUL and no CR or LF but in CRLF, and each line but the first has a colon.
    """
    head = data[:end].decode("utf-8", "surrogateescape")
    lines = head.split("\r\n")
    size = len(lines) - 1
    starts = line_starts(head)
    key = "".join(starts)
    if len(starts) != size or "\n" in key or key.count(":") != size or head.count("\r") != size or "\0" in head:
        return None
    return lines, key


def _values(lines: list[str], places: tuple[tuple[int, int], ...]) -> list[str]:
    """The values at ``places`` (line, where in it), without blanks around them."""
    return [lines[slot][start:].strip(" \t") for slot, start in places]


def _plain_via(text: str) -> tuple[str, dict[str, str]] | None:
    """What stands before the parameters, and these: without capitals, spaces and quotes, each name once."""
    start, _, tail = text.partition(";")
    found = grammar.plain_param.findall(tail)
    params = dict(found)
    length = -1
    for name, value in found:
        length += len(name) + len(value) + (2 if value else 1)
    return None if length != len(tail) or len(params) != len(found) else (start, params)


def _plain_address(text: str) -> _Address | None:
    """Display name, URI and tag of what has brackets, no quoted pair and no other parameter."""
    match = grammar.plain_address.fullmatch(text)
    if match is None:
        return None
    quoted, tokens, uri, tag = match.groups()
    return tokens.rstrip(" \t") if quoted is None else quoted, uri, tag


def _plain_uri(text: str) -> _Uri | None:
    """User, host and port of a SIP URI that has no password, no escapes, no parameters and no IPv6 address."""
    match = None if ";" in text else grammar.plain_uri.fullmatch(text)
    return None if match is None else (match[1], match[2], match[3])


def _is_call_id(text: str) -> bool:
    return grammar.callid.fullmatch(text) is not None


def _wire(lines: list[str | None], body: bytes) -> bytes:
    """A message as it goes on the wire. What is no line is left out."""
    return "\r\n".join(filter(None, lines)).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


end_of_head: Final[Callable[[bytes], int]] = native.end_of_head if native else _end_of_head
plain_head: Final[Callable[[bytes, int], tuple[list[str], str] | None]] = native.plain_head if native else _plain_head
values: Final[Callable[[list[str], tuple[tuple[int, int], ...]], list[str]]] = native.values if native else _values
plain_via: Final[Callable[[str], tuple[str, dict[str, str]] | None]] = native.plain_via if native else _plain_via
plain_address: Final[Callable[[str], _Address | None]] = native.plain_address if native else _plain_address
plain_uri: Final[Callable[[str], _Uri | None]] = native.plain_uri if native else _plain_uri
is_call_id: Final[Callable[[str], bool]] = native.is_call_id if native else _is_call_id
wire: Final[Callable[[list[str | None], bytes], bytes]] = native.wire if native else _wire
