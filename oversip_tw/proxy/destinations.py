"""Where a request out of dialog goes (RFC 3261 §16.5): a user's bindings, a peer, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.loop import loop_hash
from oversip_tw.proxy.next_hops import way_to
from oversip_tw.proxy.nodes import handed_over
from oversip_tw.proxy.record_route import wants_record_route
from oversip_tw.proxy.senders import caller_key
from oversip_tw.proxy.way import Way
from oversip_tw.proxy.whereabouts import phone_named, phones_at
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.gruu import comparable
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.preferences import Preferences, preferences_of
from oversip_tw.registrar.temporary import Named, is_temporary
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri

Groups = list[list[Way]]


class Known:
    """What is known of where one request goes; what had to be asked, by AoR."""

    __slots__ = ("bindings", "preferences", "users")

    def __init__(self) -> None:
        #: those of the caller
        self.preferences: Preferences | None = None
        #: None, as the next one: nobody had to be asked yet
        self.bindings: dict[str, Sequence[Binding]] | None = None
        #: whether there is such a user
        self.users: dict[str, bool] | None = None


class _UnknownUser(Exception):
    """Whether there is this user has to be asked first."""

    def __init__(self, aor: str) -> None:
        super().__init__(aor)
        self.aor = aor


class _Unknown(Exception):
    """The bindings of this user have to be looked up first."""

    def __init__(self, aor: str) -> None:
        super().__init__(aor)
        self.aor = aor


class Destinations:
    """Turns R-URIs into ways."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def find(self, arrival: Arrival) -> Groups:
        """The ways for ``arrival``'s request: groups to try one after another, the ways in one side by side.

        Raises SIPError 403, 404, 416 or 480 when there is none.
        """
        known = Known()
        while True:
            try:
                groups = self._find(arrival, known)
            except _Unknown as unknown:
                known.bindings = known.bindings or {}
                known.bindings[unknown.aor] = await self._core.location.lookup(unknown.aor)
                continue
            except _UnknownUser as stranger:
                known.users = known.users or {}
                known.users[stranger.aor] = await self._core.knows(stranger.aor)
                continue
            if groups is None:
                raise SIPError(await self._why_nobody(arrival))
            return groups

    def find_now(self, arrival: Arrival) -> Groups | None:
        """`find`, where nobody has to be asked. None: somebody has to."""
        try:
            return self._find(arrival, Known())
        except (_Unknown, _UnknownUser):
            return None

    def _find(self, arrival: Arrival, known: Known) -> Groups | None:
        """``known``: what was looked up for it already. None: there is no way."""
        request = arrival.request
        tokens = [token for token in arrival.tokens if token is not None]
        if tokens:
            # A Path of ours that a trusted hop gives back: it names the flow (RFC 5626 §5.3).
            last = tokens[-1]
            way = Way(request.uri, flow_id=last.flow_id, key=last.binding_key, node=last.node)
            way.branch = handed_over(arrival)
            return [[way]]
        if request.has("Route"):
            # Only a trusted source gets here with one: it says where to.
            return [[Way(request.uri, named_by_us=True, loop_hash=loop_hash(request, request.uri))]]
        if not request.uri.is_sip:
            raise SIPError(416)
        preferences = known.preferences = preferences_of(request)
        ways = self._expand(request.uri, request, set(), known)
        if not ways:
            return None
        return _groups(ways) if preferences is None else _disposed(_groups(ways), preferences)

    def caller_key(self, arrival: Arrival) -> bytes:
        """The binding key of the caller: of its binding on the very flow that the request came by; b"" if none."""
        if not wants_record_route(arrival.request):
            return b""
        return arrival.caller_key or caller_key(self._core, arrival)

    def _expand(
        self, uri: Uri, request: Request, seen: set[str], known: Known, hops: int = 0, q: float = 1.0
    ) -> list[Way]:
        """The ways to ``uri``. A binding that leads back to one of our own users is followed at once: ``seen`` holds
        what has been followed, so that a loop ends here (RFC 5393) and costs one look at each user."""
        core = self._core
        hash_ = loop_hash(request, uri)
        if hash_ in seen:
            return [Way(uri, refused=482)]
        seen.add(hash_)
        if len(seen) > core.settings.max_breadth:
            return [Way(uri, refused=440)]
        forwards = request.max_forwards
        if hops and hops >= (core.settings.max_forwards if forwards is None else forwards):
            return [Way(uri, refused=483)]
        try:
            bindings = self._bindings(uri, known)
        except SIPError as error:
            if not hops:
                raise
            return [Way(uri, refused=error.status)]  # one binding that leads nowhere must not stop the others
        preferences = known.preferences
        ways: list[Way] = []
        for binding in bindings:
            preference = 1.0
            if preferences is not None:
                score = preferences.score(binding.params)
                if score is None:
                    continue
                preference = score
            target = binding.target
            if core.ours.owns(target):
                ways.extend(self._expand(target, request, seen, known, hops + 1, min(q, binding.q)))
            else:
                way = _way(binding, hash_, hops, min(q, binding.q))
                if preferences is not None:
                    way.preference = preference
                ways.append(way)
        if not ways:
            if not core.ours.owns(uri):
                ways.append(self._abroad(uri, hash_))
            elif core.settings.catch_all:
                ways += self._caught(uri, request, seen, known, hops, q)
        return ways

    def _caught(self, uri: Uri, request: Request, seen: set[str], known: Known, hops: int, q: float) -> list[Way]:
        """The ways to who is called in the place of a user that does not exist."""
        core = self._core
        aor = core.ours.user(uri)
        instead = core.settings.catch_all.get(Uri.parse(aor).host)
        if instead is None or instead.aor == aor or is_temporary(uri) or self._exists(aor, known):
            return []
        return self._expand(instead, request, seen, known, hops + 1, q)

    def _exists(self, aor: str, known: Known) -> bool:
        found = None if known.users is None else known.users.get(aor)
        if found is None:
            raise _UnknownUser(aor)
        return found

    def _bindings(self, uri: Uri, known: Known) -> Sequence[Binding]:
        """The bindings that ``uri`` means."""
        if not self._core.ours.owns(uri):
            found = phones_at(self._core, uri)
            if len(found) > 1:
                raise SIPError(404)
            return found
        if not uri.user:
            raise SIPError(404)
        core = self._core
        named: Named | None = None
        if uri.params and uri.has_param("gr"):
            named = phone_named(core, uri)
            if named is None:
                return ()
        aor = core.ours.user(uri) if named is None else named.aor
        location = core.location
        if isinstance(location, MemoryLocation):
            bindings = [binding for binding in location.bindings_now(aor) if not binding.lost]
        else:
            looked_up = None if known.bindings is None else known.bindings.get(aor)
            if looked_up is None:
                raise _Unknown(aor)
            bindings = list(looked_up)
        return bindings if named is None else [binding for binding in bindings if named.fits(binding)]

    def _abroad(self, uri: Uri, hash_: str) -> Way:
        settings = self._core.settings
        for hop in settings.next_hops:
            if uri.host in hop.domains or "*" in hop.domains:
                return way_to(hop, uri, hash_)
        if settings.outbound == "open":
            return Way(uri, loop_hash=hash_)
        raise SIPError(403, "Foreign Domain")

    async def _why_nobody(self, arrival: Arrival) -> int:
        """480 for somebody who is absent, 404 for nobody; strangers are not told which (A4)."""
        if arrival.user is None and not arrival.unchallenged:
            return 480
        uri = arrival.request.uri
        if is_temporary(uri):
            return 404 if phone_named(self._core, uri) is None else 480
        return 480 if await self._core.knows(self._core.ours.user(uri)) else 404


