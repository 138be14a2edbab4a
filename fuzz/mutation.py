"""Changes to an input that a guide by coverage alone finds late: whole lines, words of SIP, and much of the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

#: what has a meaning somewhere in SIP, HTTP or digest credentials, and what is odd
WORDS: tuple[bytes, ...] = (
    *(b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\0", b"\r\n ", b"\r\n\t", b"\x0b", b"\x85", b"\xff", b"\xc3\xa9", b"\x7f"),
    *(b'"', b"\\", b'\\"', b"<", b">", b"(", b")", b",", b";", b":", b"@", b"=", b"%", b"%00", b"%0d%0a", b"[", b"]"),
    *(b"Via: ", b"v: ", b"From: ", b"To: ", b"Call-ID: ", b"CSeq: ", b"Contact: ", b"Route: ", b"Record-Route: "),
    *(b"Max-Forwards: ", b"Content-Length: ", b"l: ", b"Expires: ", b"Require: ", b"Proxy-Require: ", b"Supported: "),
    *(b"Authorization: ", b"Proxy-Authorization: ", b"Path: ", b"Refer-To: ", b"Max-Breadth: ", b"Event: "),
    *(b" SIP/2.0", b"SIP/2.0 200 OK\r\n", b"SIP/2.0/UDP ", b"sip:", b"sips:", b"tel:+1", b"urn:service:sos", b"*"),
    *(b";branch=z9hG4bK", b";rport", b";received=", b";maddr=", b";ttl=1", b";tag=", b";lr", b";ob", b";transport=ws"),
    *(b";gr", b";expires=0", b";q=0.5", b';+sip.instance="<urn:uuid:1>"', b";reg-id=1", b"?Route=%3Csip:x%3E"),
    *(b"example.com", b"127.0.0.1", b"[::1]", b"[::ffff:1.2.3.4]", b"a.invalid", b"255.255.255.255", b".1", b":5060"),
    *(b"INVITE", b"ACK", b"BYE", b"CANCEL", b"REGISTER", b"OPTIONS", b"MESSAGE", b"NOTIFY", b"REFER", b"PRACK"),
    *(b"0", b"-1", b"255", b"256", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967296", b"9" * 25),
)
#: octets of a repetition; the last are such that only limits stop them
_LONG = (4, 16, 64, 256, 1024, 8192, 65536)

Mutator = Callable[[bytearray, Random], None]


def mutate(data: bytes, random: Random, most: int, others: Sequence[bytes] = ()) -> bytes:
    """``data`` changed in one to four ways, cut to ``most`` octets; ``others`` lend their parts."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        if others and random.random() < 0.1:
            _splice(changed, random, random.choice(others))
        else:
            random.choice(_MUTATORS)(changed, random)
        if len(changed) > most:
            del changed[most:]
    return bytes(changed)


def _place(data: bytearray, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _piece(data: bytearray, random: Random, most: int = 64) -> tuple[int, int]:
    start = _place(data, random)
    return start, min(len(data), start + random.randint(1, most))


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _insert_word(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    data[at:at] = random.choice(WORDS)


def _replace_by_word(data: bytearray, random: Random) -> None:
    start, end = _piece(data, random, 8)
    data[start:end] = random.choice(WORDS)


def _delete(data: bytearray, random: Random) -> None:
    start, end = _piece(data, random)
    del data[start:end]


def _copy(data: bytearray, random: Random) -> None:
    start, end = _piece(data, random)
    at = _place(data, random)
    data[at:at] = data[start:end]


def _repeat(data: bytearray, random: Random) -> None:
    """Much of the same: what is not linear shows."""
    if random.random() < 0.5:
        start, end = _piece(data, random, 12)
        piece = bytes(data[start:end]) or b";"
    else:
        start, piece = _place(data, random), random.choice(WORDS)
    data[start:start] = piece * (random.choice(_LONG) // len(piece) + 1)


def _number(data: bytearray, random: Random) -> None:
    digits = [at for at, octet in enumerate(data) if 0x30 <= octet <= 0x39]
    if digits:
        start = end = random.choice(digits)
        while end < len(data) and 0x30 <= data[end] <= 0x39:
            end += 1
        data[start:end] = random.choice((b"0", b"1", b"00", b"255", b"70000", b"2147483648", b"1" * 30, b""))


def _lines(data: bytearray, random: Random) -> None:
    """A line more, less, or elsewhere."""
    lines = bytes(data).split(b"\r\n")
    at = random.randrange(len(lines))
    line = lines[at]
    if random.random() < 0.5:
        del lines[at]
    if random.random() < 0.7:
        lines.insert(random.randrange(len(lines) + 1), line)
    data[:] = b"\r\n".join(lines)


def _splice(data: bytearray, random: Random, other: bytes) -> None:
    start, end = _piece(bytearray(other), random, 512)
    at, until = _piece(data, random)
    data[at : random.choice((at, until))] = other[start:end]


_MUTATORS: tuple[Mutator, ...] = (
    _flip,
    _overwrite,
    _insert_word,
    _insert_word,
    _replace_by_word,
    _delete,
    _copy,
    _repeat,
    _number,
    _lines,
)
