"""HTTP answers that the front gives by itself."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus


class Refusal(Exception):
    """An HTTP request is refused; ``status``, ``reason`` and ``headers`` are what to answer."""

    def __init__(self, status: int, reason: str = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason or phrase(status)
        self.headers = tuple(headers)

    def to_bytes(self) -> bytes:
        """The whole response. Line ends in what it is made of (a hook's reason) are blanked, never written."""
        body = f"{self.status} {self.reason}\n".translate(_BLANK_ENDS).encode("utf-8", "replace") + b"\n"
        lines = [
            f"HTTP/1.1 {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
            "Connection: close",
            "Content-Type: text/plain; charset=utf-8",
            "X-Content-Type-Options: nosniff",
            f"Content-Length: {len(body)}",
        ]
        head = "\r\n".join(line.translate(_BLANK_ENDS) for line in lines)
        return head.encode("utf-8", "replace") + b"\r\n\r\n" + body


#: every control character but HTAB
_BLANK_ENDS = {code: " " for code in (*range(0x20), 0x7F) if code != 0x09}


def phrase(status: int) -> str:
    """The reason phrase of ``status``, "Refused" for one that HTTP does not know."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
