"""A request until it has a transaction: the order in which everything else relies on it being looked at.

Validate, absorb what belongs to a transaction, our own Routes, is the source trusted?, credentials, and only then a
server transaction. What is refused before that costs no state.
"""

from __future__ import annotations

from collections.abc import Awaitable

from oversip_tw.auth.floods import Pings
from oversip_tw.edge.edge import Edge
from oversip_tw.interfaces import Flow
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.loop import breadth, check_loop
from oversip_tw.proxy.own_routes import OwnRoutes, refuse_foreign_route
from oversip_tw.proxy.validation import is_for_ourselves, validate
from oversip_tw.server.admission import Admission
from oversip_tw.server.counters import Counters
from oversip_tw.server.pace import Pace
from oversip_tw.server.serving import Serving
from oversip_tw.server.stateless import Stateless
from oversip_tw.server.work import Work
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request

#: requests that wait for a credential look-up at one time
MOST_WAITING = 10_000

#: what OPTIONS is told; short, so that it may follow the shortest of requests (F2)
_ABOUT_US = (
    ("Allow", "INVITE,ACK,CANCEL,BYE,OPTIONS,REGISTER,MESSAGE,SUBSCRIBE,NOTIFY,REFER,INFO,PRACK,UPDATE,PUBLISH"),
    ("Supported", "path,outbound,gruu"),
)

#: what OverSIP says there: whoever watches logs and traces for it still finds it
_WITHOUT_ROUTE = "forbidden in-dialog request without top Route pointing to us"


