"""The head of an HTTP request, read strictly (RFC 9112 §3, §5): what two readers could take differently is 400."""

from __future__ import annotations

import re

from oversip_tw.transport.websocket.refusal import Refusal

#: RFC 9112 §3 request-line; the target as it came, without anything that could end a line in a log
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])")
#: RFC 9112 §5 field-line; obs-fold is refused. The space around a value is left in it: a rule of its own for it would
#: give back one space after another before a wrong octet, which takes quadratic time.
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)")


class Head:
    """An HTTP request without its body. Implements `oversip_tw.interfaces.HandshakeRequest`."""

    __slots__ = ("_fields", "_raw", "method", "minor", "path", "query")

    def __init__(self, raw: bytes) -> None:
        """``raw``: from the request line to the empty line, both included. Raises Refusal (400, 505)."""
        line, _, self._raw = raw.partition(b"\r\n")
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise Refusal(400, "Bad Request Line")
        if match[3] != b"1":
            raise Refusal(505)
        self.method = match[1].decode("ascii")
        #: HTTP/1.x
        self.minor = int(match[4])
        target = match[2].decode("latin-1")
        if not target.startswith("/") and target != "*":
            raise Refusal(400, "Bad Request Target")
        path, _, query = target.partition("?")
        #: both as they came, escapes included
        self.path: str = path
        self.query: str = query
        self._fields: dict[str, list[str]] | None = None
        self._read()

    def _read(self) -> dict[str, list[str]]:
        fields: dict[str, list[str]] = {}
        for line in self._raw.split(b"\r\n"):
            if not line:
                continue
            match = _FIELD_LINE.fullmatch(line)
            if match is None:
                raise Refusal(400, "Bad Header")
            value = match[2].strip(b" \t").decode("utf-8", "surrogateescape")
            fields.setdefault(match[1].decode("ascii").lower(), []).append(value)
        self._fields = fields
        return fields

    def header(self, name: str) -> str | None:
        """The value of ``name`` (any case), several joined by ", "; None if absent."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        """The value of each line of ``name``."""
        return (self._fields or self._read()).get(name.lower(), [])

    def one(self, name: str) -> str | None:
        """The value of a header that may come once. Raises Refusal (400) if it comes twice."""
        values = self.all(name)
        if len(values) > 1:
            raise Refusal(400, f"{name} Repeated")
        return values[0] if values else None

    def tokens(self, name: str) -> list[str]:
        """The members of a comma-separated header, as written."""
        return [token for value in self.all(name) for part in value.split(",") if (token := part.strip(" \t"))]

    def compact(self) -> None:
        """Give back the memory that reading took; what is asked later is read again."""
        self._fields = None
