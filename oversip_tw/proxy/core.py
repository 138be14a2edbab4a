"""What the proxy core works with, handed in once, and the few things that all its parts ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from oversip_tw.interfaces import Connector, Flow, Flows, Log, NewId, Spawn, Target
from oversip_tw.outbound.token import Tokens
from oversip_tw.outbound.waiting import Waiting
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.calls import Calls
from oversip_tw.proxy.context import ResponseContext
from oversip_tw.proxy.forwarding import Forwarding
from oversip_tw.proxy.ours import Ours
from oversip_tw.proxy.record_route import RecordRoutes
from oversip_tw.proxy.settings import Settings
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.location import Location
from oversip_tw.resolve.targets import Resolver
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import SIPError, trail
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.table import Transactions
from oversip_tw.transaction.wheel import TimerWheel

#: octets that a Via and two Record-Routes of ours may have
_ADDED = 400
#: octets of a body with which no ordinary request comes near the size at which UDP gives way to TCP
_LITTLE = 200


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
    waiting: Waiting
    calls: Calls
    new_id: NewId
    spawn: Spawn
    log: Log
    #: the target is a trusted source (core, trunk, node, edge)
    trusts: Callable[[Target], bool]
    #: there is a user of that AoR
    knows: Callable[[str], Awaitable[bool]]
    #: sees every response before it is passed on; None where nobody wants to
    on_response: Callable[[Response, Request, ServerTransaction], None] | None = None
    forwarding: Forwarding = field(init=False)

    def __post_init__(self) -> None:
        self.forwarding = Forwarding(self.settings, RecordRoutes(self.tokens), self.new_id)

    def relay(self, arrival: Arrival, groups: Sequence[Sequence[Way]], breadth: int, caller_key: bytes = b"") -> None:
        """Send ``arrival``'s request on its ways; its server transaction hears of the answers."""
        transaction = arrival.transaction
        assert transaction is not None
        context = ResponseContext(self, arrival, groups, caller_key)
        transaction.user = context
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

    async def targets_of(self, way: Way, arrival: Arrival) -> Sequence[Target]:
        """Where ``way`` leads, by RFC 3263. Raises SIPError; 403 for an address that is out of bounds (R5)."""
        if way.next_hop is not None:
            uri = way.next_hop
        elif way.path:
            uri = _first_route(way.path)
        elif arrival.request.has("Route"):
            uri = arrival.request.routes[0].uri
        else:
            uri = way.uri
        profile = way.profile or self.settings.profile
        secure = way.uri.secure or arrival.request.uri.secure
        targets = await self.resolver.resolve(uri, _size(arrival.request), secure, profile.resolve)
        if way.named_by_us:
            return targets
        allowed = [target for target in targets if self._may_be_sent_to(target, way.only)]
        if not allowed:
            raise SIPError(403)
        return allowed

    def _may_be_sent_to(self, target: Target, only: tuple[str, ...] | None) -> bool:
        if self.trusts(target):
            return True
        if only is not None:
            return target.address in only
        return ip_address(target.address.partition("%")[0]).is_global

    def respond(self, transaction: ServerTransaction, response: Response, request: Request) -> None:
        """Pass ``response`` on to the caller."""
        if self.on_response is None:
            transaction.respond(response)
        else:
            self.on_response(response, request, transaction)

    def broke(self, error: BaseException, request: Request) -> None:
        """Something of ours failed while it worked on ``request``: the others go on."""
        self.log.error(
            "{method} {call_id} failed: {error!r} at {trail}",
            method=request.method,
            call_id=request.call_id,
            error=error,
            trail=trail(error),
        )


def _size(request: Request) -> int:
    """About what ``request`` will have in octets when it leaves; 0: certainly little."""
    return len(request.to_bytes()) + _ADDED if len(request.body) > _LITTLE else 0


def _first_route(path: Sequence[str]) -> Uri:
    return NameAddr.parse(path[0]).uri
