"""The element put together from its rooms: what the service, a program around us and the tests all use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from oversip_tw.auth import authenticator, floods, nonce
from oversip_tw.auth.ephemeral import Ephemeral
from oversip_tw.auth.trust import Role, Trust, TrustedSource
from oversip_tw.auth.users import Users
from oversip_tw.edge import edge as edges
from oversip_tw.edge.settings import Settings as EdgeSettings
from oversip_tw.edge.watch import Watch
from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Bearers, Clock, Connector, Flow, Handshakes, Listener, Log, Lookups, NewId, Target
from oversip_tw.logic import EdgeLogic
from oversip_tw.outbound import waiting
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.outbound.token import Tokens
from oversip_tw.presence import settings as presence
from oversip_tw.promise import spawn
from oversip_tw.proxy import settings as proxy
from oversip_tw.proxy.calls import Calls
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.nodes import Elsewhere, Nodes
from oversip_tw.proxy.ours import Ours
from oversip_tw.proxy.resuming import Resuming
from oversip_tw.registrar import location
from oversip_tw.registrar import settings as registrar
from oversip_tw.registrar.changes import BindingStore
from oversip_tw.registrar.quotas import Quotas
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.registrar.temporary import TemporaryGruus
from oversip_tw.resolve.health import Health
from oversip_tw.resolve.targets import Resolver
from oversip_tw.server import nat_pings, pace
from oversip_tw.server.admission import Admission
from oversip_tw.server.changes import BindingChanges
from oversip_tw.server.element import Element
from oversip_tw.server.events import RegistrationEvents
from oversip_tw.server.hooking import Hooking
from oversip_tw.server.nat_pings import NatPings
from oversip_tw.server.pace import Pace
from oversip_tw.server.proofs import Proofs
from oversip_tw.server.stateless import Stateless
from oversip_tw.server.trace import Trace
from oversip_tw.sip.accounts import name_in
from oversip_tw.sip.errors import SIPError, trail
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.table import LIMIT, Transactions
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.wheel import TimerWheel


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an element is given by whoever runs it."""

    clock: Clock
    #: seconds since 1970
    wall: Callable[[], float]
    log: Log
    new_id: NewId
    #: a number in [0, 1)
    chance: Callable[[], float]
    flows: FlowTable
    connector: Connector
    lookups: Lookups
    users: Users
    #: None: bindings live in memory alone
    store: BindingStore | None = None
    hooks: Hooks = field(default_factory=Hooks)
    #: who reads tokens in requests, and what stands in handshakes; None: nobody
    bearers: Bearers | None = None
    handshakes: Handshakes | None = None
    #: who reads credentials that bear their end; None: there are none
    ephemeral: Ephemeral | None = None
    #: whether an IP address is one of this machine's
    is_local: Callable[[str], bool] = lambda address: False


def _as_everywhere(listener: Listener) -> Sequence[str] | None:
    return None


@dataclass(frozen=True, slots=True)
class Settings:
    """What an element can be told; each room's settings are its own."""

    domains: tuple[str, ...]
    #: further names of our addresses
    aliases: tuple[str, ...] = ()
    node: str = "1"
    #: the servers that share our store, and where each is reached
    nodes: Mapping[str, str] = field(default_factory=dict)
    #: at least 32 random octets each, kept over restarts; the first signs, all verify
    keys: tuple[bytes, ...] = ()
    trust: Trust = field(default_factory=Trust)
    limits: Limits = field(default_factory=Limits)
    timers: Timers = field(default_factory=Timers)
    transactions: int = LIMIT
    proxy: proxy.Settings = field(default_factory=proxy.Settings)
    location: registrar.Remembering = field(default_factory=registrar.Remembering)
    #: what differs between the domains
    by_domain: registrar.Domains = field(default_factory=registrar.Domains)
    registrar: registrar.Settings = field(default_factory=registrar.Settings)
    waiting: waiting.Settings = field(default_factory=waiting.Settings)
    pace: pace.Settings = field(default_factory=pace.Settings)
    nat_pings: nat_pings.Settings = field(default_factory=nat_pings.Settings)
    #: the digest algorithms that a listener offers; None: those of ``authentication``
    algorithms: Callable[[Listener], Sequence[str] | None] = _as_everywhere
    authentication: authenticator.Settings = field(default_factory=authenticator.Settings)
    nonces: nonce.Settings = field(default_factory=nonce.Settings)
    floods: floods.Settings = field(default_factory=floods.Settings)
    #: the core behind this edge; None: the users are our own
    edge: EdgeSettings | None = None
    #: subscriptions to registrations; None: they pass to the phones
    events: presence.Settings | None = field(default_factory=presence.Settings)
    #: a client certificate that names a user proves that user
    certificates: bool = False
    #: log every message, credentials blacked out
    trace: bool = False


