"""One Via value: the quick way and the grammar agree, and what is written into it can be read back."""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.seeds import VIAS
from fuzz.targets import must
from oversip_tw.sip import via as module
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.grammar import split_list
from oversip_tw.sip.via import Via, readable_via

MOST = 8_192


def seeds() -> Sequence[bytes]:
    return [via.encode() for via in VIAS]


def run(data: bytes) -> object:
    text = data.decode("utf-8", "surrogateescape")
    _list(text)
    readable = readable_via(text)
    module._starts.clear()
    slow = _parsed(text)
    quick = _parsed(text)  # the sender is known now
    if slow is None or quick is None:
        must(slow is quick, "right and wrong")
        return readable is None
    for name in ("transport", "host", "port", "branch", "text", "params", "received", "rport", "maddr", "sent_by"):
        must(getattr(slow, name) == getattr(quick, name), f"{name} differs")
    must(readable == slow, "right, but not readable")
    for received, rport in (("192.0.2.1", "5"), ("2001:db8::1", None), ("192.0.2.1", 65535)):
        filled = slow.replace_params(received=received, rport=rport)
        read = Via.parse(filled.text)
        must((read.received, filled.received) == (received, received), "received not as written")
        must(read.rport == filled.rport == (slow.rport if rport is None else str(rport)), "rport not as written")
        must((read.branch, read.host, read.maddr) == (slow.branch, slow.host, slow.maddr), "something else changed")
        must(filled.replace_params(received=received, rport=rport).text == filled.text, "no fixed point")
    return len(slow.params), slow.port is None, slow.received is None


def _parsed(text: str) -> Via | None:
    try:
        return Via.parse(text)
    except ParseError:
        return None


def _list(text: str) -> None:
    try:
        members = split_list(text)
    except ParseError:
        return
    must(all(members), "an empty member")
    must(sum(map(len, members)) <= len(text), "more than there was")
