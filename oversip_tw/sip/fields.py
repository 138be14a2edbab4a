"""The values of single header fields that every message has (RFC 3261 §20)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oversip_tw.sip import grammar, names
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.memo import Memo
from oversip_tw.sip.scan import is_call_id, plain_cseq

MISSING: Final = {
    "via": "Missing Via",
    "from": "Missing From",
    "to": "Missing To",
    "call-id": "Missing Call-ID",
    "cseq": "Missing CSeq",
}
#: what a response takes from its request (RFC 3261 §8.2.6.2); `Layout.copied` has the same
COPIED: Final = ("via", "from", "to", "call-id", "cseq")

_MEMO: Final = 4096  # lengths
_hops: Final = {str(hops): hops for hops in range(256)}


def first_of(field: str) -> str:
    """The first member of a comma-separated list. Raises ParseError if there is none."""
    if "," not in field:
        return field
    members = grammar.split_list(field)
    if not members:
        raise ParseError("Empty List")
    return members[0]


def read_call_id(text: str) -> str:
    if not is_call_id(text):
        raise ParseError("Bad Call-ID")
    return text


def read_cseq(text: str) -> tuple[int, str]:
    """Number, below 2**31 (RFC 3261 §8.1.1.5), and method. Raises ParseError."""
    plain = plain_cseq(text)
    return _read_cseq(text) if plain is None else plain


def _read_cseq(text: str) -> tuple[int, str]:
    match = grammar.cseq.fullmatch(text)
    number = None if match is None else grammar.number(match[1], 2**31 - 1)
    if match is None or number is None:
        raise ParseError("Bad CSeq")
    return number, match[2]


def read_max_forwards(text: str) -> int:
    hops = _hops.get(text)
    if hops is None:
        hops = grammar.number(text, 255)
        if hops is None:
            raise ParseError("Bad Max-Forwards")
    return hops


def _read_content_length(text: str) -> int:
    length = grammar.number(text, 2**31 - 1)
    if length is None:
        raise ParseError("Bad Content-Length")
    return length


_lengths: Final = Memo(_read_content_length, _MEMO, 10)
#: octets, below 2**31
read_content_length: Final = _lengths.__getitem__


def with_content_length(headers: Sequence[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
    """``headers`` with the right Content-Length."""
    kept = [(name, value) for name, value in headers if names.key(name) != "content-length"]
    return [*kept, ("Content-Length", str(len(body)))]