def _way(binding: Binding, hash_: str, hops: int, q: float) -> Way:
    return Way(
        binding.target,
        flow_id=binding.flow_id,
        key=binding.key,
        path=binding.path,
        q=q,
        instance=binding.instance or "",
        loop_hash=hash_,
        named_by_us=True,
        hops=hops,
        node=binding.node,
    )


def _groups(ways: Sequence[Way]) -> Groups:
    """Ways by falling q (§16.6), and then by what the caller prefers; those of one instance are one way with others
    behind it (RFC 5626 §5.3)."""
    if len(ways) == 1:
        return [list(ways)]
    by_q: dict[tuple[float, float], list[Way]] = {}
    instances: dict[str, Way] = {}
    for way in ways:
        first = instances.setdefault(comparable(way.instance), way) if way.instance else way
        if first is way:
            by_q.setdefault((way.q, way.preference), []).append(way)
        else:
            first.others.append(way)
    return [by_q[rank] for rank in sorted(by_q, reverse=True)]


def _disposed(groups: Groups, preferences: Preferences) -> Groups:
    """``groups`` as the caller wants them tried (RFC 3841 §9.1)."""
    if preferences.one_alone:
        return [groups[0][:1]]
    if preferences.sequential:
        return [[way] for group in groups for way in group]
    if preferences.parallel:
        return [[way for group in groups for way in group]]
    return groups
