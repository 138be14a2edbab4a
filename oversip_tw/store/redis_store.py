"""Redis (or Valkey) as the store: for several servers that share users, bindings and keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oversip_tw.interfaces import Delayed
from oversip_tw.promise import Promise, spawn
from oversip_tw.proxy.user_rules import Rules
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes, Outdated, StoreAway, StoreFailed
from oversip_tw.store import redis_records as records
from oversip_tw.store.redis_keys import SCHEMA, Keys, check_schema, loaded, secrets_of
from oversip_tw.store.redis_known import ALIASES, RULES, RedisKnown
from oversip_tw.store.redis_link import PATIENCE, Argument, Place, Waiting
from oversip_tw.store.redis_scripts import LEASE, LOAD, SECRET, WRITE
from oversip_tw.store.redis_session import Session
from oversip_tw.store.redis_users import RedisUsers
from oversip_tw.store.sql_store import unreported

__all__ = ["SCHEMA", "Follower", "RedisStore", "Settings"]

#: milliseconds that an ended binding is remembered, so that tokens still find who it was
REMEMBER = 3_600_000
#: users of one look when all are read
PAGE = 500

#: signs of life within a lease, and how much of it a server may be silent: whoever notices needs a part as well
_BEATS, _SILENT = 5, 0.6

Repair = tuple[str, list[Binding], list[Binding]]


class Follower(Protocol):
    """The memory that follows the store (`oversip_tw.registrar.replica.Replica`)."""

    @property
    def offset(self) -> float: ...
    def adopt(self, aor: str, stored: Sequence[Binding]) -> list[Binding]: ...
    def compare(self, stored: dict[str, list[Binding]], settled: bool) -> list[Repair]: ...
    def gone(self, node: str) -> list[Binding]: ...
    def ours(self) -> list[Binding]: ...
    def others(self) -> set[str]: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """Which Redis, and who we are there."""

    place: Place
    prefix: str = "oversip"
    #: the name of this server; no other that shares the store has it
    node: str = "1"
    #: seconds that our bindings outlive us, with the others
    lease: float = 15.0


class RedisStore:
    """A `ports.BindingStore` and, in ``users``, a `ports.Users`.

    Making one reads all users: StoreFailed when that fails. `follow` says whose memory hears of what other servers do.
    While Redis is away every write fails, and memory goes on as it is; when it is back both are compared.
    """

    def __init__(
        self, settings: Settings, reactor: Any, failed: Callable[[BaseException], None] = unreported
    ) -> None:
        self._settings = settings
        self._keys = Keys(settings.prefix)
        self._reactor = reactor
        self._failed = failed
        self._follower: Follower | None = None
        #: those that were asked for
        self._secrets: dict[str, tuple[bytes, ...]] = {}
        #: by user: the version of what memory holds
        self._versions: dict[str, int] = {}
        #: done when the first connection stands, or does not come to stand
        self._began: Promise[None] = Promise()
        #: messages that came while everything was being compared
        self._early: list[bytes] | None = []
        #: when each of the other servers was last heard of; our own as well
        self._heard_of: dict[str, float] = {}
        self._beat: Delayed | None = None
        self._settle: Delayed | None = None
        self._first: Delayed | None = None
        self._waiting: Waiting | None = Waiting(settings.place)
        try:
            check_schema(self._waiting, self._keys)
            self._refuse_a_twin(self._waiting)
            self.users = RedisUsers(self._keys, self._waiting)
            self.rules = RedisKnown(RULES, self._keys, self._waiting)
            self.aliases = RedisKnown(ALIASES, self._keys, self._waiting)
        except BaseException:
            self._waiting.close()
            raise
        self._session = Session(
            settings.place,
            self._keys.events,
            self._keys.node(settings.node).decode(),
            reactor,
            self._came,
            self._message,
            self._there,
            self._left,
            failed,
        )
        self.users.session = self.rules.session = self.aliases.session = self._session

    def _refuse_a_twin(self, waiting: Waiting) -> None:
        """Two servers of one name would end each other's bindings."""
        key = self._keys.node(self._settings.node)
        _, listening = waiting.call("PUBSUB", "NUMSUB", key)
        if listening and waiting.call("EXISTS", key):
            raise StoreFailed(
                f'{self._settings.place.title}: another server is node "{self._settings.node}": '
                "give each a node_id of its own"
            )

    @property
    def works(self) -> bool:
        """As `ports.Source.works`."""
        return self._session.up

    def follow(self, follower: Follower) -> None:
        """``follower`` hears of other servers from now on. Call it before `start`."""
        self._follower = follower

    # -- start-up: nobody else waits yet

    def secrets(self, name: str, length: int = 32) -> tuple[bytes, ...]:
        """Keys of that name, newest first, the same for all servers; made up when there is none."""
        assert self._waiting is not None
        found = self._secrets[name] = secrets_of(self._waiting, self._keys, name, os.urandom(length))
        return found

    async def load(self, offset: float) -> Sequence[Binding]:
        """All bindings, as `BindingStore.load`."""
        if self._waiting is None:
            raise StoreFailed("everything was loaded before")
        found = loaded(self._waiting, self._keys, offset)
        self._waiting.close()
        self._waiting = None
        for aor, version, _ in found:
            self._versions[aor] = version
        bindings = [binding for _, _, each in found for binding in each]
        return sorted(bindings, key=lambda binding: binding.expires_at)

    def abandon(self) -> None:
        """Close it without waiting for anything: nothing has begun."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def start(self) -> None:
        """Connect, and follow what others do."""
        self.abandon()
        self._session.start()
        self._first = self._reactor.callLater(PATIENCE, self._began.resolve, None)

    async def refresh_users(self) -> None:
        """Read all users again. Raises StoreFailed."""
        if self._session.up:
            await self.users.reload()

    async def close(self) -> None:
        """Let go. Our lease runs out by itself: who is back before that keeps its bindings."""
        self.abandon()
        self._stop_timers()
        if self._first is not None and self._first.active():
            self._first.cancel()
        self._began.resolve(None)
        self._session.close()

    async def set_rules(self, aor: str, rules: Rules) -> None:
        """As `ports.RuleStore.set_rules`."""
        await self.rules.put(aor, rules)

    # -- writing

    async def write(self, changes: Changes) -> None:
        """Make ``changes`` durable, those of one user all at once. Raises Outdated, StoreFailed."""
        if not self._began.done:
            await self._began  # the first connection, in the first moments
        if not self._session.up:
            raise StoreAway(f"{self._settings.place.title} is away")
        offset = changes.offset
        users: dict[str, tuple[list[Binding], list[Binding]]] = {}
        for binding in changes.put:
            users.setdefault(binding.aor, ([], []))[0].append(binding)
        for binding in changes.drop:
            users.setdefault(binding.aor, ([], []))[1].append(binding)
        for aor, (put, drop) in users.items():
            await self._write(aor, put, drop, changes.now + offset, offset, changes.strict)

    async def _write(
        self, aor: str, put: Iterable[Binding], drop: Iterable[Binding], now: float, offset: float, strict: bool
    ) -> None:
        known = self._versions.get(aor, 0)
        arguments: list[Argument] = [
            self._keys.events, self._settings.node, records.named(aor), int(now * 1000), REMEMBER,
            str(known) if strict else "",
        ]  # fmt: skip
        coming = [(binding.key.hex(), records.written(binding, offset)) for binding in put]
        arguments.append(len(coming))
        for pair in coming:
            arguments += pair
        for binding in drop:
            arguments += (binding.key.hex(), records.stamp(binding))
        done, before, after = await self._session.run(WRITE, [self._keys.aor(aor)], arguments)
        if not done:
            self._adopt(aor, int(before), after)
            raise Outdated(f"{aor}: another server was faster")
        if int(before) == self._versions.get(aor, 0):
            self._versions[aor] = int(after)
        else:
            # Somebody else's change is there that we have not heard of, or have heard of too early: look once more.
            spawn(self._look_at(aor), self._failed)

    async def _look_at(self, aor: str) -> None:
        found = await self._session.call("HGETALL", self._keys.aor(aor))
        values = dict(zip(found[::2], found[1::2], strict=True))
        self._adopt(aor, int(values.pop(b"v", b"0")), list(values.values()))

    async def shift(self, seconds: float) -> None:
        """The wall clock was set: write our bindings again, with the dates that they have now."""
        follower = self._follower
        if follower is not None and self._session.up:
            for binding in follower.ours():
                await self._put_again([binding])

    async def _put_again(self, put: Sequence[Binding], drop: Sequence[Binding] = ()) -> None:
        follower = self._follower
        assert follower is not None
        now, offset = self._reactor.seconds() + follower.offset, follower.offset
        await self._write((*put, *drop)[0].aor, put, drop, now, offset, False)

    # -- hearing

    def _message(self, message: bytes) -> None:
        if self._early is not None:
            self._early.append(message)
            return
        try:
            kind, *rest = message.split(b"\n")
            if kind == b"B":
                self._changed(*rest[:3], values=rest[3:])
            elif kind == b"U":
                self.users.changed(*rest)
            elif kind == b"R":
                self.rules.changed(*rest)
            elif kind == b"A":
                self.aliases.changed(*rest)
            elif kind == b"N":
                self._heard_of[rest[0].decode()] = self._reactor.seconds()
        except (ValueError, TypeError) as error:
            self._failed(StoreFailed(f"{self._settings.place.title}: a message that is none of ours: {error}"))

    def _changed(self, node: bytes, version: bytes, name: bytes, *, values: Sequence[bytes]) -> None:
        aor = records.name_in(name)
        if int(version) > self._versions.get(aor, 0):
            self._adopt(aor, int(version), values)

    def _adopt(self, aor: str, version: int, values: Sequence[bytes]) -> None:
        follower = self._follower
        if follower is None:
            return
        if values:
            self._versions[aor] = version
        else:
            self._versions.pop(aor, None)
        missing = follower.adopt(aor, [records.read(value, follower.offset) for value in values])
        if missing:
            spawn(self._put_again(missing), self._failed)

    # -- coming and going

    async def _came(self) -> None:
        """Both connections stand, and messages are kept: compare everything, then go on."""
        self._early = []
        await self._renew()
        lost = await self._give_back()
        await self.users.reload()
        await self.rules.reload(lost)
        await self.aliases.reload(lost)
        await self._compare(settled=False)
        self._catch_up()
        now = self._reactor.seconds()
        self._heard_of = dict.fromkeys((self._settings.node, *self._others()), now)
        self._stop_timers()
        self._beat = self._reactor.callLater(self._settings.lease / _BEATS, self._tick)
        self._settle = self._reactor.callLater(self._settings.lease, self._settled)

    async def _give_back(self) -> bool:
        """If Redis has lost everything: flow tokens have to stay good, on all servers. Whether it has."""
        lost = await self._session.call("SET", self._keys.schema, SCHEMA, "NX")
        for name, secrets in self._secrets.items():
            await self._session.run(SECRET, [self._keys.secret(name)], [*secrets])
        return lost is not None

    def _there(self) -> None:
        self._began.resolve(None)

    def _left(self) -> None:
        self._early = []
        self._stop_timers()

    def _stop_timers(self) -> None:
        for timer in (self._beat, self._settle):
            if timer is not None and timer.active():
                timer.cancel()
        self._beat = self._settle = None

    async def _compare(self, settled: bool) -> None:
        follower = self._follower
        if follower is None:
            return
        if not settled:
            self._versions = {}  # whatever Redis has gone through, it is what counts now
        stored: dict[str, list[Binding]] = {}
        cursor: bytes = b"0"
        while True:
            cursor, page = await self._session.run(LOAD, [], [cursor, self._keys.all_aors, PAGE])
            for key, version, *values in page:
                aor = self._keys.aor_in(key)
                self._versions[aor] = max(int(version), self._versions.get(aor, 0))
                stored[aor] = [records.read(value, follower.offset) for value in values]
            if cursor == b"0":
                break
        for _, put, drop in follower.compare(stored, settled):
            await self._put_again(put, drop)

    def _catch_up(self) -> None:
        """Hear what was said meanwhile."""
        early, self._early = self._early or [], None
        for message in early:
            self._message(message)

    def _settled(self) -> None:
        self._settle = None
        spawn(self._compare_again(), self._failed)

    async def _compare_again(self) -> None:
        """All who live have told the store theirs by now."""
        self._early = []
        await self._compare(settled=True)
        self._catch_up()

    def _others(self) -> set[str]:
        return set() if self._follower is None else self._follower.others()

    async def _renew(self) -> None:
        lease = int(self._settings.lease * _SILENT * 1000)
        node = self._settings.node
        await self._session.run(LEASE, [self._keys.node(node)], [self._keys.events, node, lease])

    def _tick(self) -> None:
        self._beat = self._reactor.callLater(self._settings.lease / _BEATS, self._tick)
        now, lease = self._reactor.seconds(), self._settings.lease
        if now - self._heard_of[self._settings.node] > lease:
            self._session.drop(f"{self._settings.place.title}: our own words do not come back")
            return
        spawn(self._renew(), self._failed)
        for node in self._others():
            if now - self._heard_of.setdefault(node, now) > lease * _SILENT:
                spawn(self._bury(node), self._failed)

    async def _bury(self, node: str) -> None:
        """End what a server has left behind that is no more."""
        follower = self._follower
        if follower is None or await self._session.call("EXISTS", self._keys.node(node)):
            return
        self._heard_of.pop(node, None)
        for binding in follower.gone(node):
            await self._session.run(
                WRITE,
                [self._keys.aor(binding.aor)],
                [self._keys.events, self._settings.node, records.named(binding.aor),
                 int((self._reactor.seconds() + follower.offset) * 1000), REMEMBER, "", 0,
                 binding.key.hex(), records.stamp(binding) + "x"],
            )  # fmt: skip
