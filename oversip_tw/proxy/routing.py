"""Routing a request from user code (`Proxy`): where to, by which profile, and what to do with the answers."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.client import Client
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.destinations import Destinations
from oversip_tw.proxy.dialogs import Dialogs
from oversip_tw.proxy.loop import loop_hash
from oversip_tw.proxy.record_route import wants_record_route
from oversip_tw.proxy.settings import NextHop
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response
from oversip_tw.sip.uri import Uri

#: where to: the configured next hop, or URIs that are tried one after another
Destination = NextHop | Uri | str | Sequence[Uri | str]


class Proxy(Client):
    """Sends one request on, and passes its answers back unless told otherwise.

    Use it in `Hooks.on_request`. The answer may be held back by `drop_response`, and the request routed anew by another
    Proxy: serial forking.
    """

    def __init__(self, core: Core, profile: str | None = None) -> None:
        super().__init__(core, profile)
        self.arrival: Arrival | None = None
        self._dropped = False

    def route(self, arrival: Arrival, to: Destination | None = None) -> None:
        """Send ``arrival``'s request on its way; what comes of it shows in the callbacks.

        ``to``: the next hop (the Request-URI stays). None: as the server would by itself: the other side of the dialog
        by our own Record-Route, a flow by our own Path, a user's bindings, a Route, a `[[route]]`.
        """
        arrival.routed += 1
        self.arrival, self.request = arrival, arrival.request
        self.core.spawn(self._route(arrival, to), lambda error: self.core.broke(error, arrival.request))

    def drop_response(self) -> None:
        """In a callback: do not pass this response (or the answer of ours) on. Whoever drops a final one has to route
        the request anew or to answer it; else it is answered 500."""
        self._dropped = True

    async def _route(self, arrival: Arrival, to: Destination | None) -> None:
        transaction = arrival.transaction
        if transaction is None or transaction.final_sent or arrival.over:
            return
        try:
            groups = await self._groups(arrival, to)
        except SIPError as error:
            refusal = error
            self.ended(Outcome.of(error), lambda: self._answer(refusal))
            return
        if not (transaction.final_sent or arrival.over):
            watcher = self if self.watches else None
            self.core.relay(arrival, transaction, groups, arrival.breadth, self._key(arrival), watcher)

    async def _groups(self, arrival: Arrival, to: Destination | None) -> Sequence[Sequence[Way]]:
        if to is not None:
            groups: Sequence[Sequence[Way]] = [[_way(arrival, to)]]
        elif arrival.in_dialog and arrival.tokens:
            groups = [[Dialogs(self.core).way(arrival)]]
        else:
            groups = await Destinations(self.core).find(arrival)
        profile = self.profile
        if profile is not None:
            for way in (way for group in groups for way in group):
                way.profile = profile
        return groups

    def _key(self, arrival: Arrival) -> bytes:
        """The binding key of who sent the request."""
        if not (arrival.in_dialog and arrival.tokens):
            return Destinations(self.core).caller_key(arrival)
        return Dialogs(self.core).sender_key(arrival) if wants_record_route(arrival.request) else b""

    # -- holding back

    def provisional(self, response: Response, go_on: GoOn) -> None:
        super().provisional(response, lambda: self._unless_dropped(go_on))

    def success(self, response: Response, go_on: GoOn) -> None:
        super().success(response, lambda: self._unless_dropped(go_on))

    def _unless_dropped(self, go_on: GoOn) -> None:
        dropped, self._dropped = self._dropped, False
        if not dropped:
            go_on()

    def ended(self, outcome: Outcome, go_on: GoOn) -> None:
        arrival = self.arrival
        routed = 0 if arrival is None else arrival.routed
        super().ended(outcome, lambda: self._end(outcome, go_on, routed))

    def _end(self, outcome: Outcome, go_on: GoOn, routed: int) -> None:
        arrival = self.arrival
        dropped, self._dropped = self._dropped, False
        if arrival is None or arrival.answered:
            return
        if arrival.routed == routed and not dropped:
            go_on()
            return
        self._end_early_dialog(arrival, outcome.response)
        if arrival.routed == routed:
            self.core.log.error(
                "{method} {call_id}: its answer was dropped, and nobody routed or answered it",
                method=arrival.request.method,
                call_id=arrival.request.call_id,
            )
            self._answer(SIPError(500))

    def _conclude(self, outcome: Outcome, go_on: GoOn, error: SIPError | None) -> None:
        if error is not None:
            self._answer(error)
        else:
            go_on()

    def _answer(self, error: SIPError) -> None:
        if self.arrival is not None:
            self.core.reply(self.arrival, error.status, error.reason, error.headers)

    def _end_early_dialog(self, arrival: Arrival, dropped: Response | None) -> None:
        """Tell a caller who understands it that this early dialog is over while we look further (RFC 6228 §6)."""
        request, transaction = arrival.request, arrival.transaction
        if dropped is None or dropped.status < 300 or transaction is None or request.method != "INVITE":
            return
        if "199" in request.values("Supported") and dropped.to_tag:
            reason = f'SIP ;cause={dropped.status} ;text="{_quotable(dropped.reason)}"'
            early = request.response(199, to_tag=dropped.to_tag, headers=[("Reason", reason)])
            self.core.respond(transaction, early, request)


def _way(arrival: Arrival, to: Destination) -> Way:
    request = arrival.request
    hash_ = "" if arrival.in_dialog else loop_hash(request, request.uri)
    if isinstance(to, NextHop):
        return to.way(request.uri, hash_)
    hops = (to,) if isinstance(to, Uri | str) else tuple(to)
    uris = tuple([Uri.parse(hop) if isinstance(hop, str) else hop for hop in hops])
    return Way(request.uri, next_hops=uris, named_by_us=True, loop_hash=hash_)


def _quotable(text: str) -> str:
    return text.replace("\\", "").replace('"', "")
