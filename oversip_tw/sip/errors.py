"""Errors that carry their answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oversip_tw.sip.status import phrase

if TYPE_CHECKING:
    from oversip_tw.sip.message import Request


class SIPError(Exception):
    """A request cannot be served; ``status``, ``reason`` and ``headers`` are what to answer.

    An empty ``reason`` becomes the status's own phrase. Never put received text into it: it goes into a status line.
    ``code`` says to programs what went wrong, where several causes have one status: a word of `oversip_tw.sip.codes`.
    """

    def __init__(
        self, status: int, reason: str = "", headers: Sequence[tuple[str, str]] = (), *, code: str = ""
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason or phrase(status)
        self.headers = tuple(headers)
        self.code = code


class ParseError(SIPError):
    """The text is not SIP as RFC 3261 wants it.

    ``request`` is set when a response can be built from what could be read (there is a Via to send it by, and a CSeq).
    All its typed attributes can be read without raising. None: there is nothing to answer.
    """

    def __init__(self, reason: str = "", status: int = 400, request: Request | None = None) -> None:
        super().__init__(status, reason)
        self.request = request


def trail(error: BaseException, frames: int = 6) -> str:
    """Where ``error`` was raised, on one line: "file:line" of the innermost frames, the innermost first."""
    places = []
    step = error.__traceback__
    while step is not None:
        places.append(f"{step.tb_frame.f_code.co_filename.rpartition('oversip_tw/')[2]}:{step.tb_lineno}")
        step = step.tb_next
    return " < ".join(places[: -frames - 1 : -1])
