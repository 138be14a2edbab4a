"""Figure 5: what the worst messages of 64 KiB and 32 KiB cost to read (P11).

    python bench/worst_case.py

For each kind of bad input the CPU of parsing, as a datagram and from a stream, and of answering or reading everything.
Exits 1 if one of 64 KiB takes more than 20 ms, or more than three times as long as one of 32 KiB. As limits hide how
costs grow, growth is measured without limits (where an input takes some milliseconds), and of single values alone.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from oversip_tw.edge.contacts import with_uri
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import StreamFramer
from oversip_tw.sip.grammar import split_list
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse
from oversip_tw.sip.uri import Uri
from oversip_tw.sip.via import Via, readable_via

#: seconds that 64 KiB may take, and how many times those of 32 KiB; caches make sport of what is shorter than the last
MOST, GROWTH, WORTH = 0.02, 3.0, 0.004
SIZES = (32 * 1024, 64 * 1024)
PASSING = (8_100, 16_300)
#: without these most inputs would be refused by their size: what is measured is the reading
UNLIMITED = Limits(*(1 << 20,) * 8)
TRIES = 5
#: measured so many times before an input is called too slow or too steep
AGAIN = 7

#: what is repeated; each where it hurts most
PIECES = (
    *(";", ",", '"', "\\", " ", "\t", "(", "()", "((", "<", ">", "<>", "a,", '"",', "a;", ";a", ";a=b"),
    *("; a = b ", "%", "%41", "%4", ":", "::", "a:", "@", "a@", "[", "[]", "=", "==", "&", "a=&", "-", "a-"),
    *("a.", ".", "0", "1.", "*", '\\"', '"\\', '";"', '"a" ', "a ", "a b ", "a/", "/ ", "SIP/2.0/UDP "),
    *("SIP/2.0/UDP h;branch=z9hG4bK1,", "\x00", '"\\\x00"', "\r\n ", "\r\n\t", "\r\n", "\n", "\r", "a:\r\n"),
    *("a: b\r\n", "v:\r\n", "l: 0\r\n", "é", "é,", '=",', 'a="b",', 'a="b', "<sip:a@b>,", "<sip:a@b>;"),
    *('"<,>",', "(,)", "(\\", "z9hG4bK"),
)
#: where it stands in a message
PLACES = {
    "request line": "INVITE sip:{}@h SIP/2.0\r\n",
    "URI tail": "INVITE sip:a@h{} SIP/2.0\r\n",
    "start": "{}",
    "Via": "v: SIP/2.0/UDP h;branch=z9hG4bK1{}\r\n",
    "second Via": "v: SIP/2.0/UDP h;branch=z9hG4bK1\r\nv: {}\r\n",
    "From": "f: {}<sip:a@h>;tag=1\r\n",
    "To": "t: <sip:a@h>{}\r\n",
    "Call-ID": "i: 1{}\r\n",
    "CSeq": "CSeq: 1{} INVITE\r\n",
    "Contact": "m: {}\r\n",
    "Route": "Route: <sip:a@h;lr>{}\r\n",
    "Content-Length": "l:{}0\r\n",
    "name": "{}: a\r\n",
    "value": "Subject: {}\r\n",
}
_LINES = {
    "request": "INVITE sip:a@h SIP/2.0\r\n",
    "Via": "v: SIP/2.0/UDP h;branch=z9hG4bK1\r\n",
    "From": "f: <sip:a@h>;tag=1\r\n",
    "To": "t: <sip:a@h>\r\n",
    "Call-ID": "i: 1\r\n",
    "CSeq": "CSeq: 1 INVITE\r\n",
    "Content-Length": "l: 0\r\n",
}
_INSTEAD = {"request line": "request", "URI tail": "request", "start": "request"}

#: readers of single values, by themselves
READERS: dict[str, Callable[[str], object]] = {
    "Uri": Uri.parse,
    "NameAddr": NameAddr.parse,
    "Via": Via.parse,
    "readable Via": readable_via,
    "list": split_list,
    "Credentials": Credentials.parse,
    "Contact of an edge": lambda text: with_uri(text, "", "sip:a@h"),
}
_BEFORE = {"Uri": "sip:", "NameAddr": "<sip:a@h>", "Via": "SIP/2.0/UDP h", "Credentials": "Digest "}


def message(place: str, piece: str, size: int) -> bytes:
    """A message with a place full of ``piece``, ``size`` octets long."""
    lines = {name: line for name, line in _LINES.items() if name not in (place, _INSTEAD.get(place))}
    bare = PLACES[place].format("") + "".join(lines.values())
    # whole pieces: half of one would be another kind of input
    filled = PLACES[place].format(piece * ((size - len(bare) - 2) // len(piece.encode())))
    return (filled + "".join(lines.values()) + "\r\n").encode("utf-8", "surrogateescape")


def whole(data: bytes, limits: Limits) -> None:
    """Everything that is done with a message before anybody decides on it."""
    for framing in ("datagram", "stream"):
        try:
            if framing == "stream":
                for piece in StreamFramer(limits).feed(data):
                    read(parse(piece, limits, framing))
            else:
                read(parse(data, limits, framing))
        except ParseError as error:
            if error.request is not None:
                error.request.response(error.status, error.reason, "t").to_bytes()


def read(message: object) -> None:
    """What a proxy asks of a request."""
    if isinstance(message, Request):
        _ = (message.vias, message.routes, message.contacts, message.values("Require"))
        message.replace_first("Via", message.via.replace_params(received="192.0.2.1", rport="1").text)
        message.response(404).to_bytes()
        message.to_bytes()


def cost(call: Callable[[], object]) -> float:
    """Seconds of CPU, the least of some tries."""
    best = 1e9
    for _ in range(TRIES):
        started = time.process_time()
        with suppress(ParseError):
            call()
        best = min(best, time.process_time() - started)
        if best < WORTH / 4:
            break
    return best


def main() -> int:
    gc.disable()
    real: list[tuple[float, float, str]] = []
    free: list[tuple[float, float, str]] = []

    def note(table: list[tuple[float, float, str]], what: str, calls: list[Callable[[], object]]) -> None:
        least, growth = 1e9, 1e9
        for _ in range(AGAIN):
            small, big = map(cost, calls)
            # a neighbour's load lengthens now the one and now the other; what is really steep is so each time
            least, growth = min(least, big), min(growth, big / max(small, 1e-9))
            if least <= (MOST if table is real else WORTH) or (table is free and growth <= GROWTH):
                break
        table.append((least, growth, what))

    for piece in PIECES:
        for place in PLACES:
            datas = [message(place, piece, size) for size in SIZES]
            for table, limits in ((real, Limits()), (free, UNLIMITED)):
                calls = [lambda data=data, limits=limits: whole(data, limits) for data in datas]
                note(table, f"64 KiB, {place} of {piece!r}", calls)
            # what the limits on a line and on a head just let pass
            for size in PASSING:
                data = message(place, piece, size)
                note(real, f"{size} octets, {place} of {piece!r}", [lambda data=data: whole(data, Limits())] * 2)
        for name, reader in READERS.items():
            texts = [(_BEFORE.get(name, "") + piece * size)[:size] for size in SIZES]
            calls = [lambda text=text, reader=reader: reader(text) for text in texts]
            note(free, f"64 KiB, {name} alone of {piece!r}", calls)
        gc.collect()
    real.sort(reverse=True)
    free.sort(reverse=True)
    slow = [row for row in real if row[0] > MOST]
    steep = [row for row in free if row[0] > WORTH and row[1] > GROWTH]
    groups = {"worst": real[:5], "worst without limits": free[:5], f"beyond {MOST * 1000:.0f} ms": slow, "steep": steep}
    for title, rows in groups.items():
        print(f"{title}:{'' if rows else ' none'}")
        for seconds, growth, what in rows:
            print(f"  {seconds * 1000:6.2f} ms{f', {growth:.1f} times half of it' if '64 KiB' in what else ''}: {what}")
    print(f"{len(real) + len(free)} inputs: {len(slow)} too slow, {len(steep)} grow more than {GROWTH:.0f} times")
    return 1 if slow or steep else 0


if __name__ == "__main__":
    sys.exit(main())
