"""What the proxy core works with, handed in once, and the few things that all its parts ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from oversip_tw.interfaces import Connector, Flow, Flows, Log, NewId, Spawn, Target
from oversip_tw.outbound.token import Tokens
from oversip_tw.outbound.waiting import Waiting
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.calls import Calls
from oversip_tw.proxy.context import ResponseContext
from oversip_tw.proxy.forwarding import Forwarding
from oversip_tw.proxy.nodes import Nodes
from oversip_tw.proxy.ours import Ours
from oversip_tw.proxy.probes import Probes
from oversip_tw.proxy.record_route import RecordRoutes, wants_record_route
from oversip_tw.proxy.settings import Profile, Settings
from oversip_tw.proxy.user_rules import UserRules
from oversip_tw.proxy.watcher import Watcher
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.location import Location
from oversip_tw.registrar.temporary import TemporaryGruus
from oversip_tw.resolve.health import Health
from oversip_tw.resolve.targets import Resolver
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError, trail
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.table import Transactions
from oversip_tw.transaction.wheel import TimerWheel

Headers = Sequence[tuple[str, str]]

#: configured next hops that are remembered
MOST_HOPS = 1000

#: octets that a Via of ours may have, and with it two Record-Routes
_VIA, _ALL_OURS = 120, 400


@dataclass(slots=True)
class Core:
    """The proxy core. Everything it needs is a field; it knows no socket and no clock but the wheel."""

    settings: Settings
    ours: Ours
    tokens: Tokens
    transactions: Transactions
    wheel: TimerWheel
    flows: Flows
    connector: Connector
    resolver: Resolver
    location: Location
    #: reads temporary GRUUs
    temporary: TemporaryGruus
    waiting: Waiting
    calls: Calls
    new_id: NewId
    spawn: Spawn
    log: Log
    #: the target is a trusted source (core, trunk, node, edge)
    trusts: Callable[[Target], bool]
    #: there is a user of that AoR
    knows: Callable[[str], Awaitable[bool]]
    #: which next hops are known to be dead
    health: Health
    #: calls user code and waits for it, for a bounded time
    run: Callable[[Callable[[], Awaitable[None] | None]], Awaitable[None]]
    #: the other servers that share our users; None: there are none
    nodes: Nodes | None = None
    #: sees every response before it is passed on; None where nobody wants to
    on_response: Callable[[Response, Request, ServerTransaction], None] | None = None
    #: configured next hops by transport, address and port, as they were last reached: within a dialog they are known
    #: by their address alone, and are to be treated, and to prove themselves, as before
    hops: dict[tuple[str, str, int], tuple[Target, Profile]] = field(default_factory=dict)
    #: where calls go that a user's phones did not take
    rules: UserRules = field(default_factory=UserRules)
    forwarding: Forwarding = field(init=False)
    probes: Probes = field(init=False)
    #: profiles by name, as ``settings`` were when they were asked for
    _profiles: dict[str, Profile] = field(init=False)
    _profiles_of: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.forwarding = Forwarding(self.settings, RecordRoutes(self.tokens), self.new_id)
        self.probes = Probes(self)
        self._profiles = {}
        self._profiles_of = self.settings

    def use(self, settings: Settings) -> None:
        """Work by other ``settings`` from now on; what is under way goes on as it began."""
        self.settings = settings
        self.forwarding.use(settings)

    def profile(self, name: str) -> Profile:
        """`Settings.named`, remembered: each branch asks several times."""
        if self._profiles_of is not self.settings:
            self._profiles_of = self.settings
            self._profiles = {}
        profile = self._profiles.get(name)
        if profile is None:
            profile = self._profiles[name] = self.settings.named(name)
        return profile

    def relay(
        self,
        arrival: Arrival,
        transaction: ServerTransaction,
        groups: Sequence[Sequence[Way]],
        breadth: int,
        caller_key: bytes = b"",
        watcher: Watcher | None = None,
    ) -> None:
        """Send ``arrival``'s request on its ways; ``watcher``, then its server ``transaction`` hear of the answers.

        Where it is under way already, those ways are given up.
        """
        former = transaction.user
        context = ResponseContext(self, arrival, transaction, groups, caller_key, watcher)
        transaction.user = context
        if isinstance(former, ResponseContext):
            context.inherit(former)
            former.give_up()
        context.start(breadth)

    def current_flow(self, flow_id: bytes, key: bytes) -> Flow | None:
        """The flow of the client that a token names: the one its binding was refreshed on last, else the named one."""
        if key:
            binding = self.location.by_key(key)
            if binding is not None and binding.flow_id != flow_id:
                newer = self.flows.find(binding.flow_id)
                if newer is not None:
                    return newer
        return self.flows.find(flow_id)

    def targets_at_once(self, way: Way, arrival: Arrival) -> Sequence[Target] | None:
        """`targets_of` where nobody has to be asked; None: somebody has to."""
        if way.targets:
            return way.targets
        hops = way.next_hops or (_next_hop(way, arrival.request),)
        profile = way.profile or self._profile_for(arrival)
        secure = way.uri.secure or arrival.request.uri.secure
        found: list[Target] = []
        for uri in hops:
            targets = self.resolver.resolve_address(uri, _size(arrival), secure, profile.resolve)
            if targets is None:
                return None
            found += targets
        return self._in_bounds(self._as_known(found), way)

    async def targets_of(self, way: Way, arrival: Arrival) -> Sequence[Target]:
        """Where ``way`` leads, by RFC 3263. Raises SIPError; 403 for an address that is out of bounds (R5)."""
        profile = way.profile or self._profile_for(arrival)
        secure = way.uri.secure or arrival.request.uri.secure
        found: list[Target] = []
        failed: SIPError | None = None
        for uri in way.next_hops or (_next_hop(way, arrival.request),):
            try:
                found += await self.resolver.resolve(uri, _size(arrival), secure, profile.resolve)
            except SIPError as error:
                failed = error  # another one may do
        if failed is not None and not found:
            raise failed
        return self._in_bounds(self._as_known(found), way)

    def _profile_for(self, arrival: Arrival) -> Profile:
        """How a next hop is found that brings no profile of its own."""
        return self.profile("in_dialog" if arrival.in_dialog else "default")

    def remember_hop(self, target: Target, profile: Profile) -> None:
        """``target`` is one of the configuration, and ``profile`` its own."""
        if len(self.hops) >= MOST_HOPS:
            self.hops.clear()
        self.hops[target.transport, target.address, target.port] = (target, profile)

    def profile_of(self, target: Target) -> Profile | None:
        """The profile of a configured next hop that was reached there."""
        known = self.hops.get((target.transport, target.address, target.port))
        return None if known is None else known[1]

    def _as_known(self, targets: list[Target]) -> Sequence[Target]:
        if not self.hops:
            return targets
        return [self._known(target) for target in targets]

    def _known(self, target: Target) -> Target:
        known = self.hops.get((target.transport, target.address, target.port))
        # a target with a name of its own was looked up, and has to prove that
        return target if known is None or target.name not in ("", target.address) else known[0]

    def _in_bounds(self, targets: Sequence[Target], way: Way) -> Sequence[Target]:
        allowed = [target for target in targets if self._may_be_sent_to(target, way)]
        if not allowed:
            # To ourselves: whoever named us as next hop made a circle.
            raise SIPError(482 if way.named_by_us else 403)
        return allowed

    def _may_be_sent_to(self, target: Target, way: Way) -> bool:
        address = target.address
        if self.ours.listens_at(address, target.port):
            return False
        if way.named_by_us or address in way.allowed or self.trusts(target):
            return True
        return way.anywhere and _is_global(address)

    def respond(self, transaction: ServerTransaction, response: Response, request: Request) -> None:
        """Pass ``response`` on to the caller."""
        if self.on_response is None:
            transaction.respond(response)
        else:
            self.on_response(response, request, transaction)

    def reply(
        self, arrival: Arrival, status: int, reason: str = "", headers: Headers = (), body: bytes = b""
    ) -> None:
        """Answer ``arrival``'s request ourselves: a final answer, or a provisional one to an INVITE.

        A final answer ends what it was routed to. Nothing happens when it has one, when somebody has picked up, or to
        an ACK. Raises ValueError for a reason or header that is none; a ``body`` wants its Content-Type in ``headers``.
        """
        transaction = arrival.transaction
        if transaction is None or transaction.final_sent or arrival.over or arrival.answered:
            return
        response = transaction.request.response(status, reason, self.new_id(), headers)
        if body:
            response.body = body
        user = transaction.user
        transaction.respond(response)
        if status >= 200:
            arrival.answered = True
            if arrival.request.method == "INVITE" and status >= 300:
                self.calls.refused(arrival.request, str(status))
            if isinstance(user, ResponseContext):
                user.give_up()

    def found_dead(self, target: Target, seconds: float, why: str) -> None:
        """``target`` cannot be reached: it is passed over for ``seconds`` (0: it is not)."""
        if seconds and not self.health.is_down(target):
            self.health.down(target, seconds, why)
            self.say_dead(target, seconds, why)

    def say_dead(self, target: Target, seconds: float, why: str) -> None:
        """One line of log for a target that is passed over from now on."""
        self.log.warn(
            "{transport} {address} port {port} is passed over for {seconds:g} s: {why}",
            transport=target.transport,
            address=target.address,
            port=target.port,
            seconds=seconds,
            why=why,
        )

    def unexpected(self, error: BaseException) -> None:
        """A defect of ours or of user code: one line, and everybody else goes on."""
        self.log.error("unexpected: {error!r} at {trail}", error=error, trail=trail(error))

    def broke(self, error: BaseException, request: Request) -> None:
        """Something of ours failed while it worked on ``request``: the others go on."""
        self.log.error(
            "{method} {call_id} failed: {error!r} at {trail}",
            method=request.method,
            call_id=request.call_id,
            error=error,
            trail=trail(error),
        )


def _size(arrival: Arrival) -> int:
    """About the octets that the request will have when it leaves (RFC 3261 §18.1.1)."""
    return arrival.size + (_ALL_OURS if wants_record_route(arrival.request) else _VIA)


def _next_hop(way: Way, request: Request) -> Uri:
    """What RFC 3263 is asked for (§16.6 step 7)."""
    if way.path:
        return NameAddr.parse(way.path[0]).uri
    if request.has("Route"):
        return request.routes[0].uri
    return way.uri


@lru_cache(4096)
def _is_global(address: str) -> bool:
    """Not of this machine, this network or a group: what a stranger's URI may lead to (R5)."""
    ip = ip_address(address.partition("%")[0])
    return ip.is_global and not ip.is_multicast
