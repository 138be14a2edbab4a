"""Where users' calls go, as Redis holds it: all in memory, told of every change; and for the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import redis_records as records
from oversip_tw.store.redis_link import Argument, Waiting
from oversip_tw.store.redis_scripts import RULES
from oversip_tw.store.rules import KnownRules

if TYPE_CHECKING:
    from oversip_tw.store.redis_keys import Keys
    from oversip_tw.store.redis_session import Session


class RedisRules(KnownRules):
    """What was known stays known while Redis is away."""

    def __init__(self, keys: Keys, waiting: Waiting) -> None:
        super().__init__()
        self._keys = keys
        #: the way to Redis once it is there
        self.session: Session | None = None
        self.replace(_all(waiting.call("HGETALL", keys.rules)))

    async def reload(self, lost: bool) -> None:
        """Read all of them; ``lost``: Redis has lost everything, it is told what we know. Raises StoreFailed."""
        session = self.session
        assert session is not None
        if lost:
            for aor, rules in list(self._rules.items()):
                await session.run(RULES, [self._keys.rules], _change(self._keys, aor, rules, "lost"))
        self.replace(_all(await session.call("HGETALL", self._keys.rules)))

    async def put(self, aor: str, rules: Rules) -> None:
        """Let ``rules`` hold for that user, for all servers. Raises StoreFailed."""
        session = self.session
        assert session is not None
        await session.run(RULES, [self._keys.rules], _change(self._keys, aor, rules))
        self.set(aor, rules)

    def changed(self, name: bytes, value: bytes) -> None:
        """A message says so."""
        self.set(records.name_in(name), _read(value) if value else NONE)


class RedisRulebook:
    """`ports.Rulebook`."""

    def __init__(self, keys: Keys, waiting: Waiting) -> None:
        self._keys = keys
        self._waiting = waiting

    def is_user(self, name: str, domain: str) -> bool:
        return bool(self._waiting.call("HEXISTS", self._keys.users, records.field_of(name, domain)))

    def of(self, aor: str) -> Rules:
        value = self._waiting.call("HGET", self._keys.rules, records.named(aor))
        try:
            return NONE if value is None else _read(value)
        except ValueError as error:
            raise StoreFailed(f"cannot use Redis: {error}") from None

    def set(self, aor: str, rules: Rules) -> None:
        self._waiting.call("EVAL", RULES.text, 1, self._keys.rules, *_change(self._keys, aor, rules))


def _change(keys: Keys, aor: str, rules: Rules, how: str = "") -> list[Argument]:
    value = [rules.forward_busy, rules.forward_no_answer, rules.forward_unregistered, rules.ring_timeout]
    return [keys.events, records.named(aor), "" if rules == NONE else json.dumps(value), how]


def _all(found: Sequence[bytes]) -> dict[str, Rules]:
    return {records.name_in(name): _read(value) for name, value in zip(found[::2], found[1::2], strict=True)}


def _read(value: bytes) -> Rules:
    busy, no_answer, unregistered, ring_timeout = json.loads(value)
    return Rules(busy, no_answer, unregistered, ring_timeout)
