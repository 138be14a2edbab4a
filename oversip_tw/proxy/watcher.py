"""Who hears what becomes of a request before its sender does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.best import Outcome
from oversip_tw.sip.message import Response

GoOn = Callable[[], None]


class Watcher(Protocol):
    """What a response context tells. ``go_on`` passes on what was told; not calling it holds that back."""

    def targeted(self, attempt: Attempt) -> None:
        """A copy is about to leave. Raises SIPError (code: destination_aborted) to try nothing more anywhere."""

    def provisional(self, response: Response, go_on: GoOn) -> None:
        """A 1xx above 100 came."""

    def success(self, response: Response, go_on: GoOn) -> None:
        """A 2xx to an INVITE came; each is told."""

    def ended(self, outcome: Outcome, go_on: GoOn) -> None:
        """No branch is left; the best of their answers would go out."""

    def rang_too_long(self) -> None:
        """Timer C has fired on a branch."""

    def cancelled(self) -> None:
        """The caller gave up."""