def assemble(given: Surroundings, settings: Settings) -> Element:
    """The element, ready to be reported to. Tell it its listeners by ``element.listens``; start and stop
    ``element.core.location`` yourself."""
    log = given.log

    def failed(error: BaseException) -> None:
        log.error("unexpected: {error!r} at {trail}", error=error, trail=trail(error))

    wheel = TimerWheel(given.clock, failed=failed)
    hooking = Hooking(given.hooks, wheel, spawn, log)
    waits = waiting.Waiting(wheel, settings.waiting, failed)
    changes = BindingChanges(log, given.flows)
    changes.elsewhere = Elsewhere(waits).heard
    by_domain = settings.by_domain
    limited = by_domain.registrations or by_domain.bindings
    quotas = Quotas(by_domain.registrations, by_domain.bindings) if limited else None
    bindings = location.MemoryLocation(
        given.clock, given.wall, given.store, settings.location, changes.heard, failed, changes.heard_elsewhere, quotas
    )
    ours = _ours(settings, given)
    core = _core(given, settings, wheel, waits, bindings, ours, hooking.run)
    core.nodes = Nodes(settings.nodes, core.tokens, bindings) if settings.nodes else None
    secret = settings.keys[0]
    resuming = Resuming(core)
    if settings.nat_pings.how != "off":
        changes.nat_pings = NatPings(core, settings.nat_pings, settings.node, bindings.all)
    logic, watch = _edge(core, settings, given, changes, waits, resuming)
    digest = _authenticator(given, settings, ours, bindings)
    proofs = Proofs(ours, wheel, given.wall, given.bearers, given.handshakes, settings.certificates)
    element = Element(
        core=core,
        authenticator=digest,
        admission=_admission(settings, ours, digest, bindings, proofs),
        registrar=_registrar(core, settings, given, changes, waits, resuming, quotas),
        stateless=Stateless(_derived(secret, b"stateless"), given.flows),
        resuming=resuming,
        pace=Pace(settings.pace, given.clock.seconds, settings.trust, given.chance),
        hooking=hooking,
        changes=changes,
        proofs=proofs,
        pings=floods.Pings(settings.floods, given.clock.seconds, settings.trust),
        limits=settings.limits,
        trace=Trace(log) if settings.trace else None,
        logic=logic,
        watch=watch,
        events=_events(core, settings, changes),
        nat_pings=changes.nat_pings,
    )
    element.use_hooks(given.hooks)
    return element


def _admission(
    settings: Settings, ours: Ours, digest: authenticator.Authenticator, bindings: location.Location, proofs: Proofs
) -> Admission:
    realms = settings.by_domain.realms
    return Admission(settings.proxy, ours, settings.trust, digest, bindings, settings.algorithms, proofs, realms)


def _events(core: Core, settings: Settings, changes: BindingChanges) -> RegistrationEvents | None:
    """An edge has nothing to tell: the registrations are its core's."""
    if settings.edge is not None or settings.events is None:
        return None
    return RegistrationEvents(core, changes, settings.events, _temporary(core, settings))


def _temporary(core: Core, settings: Settings) -> TemporaryGruus | None:
    """What makes temporary GRUUs; None: nobody gets any."""
    return core.temporary if settings.registrar.temporary_gruus else None


def _ours(settings: Settings, given: Surroundings) -> Ours:
    by_domain = settings.by_domain
    # an edge has no users: its domains are names of its own
    names = settings.aliases + settings.domains if settings.edge else settings.aliases
    domains = () if settings.edge else settings.domains
    return Ours(domains, names, given.is_local, by_domain.aliases, by_domain.realms.values())


def _core(
    given: Surroundings,
    settings: Settings,
    wheel: TimerWheel,
    waits: waiting.Waiting,
    bindings: location.MemoryLocation,
    ours: Ours,
    run: Callable[[Callable[[], Awaitable[None] | None]], Awaitable[None]],
) -> Core:
    """What the proxy and everything beside it work with."""
    return Core(
        settings=settings.proxy,
        ours=ours,
        tokens=Tokens(settings.keys, settings.node),
        transactions=Transactions(wheel, settings.timers, settings.transactions, _Reconnect(given.connector)),
        wheel=wheel,
        flows=given.flows,
        connector=given.connector,
        resolver=Resolver(given.lookups, given.chance, given.clock),
        location=bindings,
        temporary=TemporaryGruus(settings.keys),
        waiting=waits,
        calls=Calls(given.clock, given.log, settings.by_domain.calls),
        new_id=given.new_id,
        spawn=spawn,
        log=given.log,
        trusts=_Trusts(settings.trust),
        knows=_Knows(given.users),
        health=Health(given.clock.seconds),
        run=run,
    )


