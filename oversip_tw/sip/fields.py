"""The values of single header fields that every message has (RFC 3261 §20)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.sip import grammar, names
from oversip_tw.sip.errors import ParseError

MISSING = {
    "via": "Missing Via",
    "from": "Missing From",
    "to": "Missing To",
    "call-id": "Missing Call-ID",
    "cseq": "Missing CSeq",
}
#: what a response takes from its request (RFC 3261 §8.2.6.2)
COPIED = ("via", "from", "to", "call-id", "cseq")
COPIED_BY_100 = (*COPIED, "timestamp")

_MEMO = 4096  # CSeq values
_cseqs: dict[str, tuple[int, str]] = {}
_hops = {str(hops): hops for hops in range(256)}


def first_of(field: str) -> str:
    """The first member of a comma-separated list. Raises ParseError if there is none."""
    if "," not in field:
        return field
    members = grammar.split_list(field)
    if not members:
        raise ParseError("Empty List")
    return members[0]


def read_call_id(text: str) -> str:
    if grammar.callid.fullmatch(text) is None:
        raise ParseError("Bad Call-ID")
    return text


def read_cseq(text: str) -> tuple[int, str]:
    """Number, below 2**31 (RFC 3261 §8.1.1.5), and method."""
    cseq = _cseqs.get(text)
    if cseq is None:
        match = grammar.cseq.fullmatch(text)
        number = None if match is None else grammar.number(match[1], 2**31 - 1)
        if match is None or number is None:
            raise ParseError("Bad CSeq")
        cseq = number, match[2]
        if len(_cseqs) >= _MEMO:
            _cseqs.clear()
        if len(text) < 64:
            _cseqs[text] = cseq
    return cseq


def read_max_forwards(text: str) -> int:
    hops = _hops.get(text)
    if hops is None:
        hops = grammar.number(text, 255)
        if hops is None:
            raise ParseError("Bad Max-Forwards")
    return hops


def read_content_length(text: str) -> int:
    length = grammar.number(text, 2**31 - 1)
    if length is None:
        raise ParseError("Bad Content-Length")
    return length


def with_content_length(headers: Sequence[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
    """``headers`` with the right Content-Length."""
    kept = [(name, value) for name, value in headers if names.key(name) != "content-length"]
    return [*kept, ("Content-Length", str(len(body)))]
