"""Who may ask for what: trusted sources, credentials, From and To (the table: docs/explanation/who-may-say-what)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from oversip_tw.auth.authenticator import Authenticator
from oversip_tw.auth.credentials import bearer_token
from oversip_tw.auth.trust import Role, Trust
from oversip_tw.interfaces import Flow, Listener, NotProven
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.ours import Ours
from oversip_tw.proxy.own_routes import in_dialog
from oversip_tw.proxy.settings import Settings
from oversip_tw.registrar.location import Location
from oversip_tw.server.proofs import Proofs
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
        proofs: Proofs,
        realms: Mapping[str, str],
    ) -> None:
        """``algorithms``: what a listener offers; None: what the authenticator offers everywhere. ``realms``: of
        domains, where they are not called by their names."""
        self._proofs = proofs
        self._tokens = proofs.bearers is not None
        self._realms = realms
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
            from_node=role is Role.NODE,
        )

    def _is_hop_of_strangers(self, request: Request, source: Flow) -> bool:
        """Callers from elsewhere, where those are let in, come by a hop, not by a flow: they can be dialled. Not so one
        on a WebSocket: nobody reaches it but on this very connection."""
        if request.method == "REGISTER" or source.transport in ("ws", "wss"):
            return False
        caller = request.from_.uri
        return not self._ours.is_domain(caller.host) and not self._is_anonymous(caller)

    def admit(self, arrival: Arrival) -> Awaitable[None] | None:
        """Let a request pass, and note its user. None: it may; what is given else is to be awaited. Either way this
        raises SIPError: 401, 403 or 407."""
        if arrival.request.method == "REGISTER":
            return self._admit_register(arrival)
        return None if arrival.unchallenged else self._admit_caller(arrival)

    def _admit_register(self, arrival: Arrival) -> Awaitable[None] | None:
        request = arrival.request
        if not arrival.trusted and request.has("Path"):
            raise SIPError(403, "Path Not Allowed")
        if self._settings.edge:
            return None  # the core asks who it is
        user = request.to.uri
        if not (self._ours.is_domain(user.host) and self._ours.owns(request.uri)):
            raise SIPError(403, "Foreign Domain")
        aor = self._ours.user(user) if self._ours.has_aliases else user.aor
        if arrival.unchallenged:
            arrival.user = aor
            return None
        return self._prove(arrival, self._domain(aor, user), aor, False)

    def _admit_caller(self, arrival: Arrival) -> Awaitable[None] | None:
        request = arrival.request
        if self._settings.edge:
            return None
        caller = request.from_.uri
        anonymous = self._is_anonymous(caller)
        if not anonymous and not self._ours.is_domain(caller.host):
            # a Service-Route is for users: a stranger who writes one wants to be sent further than to them
            if self._open and self._ours.owns(request.uri) and (arrival.trusted or not request.has("Route")):
                return None
            raise SIPError(403)
        if anonymous:
            domain = caller.host if self._ours.is_domain(caller.host) else self._settings.domains[0]
            return self._prove(arrival, domain, "", True)
        aor = self._ours.user(caller) if self._ours.has_aliases else caller.aor
        return self._prove(arrival, self._domain(aor, caller), aor, True)

    def _domain(self, aor: str, uri: Uri) -> str:
        """That of the user ``aor``, whom ``uri`` means: another one's, where ``uri`` is an alias."""
        return Uri.parse(aor).host if self._ours.has_aliases else uri.host

    def _is_anonymous(self, caller: Uri) -> bool:
        if caller.host == ANONYMOUS_HOST:
            return True
        return (caller.user or "").lower() == "anonymous" and self._ours.is_domain(caller.host)

    def _prove(self, arrival: Arrival, domain: str, aor: str, proxy: bool) -> Awaitable[None] | None:
        """Find out which user of ``domain`` it is: nobody but ``aor`` will do, unless that is empty."""
        flow = arrival.flow
        identity = flow.identity
        token = bearer_token(arrival.request) if self._tokens else ""
        if identity:
            # One that comes with a new token may want to make the old one's time longer.
            if not (self._proofs.over and flow.id in self._proofs.over) and not token:
                _identify(arrival, identity, aor)
                return None
            if aor and aor != identity:
                raise SIPError(403)
            aor = identity
        realm = self._realms.get(domain, domain) if self._realms else domain
        if token:
            return self._prove_by_token(token, arrival, realm, aor, proxy)
        authenticator = self._authenticator
        address = None if arrival.trusted else flow.peer[0]
        established = self._established(flow, domain) if authenticator.throttling else ()
        offered = self._algorithms(flow.listener)
        request = arrival.request
        if authenticator.at_once:
            name = authenticator.check_now(request, realm, proxy, address, established, offered)
            _identify(arrival, _aor_of(name, domain), aor)
            return None
        checking = authenticator.check(request, realm, proxy, address, established, offered)
        return self._prove_later(checking, arrival, domain, aor)

    async def _prove_later(self, checking: Awaitable[str], arrival: Arrival, domain: str, aor: str) -> None:
        _identify(arrival, _aor_of(await checking, domain), aor)

    async def _prove_by_token(self, token: str, arrival: Arrival, realm: str, aor: str, proxy: bool) -> None:
        flow = arrival.flow
        try:
            proof = await self._proofs.verify(token, flow.secure or arrival.trusted)
        except NotProven:
            if flow.identity and flow.id not in self._proofs.over:
                # the connection proves as much as before, and nobody asks again
                _identify(arrival, flow.identity, aor)
                return
            raise self._authenticator.challenge(
                realm, proxy, False, self._algorithms(flow.listener), "invalid_token"
            ) from None
        _identify(arrival, proof.user, aor)
        if flow.identity == proof.user and not flow.closed:
            self._proofs.bind(flow, proof)

    def _established(self, flow: Flow, domain: str) -> Sequence[str]:
        """Users who are registered on this very flow: no throttle for failed logins touches them."""
        bound = (Uri.parse(binding.aor) for binding in self._location.by_flow(flow.id))
        return [name_in(uri.user) for uri in bound if uri.user and uri.host == domain]


def _identify(arrival: Arrival, proven: str, aor: str) -> None:
    arrival.user = proven
    if aor and proven != aor:
        raise SIPError(403)


def _aor_of(name: str, domain: str) -> str:
    try:
        return aor_of(name, domain)
    except ParseError:
        raise SIPError(403) from None
