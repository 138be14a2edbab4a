"""Who may ask for what: trusted sources, credentials, From and To (the table: docs/explanation/who-may-say-what)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.auth.authenticator import Authenticator
from oversip_tw.auth.trust import Role, Trust
from oversip_tw.interfaces import Flow, Listener
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.ours import Ours
from oversip_tw.proxy.own_routes import in_dialog
from oversip_tw.proxy.settings import Settings
from oversip_tw.registrar.location import Location
from oversip_tw.sip.accounts import aor_of, name_in
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri

#: RFC 3323 §4.1.1.3
ANONYMOUS_HOST = "anonymous.invalid"


class Admission:
    """Decides about requests out of dialog."""

    def __init__(
        self,
        settings: Settings,
        ours: Ours,
        trust: Trust,
        authenticator: Authenticator,
        location: Location,
        algorithms: Callable[[Listener], Sequence[str] | None],
    ) -> None:
        """``algorithms``: what a listener offers; None: what the authenticator offers everywhere."""
        self._settings = settings
        # whoever calls through an edge is a client of its core, which asks for credentials or does not
        self._open = settings.inbound == "open" and not settings.edge
        self._ours = ours
        self._trust = trust
        self._authenticator = authenticator
        self._location = location
        self._algorithms = algorithms

    def arrival(self, request: Request, source: Flow, answers_to: Flow) -> Arrival:
        """``request`` with what its source alone tells."""
        role = self._trust.role(source)
        trusted = role is not None and role.hop
        return Arrival(
            request,
            answers_to,
            trusted=trusted,
            unchallenged=trusted and role is not Role.EDGE,
            client=source.accepted and not trusted and not (self._open and self._is_hop_of_strangers(request, source)),
            in_dialog=in_dialog(request),
            core=role is Role.CORE or role is Role.NODE,
        )

    def _is_hop_of_strangers(self, request: Request, source: Flow) -> bool:
        """Callers from elsewhere, where those are let in, come by a hop, not by a flow: they can be dialled. Not so one
        on a WebSocket: nobody reaches it but on this very connection."""
        if request.method == "REGISTER" or source.transport in ("ws", "wss"):
            return False
        caller = request.from_.uri
        return not self._ours.is_domain(caller.host) and not self._is_anonymous(caller)

    async def admit_register(self, arrival: Arrival) -> None:
        """Let a REGISTER pass, and note its user. Raises SIPError: 401 or 403."""
        request = arrival.request
        if request.has("Path") and not arrival.trusted:
            raise SIPError(403, "Path Not Allowed")
        if self._settings.edge:
            return  # the core asks who it is
        user = request.to.uri
        if not (self._ours.is_domain(user.host) and self._ours.owns(request.uri)):
            raise SIPError(403, "Foreign Domain")
        if arrival.unchallenged:
            arrival.user = user.aor
            return
        arrival.user = arrival.flow.identity or await self._authenticate(arrival, user.host, proxy=False)
        if arrival.user != user.aor:
            raise SIPError(403)

    async def admit(self, arrival: Arrival) -> None:
        """Let any other request of somebody who is challenged pass, and note its user. Raises SIPError: 403 or 407."""
        request = arrival.request
        if self._settings.edge:
            return
        caller = request.from_.uri
        anonymous = self._is_anonymous(caller)
        if not anonymous and not self._ours.is_domain(caller.host):
            if self._open and self._ours.owns(request.uri):
                return
            raise SIPError(403)
        realm = caller.host if self._ours.is_domain(caller.host) else self._settings.domains[0]
        arrival.user = arrival.flow.identity or await self._authenticate(arrival, realm, proxy=True)
        if not anonymous and caller.aor != arrival.user:
            raise SIPError(403)

    def _is_anonymous(self, caller: Uri) -> bool:
        if caller.host == ANONYMOUS_HOST:
            return True
        return (caller.user or "").lower() == "anonymous" and self._ours.is_domain(caller.host)

    async def _authenticate(self, arrival: Arrival, realm: str, proxy: bool) -> str:
        flow = arrival.flow
        name = await self._authenticator.check(
            arrival.request,
            realm,
            proxy,
            address=None if arrival.trusted else flow.peer[0],
            established=self._established(flow, realm) if self._authenticator.throttling else (),
            algorithms=self._algorithms(flow.listener),
        )
        try:
            return aor_of(name, realm)
        except ParseError:
            raise SIPError(403) from None

    def _established(self, flow: Flow, realm: str) -> list[str]:
        """Users who are registered on this very flow: no throttle for failed logins touches them."""
        bound = (Uri.parse(binding.aor) for binding in self._location.by_flow(flow.id))
        return [name_in(uri.user) for uri in bound if uri.user and uri.host == realm]
