"""Frames of RFC 6455 §5.2: what clients commonly send, read in one go, and what a server sends, unmasked and whole."""

from __future__ import annotations

TEXT, BINARY = 0x1, 0x2
#: first octet of a whole message (FIN, no RSV)
_WHOLE_TEXT, _WHOLE_BINARY = 0x80 | TEXT, 0x80 | BINARY
#: a control frame's payload, less the two octets of a close code (§5.5)
_REASON = 123
#: beginnings by length where the length stands in one octet
_SHORT_TEXT = [bytes((_WHOLE_TEXT, size)) for size in range(126)]
_SHORT_BINARY = [bytes((_WHOLE_BINARY, size)) for size in range(126)]


def message_at(data: bytes, start: int, most: int) -> tuple[int, int]:
    """Where the payload of a common frame begins and ends, with its four octets of mask before it; else (0, 0).

    Common is a whole message of text or binary, masked, with no bit that is reserved, of ``most`` octets at most, its
    length in the shortest form, all of it in ``data``. Whatever else stands at ``start``, right or wrong or not there
    yet, is for somebody who knows all the rules.
    """
    there = len(data) - start
    # Six octets are the shortest frame with a mask.
    if there < 6:
        return 0, 0
    first = data[start]
    if first != _WHOLE_TEXT and first != _WHOLE_BINARY:
        return 0, 0
    size = data[start + 1] - 0x80
    if size == 126:
        size = data[start + 2] << 8 | data[start + 3]
        begin = start + 8
        if size < 126:
            return 0, 0
    elif size == 127:
        size = int.from_bytes(data[start + 2 : start + 10], "big")
        begin = start + 14
        if size < 65_536:
            return 0, 0
    elif size < 0:
        return 0, 0
    else:
        begin = start + 6
    if size > most or begin + size > start + there:
        return 0, 0
    return begin, begin + size


def unmask(data: bytes, begin: int, end: int) -> bytes:
    """The payload between ``begin`` and ``end``, whose mask stands right before it (§5.3)."""
    words = (end - begin + 3) >> 2
    masked = int.from_bytes(data[begin:end], "little")
    mask = int.from_bytes(data[begin - 4 : begin] * words, "little")
    # The last word of the mask may reach beyond the payload.
    return (masked ^ mask).to_bytes(words << 2, "little")[: end - begin]


def message_frame(payload: bytes) -> bytes:
    """One SIP message in one frame: text if it is UTF-8, else binary (RFC 7118 §5)."""
    return frame(TEXT if is_utf8(payload) else BINARY, payload)


def is_utf8(octets: bytes) -> bool:
    """Nearly all SIP is ASCII, which takes one quick look."""
    if octets.isascii():
        return True
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def frame(opcode: int, payload: bytes) -> bytes:
    """One message, TEXT or BINARY, in one frame."""
    size = len(payload)
    if size < 126:
        return (_SHORT_TEXT[size] if opcode == TEXT else _SHORT_BINARY[size]) + payload
    begin = b"\x81" if opcode == TEXT else b"\x82"
    if size < 65_536:
        return begin + b"\x7e" + size.to_bytes(2, "big") + payload
    return begin + b"\x7f" + size.to_bytes(8, "big") + payload


def close_payload(code: int, reason: str) -> tuple[int, bytes]:
    """Code and reason of a close frame, the reason cut to what fits, between characters."""
    return code, reason.encode("utf-8", "replace")[:_REASON].decode("utf-8", "ignore").encode("utf-8")
