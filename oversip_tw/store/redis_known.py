"""Small tables in Redis, rules and aliases of users: all in memory, told of every change; and for the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import redis_records as records
from oversip_tw.store.known import Known
from oversip_tw.store.redis_link import Waiting
from oversip_tw.store.redis_scripts import ENTRY

if TYPE_CHECKING:
    from oversip_tw.store.redis_keys import Keys
    from oversip_tw.store.redis_session import Session

V = TypeVar("V")


class Table(Generic[V]):
    """What one hash holds, and how."""

    def __init__(self, kind: bytes, nothing: V) -> None:
        """``kind`` begins the messages that tell of its changes."""
        self.kind = kind
        self.nothing = nothing

    def key(self, keys: Keys) -> bytes:
        """What the hash is called."""
        raise NotImplementedError

    def written(self, value: V) -> str:
        """``value`` as it stands there, in one line and never empty."""
        raise NotImplementedError

    def read(self, text: bytes) -> V:
        """The value of `written`. Raises ValueError, TypeError."""
        raise NotImplementedError

    def change(self, keys: Keys, aor: str, value: V, how: str = "") -> list[str]:
        """The arguments of `ENTRY`."""
        text = "" if value == self.nothing else self.written(value)
        return [keys.events, self.kind.decode(), records.named(aor), text, how]

    def all(self, found: Sequence[bytes]) -> dict[str, V]:
        """What HGETALL gave."""
        return {records.name_in(name): self.read(text) for name, text in zip(found[::2], found[1::2], strict=True)}


class _Rules(Table[Rules]):
    def key(self, keys: Keys) -> bytes:
        return keys.rules

    def written(self, value: Rules) -> str:
        fields = [value.forward_busy, value.forward_no_answer, value.forward_unregistered, value.ring_timeout]
        return json.dumps(fields)

    def read(self, text: bytes) -> Rules:
        busy, no_answer, unregistered, ring_timeout = json.loads(text)
        return Rules(busy, no_answer, unregistered, ring_timeout)


class _Aliases(Table[str]):
    def key(self, keys: Keys) -> bytes:
        return keys.aliases

    def written(self, value: str) -> str:
        return records.named(value)

    def read(self, text: bytes) -> str:
        return records.name_in(text)


RULES, ALIASES = _Rules(b"R", NONE), _Aliases(b"A", "")


class RedisKnown(Known[V]):
    """What was known stays known while Redis is away."""

    def __init__(self, table: Table[V], keys: Keys, waiting: Waiting) -> None:
        super().__init__(table.nothing)
        self._table = table
        self._keys = keys
        self._key = table.key(keys)
        #: the way to Redis once it is there
        self.session: Session | None = None
        self.replace(table.all(waiting.call("HGETALL", self._key)))

    async def reload(self, lost: bool) -> None:
        """Read all of them; ``lost``: Redis has lost everything, it is told what we know. Raises StoreFailed."""
        session = self.session
        assert session is not None
        if lost:
            for aor, value in list(self.values.items()):
                await session.run(ENTRY, [self._key], [*self._table.change(self._keys, aor, value, "lost")])
        self.replace(self._table.all(await session.call("HGETALL", self._key)))

    async def put(self, aor: str, value: V) -> None:
        """Let ``value`` hold for that user, for all servers. Raises StoreFailed."""
        session = self.session
        assert session is not None
        await session.run(ENTRY, [self._key], [*self._table.change(self._keys, aor, value)])
        self.set(aor, value)

    def changed(self, name: bytes, text: bytes) -> None:
        """A message says so."""
        self.set(records.name_in(name), self._table.read(text) if text else self.nothing)


class RedisBook(Generic[V]):
    """`ports.Rulebook` and `ports.Aliasbook`."""

    def __init__(self, table: Table[V], keys: Keys, waiting: Waiting) -> None:
        self._table = table
        self._keys = keys
        self._key = table.key(keys)
        self._waiting = waiting

    def is_user(self, name: str, domain: str) -> bool:
        return bool(self._waiting.call("HEXISTS", self._keys.users, records.field_of(name, domain)))

    def all(self) -> dict[str, V]:
        try:
            return self._table.all(self._waiting.call("HGETALL", self._key))
        except (ValueError, TypeError) as error:
            raise StoreFailed(f"cannot use Redis: {error}") from None

    def of(self, aor: str) -> V:
        return self.all().get(aor, self._table.nothing)

    def set(self, aor: str, value: V) -> None:
        self._waiting.call("EVAL", ENTRY.text, 1, self._key, *self._table.change(self._keys, aor, value))
