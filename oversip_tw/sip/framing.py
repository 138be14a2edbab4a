"""Messages out of a stream, by Content-Length (RFC 3261 §18.3), and the keep-alive of RFC 5626 §3.5.1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.fields import read_content_length
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.parser import answerable

#: What `StreamFramer.feed` gives for a double CRLF between messages; it is to be answered with CRLF.
KEEPALIVE = b"\r\n\r\n"

_LINE_ENDS = (b"\r", b"\n")
_halves = re.compile(rb"(?>(?:\n|\r(?!\n|\Z))+)").match
_content_length = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:((?>(?:[^\r\n]++|\r\n[ \t])*))(?=\r\n)", re.IGNORECASE
).findall


class StreamFramer:
    """Cuts what arrives on one connection into messages. After a ParseError the stream is lost: close it."""

    __slots__ = ("_buffer", "_dead", "_head", "_length", "_limits", "_scanned")

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - it is frozen
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0  # no end of a head begins before this
        self._head = 0  # where the head of the message at hand ends, CRLFCRLF included; 0: not known yet
        self._length = 0  # octets of the message at hand
        self._dead = False

    @property
    def waiting(self) -> bool:
        """A message has begun and is incomplete."""
        return bool(self._buffer.lstrip(b"\r\n"))

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Whole messages, and KEEPALIVE for each double CRLF. Iterate to the end; raises ParseError on the way.

        ``error.request`` is set if what could be read suffices for an answer. Messages before the fault come first.
        """
        if self._dead:
            return
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> bytes | None:
        buffer = self._buffer
        while not self._head and buffer[:1] in _LINE_ENDS:
            if buffer[:4] == KEEPALIVE:
                del buffer[:4]
                return KEEPALIVE
            if KEEPALIVE.startswith(buffer):
                return None
            # Line ends before a start line mean nothing (RFC 3261 §7.5), halves of them neither.
            halves = _halves(buffer)
            del buffer[: halves.end() if halves else 2]
        if not self._head and not self._find_head():
            return None
        if len(buffer) < self._length:
            return None
        message = bytes(buffer[: self._length])
        del buffer[: self._length]
        self._scanned = self._head = self._length = 0
        return message

    def _find_head(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if (end if end >= 0 else len(buffer)) > self._limits.head:
            raise self._lost("Header Section Too Long", 400)
        if end < 0:
            self._scanned = max(0, len(buffer) - 3)
            return False
        found = _content_length(buffer[: end + 2])
        if len(found) != 1:
            raise self._lost("Duplicate Content-Length" if found else "Missing Content-Length", 400)
        try:
            length = read_content_length(b" ".join(found[0].split()).decode("latin-1"))
        except ParseError as error:
            raise self._lost(error.reason, 400) from None
        self._head = end + 4
        self._length = self._head + length
        if self._length > self._limits.message:
            raise self._lost("", 513)
        return True

    def _lost(self, reason: str, status: int) -> ParseError:
        self._dead = True
        head = bytes(self._buffer[: self._limits.head])
        self._buffer = bytearray()
        end = head.find(b"\r\n\r\n")
        # What was cut off in the midst of a line is not to be read.
        return ParseError(reason, status, answerable(head[: end if end >= 0 else max(0, head.rfind(b"\r\n"))]))
