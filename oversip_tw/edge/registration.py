"""One REGISTER on its way through an edge to the registrar behind it, and back (RFC 3327, RFC 5626 §5)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from oversip_tw.edge.contacts import LONGEST, all_readable, instance_of, set_expires
from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.loop import loop_hash
from oversip_tw.proxy.next_hops import Destination, way_to
from oversip_tw.proxy.record_route import own_uri
from oversip_tw.proxy.routing import MOST_ROUTES, Proxy
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change, StoreFailed
from oversip_tw.registrar.gruu import comparable
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.sip import codes
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.grammar import number
from oversip_tw.sip.message import Response

if TYPE_CHECKING:
    from oversip_tw.edge.edge import Edge

#: seconds, where neither phone nor core says any (RFC 3261 §10.2.1.1)
DEFAULT_EXPIRES = 3600
#: how late the REGISTER of a phone that is told to come back may be: Timer F
LATE = 32
#: what an absorbed REGISTER is answered with, as the core's last 200 had it
_KEPT = ("Contact", "Path", "Service-Route", "P-Associated-URI", "Supported", "Require", "Flow-Timer")


class Registration:
    """What is written into the REGISTER for the core, and what its answer tells.

    It hears of that from a `Proxy`, whose callbacks it is among; or, where there is none, as the `Watcher` itself.
    """

    def __init__(self, edge: Edge, core: Core, arrival: Arrival) -> None:
        """Raises SIPError 400 for a Contact that cannot be read."""
        self._edge = edge
        self._core = core
        self._arrival = arrival
        request = arrival.request
        self._came_at = edge.given.clock.seconds()
        self._aor = request.to.uri.aor
        location = core.location
        #: the location, where nothing that is asked of it has to be waited for
        self._memory = location if isinstance(location, MemoryLocation) and location.forgetful else None
        self._contacts = request.contacts
        self._star = "*" in request.values("Contact")
        self._single = self._contacts[0] if len(self._contacts) == 1 and not self._star else None
        self._key = b"" if self._single is None else self._key_of(self._single)
        #: the next hop
        self._to: Destination = ()
        #: bindings that were on another flow
        self._moved: tuple[Binding, ...] = ()

    def _key_of(self, contact: NameAddr) -> bytes:
        """What the binding is called in tokens. One that is refreshed keeps its name."""
        instance, reg_id = instance_of(contact)
        uri = contact.uri.text
        location = self._core.location
        if isinstance(location, MemoryLocation):
            for known in location.bindings_now(self._aor):
                if known.contact == uri and known.instance == instance and known.reg_id == reg_id:
                    return known.key
        return binding_key(
            self._edge.given.secret, self._aor, None if instance is None else comparable(instance), reg_id, uri
        )

    # -- absorbing --------------------------------------------------------------------------------------------------

    def absorbed(self) -> bool:
        """The core need not hear of it: the phone only shows that it lives, and is told that we have heard."""
        edge, arrival = self._edge, self._arrival
        single = self._single
        if single is None or not edge.throttle.on or self._asked(single) == 0:
            return False
        known = edge.throttle.find(self._throttle_key(single), arrival.request.call_id)
        if known is None or not self._stands():
            return False
        binding = self._binding(single, self._key, edge.settings.client_expires + LATE)
        self._core.spawn(self._extend(binding), self._core.unexpected)
        self._core.reply(arrival, 200, headers=known.headers)
        return True

    def _throttle_key(self, contact: NameAddr) -> tuple[bytes, str, str]:
        params = [f"{name}={value}" for name, value in contact.params if name != "expires"]
        return (self._arrival.flow.id, self._aor, f"{contact.uri};{';'.join(params)}")

    def _stands(self) -> bool:
        """It is still bound here: nobody took it back for all phones of the user, nor by another connection."""
        binding = self._core.location.by_key(self._key)
        return binding is not None and not binding.ended and binding.flow_id == self._arrival.flow.id

    async def _extend(self, binding: Binding) -> None:
        try:
            await self._commit([binding], [])
        except StoreFailed as error:
            self._core.unexpected(error)

    async def _commit(self, put: list[Binding], drop: list[Binding]) -> bool:
        """Remember them; False when the phone's connection was lost over it, with all that was bound to it. Raises
        StoreFailed."""
        flow, location = self._arrival.flow, self._core.location
        await location.commit(self._aor, put, drop)
        if flow.closed:
            await location.flow_lost(flow.id)
        return not flow.closed

    # -- to the core ------------------------------------------------------------------------------------------------

    def send(self, to: Destination, proxy: Proxy | None = None) -> None:
        """Send it ``to`` the core, by ``proxy`` if there is one."""
        self._to = to
        if proxy is None:
            self._route()
            return

        def refused(response: Response) -> None:
            if self._wants_ob_above(response):
                proxy.route(self._arrival, to)
            else:
                self._refused(response)

        proxy.on_target(self._write)
        proxy.on_success(self._registered)
        proxy.on_failure(refused)
        proxy.route(self._arrival, to)

    def _route(self) -> None:
        """As `Proxy.route`."""
        arrival = self._arrival
        request, transaction = arrival.request, arrival.transaction
        if arrival.routed >= MOST_ROUTES:
            raise RuntimeError(f"routed {MOST_ROUTES} times")
        hash_ = "" if arrival.in_dialog else loop_hash(request, request.uri)
        way = way_to(self._to, request.uri, hash_)
        arrival.routed += 1
        if transaction is None or transaction.final_sent or arrival.over or arrival.answered:
            return
        self._core.relay(arrival, transaction, ((way,),), arrival.breadth, b"", self)

    def _wants_ob_above(self, response: Response) -> bool:
        """RFC 5626 §6 has the registrar look for `ob` in the lowest Path; Kamailio looks in the uppermost, and says 439
        when it is not there. Then it gets it, from now on."""
        edge = self._edge
        first = response.status == 439 and edge.settings.return_by == "path" and not edge.ob_above
        edge.ob_above = edge.ob_above or first
        return first

    def _write(self, attempt: Attempt) -> None:
        request, flow, edge = attempt.request, self._arrival.flow, self._edge
        if edge.settings.return_by == "path":
            token = self._core.tokens.path(flow.id, self._key)
            request.prepend("Path", own_uri(flow, token).replace(";lr>", ";lr;ob>"))
            upper = own_uri(attempt.flow)
            request.prepend("Path", upper.replace(";lr>", ";lr;ob>") if edge.ob_above else upper)
            supported = request.values("Supported") if request.has("Supported") else []
            supported = [option.lower() for option in supported]
            if "path" not in supported:
                request.append("Supported", "path")
            if self._single is not None and self._single.has_param("reg-id") and "outbound" not in supported:
                request.append("Supported", "outbound")
        else:
            listener = attempt.flow.listener
            edge.contacts.hide(request, self._key, listener.sent_by, listener.transport)
        if not edge.throttle.on:
            return
        asked = 0 if self._single is None else self._asked(self._single)
        if asked > 0:
            # a phone that asks for more may have been told so by the core (423)
            set_expires(request, max(edge.settings.core_expires, asked))

    # -- from the core ----------------------------------------------------------------------------------------------

    def _registered(self, response: Response) -> Awaitable[None] | None:
        """A 2xx came. None: all that follows from it has been done."""
        memory = self._memory
        if memory is None or self._arrival.flow.closed:
            return self._commit_and_announce(response)
        shown = self._edge.contacts.show(response)
        put, drop, refreshed = self._changes(response, shown, memory.bindings_now(self._aor))
        if put or drop:
            memory.commit_now(put, drop)
        self._announce(response, put, drop, refreshed)
        return None

    async def _commit_and_announce(self, response: Response) -> None:
        shown = self._edge.contacts.show(response)
        put, drop, refreshed = self._changes(response, shown, await self._core.location.bindings(self._aor))
        try:
            if (put or drop) and not await self._commit(put, drop):
                put = []
        except StoreFailed as error:
            self._core.log.error("store: {error}: {aor} will not be found after a restart", error=error, aor=self._aor)
            put = []
        self._announce(response, put, drop, refreshed)

    def _announce(self, response: Response, put: list[Binding], drop: list[Binding], refreshed: set[bytes]) -> None:
        edge, flow = self._edge, self._arrival.flow
        given = edge.given
        for former in self._moved if put else ():
            given.superseded(former.flow_id, former.key, flow)
        for binding in put:
            given.on_change(Change.REFRESHED if binding.key in refreshed else Change.ADDED, binding)
            given.came_back(binding.key, flow)
        for binding in drop:
            given.on_change(Change.REMOVED, binding)
        if put:
            edge.identities.assert_(flow, self._aor)
            routes = tuple(response.values("Service-Route")) if response.has("Service-Route") else ()
            edge.give_service_route(flow, self._aor, routes)
        elif drop and not any(each.aor == self._aor for each in self._core.location.by_flow(flow.id)):
            edge.identities.revoke(flow, self._aor)
            edge.give_service_route(flow, self._aor, ())
        self._tell_the_phone(response)

    def _changes(
        self, response: Response, shown: Sequence[str], known: Sequence[Binding]
    ) -> tuple[list[Binding], list[Binding], set[bytes]]:
        """Bindings that stand now, those of the ``known`` ones that do no more, and the keys of those that only go on.

        ``shown``: the Contacts of the answer.
        """
        put: list[Binding] = []
        gone: set[bytes] = set()
        refreshed: set[bytes] = set()
        if self._star:
            return put, list(known), refreshed
        flow = self._arrival.flow
        granted = all_readable(shown)
        for contact in self._contacts:
            seconds = self._granted(contact, granted, response)
            key = self._key if contact is self._single else self._key_of(contact)
            former = self._core.location.by_key(key)
            elsewhere = former is not None and former.flow_id != flow.id
            if former is not None and elsewhere and former.updated_at > self._came_at:
                # the phone has come by another connection meanwhile, and the core has accepted that already
                continue
            if not seconds:
                gone.add(key)
            elif not flow.closed:
                put.append(self._binding(contact, key, seconds))
                if former is not None and elsewhere:
                    self._moved += (former,)
                elif former is not None and not former.ended:
                    refreshed.add(key)
        return put, [binding for binding in known if binding.key in gone] if gone else [], refreshed

    def _granted(self, contact: NameAddr, granted: list[NameAddr], response: Response) -> int:
        """How long the core keeps that Contact; 0: it does not. Some cores give it back mended, or not at all."""
        for each in granted:
            if each.uri.text == contact.uri.text or each.uri.equivalent(contact.uri):
                text = each.param("expires")
                seconds = number(text, LONGEST) if text else response.expires
                return self._asked(contact) if seconds is None else seconds
        return self._asked(contact) if contact is self._single else 0

    def _asked(self, contact: NameAddr) -> int:
        text = contact.param("expires")
        seconds = number(text, LONGEST) if text else self._arrival.request.expires
        return DEFAULT_EXPIRES if seconds is None else seconds

    def _binding(self, contact: NameAddr, key: bytes, seconds: int) -> Binding:
        request, flow, given = self._arrival.request, self._arrival.flow, self._edge.given
        instance, reg_id = instance_of(contact)
        return Binding(
            self._aor,
            contact.uri.text,
            instance=instance,
            reg_id=reg_id,
            call_id=request.call_id,
            cseq=request.cseq,
            expires_at=given.clock.seconds() + seconds,
            updated_at=self._came_at,
            node=given.node,
            flow_id=flow.id,
            key=key,
            user_agent=(request.get("User-Agent") or "")[:200],
            secure=flow.secure,
        )

    def _tell_the_phone(self, response: Response) -> None:
        """How often it should show that it lives."""
        edge, flow, single = self._edge, self._arrival.flow, self._single
        settings = edge.settings
        if response.has("Require") and "outbound" in response.values("Require") and not response.has("Flow-Timer"):
            seconds = settings.flow_timer if flow.reliable else settings.flow_timer_udp
            if seconds:
                response.append("Flow-Timer", str(seconds))
        if single is None or not edge.throttle.on or flow.closed:
            return
        key = self._throttle_key(single)
        granted = self._granted(single, all_readable(response.values("Contact")), response)
        if not granted:
            edge.throttle.forget(key)
            return
        told = min(settings.client_expires, granted, self._asked(single) or granted)
        set_expires(response, told, single.uri)
        headers = [(name, value) for name in _KEPT for value in response.get_all(name)]
        edge.throttle.remember(key, self._arrival.request.call_id, min(granted / 2, granted - told), headers)

    def _refused(self, response: Response) -> None:
        proven = self._arrival.request.has("Authorization")
        if response.status in (403, 404) or (response.status == 401 and _rejects(proven, response)):
            self._edge.identities.revoke(self._arrival.flow, self._aor)

    # -- Watcher, as `Proxy` is one, without its callbacks ----------------------------------------------------------

    def targeted(self, attempt: Attempt) -> None:
        """A copy is about to leave."""
        try:
            self._write(attempt)
        except SIPError as error:
            code = error.code or codes.DESTINATION_ABORTED
            raise SIPError(error.status, error.reason, error.headers, code=code) from None
        except Exception as defect:
            self._core.broke(defect, attempt.request)
            raise SIPError(500, code=codes.DESTINATION_ABORTED) from defect

    def provisional(self, response: Response, go_on: GoOn) -> None:
        """Nothing follows from it."""
        go_on()

    def success(self, response: Response, go_on: GoOn) -> None:
        """This is about INVITEs."""
        go_on()

    def ended(self, outcome: Outcome, go_on: GoOn) -> None:
        """The core has answered, or cannot be reached."""
        response, routed = outcome.response, self._arrival.routed
        error: SIPError | None = None
        try:
            if response is None:
                pass
            elif 200 <= outcome.status < 300:
                doing = self._registered(response)
                if doing is not None:
                    self._core.spawn(self._await(doing, go_on, routed), self._core.unexpected)
                    return
            elif self._wants_ob_above(response):
                self._route()
            else:
                self._refused(response)
        except SIPError as refusal:
            error = refusal
        except Exception as defect:
            self._core.broke(defect, self._arrival.request)
        self._end(error, go_on, routed)

    async def _await(self, doing: Awaitable[None], go_on: GoOn, routed: int) -> None:
        error: SIPError | None = None
        try:
            await self._core.run(lambda: doing)
        except SIPError as refusal:
            error = refusal
        except Exception as defect:
            self._core.broke(defect, self._arrival.request)
        self._end(error, go_on, routed)

    def _end(self, error: SIPError | None, go_on: GoOn, routed: int) -> None:
        """``error`` is what to answer instead; ``routed``: how often the request had been when the outcome came."""
        arrival = self._arrival
        if error is not None:
            self._core.reply(arrival, error.status, error.reason, error.headers)
        elif not arrival.answered and (arrival.over or arrival.routed == routed):
            go_on()

    def rang_too_long(self) -> None:
        """This is about INVITEs."""

    def cancelled(self) -> None:
        """Nothing follows from it."""


def _rejects(proven: bool, response: Response) -> bool:
    """A 401 to a request with credentials says that they are wrong, unless only their nonce is too old."""
    if not proven:
        return False
    for text in response.get_all("WWW-Authenticate"):
        try:
            if (Credentials.parse(text).param("stale") or "").lower() == "true":
                return False
        except ParseError:
            continue
    return True
