"""Frames from a server to a client (RFC 6455 §5.2): unmasked, whole."""

from __future__ import annotations

import struct

TEXT, BINARY = 0x1, 0x2
#: a control frame's payload, less the two octets of a close code (§5.5)
_REASON = 123


def frame(opcode: int, payload: bytes) -> bytes:
    """One message in one frame."""
    size = len(payload)
    if size < 126:
        return b"%c%c%b" % (0x80 | opcode, size, payload)
    if size < 65_536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def close_payload(code: int, reason: str) -> tuple[int, bytes]:
    """Code and reason of a close frame, the reason cut to what fits, between characters."""
    return code, reason.encode("utf-8", "replace")[:_REASON].decode("utf-8", "ignore").encode("utf-8")
