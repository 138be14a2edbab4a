"""Look-ups over twisted.names: the hosts file, what is known, and name servers (`interfaces.Lookups`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.names import client, dns
from twisted.names.error import DNSNameError
from twisted.python.failure import Failure

from oversip_tw.interfaces import LookupFailed, NaptrRecord, SrvRecord
from oversip_tw.transport.dns_cache import LONGEST, Answers
from oversip_tw.transport.hosts_file import HostsFile

T = TypeVar("T")

RESOLV_CONF = "/etc/resolv.conf"
HOSTS_FILE = "/etc/hosts"
#: seconds for one question, all servers and repetitions together; RFC 3263's look-ups share as much (rules of the edge)
LIMIT = 4.0
#: seconds until a name server is asked again or the next one is asked, by the number of servers: all end before LIMIT
_PATIENCE: dict[int, tuple[float, ...]] = {1: (0.5, 1.0, 2.0), 2: (0.5, 1.2), 3: (0.4, 0.8)}
#: seconds that "no such name" and "no such record" are kept at most: a mistake in a zone is soon mended
NEGATIVE = 10.0

_KINDS = {"naptr": dns.NAPTR, "srv": dns.SRV, "a": dns.A, "aaaa": dns.AAAA}


class DnsLookups:
    """Asks name servers. Names in the hosts file have the addresses given there and no other records."""

    def __init__(self, resolver: client.Resolver, reactor: Any, hosts_file: str | None = HOSTS_FILE) -> None:
        """``reactor``: IReactorTime. ``hosts_file``: None reads none."""
        self._resolver = resolver
        self._reactor = reactor
        self._hosts = None if hosts_file is None else HostsFile(hosts_file, reactor)
        self._answers = Answers(reactor)

    async def naptr(self, name: str) -> Sequence[NaptrRecord]:
        """Raises LookupFailed."""
        if self._in_hosts_file(name):
            return []
        return await self._ask(dns.NAPTR, name, self._resolver.lookupNamingAuthorityPointer, _naptr_record)

    async def srv(self, name: str) -> Sequence[SrvRecord]:
        """Raises LookupFailed."""
        if self._in_hosts_file(name.split(".", 2)[-1]):
            return []
        return await self._ask(dns.SRV, name, self._resolver.lookupService, _srv_record)

    async def a(self, name: str) -> Sequence[str]:
        """Raises LookupFailed."""
        known = self._in_hosts_file(name)
        if known:
            return [address for address in known if ":" not in address]
        return await self._ask(dns.A, name, self._resolver.lookupAddress, _a_record)

    async def aaaa(self, name: str) -> Sequence[str]:
        """Raises LookupFailed."""
        known = self._in_hosts_file(name)
        if known:
            return [address for address in known if ":" in address]
        return await self._ask(dns.AAAA, name, self._resolver.lookupIPV6Address, _aaaa_record)

    def good_for(self, kind: str, name: str) -> float:
        """See `interfaces.Lookups`."""
        if self._in_hosts_file(name.split(".", 2)[-1] if kind == "srv" else name):
            return NEGATIVE
        return self._answers.good_for((_KINDS[kind], name.lower()))

    def close(self) -> None:
        """Look at resolv.conf no more."""
        call = getattr(self._resolver, "_parseCall", None)
        if call is not None and call.active():
            call.cancel()

    def _in_hosts_file(self, name: str) -> Sequence[str]:
        return () if self._hosts is None else self._hosts.addresses(name)

    async def _ask(
        self, kind: int, name: str, method: Callable[..., Deferred[Any]], read: Callable[[Any], T]
    ) -> Sequence[T]:
        async def question() -> tuple[Sequence[T], float]:
            asked = maybeDeferred(method, name, self._patience())
            asked.addTimeout(LIMIT, self._reactor)
            asked.addErrback(_no_such_name)
            answers, authority, _ = await asked
            headers = [header for header in answers if header.type == kind]
            # The aliases on the way to them count as well.
            ttl = min((header.ttl for header in answers), default=LONGEST)
            return list(_readable(headers, read)), ttl if headers else min(ttl, _negative(authority))

        return await self._answers.get((kind, name.lower()), question)

    def _patience(self) -> tuple[float, ...]:
        servers = len(self._resolver.servers) + len(self._resolver.dynServers)
        return _PATIENCE.get(servers) or (0.9 * LIMIT / max(servers, 1),)


def dns_lookups(
    reactor: Any, servers: Sequence[str] = (), hosts_file: str | None = HOSTS_FILE, resolv_conf: str = RESOLV_CONF
) -> DnsLookups:
    """Look-ups at the name servers with these IP addresses, else at those of ``resolv_conf``, which is read again
    when it changes. ``reactor``: IReactorUDP, IReactorTCP and IReactorTime."""
    addresses = [(server, dns.PORT) for server in servers]
    resolver = client.Resolver(  # type: ignore[no-untyped-call]
        None if addresses else resolv_conf, addresses, reactor=reactor
    )
    return DnsLookups(resolver, reactor, hosts_file)


def _no_such_name(failure: Failure) -> tuple[Any, Any, Any]:
    """An answer without records. Raises LookupFailed for any other failure."""
    if isinstance(failure.value, DNSNameError):
        message = failure.value.args[0]
        return (), message.authority, ()
    raise LookupFailed(repr(failure.value)) from failure.value


def _negative(authority: Iterable[Any]) -> float:
    """Seconds that "no such name" or "no such record" is good for (RFC 2308 §5)."""
    zone = (min(header.ttl, header.payload.minimum) for header in authority if header.type == dns.SOA)
    return min(NEGATIVE, next(zone, NEGATIVE))


def _readable(headers: Iterable[Any], read: Callable[[Any], T]) -> Iterable[T]:
    for header in headers:
        try:
            yield read(header.payload)
        except ValueError:  # a name with bytes that no host name has, or half an address
            continue


def _naptr_record(payload: Any) -> NaptrRecord:
    return NaptrRecord(
        payload.order,
        payload.preference,
        payload.flags.string.decode("ascii"),
        payload.service.string.decode("ascii"),
        payload.replacement.name.decode("ascii"),
    )


def _srv_record(payload: Any) -> SrvRecord:
    return SrvRecord(payload.priority, payload.weight, payload.port, payload.target.name.decode("ascii") or ".")


def _a_record(payload: Any) -> str:
    return inet_ntop(AF_INET, payload.address)


def _aaaa_record(payload: Any) -> str:
    return inet_ntop(AF_INET6, payload.address)
