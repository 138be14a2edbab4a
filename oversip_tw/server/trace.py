"""Message tracing: every message as it went over the wire, except what lets others in (A15)."""

from __future__ import annotations

import re

from oversip_tw.interfaces import Flow, Log

# The value of the header, with the lines that continue it. What follows is as tolerant as it can be: what is no SIP is
# traced too.
_CREDENTIALS = re.compile(
    rb"^((?:proxy-)?authorization[ \t]*:)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
# The password of a URI (RFC 3261 §19.1.1: NOT RECOMMENDED, and seen).
_PASSWORD = re.compile(rb"sips?:[^:;?]+:", re.IGNORECASE)
#: what no user and no password holds
_BORDERS = re.compile(rb"[\s<>\"]")

_HIDDEN = rb"\1 (hidden)"
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if code != 0x09}


def hide(data: bytes) -> bytes:
    """``data`` without credentials and passwords."""
    head, blank, body = data.partition(b"\r\n\r\n")
    return _without_passwords(_CREDENTIALS.sub(_HIDDEN, head)) + blank + body


def _without_passwords(head: bytes) -> bytes:
    """Between the "@"s, since one rule that looks for the "@" behind each "sip:" takes quadratic time."""
    parts = head.split(b"@")
    for at, part in enumerate(parts[:-1]):
        word = _BORDERS.split(part)[-1]
        match = _PASSWORD.search(word)
        if match is not None:
            parts[at] = part[: len(part) - len(word) + match.end()] + b"(hidden)"
    return b"@".join(parts)


class Trace:
    """Writes messages to the log: one event each, each line of the message indented so that it passes for no other."""

    __slots__ = ("_log",)

    def __init__(self, log: Log) -> None:
        self._log = log

    def received(self, data: bytes, flow: Flow) -> None:
        """``data`` came in by ``flow``."""
        self._write("from", data, flow)

    def sent(self, data: bytes, flow: Flow) -> None:
        """``data`` goes out by ``flow``."""
        self._write("to", data, flow)

    def _write(self, way: str, data: bytes, flow: Flow) -> None:
        text = hide(data).decode("utf-8", "backslashreplace").replace("\r\n", "\n").rstrip("\n")
        self._log.info(
            "{way} {transport} {address} port {port}:\n{trace}",
            way=way,
            transport=flow.transport,
            address=flow.peer[0],
            port=flow.peer[1],
            trace="\n".join(["    " + line.translate(_CONTROLS) for line in text.split("\n")]),
        )
