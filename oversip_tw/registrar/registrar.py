"""The registrar (RFC 3261 §10.3, RFC 5626 §6, RFC 5627 §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.interfaces import Clock, Flow, Flows, NewId
from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.promise import Promise, spawn
from oversip_tw.registrar.answer import answer_headers, outbound_headers
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import REFRESHED, OnChange, Outdated, StoreFailed, unheard
from oversip_tw.registrar.contact import Wish, Wishes, has_reg_id, read_wishes
from oversip_tw.registrar.gruu import comparable, same_instance, without_instance
from oversip_tw.registrar.location import Location, MemoryLocation
from oversip_tw.registrar.own_gruu import OwnGruus
from oversip_tw.registrar.plan import Plan, check_order
from oversip_tw.registrar.quotas import Quotas
from oversip_tw.registrar.settings import Settings
from oversip_tw.registrar.temporary import TemporaryGruus
from oversip_tw.registrar.turns import Turns
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response

#: option tags that a REGISTER may require
OPTIONS = ("gruu", "outbound", "path")
#: when to try again after the store failed; seconds
RETRY_AFTER = 10
#: how long a REGISTER from a browser waits for a store that is away, and how long until it is asked again; seconds
HOLD, PAUSE = 20.0, 1.0
#: how often one REGISTER is thought over because other servers change the same user
MOST_AGAIN = 10
#: longest User-Agent that is kept
MAX_USER_AGENT = 200


def _nobody_waits(key: bytes, flow: Flow) -> None:
    """No request waits for anybody to come back."""


def _nothing_moves(old: bytes, key: bytes, flow: Flow) -> None:
    """Nothing is under way on the flow that a binding was on."""


class _Asked:
    """One REGISTER."""

    __slots__ = ("aor", "flow", "gruu", "path", "request", "secure", "until", "wishes")

    def __init__(
        self, request: Request, aor: str, flow: Flow | None, secure: bool, path: tuple[str, ...], wishes: Wishes,
        gruu: bool,
    ) -> None:  # fmt: skip
        #: until when it waits for a store that is away
        self.until = 0.0
        self.request = request
        self.aor = aor
        #: None: the phone is reached by ``path`` or by its Contact
        self.flow = flow
        self.secure = secure
        self.path = path
        self.wishes = wishes
        #: it understands GRUUs
        self.gruu = gruu


class Registrar:
    """Turns REGISTERs into bindings of ``location``.

    ``node`` names this process in bindings, ``secret`` keys their `binding_key`. ``came_back`` hears of every binding
    that a REGISTER brought to a flow, ``superseded`` before that of the id of the flow that it was on, if that was
    another, ``on_change`` of every change; all are called once it is durable and may not raise. ``new_id`` makes To
    tags, ``chance`` numbers in [0, 1).
    """

    def __init__(
        self,
        location: Location,
        settings: Settings,
        clock: Clock,
        flows: Flows,
        new_id: NewId,
        *,
        node: str,
        secret: bytes,
        on_change: OnChange = unheard,
        came_back: Callable[[bytes, Flow], None] = _nobody_waits,
        temporary: TemporaryGruus | None = None,
        quotas: Quotas | None = None,
        superseded: Callable[[bytes, bytes, Flow], None] = _nothing_moves,
        chance: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``temporary``: makes GRUUs of that kind; None: nobody gets any. ``quotas``: what domains may have, counted by
        the location."""
        self._quotas = quotas or Quotas({})
        self._location = location
        self._temporary = temporary
        self._own_gruus = OwnGruus(location, settings.domains, secret, temporary)
        #: the same where nothing that is asked of it has to be waited for
        self._memory = location if isinstance(location, MemoryLocation) and location.forgetful else None
        self._settings = settings
        self._clock = clock
        self._flows = flows
        self._new_id = new_id
        self._node = node
        self._secret = secret
        self._on_change = on_change
        self._came_back = came_back
        self._superseded = superseded
        self._chance = chance
        self._spread_until = clock.seconds() + settings.spread_for
        self._turns = Turns()
        self._service_route = [("Service-Route", hop) for hop in settings.service_route]

    async def register(
        self, request: Request, aor: str, flow: Flow | None = None, path: Sequence[str] = ()
    ) -> Response:
        """Do what ``request`` asks for ``aor`` (`Uri.aor` of its To) and give the 200; raises SIPError else.

        ``flow`` is where the phone is reached from now on; None: where its Contact says. ``path``, if there is one, is
        the way instead: the Path of others that was accepted, topmost first. May be called at any time: REGISTERs of
        one AoR run one after another. What is answered is durable. Cancelling the wait for it changes nothing.
        """
        answer = self.begin(request, aor, flow, path)
        return answer if isinstance(answer, Response) else await answer

    def begin(
        self, request: Request, aor: str, flow: Flow | None = None, path: Sequence[str] = ()
    ) -> Response | Promise[Response]:
        """As `register`, without a coroutine: the 200 where nothing has to be waited for, else the promise of it."""
        self._check(request)
        supported = request.options("supported")
        wishes = read_wishes(request, self._settings, "outbound" in supported)
        secure = flow is not None and flow.secure
        asked = _Asked(request, aor, None if path else flow, secure, tuple(path), wishes, "gruu" in supported)
        if asked.flow is None:
            _check_first_hop(asked)
        memory = self._memory
        if memory is not None and self._turns.take(aor):
            return self._at_once(asked, memory)
        if self._turns.waiting(aor) >= self._settings.queue:
            raise SIPError(503, headers=[("Retry-After", str(RETRY_AFTER))])
        if flow is not None and flow.transport in ("ws", "wss"):
            asked.until = self._clock.seconds() + HOLD
        answer: Promise[Response] = Promise()
        # In a task of its own: whoever gives up must not stop it between the store and memory, or in its turn.
        spawn(self._in_turn(asked, answer), answer.fail)
        return answer

    def _check(self, request: Request) -> None:
        user = request.to.uri
        if not user.is_sip:
            raise SIPError(400, "To Is No SIP URI")
        if user.host not in self._settings.domains:
            raise SIPError(404)
        if request.has("Require"):
            unknown = [option for option in request.values("Require") if option.lower() not in OPTIONS]
            if unknown:
                raise SIPError(420, headers=[("Unsupported", ", ".join(unknown))])

    def _at_once(self, asked: _Asked, memory: MemoryLocation) -> Response:
        """All of it in the turn that was taken."""
        try:
            now = self._clock.seconds()
            bindings = memory.bindings_at(asked.aor, now)
            if asked.wishes.contacts or asked.wishes.remove_all:
                _check_flow(asked)
                known = _only_refreshed(asked, bindings)
                if known is not None:
                    self._refresh(asked, known, memory, now)
                else:
                    plan = self._plan(asked, bindings, now)
                    memory.commit_now(plan.put.values(), plan.dropped)
                    self._announce(plan, asked.flow)
                bindings = memory.bindings_at(asked.aor, now)
            return self._answer(asked, bindings, now)
        finally:
            self._turns.leave(asked.aor)

    def _refresh(self, asked: _Asked, known: Binding, memory: MemoryLocation, now: float) -> None:
        """What a `Plan` comes to for `_only_refreshed`, and what is done then."""
        request = asked.request
        check_order(known, request.call_id, request.cseq)
        flow = asked.flow
        first = known.first_cseq if known.call_id == request.call_id else request.cseq
        binding = self._binding(asked.wishes.contacts[0], asked, now, known.key, first)
        memory.put_now(binding)
        self._on_change(REFRESHED, binding)
        self._ask_whether_alive(known, flow)
        if flow is not None:
            if known.flow_id != flow.id:
                self._superseded(known.flow_id, known.key, flow)
            self._came_back(binding.key, flow)

    async def _in_turn(self, asked: _Asked, answer: Promise[Response]) -> None:
        if not self._turns.take(asked.aor):
            await self._turns.enter(asked.aor)
        try:
            if asked.wishes.contacts or asked.wishes.remove_all:
                await self._change(asked)
            bindings = await self._location.bindings(asked.aor)
            answer.resolve(self._answer(asked, bindings, self._clock.seconds()))
        finally:
            self._turns.leave(asked.aor)

    def _answer(self, asked: _Asked, bindings: Sequence[Binding], now: float) -> Response:
        base = without_instance(asked.request.to.uri) if asked.gruu else ""
        headers = answer_headers(bindings, base, now, self._temporary)
        if asked.path:
            headers += [("Path", hop) for hop in asked.path]
        if self._service_route:
            headers += self._service_route
        if has_reg_id(asked.wishes):
            headers += outbound_headers(asked.flow, self._settings)
        return asked.request.response(200, to_tag=self._new_id(), headers=headers)

    # -- changing

    async def _change(self, asked: _Asked) -> None:
        flow = asked.flow
        _check_flow(asked)
        plan = await self._committed(asked)
        if flow is not None and flow.closed and plan.put:
            await self._roll_back(asked.aor, flow, plan)
            raise SIPError(480, "Flow Is Gone")
        self._announce(plan, flow)

    async def _committed(self, asked: _Asked) -> Plan:
        """What was changed and is durable. A browser's REGISTER waits for a store that is away: it would not be sent
        again. All others get 503."""
        again = 0
        while True:
            bindings = await self._location.bindings(asked.aor)
            plan = self._plan(asked, bindings, self._clock.seconds())
            more = plan.more
            try:
                self._quotas.reserve(asked.aor, more)
                try:
                    await self._location.commit(asked.aor, list(plan.put.values()), plan.dropped, True)
                finally:
                    self._quotas.reserve(asked.aor, -more)
                return plan
            except Outdated:
                again += 1  # another server came first: it is thought over again at once
                if again >= MOST_AGAIN:
                    raise SIPError(503, headers=[("Retry-After", str(RETRY_AFTER))]) from None
                continue
            except StoreFailed as error:
                if self._clock.seconds() + PAUSE > asked.until:
                    raise SIPError(503, headers=[("Retry-After", str(RETRY_AFTER))]) from error
            pause: Promise[None] = Promise()
            self._clock.callLater(PAUSE, pause.resolve, None)
            await pause
            _check_flow(asked)

    def _plan(self, asked: _Asked, bindings: Sequence[Binding], now: float) -> Plan:
        plan = Plan(bindings, asked.request.call_id, asked.request.cseq)
        if asked.wishes.remove_all:
            for binding in bindings:
                plan.remove(binding)
            return plan
        for wish in asked.wishes.contacts:
            named: Wish | None = wish
            if wish.uri.has_param("gr"):
                named = self._own_gruus.meant(wish, asked.aor, asked.request.to.uri, bindings)
            if named is not None:
                key = self._key(named, named.uri.text, asked.aor, bindings)
                first = self._first_cseq(named, asked.request, key, bindings)
                plan.take(named, self._binding(named, asked, now, key, first))
        most = self._quotas.of_user(asked.aor, self._settings.max_bindings)
        plan.make_room(most, self._settings.when_full == "refuse", self._is_dead)
        self._quotas.admit(asked.aor, plan.more)
        return plan

    def _first_cseq(self, wish: Wish, request: Request, key: bytes, bindings: Sequence[Binding]) -> int:
        """`Binding.first_cseq`. A phone that only lost its connection goes on with what it had (RFC 5626 §4.4)."""
        for known in bindings:
            same = known.key == key or same_instance(known.instance, wish.instance)
            if same and known.call_id == request.call_id:
                return known.first_cseq
        gone = self._location.by_key(key)
        if gone is not None and gone.lost and gone.call_id == request.call_id:
            return gone.first_cseq
        return request.cseq

    def _binding(self, wish: Wish, asked: _Asked, now: float, key: bytes, first_cseq: int) -> Binding:
        request = asked.request
        expires = min(wish.expires, self._settings.max_expires)
        if now < self._spread_until:
            expires = self._less_than(expires)
        return Binding(
            asked.aor,
            wish.uri.text,
            wish.params,
            wish.q,
            wish.instance,
            wish.reg_id,
            request.call_id,
            request.cseq,
            now + expires,
            now,
            asked.path,
            self._node,
            b"" if asked.flow is None else asked.flow.id,
            key,
            (request.get("User-Agent") or "")[:MAX_USER_AGENT],
            asked.secure,
            False,
            False,
            first_cseq,
        )

    def _less_than(self, expires: int) -> int:
        """Somewhere between half of ``expires`` and all of it; never less than a phone may ask for."""
        least = max(self._settings.min_expires, expires // 2)
        return expires - int(self._chance() * (expires - least + 1)) if expires > least else expires

    def _key(self, wish: Wish, contact: str, aor: str, bindings: Sequence[Binding]) -> bytes:
        """What the binding is called in tokens. One of ``bindings`` that is refreshed keeps its name."""
        instance, reg_id = wish.instance, wish.reg_id
        for known in bindings:
            if known.contact == contact and known.instance == instance and known.reg_id == reg_id:
                return known.key
        return binding_key(self._secret, aor, None if instance is None else comparable(instance), reg_id, contact)

    def _is_dead(self, binding: Binding) -> bool:
        here = binding.flow_id != b"" and binding.node == self._node  # what others hold they end themselves
        return binding.lost or (here and self._flows.find(binding.flow_id) is None)

    async def _roll_back(self, aor: str, flow: Flow, plan: Plan) -> None:
        """The phone left before its 200: what it took the place of is back, unless that is dead as well."""
        now = self._clock.seconds()
        restored = [
            binding
            for binding in plan.displaced
            if binding.expires_at > now and (binding.lost or not self._is_dead(binding))
        ]
        keys = {binding.key for binding in restored}
        try:
            await self._location.commit(
                aor, restored, [binding for binding in plan.put.values() if binding.key not in keys]
            )
        except StoreFailed:
            # Memory at least must not send calls to where nobody is. The store's entry comes back as *lost*, if ever.
            await self._location.flow_lost(flow.id)

    def _announce(self, plan: Plan, flow: Flow | None) -> None:
        for change, binding in plan.changes():
            self._on_change(change, binding)
        for binding in plan.displaced:
            self._ask_whether_alive(binding, flow)
            if flow is not None and binding.flow_id != flow.id and binding.key in plan.put:
                self._superseded(binding.flow_id, binding.key, flow)
        if flow is not None:
            for key in plan.put:
                self._came_back(key, flow)

    def _ask_whether_alive(self, superseded: Binding, flow: Flow | None) -> None:
        """An old connection of a phone that came back on another is pinged, not closed: dialogs may still use it."""
        if superseded.flow_id and (flow is None or superseded.flow_id != flow.id):
            old = self._flows.find(superseded.flow_id)
            if old is not None and old.reliable:
                old.ping()


def _only_refreshed(asked: _Asked, bindings: Sequence[Binding]) -> Binding | None:
    """The only one of ``bindings``, if all that ``asked`` wants is that this lives on as it is: nearly always. Else
    None: what it comes to is for a `Plan` to find out."""
    wishes = asked.wishes.contacts
    if len(bindings) != 1 or len(wishes) != 1:
        return None
    wish, known = wishes[0], bindings[0]
    same = known.contact == wish.uri.text and known.instance == wish.instance and known.reg_id == wish.reg_id
    return known if same and wish.expires and not wish.uri.has_param("gr") else None


def _check_flow(asked: _Asked) -> None:
    """Nobody is bound to a connection that is gone."""
    flow = asked.flow
    if flow is not None and flow.closed and not _only_removes(asked.wishes):
        raise SIPError(480, "Flow Is Gone")


def _only_removes(wishes: Wishes) -> bool:
    return all(wish.expires == 0 for wish in wishes.contacts)


def _check_first_hop(asked: _Asked) -> None:
    """RFC 5626 §6: flows are of no use when the proxy next to the phone does not keep them."""
    if not has_reg_id(asked.wishes):
        return
    if asked.path:
        if not NameAddr.parse(asked.path[-1]).uri.has_param("ob"):
            raise SIPError(439, "First Hop Lacks Outbound Support")
    elif len(asked.request.values("Via")) > 1:
        raise SIPError(439, "First Hop Lacks Outbound Support")
