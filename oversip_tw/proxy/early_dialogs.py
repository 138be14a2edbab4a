"""Early dialogs that end while a request looks further: their caller is told by 199 (RFC 6228)."""

from __future__ import annotations

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.core import Core
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.status import phrase


class EarlyDialogs:
    """Those that the caller has heard of, where it wants to hear of their end."""

    __slots__ = ("_tags",)

    def __init__(self) -> None:
        self._tags: list[str] = []

    def begun(self, request: Request, response: Response) -> None:
        """A 1xx to ``request`` is passed on."""
        tag = response.to_tag
        if tag and tag not in self._tags and _wants_199(request):
            self._tags.append(tag)

    def end(self, core: Core, arrival: Arrival, outcome: Outcome) -> None:
        """All of them are over by ``outcome``, which the caller does not get to see (§6)."""
        tags, self._tags = self._tags, []
        dropped, transaction = outcome.response, arrival.transaction
        if transaction is None or outcome.status < 300 or not _wants_199(arrival.request):
            return
        if dropped is not None and dropped.to_tag and dropped.to_tag not in tags:
            tags.append(dropped.to_tag)
        why = outcome.reason if dropped is None else dropped.reason
        reason = f'SIP ;cause={outcome.status} ;text="{_quotable(why or phrase(outcome.status))}"'
        for tag in tags:
            early = transaction.request.response(199, to_tag=tag, headers=[("Reason", reason)])
            core.respond(transaction, early, arrival.request)


def _wants_199(request: Request) -> bool:
    """The caller understands it. One who wants all provisional answers to be reliable (RFC 3262) gets none: a proxy
    cannot repeat them."""
    return (
        request.method == "INVITE"
        and "199" in request.values("Supported")
        and "100rel" not in request.values("Require")
    )


def _quotable(text: str) -> str:
    return text.replace("\\", "").replace('"', "")
