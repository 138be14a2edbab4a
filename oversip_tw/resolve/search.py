"""One look-up: from a name to servers (NAPTR, SRV) and on to their addresses (RFC 3263 §4.1, §4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from oversip_tw.interfaces import LookupFailed, Lookups, NaptrRecord, SrvRecord, Target
from oversip_tw.promise import Promise
from oversip_tw.resolve.families import FAMILIES, KINDS, family_of, left_out
from oversip_tw.resolve.names import is_address, is_name
from oversip_tw.resolve.questions import Group, Questions
from oversip_tw.resolve.settings import Settings
from oversip_tw.resolve.srv_order import srv_order
from oversip_tw.resolve.transports import DEFAULT_PORTS, SERVICES, SRV_NAMES, choice, unnamed
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError

T = TypeVar("T")

#: targets for one URI; who publishes more servers does not get more of our time
MOST_TARGETS = 16
#: the part of the budget that NAPTR may take: some name servers and firewalls drop such questions
NAPTR_SHARE = 0.4
#: seconds to wait for other services and servers once one is known: enough to ask a name server twice
SERVER_GRACE = 1.0
#: seconds to wait for the other address family once there are addresses (as RFC 8305 §3 does, with more patience)
FAMILY_GRACE = 0.3


class Server:
    __slots__ = ("host", "port", "transport")

    # Written out: compiled, it takes a tenth of what a dataclass takes, and each request to an address makes one.
    def __init__(self, transport: str, host: str, port: int) -> None:
        self.transport: Final = transport
        self.host: Final = host
        #: 0: the transport's own
        self.port: Final = port


class Search:
    """One look-up; `targets` can be called once."""

    __slots__ = ("_chance", "_failed", "_lookups", "_questions", "_settings", "_used")

    def __init__(self, lookups: Lookups, chance: Callable[[], float], questions: Questions, settings: Settings) -> None:
        self._lookups = lookups
        self._chance = chance
        self._questions = questions
        self._settings = settings
        #: some question got no answer
        self._failed = False
        #: kind and name of the questions that gave something
        self._used: list[tuple[str, str]] = []

    async def targets(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[Target]:
        """At least one. Raises SIPError 404, 478 or 500."""
        try:
            servers = await self._servers(host, port, transport, secure)
            targets = await self._addresses(servers, host)
            if targets:
                return targets
            if self._failed:
                raise SIPError(500, "Name Server Failure", code=codes.LOOKUP_FAILED)
            await self._check_families(servers)
        finally:
            self._questions.close()
        raise SIPError(404, "No DNS Resolution", code=codes.NO_DNS_RESOLUTION)

    def good_for(self) -> float:
        """Seconds until the first of the records that were used ends; 0 when somebody did not answer."""
        if self._failed:
            return 0.0
        return min(self._lookups.good_for(kind, name) for kind, name in self._used)

    async def _servers(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[Server]:
        """Transport, host and port of those to try."""
        settings = self._settings
        plain = transport or unnamed(secure, settings)
        if port is not None:
            return [Server(plain, host, port)]
        services: Sequence[tuple[str, str]] = ()
        if settings.srv:
            if transport is not None:
                services = [(transport, f"{SRV_NAMES[transport]}.{host}")]
            else:
                if settings.naptr:
                    services = await self._naptr(host, secure)
                services = services or [(one, f"{SRV_NAMES[one]}.{host}") for one in choice(secure, settings)]
        found, unavailable = await self._srv(services)
        if found or unavailable:
            return found
        return [Server(plain, host, 0)]

    async def _naptr(self, host: str, secure: bool) -> list[tuple[str, str]]:
        """The services that NAPTR records offer and we know, best first: transport and name of the SRV records."""
        settings = self._settings
        group = self._questions.group(NAPTR_SHARE * settings.budget)
        group.hurry()
        try:
            records: Iterable[NaptrRecord] = await self._questions.ask(self._ask_naptr(host), group)
        except LookupFailed:
            # Some name servers know no NAPTR at all. If this one knows nothing, the next question shows it.
            return []
        allowed = ("tls",) if secure else settings.transports
        found = []
        for record in sorted(records, key=lambda record: (record.order, record.preference)):
            transport = SERVICES.get(record.service.upper())
            name = record.replacement.removesuffix(".")
            # A regexp instead of a replacement is nothing that RFC 3263 §4.1 knows.
            if transport in allowed and record.flags.lower() == "s" and is_name(name):
                found.append((transport, name))
        if settings.own_order:
            found.sort(key=lambda service: settings.transports.index(service[0]))
        return found

    async def _srv(self, services: Sequence[tuple[str, str]]) -> tuple[list[Server], bool]:
        """The servers of all ``services``, in order, and whether some service is said not to exist."""
        group = self._questions.group(SERVER_GRACE)
        asked = [(transport, self._questions.ask(self._ask_srv(name), group)) for transport, name in services]
        found: list[Server] = []
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
                    found.append(Server(transport, name, record.port))
        return found[:MOST_TARGETS], unavailable

    async def _addresses(self, servers: Sequence[Server], domain: str) -> list[Target]:
        group = self._questions.group(SERVER_GRACE)
        asked: dict[str, list[Promise[Sequence[str]]]] = {}
        for server in servers:
            if server.host not in asked and not is_address(server.host):
                asked[server.host] = self._ask_families(server.host, self._settings.families, group)
        targets: dict[Target, None] = {}
        for server in servers:
            addresses = [server.host] if server.host not in asked else await self._answers(asked[server.host])
            for address in addresses:
                if family_of(address) in self._settings.families:
                    targets[target(server, address, domain, self._settings)] = None
        return list(targets)[:MOST_TARGETS]

    async def _check_families(self, servers: Sequence[Server]) -> None:
        """Raises SIPError 478 if the servers have addresses, but only of a family that the settings leave out."""
        group = self._questions.group(FAMILY_GRACE)
        for family in (one for one in FAMILIES if one not in self._settings.families):
            for host in dict.fromkeys(server.host for server in servers):
                addresses = (
                    [host] if is_address(host) else await self._answers(self._ask_families(host, (family,), group))
                )
                if any(family_of(address) == family for address in addresses):
                    raise left_out(family)

    def _ask_families(self, host: str, families: Sequence[str], group: Group) -> list[Promise[Sequence[str]]]:
        both = self._questions.group(FAMILY_GRACE)
        return [self._questions.ask(self._ask_address(KINDS[family], host), both, group) for family in families]

    async def _answers(self, promises: Sequence[Promise[Sequence[str]]]) -> list[str]:
        found: list[str] = []
        for promise in promises:
            try:
                found += await promise
            except LookupFailed:
                self._failed = True
        return [address for address in found if is_address(address)]

    async def _ask_naptr(self, name: str) -> Sequence[NaptrRecord]:
        return self._note("naptr", name, await self._lookups.naptr(name))

    async def _ask_srv(self, name: str) -> Sequence[SrvRecord]:
        return self._note("srv", name, await self._lookups.srv(name))

    async def _ask_address(self, kind: str, name: str) -> Sequence[str]:
        ask = self._lookups.a if kind == "a" else self._lookups.aaaa
        return self._note(kind, name, await ask(name))

    def _note(self, kind: str, name: str, records: Sequence[T]) -> Sequence[T]:
        if records:
            self._used.append((kind, name))
        return records


def target(server: Server, address: str, domain: str, settings: Settings) -> Target:
    """``domain``: what was asked for, which the certificate has to name (RFC 5922 §7), not the name in the record."""
    port = server.port or DEFAULT_PORTS[server.transport]
    if server.transport == "tls":
        return Target("tls", address, port, domain, settings.tls)
    return _plain(server.transport, address, port)


@lru_cache(4096)
def _plain(transport: str, address: str, port: int) -> Target:
    """The same one each time: nearly all requests go to a few."""
    return Target(transport, address, port)
