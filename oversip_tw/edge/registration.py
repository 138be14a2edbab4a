"""One REGISTER on its way through an edge to the registrar behind it, and back (RFC 3327, RFC 5626 §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.edge.contacts import readable
from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.next_hops import Destination
from oversip_tw.proxy.record_route import own_uri
from oversip_tw.proxy.routing import Proxy
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change, StoreFailed
from oversip_tw.registrar.gruu import comparable
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.grammar import number
from oversip_tw.sip.message import Message, Response
from oversip_tw.sip.uri import Uri

if TYPE_CHECKING:
    from oversip_tw.edge.edge import Edge

#: seconds, where neither phone nor core says any (RFC 3261 §10.2.1.1)
DEFAULT_EXPIRES = 3600
#: how late the REGISTER of a phone that is told to come back may be: Timer F
LATE = 32
_LONGEST = 2**32 - 1
#: what an absorbed REGISTER is answered with, as the core's last 200 had it
_KEPT = ("Contact", "Path", "Service-Route", "P-Associated-URI", "Supported", "Require", "Flow-Timer")


class Registration:
    """What is written into the REGISTER for the core, and what its answer tells."""

    def __init__(self, edge: Edge, core: Core, arrival: Arrival) -> None:
        """Raises SIPError 400 for a Contact that cannot be read."""
        self._edge = edge
        self._core = core
        self._arrival = arrival
        request = arrival.request
        self._came_at = edge.given.clock.seconds()
        self._aor = request.to.uri.aor
        self._contacts = request.contacts
        self._single = self._contacts[0] if len(self._contacts) == 1 and not request.contact_star else None
        self._key = b"" if self._single is None else self._key_of(self._single)

    def _key_of(self, contact: NameAddr) -> bytes:
        instance, reg_id = _instance(contact)
        uri = contact.uri.text
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
        binding = self._binding(single, edge.settings.client_expires + LATE)
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

    def send(self, proxy: Proxy, to: Destination) -> None:
        """Send it by ``proxy``."""

        def refused(response: Response) -> None:
            if self._wants_ob_above(response):
                proxy.route(self._arrival, to)
            else:
                self._refused(response)

        proxy.on_target(self._write)
        proxy.on_success(self._registered)
        proxy.on_failure(refused)
        proxy.route(self._arrival, to)

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
            supported = [option.lower() for option in request.values("Supported")]
            wanted = ["path"]
            if self._single is not None and self._single.has_param("reg-id"):
                wanted.append("outbound")
            for option in wanted:
                if option not in supported:
                    request.append("Supported", option)
        else:
            listener = attempt.flow.listener
            edge.contacts.hide(request, self._key, listener.sent_by, listener.transport)
        asked = 0 if self._single is None else self._asked(self._single)
        if edge.throttle.on and asked > 0:
            # a phone that asks for more may have been told so by the core (423)
            _set_expires(request, max(edge.settings.core_expires, asked))

    # -- from the core ----------------------------------------------------------------------------------------------

    async def _registered(self, response: Response) -> None:
        edge, arrival = self._edge, self._arrival
        edge.contacts.show(response)
        put, drop = await self._changes(response)
        refreshed = {binding.key for binding in put if self._is_refresh(binding)}
        try:
            if (put or drop) and not await self._commit(put, drop):
                put = []
        except StoreFailed as error:
            self._core.log.error("store: {error}: {aor} will not be found after a restart", error=error, aor=self._aor)
            put = []
        flow = arrival.flow
        for binding in put:
            edge.given.on_change(Change.REFRESHED if binding.key in refreshed else Change.ADDED, binding)
            edge.given.came_back(binding.key, flow)
        for binding in drop:
            edge.given.on_change(Change.REMOVED, binding)
        if put:
            edge.identities.assert_(flow, self._aor)
            edge.give_service_route(flow, self._aor, tuple(response.values("Service-Route")))
        elif drop and not any(each.aor == self._aor for each in self._core.location.by_flow(flow.id)):
            edge.identities.revoke(flow, self._aor)
            edge.give_service_route(flow, self._aor, ())
        self._tell_the_phone(response)

    async def _changes(self, response: Response) -> tuple[list[Binding], list[Binding]]:
        """Bindings that stand now, and those that do no more."""
        known = await self._core.location.bindings(self._aor)
        if self._arrival.request.contact_star:
            return [], list(known)
        granted = _contacts(response)
        put, gone = [], set()
        for contact in self._contacts:
            seconds = self._granted(contact, granted, response)
            key = self._key_of(contact)
            if self._is_outdated(key):
                continue
            if not seconds:
                gone.add(key)
            elif not self._arrival.flow.closed:
                put.append(self._binding(contact, seconds))
        self._ask_whether_alive(put)
        return put, [binding for binding in known if binding.key in gone]

    def _is_outdated(self, key: bytes) -> bool:
        """The phone has come by another connection meanwhile, and the core has accepted that already."""
        known = self._core.location.by_key(key)
        return known is not None and known.flow_id != self._arrival.flow.id and known.updated_at > self._came_at

    def _is_refresh(self, binding: Binding) -> bool:
        known = self._core.location.by_key(binding.key)
        return known is not None and not known.ended and known.flow_id == binding.flow_id

    def _granted(self, contact: NameAddr, granted: list[NameAddr], response: Response) -> int:
        """How long the core keeps that Contact; 0: it does not. Some cores give it back mended, or not at all."""
        asked = self._asked(contact)
        for each in granted:
            if each.uri.text == contact.uri.text or each.uri.equivalent(contact.uri):
                text = each.param("expires")
                seconds = number(text, _LONGEST) if text else response.expires
                return asked if seconds is None else seconds
        return asked if contact is self._single else 0

    def _asked(self, contact: NameAddr) -> int:
        text = contact.param("expires")
        seconds = number(text, _LONGEST) if text else self._arrival.request.expires
        return DEFAULT_EXPIRES if seconds is None else seconds

    def _binding(self, contact: NameAddr, seconds: int) -> Binding:
        request, flow, given = self._arrival.request, self._arrival.flow, self._edge.given
        instance, reg_id = _instance(contact)
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
            key=self._key_of(contact),
            user_agent=(request.get("User-Agent") or "")[:200],
            secure=flow.secure,
        )

    def _ask_whether_alive(self, put: list[Binding]) -> None:
        """An old connection of a phone that came back on another is pinged, not closed: dialogs may still use it."""
        for binding in put:
            old = self._core.location.by_key(binding.key)
            if old is not None and old.flow_id != binding.flow_id:
                flow = self._core.flows.find(old.flow_id)
                if flow is not None and flow.reliable:
                    flow.ping()

    def _tell_the_phone(self, response: Response) -> None:
        """How often it should show that it lives."""
        edge, flow, single = self._edge, self._arrival.flow, self._single
        settings = edge.settings
        seconds = settings.flow_timer if flow.reliable else settings.flow_timer_udp
        if seconds and "outbound" in response.values("Require") and not response.has("Flow-Timer"):
            response.append("Flow-Timer", str(seconds))
        if single is None or not edge.throttle.on or flow.closed:
            return
        key = self._throttle_key(single)
        granted = self._granted(single, _contacts(response), response)
        if not granted:
            edge.throttle.forget(key)
            return
        told = min(settings.client_expires, granted, self._asked(single) or granted)
        _set_expires(response, told, single.uri)
        headers = [(name, value) for name in _KEPT for value in response.get_all(name)]
        edge.throttle.remember(key, self._arrival.request.call_id, min(granted / 2, granted - told), headers)

    def _refused(self, response: Response) -> None:
        proven = self._arrival.request.has("Authorization")
        if response.status in (403, 404) or (response.status == 401 and _rejects(proven, response)):
            self._edge.identities.revoke(self._arrival.flow, self._aor)


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


def _instance(contact: NameAddr) -> tuple[str | None, int | None]:
    """+sip.instance without its wrapping, and reg-id. Whether they make sense is for the registrar to say."""
    text = contact.param("+sip.instance")
    if not text:
        return None, None
    reg_id = number(contact.param("reg-id") or "", 2**31 - 1)
    return text.strip("<>") or None, reg_id or None


def _contacts(response: Response) -> list[NameAddr]:
    return [address for value in response.values("Contact") if (address := readable(value)) is not None]


def _set_expires(message: Message, seconds: int, uri: Uri | None = None) -> None:
    """Let the Contacts (the one with ``uri``) live so many seconds."""
    values = message.values("Contact")
    message.remove("Contact")
    for value in values:
        address = readable(value)
        if address is not None and (uri is None or address.uri.text == uri.text):
            params = [(name, text) for name, text in address.params if name != "expires"]
            written = "".join(f";{name}" if text is None else f";{name}={text}" for name, text in params)
            value = f"<{address.uri}>{written};expires={seconds}"
        message.append("Contact", value)
    if message.has("Expires"):
        message.set("Expires", str(seconds))
