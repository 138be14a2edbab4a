"""Users in Redis: all of them in memory, told of every change; and for the command line."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.sip.accounts import aor_of
from oversip_tw.store import redis_records as records
from oversip_tw.store.passwords import Digests, UnknownUser, UserExists, checked
from oversip_tw.store.redis_link import Waiting
from oversip_tw.store.redis_scripts import USER
from oversip_tw.store.users import KnownUsers

if TYPE_CHECKING:
    from oversip_tw.store.redis_keys import Keys
    from oversip_tw.store.redis_session import Session


class RedisUsers(KnownUsers):
    """`ports.Users`: who was known stays known while Redis is away."""

    def __init__(self, keys: Keys, waiting: Waiting) -> None:
        super().__init__()
        self._keys = keys
        #: the way to Redis once it is there
        self.session: Session | None = None
        self.version = int(waiting.call("GET", keys.users_version) or 0)
        self._replace(waiting.call("HGETALL", keys.users))

    def _replace(self, found: list[Any]) -> None:
        pairs = zip(found[::2], found[1::2], strict=True)
        self.replace({records.user_of(field): records.digests_read(value) for field, value in pairs})

    async def reload(self) -> None:
        """Read all of them, unless nothing has changed. Raises StoreFailed."""
        session = self.session
        assert session is not None
        version = int(await session.call("GET", self._keys.users_version) or 0)
        if not version and self._digests:
            await self._give_back(session)
        elif version != self.version:
            found = await session.call("HGETALL", self._keys.users)
            self._replace(found)
            self.version = version

    async def _give_back(self, session: Session) -> None:
        """Redis has lost them, all at once: whoever was a user stays one."""
        for (name, domain), digests in self._digests.items():
            await session.call(
                "HSETNX", self._keys.users, records.field_of(name, domain), records.digests_written(digests)
            )
        await session.call("SET", self._keys.users_version, max(self.version, 1), "NX")

    async def put(self, how: str, name: str, domain: str, digests: Digests = ()) -> bool:
        """Let "add", "change" or "remove" happen to a user, for all servers; False: there is one already, or none.
        Raises StoreFailed."""
        session = self.session
        assert session is not None
        value = records.digests_written(digests)
        done = await session.run(
            USER, [self._keys.users, self._keys.users_version, self._keys.rules, self._keys.aliases],
            [self._keys.events, how, records.field_of(name, domain), value, records.named(aor_of(name, domain))],
        )  # fmt: skip
        if done:
            self.set(name, domain, digests if how != "remove" else None)
        return bool(done)

    def changed(self, field: bytes, value: bytes) -> None:
        """A message says so."""
        name, domain = records.user_of(field)
        self.set(name, domain, records.digests_read(value) if value else None)
        self.version += 1


class RedisAccounts:
    """`ports.Accounts`."""

    def __init__(self, keys: Keys, waiting: Waiting) -> None:
        self._keys = keys
        self._waiting = waiting

    def _change(self, how: str, name: str, domain: str, digests: Digests = ()) -> bool:
        done = self._waiting.call(
            "EVAL", USER.text, 4, self._keys.users, self._keys.users_version, self._keys.rules, self._keys.aliases,
            self._keys.events, how, records.field_of(name, domain), records.digests_written(digests),
            records.named(aor_of(name, domain)),
        )  # fmt: skip
        return bool(done)

    def add(self, name: str, domain: str, digests: Digests) -> None:
        name, domain = checked(name, domain)
        if not self._change("add", name, domain, digests):
            raise UserExists(f"{name}@{domain}")

    def change(self, name: str, domain: str, digests: Digests) -> None:
        if not self._change("change", name, domain.lower(), digests):
            raise UnknownUser(f"{name}@{domain}")

    def remove(self, name: str, domain: str) -> None:
        if not self._change("remove", name, domain.lower()):
            raise UnknownUser(f"{name}@{domain}")

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def names(self) -> list[tuple[str, str]]:
        try:
            found = [records.user_of(field) for field in self._waiting.call("HKEYS", self._keys.users)]
        except ValueError as error:
            raise StoreFailed(f"cannot use Redis: {error}") from None
        return sorted(found, key=lambda user: (user[1], user[0]))
