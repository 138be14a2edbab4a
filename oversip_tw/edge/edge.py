"""What an edge knows of its core and of the phones that registered through it (rules: docs/explanation/outbound)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oversip_tw.edge.contacts import PARAM, Contacts
from oversip_tw.edge.identity import Identities
from oversip_tw.edge.registration import Registration
from oversip_tw.edge.settings import Settings
from oversip_tw.edge.throttle import Throttle
from oversip_tw.interfaces import Clock, Flow
from oversip_tw.outbound.token import BadToken, Purpose, Token
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.next_hops import Destination
from oversip_tw.proxy.routing import Proxy
from oversip_tw.proxy.settings import NextHop
from oversip_tw.proxy.whereabouts import phones_at
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import OnChange
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri

#: flows whose Service-Route is remembered; the oldest is forgotten first
MOST_SERVICE_ROUTES = 100_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an edge is given besides the proxy core."""

    clock: Clock
    #: names this process in bindings
    node: str
    #: keys the names of bindings
    secret: bytes
    #: hears of each binding that came to a flow
    came_back: Callable[[bytes, Flow], None]
    #: hears before that of the id of the flow that it was on, if that was another
    superseded: Callable[[bytes, bytes, Flow], None]
    #: hears of every change
    on_change: OnChange


class Edge:
    """The decisions that `oversip_tw.logic.EdgeLogic` is made of, each by itself."""

    __slots__ = ("_core", "_service_routes", "contacts", "given", "identities", "ob_above", "settings", "throttle")

    def __init__(self, core: Core, settings: Settings, given: Surroundings) -> None:
        self._core = core
        self.given = given
        self.identities = Identities()
        #: the core looks for `ob` in the Path of our side of it (`Registration.send`)
        self.ob_above = False
        #: by flow and user: several may share a connection
        self._service_routes: dict[bytes, dict[str, tuple[str, ...]]] = {}
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Work by other ``settings`` from now on."""
        self.settings = settings
        self.contacts = Contacts(self._core.tokens, settings.return_by == "contact")
        self.throttle = Throttle(settings, self.given.clock)

    @property
    def core(self) -> NextHop:
        """Where requests of phones go."""
        return self.settings.core

    # -- from the core ----------------------------------------------------------------------------------------------

    def find_phone(self, arrival: Arrival) -> bool:
        """Whether a request of a trusted hop is for one of our phones, whose Contact is the Request-URI then.

        It is by the Path that it gives back, by a Contact of ours, or by the very Contact of a phone. Raises SIPError
        430 for a phone that nobody knows any more.
        """
        if not arrival.trusted:
            return False
        if any(arrival.tokens):
            self.show_contact(arrival)
            return True
        binding = self.show_contact(arrival)
        if binding is not None and binding.ended:
            raise SIPError(430)
        if binding is None and not arrival.request.has("Route"):
            binding = self._phone_at(arrival.request.uri)
        if binding is None:
            return False
        arrival.tokens.append(Token(Purpose.PATH, binding.node, binding.flow_id, binding.key))
        return True

    def show_contact(self, arrival: Arrival) -> Binding | None:
        """Put the phone's own Contact in the place of ours in the Request-URI of a trusted hop's request.

        The binding that it is; None: it is none of ours. Raises SIPError 430 for one that is forgotten, 403 for a token
        that we did not make.
        """
        uri = arrival.request.uri
        if not arrival.trusted or not uri.is_sip:
            return None
        sealed = self.contacts.sealed_in(uri)
        if sealed is None:
            if uri.has_param(PARAM):
                raise BadToken
            return None
        arrival.request.uri = Uri.parse(sealed.contact)
        arrival.way = None
        binding = self._core.location.by_key(sealed.binding_key)
        if binding is None:
            raise SIPError(430)
        return binding

    # -- from phones ------------------------------------------------------------------------------------------------

    def allows_route(self, arrival: Arrival) -> bool:
        """Whether the Routes that a phone wrote itself lead to the core, or are what the core gave it (RFC 3608)."""
        routes = arrival.request.values("Route")
        if not routes:
            return True
        given = {route for user in self._service_routes.get(arrival.flow.id, {}).values() for route in user}
        return all(route in given or self._is_core(NameAddr.parse(route).uri) for route in routes)

    def _is_core(self, uri: Uri) -> bool:
        return any(
            uri.host == core.host and (uri.port or 5060) == (core.port or 5060) for core in self.settings.core.uris
        )

    def register(self, arrival: Arrival, proxy: Proxy | None = None, to: Destination | None = None) -> None:
        """Send a REGISTER to the core (or ``to`` another), so that its phone is found again through us.

        ``proxy``: with callbacks or a profile of yours; none is needed for anything else.
        """
        core = self.core if to is None else to
        if not arrival.client:
            if proxy is None:
                proxy = Proxy(self._core)
            proxy.route(arrival, core)
            return
        registration = Registration(self, self._core, arrival)
        if not registration.absorbed():
            registration.send(core, proxy)

    def assert_identity(self, arrival: Arrival) -> None:
        """Tell the core who sends this, if it has accepted the REGISTER of that very user on this connection."""
        if not (self.settings.assert_identity and arrival.client):
            return
        aor, flow = arrival.request.from_.uri.aor, arrival.flow
        if self.identities.holds(flow, aor) and any(
            binding.aor == aor for binding in self._core.location.by_flow(flow.id)
        ):
            arrival.request.set("P-Asserted-Identity", f"<{aor}>")

    def name_the_user(self, arrival: Arrival) -> None:
        """A phone that is called by its Contact, as SIP.js does it in an attended transfer, cannot be found by the
        core: it is asked for the user instead, one of whose phones knows the call."""
        request = arrival.request
        binding = self._phone_at(request.uri)
        if binding is not None:
            request.uri = Uri.parse(binding.aor)

    def _phone_at(self, uri: Uri) -> Binding | None:
        """The one phone whose Contact ``uri`` is."""
        named = [binding for binding in phones_at(self._core, uri) if binding.flow_id]
        return named[0] if len(named) == 1 else None

    # -- what registrations report ----------------------------------------------------------------------------------

    def give_service_route(self, flow: Flow, aor: str, routes: tuple[str, ...]) -> None:
        """The core wants requests that ``aor`` sends by ``flow`` to bear these Routes."""
        if not routes and flow.id not in self._service_routes:
            return
        given = self._service_routes.pop(flow.id, {})
        given.pop(aor, None)
        if routes:
            given[aor] = routes
        if given:
            if len(self._service_routes) >= MOST_SERVICE_ROUTES:
                del self._service_routes[next(iter(self._service_routes))]
            self._service_routes[flow.id] = given

    def flow_lost(self, flow: Flow) -> None:
        """A connection is gone."""
        self.identities.flow_lost(flow.id)
        self.throttle.flow_lost(flow.id)
        self._service_routes.pop(flow.id, None)
