"""Errors that carry their answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oversip_tw.sip.message import Request


class SIPError(Exception):
    """A request cannot be served; ``status``, ``reason`` and ``headers`` are what to answer."""

    def __init__(self, status: int, reason: str = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)


class ParseError(SIPError):
    """The text is not SIP as RFC 3261 wants it. ``request`` is what could be read, if that suffices for an answer."""

    def __init__(self, reason: str = "", status: int = 400, request: Request | None = None) -> None:
        super().__init__(status, reason)
        self.request = request