def _registrar(
    core: Core,
    settings: Settings,
    given: Surroundings,
    changes: BindingChanges,
    waits: waiting.Waiting,
    resuming: Resuming,
    quotas: Quotas | None,
) -> Registrar:
    return Registrar(
        core.location,
        settings.registrar,
        given.clock,
        given.flows,
        given.new_id,
        node=settings.node,
        secret=_derived(settings.keys[0], b"binding"),
        on_change=changes.heard,
        came_back=waits.came_back,
        temporary=_temporary(core, settings),
        quotas=quotas,
        superseded=resuming.superseded,
        chance=given.chance,
    )


def _edge(
    core: Core,
    settings: Settings,
    given: Surroundings,
    changes: BindingChanges,
    waits: waiting.Waiting,
    resuming: Resuming,
) -> tuple[EdgeLogic | None, Watch | None]:
    """The logic of an edge, and what keeps an eye on its core."""
    if settings.edge is None:
        return None, None
    key = _derived(settings.keys[0], b"binding")
    surroundings = edges.Surroundings(
        given.clock, settings.node, key, waits.came_back, resuming.came_elsewhere, changes.heard
    )
    edge = edges.Edge(core, settings.edge, surroundings)
    logic = EdgeLogic()
    logic.core, logic.edge = core, edge

    def learn(targets: Sequence[Target]) -> None:
        named = bool(edge.settings.core_sources)  # then nobody else is trusted, nor who was before a reload
        settings.trust.learn(() if named else (source for target in targets for source in core_sources(target)))

    return logic, Watch(core, edge, learn)


def core_sources(target: Target) -> tuple[TrustedSource, ...]:
    """From where the core sends that is reached at ``target``: its own UDP port, and any port over TCP and TLS. One
    that is reached by TLS sends no UDP, whose source everybody can forge."""
    networks = (target.address,)
    udp = TrustedSource(networks, Role.CORE, target.port, frozenset({"udp"}))
    streams = TrustedSource(networks, Role.CORE, None, frozenset({"tcp", "tls"}))
    return (streams,) if target.transport == "tls" else (udp, streams)


def _authenticator(
    given: Surroundings, settings: Settings, ours: Ours, bindings: location.Location
) -> authenticator.Authenticator:
    # A secret of this run alone: what a former one has seen of nonces is forgotten, so they have to be stale.
    secret = _derived(settings.keys[0], b"nonce " + given.new_id().encode())

    def throttled(address: str, user: str, realm: str) -> None:
        given.log.warn(
            "too many failed logins from {address} for {user}@{realm}", address=address, user=user, realm=realm
        )

    def phone_of(uri: Uri, aor: str) -> bool:
        return any(binding.aor == aor for binding in bindings.by_contact(uri))

    seconds = given.clock.seconds
    return authenticator.Authenticator(
        settings.authentication,
        given.users,
        nonce.Nonces(secret, seconds, settings.nonces),
        floods.Logins(settings.floods, seconds),
        throttled,
        ours.owns,
        phone_of,
        given.ephemeral,
        {realm: domain for domain, realm in settings.by_domain.realms.items()},
    )


def _derived(secret: bytes, purpose: bytes) -> bytes:
    """A key of its own for each purpose."""
    return sha256(purpose + b"\0" + secret).digest()


class _Trusts:
    """Whether a next hop is one of the trusted sources."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def __call__(self, target: Target) -> bool:
        # over TLS the name is proven before anything is sent
        proven = (target.name,) if target.transport == "tls" and target.name else ()
        role = self._trust.role_of(target.transport, (target.address, target.port), False, proven)
        return role is not None and role.hop


class _Knows:
    """Whether there is such a user."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def __call__(self, aor: str) -> bool:
        uri = Uri.parse(aor)
        return bool(uri.user) and await self._users.ha1(name_in(uri.user or ""), uri.host, "MD5") is not None


class _Reconnect:
    """The way back to a hop whose connection closed before its answer (RFC 3261 §18.2.2)."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __call__(self, request: Request, flow: Flow) -> Flow | None:
        via = request.via
        port, name = (5061, via.host) if flow.transport == "tls" else (5060, "")
        target = Target(flow.transport, flow.peer[0], via.port or port, name)
        try:
            return self._connector.flow_to(target)
        except SIPError:
            return None  # a WebSocket, which nobody can dial
