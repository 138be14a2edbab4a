"""Choosing the best of several final responses (RFC 3261 §16.7 steps 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response

#: 4xx that tell the caller what to do next, and so are of more use than others
_HELPFUL = (401, 407, 415, 420, 484)
#: 4xx that only say that one device or way was of no use
_NOBODY_THERE = (408, 430, 480, 481, 482)


class Outcome:
    """How a branch ended: with a response, or (None) with a status, headers and reason phrase of our own.

    ``code`` says in one word why, for user code (`oversip_tw.sip.codes`). Never to be changed.
    """

    __slots__ = ("code", "headers", "reason", "response", "status")

    def __init__(
        self,
        status: int,
        response: Response | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        reason: str = "",
        code: str = "",
    ) -> None:
        self.status: Final = status
        self.response: Final = response
        self.headers: Final = headers
        self.reason: Final = reason
        self.code: Final = code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> tuple[object, ...]:
        return (self.status, self.response, self.headers, self.reason, self.code)

    @property
    def decides(self) -> bool:
        """No other branch can change it any more: somebody declined everywhere, or user code wants it so."""
        return self.status >= 600 or self.code == codes.DESTINATION_ABORTED

    @staticmethod
    def of(error: SIPError) -> Outcome:
        """The branch could not be sent."""
        return Outcome(error.status, None, error.headers, error.reason, error.code)


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """The one to forward: any 6xx or what user code wants, else the lowest class, within 4xx a helpful one, else the
    first that came.

    A 408 or 481 of one dead device does not hide what another one's user said.
    """
    return min(outcomes, key=_rank)


def _rank(outcome: Outcome) -> tuple[int, int]:
    status = outcome.status
    if outcome.decides:
        return (0, 0)
    if status in _HELPFUL:
        return (4, 0)
    if status in _NOBODY_THERE:
        # A 408 goes last: to a request other than INVITE it would be silence (RFC 4320).
        return (4, 3 if status == 408 else 2)
    return (status // 100, 1)


def add_challenges(chosen: Response, outcomes: Sequence[Outcome]) -> None:
    """Collect the challenges of all 401 and 407 answers in the one that is forwarded (§16.7 step 7)."""
    if chosen.status not in (401, 407):
        return
    for outcome in outcomes:
        other = outcome.response
        if other is None or other is chosen or outcome.status not in (401, 407):
            continue
        for name in ("WWW-Authenticate", "Proxy-Authenticate"):
            for value in other.get_all(name):
                chosen.append(name, value)