class Intake:
    """Lets requests in, absorbs them or refuses them."""

    __slots__ = ("_admission", "_core", "_counters", "_edge", "_own_routes", "_pace", "_pings", "_serving",
                 "_stateless", "_waiting", "draining")  # fmt: skip

    def __init__(
        self,
        core: Core,
        admission: Admission,
        stateless: Stateless,
        pings: Pings,
        serving: Serving,
        counters: Counters,
        pace: Pace,
        edge: Edge | None = None,
    ) -> None:
        self._core = core
        self._edge = edge
        self._admission = admission
        self._stateless = stateless
        self._pings = pings
        self._serving = serving
        self._counters = counters
        self._pace = pace
        self._own_routes = OwnRoutes(core.ours, core.tokens)
        #: requests that wait for a credential look-up, by what a repetition of them has
        self._waiting: dict[tuple[object, ...], Work] = {}
        #: no new work
        self.draining = False

    @property
    def waiting(self) -> int:
        """Requests that wait for a credential look-up."""
        return len(self._waiting)

    def received(self, request: Request, source: Flow, size: int) -> None:
        """A request of ``size`` octets came by ``source``. Whatever it is, it is answered or dropped here."""
        flow = self._stateless.note_source(request, source)
        try:
            validate(request, self._core.ours)
            arrival = self._admission.arrival(request, source, flow)
            arrival.size = size
            if self._belongs_to_another(arrival):
                return
            self._own_routes.strip(arrival)
            if arrival.tokens and arrival.in_dialog:
                if not arrival.trusted and not any(arrival.tokens):
                    raise SIPError(403, "Route Without Token")  # nothing is proven: it may cost no state
                self._serving.in_dialog(arrival)
            elif request.method == "ACK":
                if arrival.trusted:
                    self._serving.forward_ack(arrival)
            else:
                self._out_of_dialog(arrival)
        except SIPError as error:
            self._counters.refused += 1
            self._stateless.refuse(request, flow, error, size)
        except Exception as defect:
            self._core.broke(defect, request)
            self._stateless.refuse(request, flow, SIPError(500), size)

    def flow_lost(self, flow: Flow) -> None:
        """Nobody waits there any more for a look-up of ours."""
        for work in [work for work in self._waiting.values() if work.arrival.flow is flow]:
            self._forget(work)
            work.stop()

    def _belongs_to_another(self, arrival: Arrival) -> bool:
        """Repetitions, CANCELs, and ACKs to refusals end here."""
        request = arrival.request
        if self._waiting and self._belongs_to_waiting(arrival):
            return True
        if self._core.transactions.absorb(request, arrival.flow, arrival.client):
            return True
        method = request.method
        if method == "CANCEL":
            raise SIPError(481)
        return method == "ACK" and self._stateless.acknowledges(request)

    def _belongs_to_waiting(self, arrival: Arrival) -> bool:
        """The request that it repeats or cancels waits for a credential look-up."""
        request, flow = arrival.request, arrival.flow
        work = self._waiting.get(_key(request, flow))
        if work is None:
            return False
        if request.method == "CANCEL":
            self._forget(work)
            work.stop()
            self._stateless.ok(request, flow, arrival.size)
            self._stateless.refuse(work.arrival.request, flow, SIPError(487), work.arrival.size)
        return True

    def _out_of_dialog(self, arrival: Arrival) -> None:
        request, flow = arrival.request, arrival.flow
        if is_for_ourselves(request, self._core.ours) and not request.has("Route"):
            if self._pings.admit(flow):
                self._stateless.ok(request, flow, arrival.size, _ABOUT_US)
            return
        if arrival.in_dialog:
            if not arrival.trusted and not self._serving.ends_here(request):
                raise SIPError(403, _WITHOUT_ROUTE)
        elif self.draining:
            raise SIPError(503, headers=[("Retry-After", "32")])
        if arrival.client and request.method == "REGISTER":
            self._let_come(flow)
        if self._edge is None or not self._edge.allows_route(arrival):
            refuse_foreign_route(arrival, self._core.settings)
        check_loop(request, self._core.ours.sent_bys)
        work = Work(self._core, arrival)
        waits_for = self._admission.admit(arrival)
        if waits_for is None:
            shares = self._begin(work, True)
            transaction = work.transaction
            assert transaction is not None
            try:
                self._serving.out_of_dialog(work, shares)
            finally:
                transaction.go_on_waiting()
            return
        task = self._core.spawn(self._let_in(work, waits_for), self._core.unexpected)
        if not task.done:
            work.task = task
            self._wait(work)

    def _let_come(self, flow: Flow) -> None:
        """Whoever is bound here is no newcomer, and WebSockets were counted when they opened: they are never told to
        try again, for JsSIP would not."""
        if flow.transport in ("ws", "wss") or self._core.location.is_bound(flow.id):
            return
        if not self._pace.admit(flow):
            raise SIPError(503, headers=[self._pace.again(32, 32)])

    def _begin(self, work: Work, in_this_call: bool = False) -> int:
        """The server transaction of a request that may pass; gives the Max-Breadth it may use."""
        shares = breadth(work.arrival.request, self._core.settings.max_breadth)
        self._serving.clean(work.arrival)
        work.serve(in_this_call)
        return shares

    def _wait(self, work: Work) -> None:
        if len(self._waiting) >= MOST_WAITING:
            work.stop()
            raise SIPError(503, headers=[("Retry-After", "5")])
        work.waited = True
        self._waiting[_key(work.arrival.request, work.arrival.flow)] = work

    def _forget(self, work: Work) -> None:
        if work.waited:
            self._waiting.pop(_key(work.arrival.request, work.arrival.flow), None)

    async def _let_in(self, work: Work, waits_for: Awaitable[None]) -> None:
        arrival = work.arrival
        request, flow = arrival.request, arrival.flow
        try:
            await waits_for
            if work.waited:
                self._forget(work)
                if self._core.transactions.absorb(request, flow, arrival.client):
                    return  # a hop repeated it from another port meanwhile
            shares = self._begin(work)
        except SIPError as error:
            self._forget(work)
            self._counters.refused += 1
            self._stateless.refuse(request, flow, error, arrival.size)
            return
        except Exception as defect:
            self._forget(work)
            self._core.broke(defect, request)
            self._stateless.refuse(request, flow, SIPError(500), arrival.size)
            return
        self._serving.out_of_dialog(work, shares)


def _key(request: Request, flow: Flow) -> tuple[object, ...]:
    """By what a repetition, a CANCEL or an ACK of a request is known before it has a transaction."""
    via = request.via
    method = request.method
    return (flow.id, via.branch, via.sent_by, "INVITE" if method in ("ACK", "CANCEL") else method)
