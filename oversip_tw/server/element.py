"""The element itself: one message from a flow, walked through the rooms in the order that everything else relies on.

parse - validate - absorb what belongs to a transaction - our own Routes - is the source trusted? - credentials - and
only then a server transaction - hooks - registrar or proxy. What is refused before that costs no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from oversip_tw.auth.credentials import strip_credentials
from oversip_tw.auth.floods import Pings
from oversip_tw.interfaces import Address, Flow, HandshakeRequest
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.destinations import Destinations
from oversip_tw.proxy.dialogs import Dialogs
from oversip_tw.proxy.forwarding import drop_identities
from oversip_tw.proxy.loop import breadth, check_loop
from oversip_tw.proxy.own_routes import OwnRoutes, in_dialog, refuse_foreign_route
from oversip_tw.proxy.validation import is_for_ourselves, validate
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.server.admission import Admission
from oversip_tw.server.hooking import Hooking
from oversip_tw.server.stateless import Stateless
from oversip_tw.server.work import Work
from oversip_tw.sip.errors import ParseError, SIPError, trail
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import Framing, parse
from oversip_tw.transaction.server import ServerTransaction

#: requests that wait for a credential look-up at one time
MOST_WAITING = 10_000
#: WebSocket close code for what cannot be answered
UNREADABLE = 4000

_FRAMING: dict[str, Framing] = {
    "udp": "datagram",
    "tcp": "stream",
    "tls": "stream",
    "ws": "websocket",
    "wss": "websocket",
}
_METHODS = (
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, REFER, INFO, PRACK, UPDATE, PUBLISH"
)
_ABOUT_US = (("Allow", _METHODS), ("Accept", "*/*"), ("Supported", "path, outbound, gruu"))


@dataclass(slots=True)
class Counters:
    """What is exported as metrics; plain numbers, read at scrape time."""

    received: int = 0
    unreadable: int = 0
    strays: int = 0
    refused: int = 0


@dataclass(slots=True)
class Element:
    """A `Receiver`: transports report to it. Everything it works with is handed in."""

    core: Core
    admission: Admission
    registrar: Registrar
    stateless: Stateless
    hooking: Hooking
    pings: Pings
    limits: Limits = field(default_factory=Limits)
    counters: Counters = field(default_factory=Counters)
    #: log every message that comes in, credentials blacked out
    trace: bool = False
    #: no new work: the process is about to end
    draining: bool = False
    _own_routes: OwnRoutes = field(init=False)
    _destinations: Destinations = field(init=False)
    _dialogs: Dialogs = field(init=False)
    _waiting: dict[tuple[object, ...], Work] = field(init=False, default_factory=dict)
    _hooked: frozenset[str] = field(init=False)
    #: connections to next hops that have been made; what waits for one that cannot be made fails
    _dialled: set[bytes] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._own_routes = OwnRoutes(self.core.ours, self.core.tokens)
        self._destinations = Destinations(self.core)
        self._dialogs = Dialogs(self.core)
        names = ("on_request", "on_register", "on_targets", "on_response", "on_connect", "on_disconnect")
        self._hooked = frozenset(name for name in names if self.hooking.overrides(name))
        if "on_response" in self._hooked:
            self.core.on_response = self._respond_through_hook

    # -- Receiver ---------------------------------------------------------------------------------------------------

    def flow_opened(self, flow: Flow) -> None:
        """A connection stands."""
        if not flow.accepted:
            self._dialled.add(flow.id)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection is gone, or could not be made: so is what waited on it, and the bindings that name it."""
        core = self.core
        opened = flow.accepted or flow.id in self._dialled
        self._dialled.discard(flow.id)
        core.transactions.flow_lost(flow, reason, opened)
        for work in [work for work in self._waiting.values() if work.arrival.flow is flow]:
            self._forget(work)
            work.stop()
        core.spawn(core.location.flow_lost(flow.id), self._failed)
        if flow.accepted and "on_disconnect" in self._hooked:
            self.hooking.tell(lambda: self.hooking.hooks.on_disconnect(flow))

    def unreachable(self, peer: Address) -> None:
        """Nobody listens there."""
        self.core.transactions.unreachable(peer)

    def malformed(self, error: SIPError, flow: Flow) -> None:
        """Framing was lost on a stream; the transport closes it after the answer."""
        self._unreadable(error, flow)

    async def connecting(self, handshake: HandshakeRequest, flow: Flow) -> None:
        """A browser asks for a WebSocket. Raises SIPError to refuse."""
        if self.draining:
            raise SIPError(503)
        if "on_connect" in self._hooked:
            await self.hooking.run(lambda: self.hooking.hooks.on_connect(handshake, flow))

    def received(self, data: bytes, flow: Flow) -> None:
        """One whole message came."""
        self.counters.received += 1
        try:
            message = parse(data, self.limits, _FRAMING[flow.transport])
        except ParseError as error:
            self._unreadable(error, flow)
            return
        try:
            if isinstance(message, Request):
                self._request(message, flow)
            elif not self.core.transactions.answered(message):
                self.counters.strays += 1
        except Exception as error:
            self._failed(error)

    def _unreadable(self, error: SIPError, flow: Flow) -> None:
        self.counters.unreadable += 1
        request = error.request if isinstance(error, ParseError) else None
        if request is not None:
            self.stateless.refuse(request, self.stateless.note_source(request, flow), error)
        elif _FRAMING[flow.transport] == "websocket":
            flow.close(UNREADABLE, "not a SIP message")

    # -- requests ---------------------------------------------------------------------------------------------------

    def _request(self, request: Request, source: Flow) -> None:
        flow = self.stateless.note_source(request, source)
        try:
            validate(request, self.core.ours)
            arrival = self.admission.arrival(request, source, flow)
            if self._belongs_to_another(arrival):
                return
            self._own_routes.strip(arrival)
            if in_dialog(request) and arrival.tokens:
                self._in_dialog(arrival)
            elif request.method == "ACK":
                if arrival.trusted:
                    self._dialogs.forward_ack(arrival)
            else:
                self._out_of_dialog(arrival)
        except SIPError as error:
            self.counters.refused += 1
            self.stateless.refuse(request, flow, error)
        except Exception as error:
            self._failed(error)
            self.stateless.refuse(request, flow, SIPError(500))

    def _belongs_to_another(self, arrival: Arrival) -> bool:
        """Repetitions, CANCELs, and ACKs to refusals end here."""
        request, flow = arrival.request, arrival.flow
        if self._waiting and self._belongs_to_waiting(arrival):
            return True
        if self.core.transactions.absorb(request, flow, arrival.client):
            return True
        if request.method == "CANCEL":
            raise SIPError(481)
        return request.method == "ACK" and self.stateless.acknowledges(request)

    def _belongs_to_waiting(self, arrival: Arrival) -> bool:
        """The request that it repeats or cancels waits for a credential look-up."""
        request, flow = arrival.request, arrival.flow
        work = self._waiting.get(_key(request, flow))
        if work is None:
            return False
        if request.method == "CANCEL":
            self._forget(work)
            work.stop()
            self.stateless.ok(request, flow)
            self.stateless.refuse(work.arrival.request, flow, SIPError(487))
        return True

    def _in_dialog(self, arrival: Arrival) -> None:
        """Let through by a token in our own Record-Route; it never reaches registrar or users."""
        request = arrival.request
        self._clean(arrival)
        if request.method == "ACK":
            self._dialogs.forward_ack(arrival)
            return
        if request.method == "BYE":
            self.core.calls.ended(request)
        work = Work(arrival, self.core.new_id)
        transaction = self._serve(arrival, work)
        try:
            ways = [[self._dialogs.way(arrival)]]
        except SIPError as error:
            transaction.respond(request.response(error.status, error.reason, self.core.new_id(), error.headers))
            return
        if "on_request" in self._hooked:
            work.task = self.core.spawn(self._hook_and_relay(work, ways), self._failed)
        else:
            self.core.relay(arrival, ways, 1)

    async def _hook_and_relay(self, work: Work, ways: Sequence[Sequence[Way]]) -> None:
        arrival = work.arrival
        async with self._answering(work), self.hooking.turn(arrival.request.call_id):
            await self.hooking.run(lambda: self.hooking.hooks.on_request(arrival))
            self.core.relay(arrival, ways, 1)

    def _out_of_dialog(self, arrival: Arrival) -> None:
        request, flow = arrival.request, arrival.flow
        if is_for_ourselves(request, self.core.ours) and not request.has("Route"):
            if self.pings.admit(flow):
                self.stateless.ok(request, flow, _ABOUT_US)
            return
        if self.draining:
            raise SIPError(503, headers=[("Retry-After", "32")])
        if in_dialog(request) and not arrival.trusted:
            raise SIPError(403, "No Route Of Ours")
        refuse_foreign_route(arrival)
        check_loop(request, self.core.ours.sent_bys)
        work = Work(arrival, self.core.new_id)
        task = self.core.spawn(self._serve_new(work), self._failed)
        if not task.done:
            work.task = task
            if arrival.transaction is None:
                self._wait_for_admission(work)

    def _wait_for_admission(self, work: Work) -> None:
        if len(self._waiting) >= MOST_WAITING:
            work.stop()
            raise SIPError(503, headers=[("Retry-After", "5")])
        self._waiting[_key(work.arrival.request, work.arrival.flow)] = work

    def _forget(self, work: Work) -> None:
        self._waiting.pop(_key(work.arrival.request, work.arrival.flow), None)

    async def _serve_new(self, work: Work) -> None:
        arrival = work.arrival
        request = arrival.request
        try:
            await self.admission.admit(arrival)
            if self._waiting:
                self._forget(work)
            shares = breadth(request, self.core.settings.max_breadth)
            self._clean(arrival)
            self._serve(arrival, work)
        except SIPError as error:
            self._forget(work)
            self.counters.refused += 1
            self.stateless.refuse(request, arrival.flow, error)
            return
        except Exception as error:
            self._forget(work)
            self.core.broke(error, request)
            self.stateless.refuse(request, arrival.flow, SIPError(500))
            return
        async with self._answering(work):
            if request.method == "REGISTER":
                await self._register(work)
            else:
                await self._proxy(work, shares)

    def _serve(self, arrival: Arrival, work: Work) -> ServerTransaction:
        transaction = self.core.transactions.serve(arrival.request, arrival.flow, arrival.client, work)
        arrival.transaction = transaction
        return transaction

    async def _register(self, work: Work) -> None:
        arrival = work.arrival
        request, transaction = arrival.request, arrival.transaction
        assert transaction is not None
        assert arrival.user is not None
        if "on_register" in self._hooked:
            async with self.hooking.turn(request.call_id):
                await self.hooking.run(lambda: self.hooking.hooks.on_register(arrival))
        path = request.values("Path")
        flow = arrival.flow if arrival.client else None
        transaction.respond(await self.registrar.register(request, arrival.user, flow, path))

    async def _proxy(self, work: Work, shares: int) -> None:
        arrival = work.arrival
        if "on_request" in self._hooked or "on_targets" in self._hooked:
            async with self.hooking.turn(arrival.request.call_id):
                await self._route(work, shares)
        else:
            await self._route(work, shares)

    async def _route(self, work: Work, shares: int) -> None:
        arrival = work.arrival
        if "on_request" in self._hooked:
            await self.hooking.run(lambda: self.hooking.hooks.on_request(arrival))
        groups = await self._destinations.find(arrival)
        if "on_targets" in self._hooked:
            await self.hooking.run(lambda: self.hooking.hooks.on_targets(arrival, groups))
            groups = [group for group in groups if group]
            if not groups:
                raise SIPError(480)
        caller_key = await self._destinations.caller_key(arrival)
        if work.over:
            return
        if arrival.request.method == "INVITE":
            self.core.calls.invited(arrival.request)
        self.core.relay(arrival, groups, shares, caller_key)

    def _clean(self, arrival: Arrival) -> None:
        """Take off what is for us alone, and what a client has no right to say."""
        request = arrival.request
        if request.has("Authorization") or request.has("Proxy-Authorization"):
            strip_credentials(request, self.core.ours.domains)
        if arrival.client:
            drop_identities(request)

    # -- when something goes wrong ----------------------------------------------------------------------------------

    def _answering(self, work: Work) -> Answering:
        return Answering(self, work)

    def refused(self, work: Work, error: SIPError) -> None:
        """Answer through the transaction that stands."""
        transaction = work.arrival.transaction
        if transaction is not None and not work.over:
            request = work.arrival.request
            transaction.respond(request.response(error.status, error.reason, self.core.new_id(), error.headers))

    def _respond_through_hook(self, response: Response, request: Request, transaction: ServerTransaction) -> None:
        async def run() -> None:
            async with self.hooking.turn(request.call_id):
                await self.hooking.run(lambda: self.hooking.hooks.on_response(response, request))
                transaction.respond(response)

        def failed(error: BaseException) -> None:
            self._failed(error)
            if response.status >= 200:
                transaction.respond(request.response(500, to_tag=self.core.new_id()))

        self.core.spawn(run(), failed)

    def _failed(self, error: BaseException) -> None:
        """A defect of ours or of user code: one line, and everybody else goes on."""
        self.core.log.error("unexpected: {error!r} at {trail}", error=error, trail=trail(error))


class Answering:
    """``async with``: a SIPError raised inside becomes the answer, anything else a 500 and a line of log."""

    __slots__ = ("_element", "_work")

    def __init__(self, element: Element, work: Work) -> None:
        self._element = element
        self._work = work

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        if isinstance(error, SIPError):
            self._element.refused(self._work, error)
        else:
            self._element.core.broke(error, self._work.arrival.request)
            self._element.refused(self._work, SIPError(500))
        return True


def _key(request: Request, flow: Flow) -> tuple[object, ...]:
    """By what a repetition, a CANCEL or an ACK of a request is known before it has a transaction."""
    via = request.via
    return (flow.id, via.branch, via.sent_by, "INVITE" if request.method in ("ACK", "CANCEL") else request.method)
