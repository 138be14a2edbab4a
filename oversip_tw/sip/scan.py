"""What every message goes through, in C where that was built (`_scan`), else here: both do the same.

``plain_...`` reads the usual form; None stands for all other ones, right and wrong, which somebody else reads. What is
plain to one of the two need not be to the other: that only costs time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from oversip_tw.sip import grammar
from oversip_tw.sip.layout import line_starts

#: display name, URI, tag
_Address = tuple[str, str, str | None]

#: user, host, port
_Uri = tuple[str | None, str, str | None]

#: name in lower case and value as written, None where there is none
_Params = tuple[tuple[str, str | None], ...]
#: display name, URI, parameters
_AddressWithParams = tuple[str, str, _Params]
#: user, host, port, parameters
_UriWithParams = tuple[str | None, str, str | None, _Params]
#: parameters of one value; what has more goes the long way
_MOST_PARAMS: Final = 16

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


def _params(text: str, rule: re.Pattern[str]) -> _Params | None:
    """Those of a text found well formed, by a rule with groups for name and value; None for too many."""
    found = rule.findall(text)
    return tuple((name, value or None) for name, value in found) if len(found) <= _MOST_PARAMS else None


def _address_with_params(text: str) -> _AddressWithParams | None:
    """Display name, URI and parameters, in no capitals, of what has brackets and neither blanks nor quoted pairs."""
    match = grammar.address_with_params.fullmatch(text)
    params = None if match is None else _params(match[4], grammar.generic_param)
    if match is None or params is None:
        return None
    return match[2].rstrip(" \t") if match[1] is None else match[1], match[3], params


def _uri_with_params(text: str) -> _UriWithParams | None:
    """User, host, port and parameters of a SIP URI that has no password, no escapes and no IPv6 address."""
    match = grammar.uri_with_params.fullmatch(text)
    params = None if match is None else _params(match[4], grammar.uri_parameter)
    return None if match is None or params is None else (match[1], match[2], match[3], params)


def _is_call_id(text: str) -> bool:
    return grammar.callid.fullmatch(text) is not None


def _plain_cseq(text: str) -> tuple[int, str] | None:
    """Number and method of a CSeq of nine digits at most, and one space."""
    match = grammar.plain_cseq.fullmatch(text)
    return None if match is None else (int(match[1]), match[2])


def _add_fields(lines: list[str | None], fields: Sequence[tuple[str, str]]) -> tuple[str, ...] | None:
    """Append the lines of ``fields`` (name, value), and give the names; None if a value holds CR or LF."""
    for name, value in fields:
        if "\n" in value or "\r" in value:
            return None
        lines.append(f"{name}: {value}")
    return tuple([name for name, _ in fields])


def _wire(lines: list[str | None], body: bytes) -> bytes:
    """A message as it goes on the wire. What is no line is left out."""
    return "\r\n".join(filter(None, lines)).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


end_of_head: Final[Callable[[bytes], int]] = native.end_of_head if native else _end_of_head
plain_head: Final[Callable[[bytes, int], tuple[list[str], str] | None]] = native.plain_head if native else _plain_head
values: Final[Callable[[list[str], tuple[tuple[int, int], ...]], list[str]]] = native.values if native else _values
plain_via: Final[Callable[[str], tuple[str, dict[str, str]] | None]] = native.plain_via if native else _plain_via
plain_address: Final[Callable[[str], _Address | None]] = native.plain_address if native else _plain_address
plain_uri: Final[Callable[[str], _Uri | None]] = native.plain_uri if native else _plain_uri
address_with_params: Final[Callable[[str], _AddressWithParams | None]] = (
    native.address_with_params if native else _address_with_params
)
uri_with_params: Final[Callable[[str], _UriWithParams | None]] = native.uri_with_params if native else _uri_with_params
is_call_id: Final[Callable[[str], bool]] = native.is_call_id if native else _is_call_id
plain_cseq: Final[Callable[[str], tuple[int, str] | None]] = native.plain_cseq if native else _plain_cseq
add_fields: Final[Callable[[list[str | None], Sequence[tuple[str, str]]], tuple[str, ...] | None]] = (
    native.add_fields if native else _add_fields
)
wire: Final[Callable[[list[str | None], bytes], bytes]] = native.wire if native else _wire
