"""From a URI to the next hops to try, in order (RFC 3263 §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from oversip_tw.interfaces import Clock, LookupFailed, Lookups, NaptrRecord, SrvRecord, Target
from oversip_tw.promise import Promise
from oversip_tw.resolve.names import is_address, is_name, never_exists
from oversip_tw.resolve.questions import Questions
from oversip_tw.resolve.settings import Settings
from oversip_tw.resolve.srv_order import srv_order
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri

#: targets for one URI; who publishes more servers does not get more of our time
MOST_TARGETS = 16

#: transport of a NAPTR service (RFC 3263 §4.1); RFC 7118's SIP+D2W is nothing that can be dialled
_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_NAMES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}

#: RFC 5630 §4: what a request for a sips URI is told instead of going in the clear
_NOT_SECURE = (("Warning", '380 oversip "SIPS Not Allowed"'),)


@dataclass(frozen=True, slots=True)
class _Server:
    transport: str
    host: str
    port: int


class Resolver:
    """Finds next hops. ``chance`` gives a random number in [0, 1); ``settings`` count where none are given."""

    __slots__ = ("_chance", "_clock", "_lookups", "_settings")

    def __init__(
        self, lookups: Lookups, chance: Callable[[], float], clock: Clock, settings: Settings | None = None
    ) -> None:
        self._lookups = lookups
        self._chance = chance
        self._clock = clock
        self._settings = settings or Settings()

    def resolve_address(
        self, uri: Uri, size: int = 0, secure: bool = False, settings: Settings | None = None
    ) -> list[Target] | None:
        """`resolve` without waiting, for a host that is an address; None for one that is a name. Raises SIPError."""
        host = uri.host
        if not is_address(host):
            return None
        settings = settings or self._settings
        secure = secure or uri.secure
        transport = _transport(uri, secure, settings)
        server = _Server(transport or _unnamed(secure, settings), host, uri.port or 0)
        return _ordered([_target(server, host, host)], transport, size, settings)

    async def addresses(self, uri: Uri, settings: Settings | None = None) -> tuple[list[Target], float]:
        return await self.resolve(uri, settings=settings), 60.0

    async def resolve(
        self, uri: Uri, size: int = 0, secure: bool = False, settings: Settings | None = None
    ) -> list[Target]:
        """The targets to try for ``uri``, one after another; at least one.

        ``size``: the length of the request in bytes. ``secure``: the Request-URI is a sips URI, so every hop has to
        be TLS, whatever ``uri`` says. ``maddr`` is ignored. Raises SIPError: 400 a host that is no name, 404 no such
        name or record, 416 no SIP URI, 478 a transport that is not dialled, 480 only insecure ways to a secure
        target (RFC 5630), 500 nobody knows in time.
        """
        if not uri.is_sip:
            raise SIPError(416)
        known = self.resolve_address(uri, size, secure, settings)
        if known is not None:
            return known
        settings = settings or self._settings
        secure = secure or uri.secure
        transport = _transport(uri, secure, settings)
        host = uri.host.removesuffix(".")
        if never_exists(host):
            raise SIPError(478, "Unresolvable Destination")
        if not is_name(host):
            raise SIPError(400, "Bad Host")
        search = _Search(self._lookups, self._chance, Questions(self._clock, settings.budget), settings)
        return _ordered(await search.targets(host, uri.port, transport, secure), transport, size, settings)


class _Search:
    """One look-up."""

    __slots__ = ("_chance", "_failed", "_lookups", "_questions", "_settings")

    def __init__(self, lookups: Lookups, chance: Callable[[], float], questions: Questions, settings: Settings) -> None:
        self._lookups = lookups
        self._chance = chance
        self._questions = questions
        self._settings = settings
        #: some question got no answer
        self._failed = False

    async def targets(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[Target]:
        """At least one. Raises SIPError 404 or 500."""
        try:
            servers = await self._servers(host, port, transport, secure)
            targets = await self._addresses(servers, host)
        finally:
            self._questions.close()
        if targets:
            return targets
        if self._failed:
            raise SIPError(500, "Name Server Failure")
        raise SIPError(404, "Unresolvable Destination")

    async def _servers(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[_Server]:
        """Transport, host and port of those to try."""
        settings = self._settings
        plain = transport or _unnamed(secure, settings)
        if port is not None:
            return [_Server(plain, host, port)]
        services: Sequence[tuple[str, str]] = ()
        if settings.srv:
            if transport is not None:
                services = [(transport, f"{_SRV_NAMES[transport]}.{host}")]
            else:
                if settings.naptr:
                    services = await self._naptr(host, secure)
                services = services or [(one, f"{_SRV_NAMES[one]}.{host}") for one in _choice(secure, settings)]
        found, unavailable = await self._srv(services)
        if found or unavailable:
            return found
        return [_Server(plain, host, 0)]

    async def _naptr(self, host: str, secure: bool) -> list[tuple[str, str]]:
        """The services that NAPTR records offer and we know, best first: transport and name of the SRV records."""
        try:
            records: Iterable[NaptrRecord] = await self._questions.ask(_naptr(self._lookups, host))
        except LookupFailed:
            # Some name servers know no NAPTR at all. If this one knows nothing, the next question shows it.
            return []
        allowed = {"tls"} if secure else set(self._settings.transports)
        found = []
        for record in sorted(records, key=lambda record: (record.order, record.preference)):
            transport = _SERVICES.get(record.service.upper())
            name = record.replacement.removesuffix(".")
            # A regexp instead of a replacement is nothing that RFC 3263 §4.1 knows.
            if transport in allowed and record.flags.lower() == "s" and is_name(name):
                found.append((transport, name))
        return found

    async def _srv(self, services: Sequence[tuple[str, str]]) -> tuple[list[_Server], bool]:
        """The servers of all ``services``, in order, and whether some service is said not to exist."""
        asked = [(transport, self._questions.ask(_srv(self._lookups, name))) for transport, name in services]
        found: list[_Server] = []
        unavailable = False
        for transport, answer in asked:
            try:
                records = await answer
            except LookupFailed:
                self._failed = unavailable = True
                continue
            for record in srv_order(records, self._chance):
                name = record.target.removesuffix(".")
                if not name:  # RFC 2782: "." says that the service is decidedly not available
                    unavailable = True
                elif is_name(name) and 0 < record.port < 65536:
                    found.append(_Server(transport, name, record.port))
        return found[:MOST_TARGETS], unavailable

    async def _addresses(self, servers: Sequence[_Server], domain: str) -> list[Target]:
        asked: dict[str, list[Promise[Sequence[str]]]] = {}
        for server in servers:
            if server.host not in asked and not is_address(server.host):
                asked[server.host] = [self._ask_address(family, server.host) for family in self._settings.families]
        targets: dict[Target, None] = {}
        for server in servers:
            addresses = [server.host] if server.host not in asked else await self._answers(asked[server.host])
            for address in addresses:
                targets[_target(server, address, domain)] = None
        return list(targets)[:MOST_TARGETS]

    def _ask_address(self, family: str, host: str) -> Promise[Sequence[str]]:
        return self._questions.ask(_a(self._lookups, host) if family == "ipv4" else _aaaa(self._lookups, host))

    async def _answers(self, promises: Sequence[Promise[Sequence[str]]]) -> list[str]:
        found: list[str] = []
        for promise in promises:
            try:
                found += await promise
            except LookupFailed:
                self._failed = True
        return [address for address in found if is_address(address)]


async def _naptr(lookups: Lookups, name: str) -> Sequence[NaptrRecord]:
    return await lookups.naptr(name)


async def _srv(lookups: Lookups, name: str) -> Sequence[SrvRecord]:
    return await lookups.srv(name)


async def _a(lookups: Lookups, name: str) -> Sequence[str]:
    return await lookups.a(name)


async def _aaaa(lookups: Lookups, name: str) -> Sequence[str]:
    return await lookups.aaaa(name)


def _transport(uri: Uri, secure: bool, settings: Settings) -> str | None:
    """The transport that the URI names; None: it leaves the choice to us. Raises SIPError."""
    named = uri.transport
    if secure:
        # RFC 5630 §3.1.3: sips with transport=tcp means TLS over TCP.
        if named not in (None, "tls", "tcp") or "tls" not in settings.transports:
            raise SIPError(480, headers=_NOT_SECURE)
        return "tls" if named else None
    if named is not None and (named not in _SRV_NAMES or named not in settings.transports):
        raise SIPError(478, "Unresolvable Destination")
    return named


def _choice(secure: bool, settings: Settings) -> Sequence[str]:
    """The transports that may be tried where the URI leaves the choice to us, best first.

    TLS is for sips URIs (RFC 3263 §4.1), unless nothing else is allowed.
    """
    if secure:
        return ("tls",)
    open_ones = [transport for transport in settings.transports if transport != "tls"]
    if settings.prefer_tcp and "tcp" in open_ones:
        open_ones.sort(key="tcp".__ne__)
    return open_ones or settings.transports


def _unnamed(secure: bool, settings: Settings) -> str:
    """The transport where neither the URI nor any record names one (RFC 3263 §4.1): UDP, or TLS for sips."""
    choice = _choice(secure, settings)
    return "udp" if "udp" in choice else choice[0]


def _target(server: _Server, address: str, domain: str) -> Target:
    """``domain``: what was asked for, which the certificate has to name (RFC 5922 §7), not the name in the record."""
    port = server.port or _DEFAULT_PORTS[server.transport]
    return Target(server.transport, address, port, domain if server.transport == "tls" else "")


def _ordered(targets: list[Target], transport: str | None, size: int, settings: Settings) -> list[Target]:
    """``targets``, TCP before UDP where the URI names no ``transport`` and we want that (RFC 3261 §18.1.1)."""
    if transport is None and (settings.prefer_tcp or size > settings.udp_max) and "tcp" in settings.transports:
        return _tcp_first(targets)
    return targets


def _tcp_first(targets: Sequence[Target]) -> list[Target]:
    """Each UDP target behind its like over TCP; the peer that refuses TCP is still reached (RFC 3261 §18.1.1)."""
    ordered: dict[Target, None] = {}
    for target in targets:
        if target.transport == "udp":
            ordered[Target("tcp", target.address, target.port, target.name)] = None
        ordered[target] = None
    return list(ordered)
