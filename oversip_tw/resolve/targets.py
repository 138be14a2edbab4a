"""From a URI to the next hops to try, in order (RFC 3263 §4)."""

from __future__ import annotations

from collections.abc import Callable

from oversip_tw.interfaces import Clock, Lookups, Target
from oversip_tw.resolve.families import check_address
from oversip_tw.resolve.names import is_address, is_name, never_exists
from oversip_tw.resolve.questions import Questions
from oversip_tw.resolve.search import MOST_TARGETS, Search, Server, target
from oversip_tw.resolve.settings import Settings
from oversip_tw.resolve.transports import named_transport, ordered, unnamed
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri

__all__ = ["MOST_TARGETS", "Resolver"]

#: seconds that `Resolver.addresses` are good for, at least and at most, whatever the records say
SHORTEST = 5.0
LONGEST = 3600.0


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
        transport = named_transport(uri, secure, settings)
        check_address(host, settings)
        server = Server(transport or unnamed(secure, settings), host, uri.port or 0)
        return ordered([target(server, host, host, settings)], transport, size, settings)

    async def resolve(
        self, uri: Uri, size: int = 0, secure: bool = False, settings: Settings | None = None
    ) -> list[Target]:
        """The targets to try for ``uri``, one after another; at least one.

        ``size``: the length of the request in bytes. ``secure``: the Request-URI is a sips URI, so every hop has to
        be TLS, whatever ``uri`` says. ``maddr`` is ignored. Raises SIPError with a `code` that says why: 400 a host
        that is no name, 404 no such name or record, 416 no SIP URI, 478 a transport or address family that is not
        dialled or a name where none is looked up, 480 only insecure ways to a secure target (RFC 5630), 500 nobody
        knows in time.
        """
        found, _ = await self._find(uri, size, secure, settings or self._settings)
        return found

    async def addresses(self, uri: Uri, settings: Settings | None = None) -> tuple[list[Target], float]:
        """`resolve`, and for how many seconds the targets are good: until the first of their records ends, 5 s at
        least and an hour at most. Raises SIPError."""
        found, search = await self._find(uri, 0, False, settings or self._settings)
        good_for = LONGEST if search is None else min(search.good_for(), LONGEST)
        return found, max(good_for, SHORTEST)

    async def _find(self, uri: Uri, size: int, secure: bool, settings: Settings) -> tuple[list[Target], Search | None]:
        """The targets, and the look-up that found them if there had to be one."""
        if not uri.is_sip:
            raise SIPError(416, code=codes.UNSUPPORTED_URI_SCHEME)
        known = self.resolve_address(uri, size, secure, settings)
        if known is not None:
            return known, None
        secure = secure or uri.secure
        transport = named_transport(uri, secure, settings)
        host = uri.host.removesuffix(".")
        if never_exists(host):
            raise SIPError(478, "Unresolvable Destination", code=codes.NO_DNS_RESOLUTION)
        if not is_name(host):
            raise SIPError(400, "Bad Host", code=codes.NO_DNS_RESOLUTION)
        if not settings.dns:
            raise SIPError(478, "Destination Requires Unsupported DNS Query", code=codes.NO_DNS)
        search = Search(self._lookups, self._chance, Questions(self._clock, settings.budget), settings)
        targets = await search.targets(host, uri.port, transport, secure)
        return ordered(targets, transport, size, settings), search
