"""The users for whoever manages them while the server runs, wherever they are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import nsmallest
from typing import Generic, Protocol, TypeVar

from oversip_tw.sip.errors import SIPError
from oversip_tw.store import passwords
from oversip_tw.store.passwords import Digests, UnknownUser, UserExists
from oversip_tw.store.ports import Users
from oversip_tw.store.sql_store import SqlStore
from oversip_tw.store.users import KnownUsers
from oversip_tw.web.api import Problem

_OTHERS = "the users of this server are managed elsewhere: by its command line, a file or a web application"

#: name and domain
Account = tuple[str, str]
#: the realm of a domain, which is part of what is stored of a password
RealmOf = Callable[[str], str]


class Accounts(Protocol):
    """What is changed is durable, and known to the server, on return. Each may raise StoreFailed."""

    async def after(self, last: Account | None, most: int) -> list[Account]:
        """``most`` users that come after ``last`` (None: the first), by domain and name."""

    async def has(self, name: str, domain: str) -> bool:
        """There is such a user."""

    async def add(self, name: str, domain: str, password: str) -> None:
        """Raises UserExists."""

    async def change(self, name: str, domain: str, password: str) -> None:
        """Raises UnknownUser."""

    async def remove(self, name: str, domain: str) -> None:
        """Raises UnknownUser."""


class StoredAccounts:
    """Those of the store."""

    def __init__(self, store: SqlStore, realm_of: RealmOf) -> None:
        self._store = store
        self._realm_of = realm_of

    async def after(self, last: Account | None, most: int) -> list[Account]:
        return await self._store.ask(lambda database: passwords.users_after(database, last, most))

    async def has(self, name: str, domain: str) -> bool:
        return await self._store.ask(lambda database: passwords.is_user(database, name, domain))

    async def add(self, name: str, domain: str, password: str) -> None:
        realm = self._realm_of(domain)
        await self._store.change(lambda database: passwords.add_user(database, name, domain, password, realm))

    async def change(self, name: str, domain: str, password: str) -> None:
        realm = self._realm_of(domain)
        await self._store.change(lambda database: passwords.change_password(database, name, domain, password, realm))

    async def remove(self, name: str, domain: str) -> None:
        await self._store.change(lambda database: passwords.remove_user(database, name, domain))


class Names(Protocol):
    """Users whose names are all in memory."""

    def names(self) -> Collection[Account]: ...


Known = TypeVar("Known", bound=Names)


class AccountsByName(Generic[Known]):
    """What needs no more than their names."""

    def __init__(self, users: Known, realm_of: RealmOf) -> None:
        self._users = users
        self._realm_of = realm_of

    async def after(self, last: Account | None, most: int) -> list[Account]:
        return _after(self._users.names(), last, most)

    async def has(self, name: str, domain: str) -> bool:
        return (name, domain) in self._users.names()


class AccountsInMemory(AccountsByName[KnownUsers]):
    """Those of a server without a store: gone when it ends."""

    async def add(self, name: str, domain: str, password: str) -> None:
        if await self.has(name, domain):
            raise UserExists(f"{name}@{domain}")
        self._users.set(name, domain, passwords.digests(name, self._realm_of(domain), password))

    async def change(self, name: str, domain: str, password: str) -> None:
        if not await self.has(name, domain):
            raise UnknownUser(f"{name}@{domain}")
        self._users.set(name, domain, passwords.digests(name, self._realm_of(domain), password))

    async def remove(self, name: str, domain: str) -> None:
        if not await self.has(name, domain):
            raise UnknownUser(f"{name}@{domain}")
        self._users.set(name, domain, None)


class SharedUsers(Names, Protocol):
    """`oversip_tw.store.redis_users.RedisUsers`, whose libraries nobody else has to have."""

    async def put(self, how: str, name: str, domain: str, digests: Digests = ()) -> bool: ...


class SharedAccounts(AccountsByName[SharedUsers]):
    """Those of all servers on one Redis."""

    async def add(self, name: str, domain: str, password: str) -> None:
        if not await self._users.put("add", name, domain, passwords.digests(name, self._realm_of(domain), password)):
            raise UserExists(f"{name}@{domain}")

    async def change(self, name: str, domain: str, password: str) -> None:
        if not await self._users.put("change", name, domain, passwords.digests(name, self._realm_of(domain), password)):
            raise UnknownUser(f"{name}@{domain}")

    async def remove(self, name: str, domain: str) -> None:
        if not await self._users.put("remove", name, domain):
            raise UnknownUser(f"{name}@{domain}")


class AccountsOfOthers:
    """Those of somebody who manages them by other means."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def after(self, last: Account | None, most: int) -> list[Account]:
        if isinstance(self._users, KnownUsers):
            return _after(self._users.names(), last, most)
        raise Problem(409, _OTHERS)

    async def has(self, name: str, domain: str) -> bool:
        try:
            return await self._users.ha1(name, domain, "MD5") is not None
        except SIPError as error:  # nobody knows
            raise Problem(503, "whoever knows the users does not answer") from error

    async def add(self, name: str, domain: str, password: str) -> None:
        raise Problem(409, _OTHERS)

    async def change(self, name: str, domain: str, password: str) -> None:
        raise Problem(409, _OTHERS)

    async def remove(self, name: str, domain: str) -> None:
        raise Problem(409, _OTHERS)


def _after(names: Collection[Account], last: Account | None, most: int) -> list[Account]:
    found = (each for each in names if last is None or _order(each) > _order(last))
    return nsmallest(most, found, key=_order)


def _order(account: Account) -> tuple[str, str]:
    return account[1], account[0]
