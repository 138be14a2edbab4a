"""Where users are: the location service (RFC 3261 §10.1), and the one that answers from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from oversip_tw.interfaces import Clock, Delayed
from oversip_tw.outbound import flow_id as flow_ids
from oversip_tw.promise import spawn
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import BindingStore, Change, Changes, OnChange, StoreFailed, unheard
from oversip_tw.registrar.gruu import same_instance
from oversip_tw.registrar.index import Index
from oversip_tw.registrar.places import bare, place, preference
from oversip_tw.registrar.quotas import Quotas
from oversip_tw.registrar.settings import Remembering
from oversip_tw.sip.uri import Uri

#: seconds between two looks for what has expired
SWEEP_INTERVAL = 1.0
#: bindings ended in one go: 100,000 that expire together must not stop the reactor for longer than a few ms
SWEEP_LIMIT = 1000
#: until the next go when there is more
SWEEP_PAUSE = 0.02
#: a wall clock that moved further than this against the monotonic one was set by somebody; seconds
CLOCK_STEP = 5.0


class Location(Protocol):
    """Who is where. What is sync here is answered from memory."""

    async def lookup(self, aor: str) -> Sequence[Binding]:
        """The bindings that a request for ``aor`` (`Uri.aor`) may go to: highest q first, then the newest."""

    async def bindings(self, aor: str) -> Sequence[Binding]:
        """All that have not ended, *lost* ones too; ordered as `lookup`."""

    async def commit(self, aor: str, put: Sequence[Binding], drop: Sequence[Binding], strict: bool = False) -> None:
        """Change ``aor``: each of ``put`` takes the place of its key's binding. Durable on return, else StoreFailed.

        ``strict``: raises Outdated when another server came first, so that it has to be thought over again.
        """

    async def flow_lost(self, flow_id: bytes) -> None:
        """End the bindings that still name that very flow: at once here, soon in the store."""

    async def lost(self, found: Sequence[Binding]) -> None:
        """End ``found``, which are live and whose phones are gone, in the same way."""

    def by_key(self, key: bytes) -> Binding | None:
        """The binding of that key, *lost* or ``ended`` ones too: those are remembered for an hour."""

    def by_contact(self, uri: Uri) -> Sequence[Binding]:
        """The bindings, of whatever user, that have this Contact; parameters ob and transport do not count."""

    def by_gruu(self, aor: str, instance: str) -> Binding | None:
        """The newest binding of ``instance`` that a request may go to."""

    def by_flow(self, flow_id: bytes) -> Sequence[Binding]:
        """The bindings that name that flow."""

    def is_bound(self, flow_id: bytes) -> bool:
        """Whether there are any: a peer may have thousands."""


class MemoryLocation:
    """A `Location` that reads from memory and, with a ``store``, writes there first.

    ``wall`` (seconds since 1970) is asked only for what is stored. ``failed`` hears what goes wrong behind the scenes.
    Call `load` and then `start`; and `stop` before connections are closed because the server ends.
    """

    def __init__(
        self,
        clock: Clock,
        wall: Callable[[], float] | None = None,
        store: BindingStore | None = None,
        settings: Remembering | None = None,
        on_change: OnChange = unheard,
        failed: Callable[[BaseException], None] = lambda error: None,
        elsewhere: OnChange = unheard,
        quotas: Quotas | None = None,
    ) -> None:
        """``elsewhere`` hears of changes to bindings that other servers hold, ``quotas`` of all that come or go."""
        self._quotas = quotas or Quotas({})
        self._clock = clock
        self._wall = wall or clock.seconds
        self._store = store
        self._settings = settings or Remembering()
        self._on_change = on_change
        self._elsewhere = elsewhere
        self._failed = failed
        #: what makes a date (seconds since 1970) of a time of the clock
        self.offset = self._wall() - clock.seconds()
        self._users: dict[str, tuple[Binding, ...]] = {}
        self._keys: dict[bytes, Binding] = {}
        self._flows: Index[bytes] = Index()
        #: by user and host of the Contact
        self._places: Index[str] = Index()
        #: oldest first
        self._ended: dict[bytes, Binding] = {}
        #: keys by the second in which to look whether they have expired
        self._due: dict[int, list[bytes]] = {}
        #: that second by key: the next one, so that refreshes add nothing
        self._looks: dict[bytes, int] = {}
        self._swept = int(clock.seconds()) - 1
        self._sweeping: Delayed | None = None
        self._stopped = False
        self._complaint = ""

    # -- reading

    async def lookup(self, aor: str) -> Sequence[Binding]:
        return self._live(self._users.get(aor, ()))

    async def bindings(self, aor: str) -> Sequence[Binding]:
        return self.bindings_now(aor)

    def bindings_now(self, aor: str) -> Sequence[Binding]:
        """`bindings`, for whoever does not wait."""
        return self.bindings_at(aor, self._clock.seconds())

    def bindings_at(self, aor: str, now: float) -> list[Binding]:
        """`bindings_now`, for whoever knows what time it is."""
        found = self._users.get(aor)
        if found is None:
            return []
        return [binding for binding in found if binding.expires_at > now]

    def by_key(self, key: bytes) -> Binding | None:
        binding = self._keys.get(key)
        if binding is not None:
            over = binding.expires_at <= self._clock.seconds()
            return binding.living(binding.expires_at, ended=True) if over else binding
        return self._ended.get(key)

    def by_contact(self, uri: Uri) -> Sequence[Binding]:
        keys = self._places.find(place(uri.text))
        if not keys:
            return []
        wanted = bare(uri)
        found = self._live([self._keys[key] for key in keys])
        return [binding for binding in found if bare(binding.target).equivalent(wanted)]

    def by_gruu(self, aor: str, instance: str) -> Binding | None:
        found = [binding for binding in self._users.get(aor, ()) if same_instance(binding.instance, instance)]
        return max(self._live(found), key=lambda binding: binding.updated_at, default=None)

    def by_flow(self, flow_id: bytes) -> Sequence[Binding]:
        return [self._keys[key] for key in self._flows.find(flow_id)]

    def is_bound(self, flow_id: bytes) -> bool:
        return bool(self._flows.find(flow_id))

    def all(self) -> Iterator[Binding]:
        """Every binding that has not ended, user by user."""
        now = self._clock.seconds()
        return (binding for user in list(self._users.values()) for binding in user if binding.expires_at > now)

    @property
    def count(self) -> int:
        """How many bindings there are."""
        return len(self._keys)

    def _live(self, found: Sequence[Binding]) -> Sequence[Binding]:
        now = self._clock.seconds()
        return [binding for binding in found if binding.expires_at > now and not binding.lost]

    def is_elsewhere(self, binding: Binding) -> bool:
        """Another server holds its flow."""
        return self._settings.node != "" and binding.node != self._settings.node

    def tell(self, change: Change, binding: Binding) -> None:
        """Let whoever listens hear of it."""
        if self.is_elsewhere(binding):
            self._elsewhere(change, binding)
        else:
            self._on_change(change, binding)

    # -- changing

    async def commit(self, aor: str, put: Sequence[Binding], drop: Sequence[Binding], strict: bool = False) -> None:
        if self._store is not None:
            await self._store.write(Changes(put, drop, (), self._clock.seconds(), self.offset, strict))
        self.commit_now(put, drop)

    @property
    def forgetful(self) -> bool:
        """There is no store: `commit_now` is all there is to `commit`."""
        return self._store is None

    def commit_now(self, put: Iterable[Binding], drop: Sequence[Binding]) -> None:
        """Change memory alone."""
        if drop:
            now = self._clock.seconds()
            for binding in drop:
                self._end(binding, now)
        for binding in put:
            self._add(binding)

    def put_now(self, binding: Binding) -> None:
        """`commit_now` of one."""
        self._add(binding)

    async def flow_lost(self, flow_id: bytes) -> None:
        await self.lost(self.by_flow(flow_id))

    async def lost(self, found: Sequence[Binding]) -> None:
        if not found or self._stopped:
            return
        now = self._clock.seconds()
        for binding in found:
            self._end(binding, now, lost=True)
            self._on_change(Change.FLOW_LOST, binding)
        await self._write(Changes((), found, (), now, self.offset))

    async def remove(self, found: Sequence[Binding]) -> None:
        """End, for the operator, those of ``found`` that nothing newer has replaced. Durable, else StoreFailed."""
        now = self._clock.seconds()
        if self._store is not None and found:
            await self._store.write(Changes((), found, (), now, self.offset))
        for binding in found:
            if self._keys.get(binding.key) is binding:
                self._end(binding, now)
                self._on_change(Change.KICKED, binding)

    async def load(self) -> None:
        """Take over what the store holds. Raises StoreFailed. Connections of before are *lost*, UDP flows are not."""
        if self._store is None:
            return
        now = self._clock.seconds()
        for binding in await self._store.load(self.offset):
            self._revive(binding, now)

    def remember(self, binding: Binding) -> None:
        """It was ended elsewhere before it was known here: tokens still find who it was."""
        if binding.key not in self._keys:
            self._remember(binding, self._clock.seconds())

    def _revive(self, binding: Binding, now: float) -> None:
        life = binding.expires_at - binding.updated_at
        if binding.expires_at - now > life:
            # The wall clock was set back while we were away: nobody was promised more than this.
            binding = replace(binding, updated_at=now, expires_at=now + life)
        if binding.ended or binding.expires_at <= now:
            self._remember(binding, now)
        elif flow_ids.is_stream(binding.flow_id) and not self.is_elsewhere(binding):
            self._add(binding.living(min(binding.expires_at, now + self._settings.lost_for), lost=True))
        else:
            self._add(binding)

    def _add(self, binding: Binding) -> None:
        key = binding.key
        old = self._keys.get(key)
        if old is None:
            self._ended.pop(key, None)
            self._flows.link(binding.flow_id, key)
            self._places.link(place(binding.contact), key)
            self._quotas.came(binding.aor)
        else:
            self._move(old, binding)
        known = self._users.get(binding.aor)
        if known is None or (len(known) == 1 and known[0] is old):
            self._users[binding.aor] = (binding,)
        else:
            others = [other for other in known if other is not old]
            self._users[binding.aor] = tuple(sorted((binding, *others), key=preference))
        self._keys[key] = binding
        self._look_at(binding)

    def _move(self, old: Binding, new: Binding) -> None:
        if old.flow_id != new.flow_id:
            self._flows.unlink(old.flow_id, old.key)
            self._flows.link(new.flow_id, new.key)
        if old.contact != new.contact:
            self._places.unlink(place(old.contact), old.key)
            self._places.link(place(new.contact), new.key)

    def _look_at(self, binding: Binding) -> None:
        second = int(binding.expires_at) + 1
        if self._looks.get(binding.key, second + 1) > second:
            self._looks[binding.key] = second
            self._due.setdefault(second, []).append(binding.key)

    def _end(self, binding: Binding, now: float, lost: bool = False) -> None:
        old = self._keys.pop(binding.key, None)
        if old is None:
            return
        others = tuple([other for other in self._users[old.aor] if other is not old])
        if others:
            self._users[old.aor] = others
        else:
            del self._users[old.aor]
        self._flows.unlink(old.flow_id, old.key)
        self._places.unlink(place(old.contact), old.key)
        self._quotas.went(old.aor)
        self._remember(old, now, lost)

    def _remember(self, binding: Binding, now: float, lost: bool = False) -> None:
        self._ended.pop(binding.key, None)  # so that it goes to the end of the line
        self._ended[binding.key] = binding.living(min(binding.expires_at, now), lost, ended=True)

    # -- sweeping

    def start(self) -> None:
        """Look for expired bindings from now on, once a second."""
        self._stopped = False
        self._sweeping = self._clock.callLater(SWEEP_INTERVAL, self._tick)

    def stop(self) -> None:
        """Stop looking. Connections that close from now on, because we do, end nothing: the next process finds their
        bindings *lost*, and their phones come back to it."""
        self._stopped = True
        if self._sweeping is not None and self._sweeping.active():
            self._sweeping.cancel()
        self._sweeping = None

    def _tick(self) -> None:
        more = False
        try:
            more = self.sweep()
        except Exception as error:
            self._failed(error)
        finally:
            self._sweeping = self._clock.callLater(SWEEP_PAUSE if more else SWEEP_INTERVAL, self._tick)

    def sweep(self) -> bool:
        """End what has expired, some of it: True when there is more. Notices too when the wall clock was set."""
        self._follow_wall()
        now = self._clock.seconds()
        over = self._take_expired(now)
        for binding in over:
            self._end(binding, now)
            self.tell(Change.EXPIRED, binding)
        forgotten = self._take_forgotten(now)
        ours = [binding for binding in over if not self.is_elsewhere(binding)]
        if self._store is not None and (ours or forgotten):
            spawn(self._write(Changes((), ours, forgotten, now, self.offset)), self._failed)
        return len(over) >= SWEEP_LIMIT or len(forgotten) >= SWEEP_LIMIT

    def _follow_wall(self) -> None:
        offset = self._wall() - self._clock.seconds()
        step = offset - self.offset
        if abs(step) > CLOCK_STEP:
            self.offset = offset
            if self._store is not None:
                spawn(self._store.shift(step), self._failed)

    def _take_expired(self, now: float) -> list[Binding]:
        over: list[Binding] = []
        while self._swept < int(now):
            second = self._swept + 1
            keys = self._due.get(second, [])
            while keys:
                if len(over) >= SWEEP_LIMIT:
                    return over
                binding = self._due_binding(keys.pop(), second)
                if binding is not None and binding.expires_at <= now:
                    over.append(binding)
                elif binding is not None:
                    self._look_at(binding)
            self._due.pop(second, None)
            self._swept = second
        return over

    def _due_binding(self, key: bytes, second: int) -> Binding | None:
        if self._looks.get(key) != second:
            return None
        del self._looks[key]
        return self._keys.get(key)

    def _take_forgotten(self, now: float) -> list[bytes]:
        excess = len(self._ended) - self._settings.remembered
        forgotten: list[bytes] = []
        for key, ended in islice(self._ended.items(), SWEEP_LIMIT):
            if len(forgotten) >= excess and ended.expires_at + self._settings.remember > now:
                break
            forgotten.append(key)
        for key in forgotten:
            del self._ended[key]
        return forgotten

    async def _write(self, changes: Changes) -> None:
        """Tell the store what is over. If it cannot hear, memory stays right and the dates in the store end it."""
        if self._store is not None:
            try:
                await self._store.write(changes)
                self._complaint = ""
            except StoreFailed as error:
                if str(error) != self._complaint:  # a store that is away is said once, not for each phone that leaves
                    self._complaint = str(error)
                    self._failed(error)
