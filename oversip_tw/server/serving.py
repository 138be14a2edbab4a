"""A request that has been let in, on its way to the registrar or the proxy, with user code in between."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from oversip_tw.auth.credentials import strip_credentials
from oversip_tw.logic import EdgeLogic
from oversip_tw.promise import Promise
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.destinations import Destinations, Groups
from oversip_tw.proxy.dialogs import Dialogs
from oversip_tw.proxy.forwarding import drop_identities
from oversip_tw.proxy.original import remember
from oversip_tw.proxy.record_route import wants_record_route
from oversip_tw.proxy.retargeting import Retargeting, user_with_rules
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.server.events import RegistrationEvents
from oversip_tw.server.hooking import Hooking
from oversip_tw.server.work import Work
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.server import ServerTransaction

#: where credentials stand, by their `names.key`
_CREDENTIALS: Final = frozenset(("authorization", "proxy-authorization"))


class Serving:
    """What RFC 3261 calls the transaction user: every request here has a server transaction, ACKs excepted."""

    __slots__ = ("_core", "_destinations", "_events", "_hooked", "_hooking", "_logic", "_registrar", "dialogs")

    def __init__(
        self,
        core: Core,
        registrar: Registrar,
        hooking: Hooking,
        logic: EdgeLogic | None = None,
        events: RegistrationEvents | None = None,
    ) -> None:
        """``logic``: what an edge does; None: this is a registrar with its own users. ``events``: what answers those
        who watch registrations; None: nobody does."""
        self._core = core
        self._events = events
        self._registrar = registrar
        self._hooking = hooking
        self._logic = logic
        self._destinations = Destinations(core)
        self.dialogs = Dialogs(core)
        self.look_at_hooks()

    def look_at_hooks(self) -> None:
        """See which hooks there are; to be called whenever they are other ones."""
        names = ("on_request", "on_register", "on_targets", "on_response")
        self._hooked = frozenset(name for name in names if self._hooking.overrides(name))
        self._core.on_response = self._respond_through_hook if "on_response" in self._hooked else None

    def clean(self, arrival: Arrival) -> None:
        """Take off what is for us alone, and what only a trusted hop has a right to say."""
        request = arrival.request
        if self._logic is not None:
            self._clean_at_edge(arrival)
            return
        if request.method == "REGISTER" and "on_register" not in self._hooked:
            return  # nobody but the registrar sees it
        if request.may_have(_CREDENTIALS):
            strip_credentials(request, self._core.ours.realms)
        if not arrival.trusted:
            drop_identities(request)

    def _clean_at_edge(self, arrival: Arrival) -> None:
        """Credentials are for the core, which asked for them; a Bearer of the core's is nobody else's business."""
        if not arrival.trusted:
            drop_identities(arrival.request)
        elif arrival.request.may_have(_CREDENTIALS):
            strip_credentials(arrival.request, ())

    def ends_here(self, request: Request) -> bool:
        """It is of a dialog whose other side we are ourselves."""
        return self._events is not None and request.method == "SUBSCRIBE" and self._events.is_contact(request.uri)

    # -- in a dialog ------------------------------------------------------------------------------------------------

    def in_dialog(self, arrival: Arrival) -> None:
        """Let through by a token in our own Record-Route; it never reaches registrar or users.

        Raises SIPError 503 when there are too many transactions.
        """
        request = arrival.request
        self.clean(arrival)
        if request.method == "ACK":
            self.forward_ack(arrival)
            return
        work = Work(self._core, arrival)
        work.serve()
        try:
            way = self.dialogs.way(arrival)
        except SIPError as error:
            work.refuse(error)
            return
        if request.method == "BYE":
            self._core.calls.ended(request)
        if "on_request" in self._hooked:
            work.task = self._core.spawn(self._answering(work, self._hook_and_relay(work, way)), self._core.unexpected)
        elif self._logic is not None:
            arrival.way = way
            self._decide_at_once(work)
        else:
            self._relay_in_dialog(work, way)

    def forward_ack(self, arrival: Arrival) -> None:
        """Pass on the ACK to a 2xx."""
        if self._logic is not None:
            try:
                self._logic.edge.show_contact(arrival)
            except SIPError:
                return  # the phone is gone for good
        self.dialogs.forward_ack(arrival)

    async def _hook_and_relay(self, work: Work, way: Way) -> None:
        arrival = work.arrival
        async with self._hooking.turn(arrival.request.call_id):
            await self._ask_hook(arrival)
            if arrival.handled:
                return
            if self._logic is not None:
                self._logic.on_request(arrival)
            else:
                self._relay_in_dialog(work, way)

    async def _ask_hook(self, arrival: Arrival) -> None:
        remember(arrival)
        await self._hooking.run(lambda: self._hooking.hooks.on_request(arrival))

    def _decide_at_once(self, work: Work) -> None:
        """What an edge does by itself."""
        assert self._logic is not None
        try:
            self._logic.on_request(work.arrival)
        except Exception as error:
            self._failed(work, error)

    def _relay_in_dialog(self, work: Work, way: Way) -> None:
        arrival, transaction = work.arrival, work.transaction
        if transaction is not None and not work.over:
            key = self.dialogs.sender_key(arrival) if wants_record_route(arrival.request) else b""
            self._core.relay(arrival, transaction, ((way,),), 1, key)

    # -- out of one -------------------------------------------------------------------------------------------------

    def out_of_dialog(self, work: Work, shares: int) -> None:
        """Carry out what was let in; ``shares`` is the Max-Breadth to share out (RFC 5393 §5.3.3)."""
        request = work.arrival.request
        work.arrival.breadth = shares
        if request.method == "REGISTER" and self._logic is None:
            if "on_register" not in self._hooked:
                self._bind(work)
                return
            doing = self._hook_and_bind(work)
        else:
            if request.method == "INVITE" and request.to_tag is None:
                calls = self._core.calls
                if calls.limited and not calls.admits(request, self._core.ours.user(request.uri)):
                    work.refuse(SIPError(480, "Too Many Calls In This Domain"))
                    return
                calls.invited(request)
            elif request.method == "SUBSCRIBE" and self._events is not None and self._events.serves(request):
                self._spawn(work, self._events.serve(work))
                return
            hooked = "on_request" in self._hooked or "on_targets" in self._hooked
            if self._logic is not None and not hooked:
                self._decide_at_once(work)
                return
            if not hooked and self._route_at_once(work, shares):
                return
            doing = self._route_in_turn(work, shares) if hooked else self._route(work, shares)
        self._spawn(work, doing)

    def _spawn(self, work: Work, doing: Coroutine[Any, Any, None]) -> None:
        task = self._core.spawn(self._answering(work, doing), self._core.unexpected)
        if not task.done:
            work.task = task

    async def _hook_and_bind(self, work: Work) -> None:
        arrival = work.arrival
        async with self._hooking.turn(arrival.request.call_id):
            await self._hooking.run(lambda: self._hooking.hooks.on_register(arrival))
            if not arrival.handled:
                answer = self._register(arrival)
                assert work.transaction is not None
                work.transaction.respond(answer if isinstance(answer, Response) else await answer)

    def _bind(self, work: Work) -> None:
        transaction = work.transaction
        assert transaction is not None
        try:
            answer = self._register(work.arrival)
            if isinstance(answer, Response):
                transaction.respond(answer)
            else:
                answer.when_done(lambda: self._bound(work, answer))
        except Exception as error:
            self._failed(work, error)

    def _bound(self, work: Work, answer: Promise[Response]) -> None:
        """The registrar has an ``answer`` at last; that its client waits for it no longer has changed nothing."""
        if work.over:
            return
        transaction = work.transaction
        assert transaction is not None
        try:
            transaction.respond(answer.result())
        except Exception as error:
            self._failed(work, error)

    def _register(self, arrival: Arrival) -> Response | Promise[Response]:
        request = arrival.request
        assert arrival.user is not None
        flow = arrival.flow if arrival.client else None
        path = request.values("Path") if request.has("Path") else ()
        return self._registrar.begin(request, arrival.user, flow, path)

    def _route_at_once(self, work: Work, shares: int) -> bool:
        """Where nobody has to be asked. False: somebody has to."""
        arrival, transaction = work.arrival, work.transaction
        assert transaction is not None
        try:
            if user_with_rules(self._core, arrival):
                return False
            groups = self._destinations.find_now(arrival)
            if groups is None:
                return False
            self._core.relay(arrival, transaction, groups, shares, self._destinations.caller_key(arrival))
        except Exception as error:
            self._failed(work, error)
        return True

    async def _route_in_turn(self, work: Work, shares: int) -> None:
        async with self._hooking.turn(work.arrival.request.call_id):
            await self._route(work, shares)

    async def _route(self, work: Work, shares: int) -> None:
        arrival, transaction = work.arrival, work.transaction
        assert transaction is not None
        if "on_request" in self._hooked:
            await self._ask_hook(arrival)
            if arrival.handled:
                return
        if self._logic is not None:
            self._logic.on_request(arrival)
            return
        aor = user_with_rules(self._core, arrival)
        if aor:
            await Retargeting(self._core, arrival, aor, self._find).begin()
            return
        groups = await self._destinations.find(arrival)
        if "on_targets" in self._hooked:
            groups = await self._ask_about_targets(arrival, groups)
            if arrival.handled:
                return
        caller_key = self._destinations.caller_key(arrival)
        if not work.over:
            self._core.relay(arrival, transaction, groups, shares, caller_key)

    async def _find(self, arrival: Arrival) -> Groups:
        groups = await self._destinations.find(arrival)
        return await self._ask_about_targets(arrival, groups) if "on_targets" in self._hooked else groups

    async def _ask_about_targets(self, arrival: Arrival, groups: Groups) -> Groups:
        await self._hooking.run(lambda: self._hooking.hooks.on_targets(arrival, groups))
        groups = [group for group in groups if group]
        if not groups and not arrival.handled:
            raise SIPError(480)
        return groups

    # -- answers ----------------------------------------------------------------------------------------------------

    async def _answering(self, work: Work, doing: Coroutine[Any, Any, None]) -> None:
        """Do it; a SIPError raised meanwhile becomes the answer, anything else a 500 and a line of log."""
        try:
            await doing
        except Exception as error:
            self._failed(work, error)

    def _failed(self, work: Work, error: Exception) -> None:
        if isinstance(error, SIPError):
            try:
                work.refuse(error)
                return
            except ValueError as defect:  # a reason or header that is none
                error = defect
        self._core.broke(error, work.arrival.request)
        work.refuse(SIPError(500))

    def _respond_through_hook(self, response: Response, request: Request, transaction: ServerTransaction) -> None:
        async def run() -> None:
            async with self._hooking.turn(request.call_id):
                await self._hooking.run(lambda: self._hooking.hooks.on_response(response, request))
                transaction.respond(response)

        def failed(error: BaseException) -> None:
            self._core.broke(error, request)
            if response.status >= 200:
                transaction.respond(transaction.request.response(500, to_tag=self._core.new_id()))

        self._core.spawn(run(), failed)
