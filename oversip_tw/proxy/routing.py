"""Routing a request from user code (`Proxy`): where to, by which profile, and what to do with the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.client import Client, Done
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.destinations import Destinations
from oversip_tw.proxy.dialogs import Dialogs
from oversip_tw.proxy.early_dialogs import EarlyDialogs
from oversip_tw.proxy.loop import loop_hash
from oversip_tw.proxy.next_hops import Destination, way_to
from oversip_tw.proxy.record_route import wants_record_route
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response

#: how often one request may be routed: a callback that tries the same again at each failure has to end
MOST_ROUTES = 20


class Proxy(Client):
    """Sends one request on, and passes its answers back unless told otherwise.

    Use it in `Hooks.on_request`. The answer may be held back by `drop_response`, and the request routed anew, by the
    same Proxy or another: serial forking.
    """

    def __init__(self, core: Core, profile: str | None = None) -> None:
        super().__init__(core, profile)
        self.arrival: Arrival | None = None
        self._dropped = False
        self._early = EarlyDialogs()

    def route(self, arrival: Arrival, to: Destination | None = None) -> None:
        """Send ``arrival``'s request on its way; what comes of it shows in the callbacks.

        ``to``: the next hop (the Request-URI stays). None: as the server would by itself: the other side of the dialog
        by our own Record-Route, a flow by our own Path, a user's bindings, a Route, a `[[route]]`.

        Where it is under way already, what rings is stopped. Nothing happens when the request has its answer, or its
        caller gave up. Raises ValueError for a ``to`` that is none and for a second request, RuntimeError when this one
        was routed 20 times, and SIPError within a dialog whose other side is not known any more.
        """
        if self.arrival is not None and self.arrival is not arrival:
            raise ValueError("a Proxy is for one request")
        if arrival.routed >= MOST_ROUTES:
            raise RuntimeError(f"routed {MOST_ROUTES} times")
        request = arrival.request
        hash_ = "" if to is None or arrival.in_dialog else loop_hash(request, request.uri)
        way = None if to is None else way_to(to, request.uri, hash_)
        if way is None and arrival.in_dialog and arrival.tokens:
            way = arrival.way or Dialogs(self.core).way(arrival)
            arrival.way = None
        arrival.routed += 1
        self.arrival, self.request = arrival, request
        if way is not None:
            self._relay(arrival, ((way,),))
        else:
            self.core.spawn(self._find(arrival), self._broke)

    def drop_response(self) -> None:
        """In a callback: do not pass this response (or the answer of ours) on.

        Whoever drops a final one has to route the request anew or to answer it; else it is answered 500. A 2xx to an
        INVITE is passed on all the same: somebody has picked up. Raises RuntimeError outside of a callback.
        """
        if not self._busy:
            raise RuntimeError("there is no response to drop: this is for callbacks")
        self._dropped = True

    # -- on the way out

    async def _find(self, arrival: Arrival) -> None:
        try:
            groups = await Destinations(self.core).find(arrival)
        except SIPError as error:
            refusal = error
            self.ended(Outcome.of(error), lambda: self._answer(refusal))
            return
        if arrival.over:
            self.cancelled()
        self._relay(arrival, groups)

    def _broke(self, error: BaseException) -> None:
        if self.request is not None:
            self.core.broke(error, self.request)
        self._answer(SIPError(500))

    def _relay(self, arrival: Arrival, groups: Sequence[Sequence[Way]]) -> None:
        transaction = arrival.transaction
        if transaction is None or transaction.final_sent or arrival.over or arrival.answered:
            return
        watcher = self if self.watches else None
        groups = self._by_profile(groups)
        self.core.relay(arrival, transaction, groups, arrival.breadth, self._key(arrival), watcher)

    def _key(self, arrival: Arrival) -> bytes:
        """The binding key of who sent the request."""
        if not (arrival.in_dialog and arrival.tokens):
            return Destinations(self.core).caller_key(arrival)
        return Dialogs(self.core).sender_key(arrival) if wants_record_route(arrival.request) else b""

    # -- holding back

    async def _call(self, calls: Sequence[Callable[[], Done]]) -> SIPError | None:
        self._dropped = False
        return await super()._call(calls)

    def provisional(self, response: Response, go_on: GoOn) -> None:
        super().provisional(response, lambda: self._pass_on(response, go_on))

    def _pass_on(self, response: Response, go_on: GoOn) -> None:
        dropped, self._dropped = self._dropped, False
        if dropped:
            return
        if self.request is not None:
            self._early.begun(self.request, response)
        go_on()

    def ended(self, outcome: Outcome, go_on: GoOn) -> None:
        arrival = self.arrival
        routed = 0 if arrival is None else arrival.routed
        super().ended(outcome, lambda: self._end(outcome, go_on, routed))

    def _conclude(self, go_on: GoOn, error: SIPError | None) -> None:
        if error is not None:
            self._answer(error)
        else:
            go_on()

    def _end(self, outcome: Outcome, go_on: GoOn, routed: int) -> None:
        """``routed``: how often the request had been when this outcome came."""
        arrival = self.arrival
        dropped, self._dropped = self._dropped, False
        if arrival is None or arrival.answered:
            return
        again = arrival.routed != routed
        if arrival.over or not (again or dropped):
            go_on()
        elif again:
            self._early.end(self.core, arrival, outcome)
        else:
            self.core.log.error(
                "{method} {call_id}: its answer was dropped, and nobody routed or answered it",
                method=arrival.request.method,
                call_id=arrival.request.call_id,
            )
            self._answer(SIPError(500))

    def _answer(self, error: SIPError) -> None:
        if self.arrival is not None:
            self.core.reply(self.arrival, error.status, error.reason, error.headers)
