"""The users and bindings of a configuration, for commands: opened, used and closed, all in one breath."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from oversip_tw.cli.failure import Failure
from oversip_tw.config import Config
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import bindings, database, htdigest
from oversip_tw.store.aliases import SqlAliases
from oversip_tw.store.passwords import Digests, SqlAccounts
from oversip_tw.store.ports import Accounts, Aliasbook, Rulebook
from oversip_tw.store.rules import SqlRules
from oversip_tw.store.sql import Database

if TYPE_CHECKING:
    from oversip_tw.store.redis_keys import Keys
    from oversip_tw.store.redis_link import Waiting


# Each backend is imported where it is used: its libraries take longer than the command.


@contextlib.contextmanager
def accounts(settings: Config) -> Iterator[Accounts]:
    """The users of ``settings`` while the block runs. Raises Failure, also for what the database says in there."""
    own = settings.users.kind == "store"
    kind = settings.store.kind if own else settings.users.kind
    if kind == "http":
        raise Failure(f"the users are those of {settings.users.url}: manage them there")
    if kind == "htdigest":
        yield _File(settings.users.path or "")
    elif kind == "redis":
        from oversip_tw.store.redis_users import RedisAccounts

        with redis(settings, not own) as (keys, waiting):
            yield RedisAccounts(keys, waiting)
    else:
        path, url = (settings.store.path, settings.store.url) if own else (settings.users.path, settings.users.url)
        with _database(kind, path, url) as opened:
            yield SqlAccounts(opened)


@contextlib.contextmanager
def rulebook(settings: Config) -> Iterator[Rulebook]:
    """The rules of users in the store. Raises Failure, also for what it says in the block."""
    store = settings.store
    if store.kind == "redis":
        from oversip_tw.store.redis_known import RULES, RedisBook

        with redis(settings) as (keys, waiting):
            yield RedisBook(RULES, keys, waiting)
    else:
        with _database(store.kind, store.path, store.url) as opened:
            yield SqlRules(opened)


@contextlib.contextmanager
def aliasbook(settings: Config) -> Iterator[Aliasbook]:
    """The aliases of users in the store. Raises Failure, also for what it says in the block."""
    store = settings.store
    if store.kind == "redis":
        from oversip_tw.store.redis_known import ALIASES, RedisBook

        with redis(settings) as (keys, waiting):
            yield RedisBook(ALIASES, keys, waiting)
    else:
        with _database(store.kind, store.path, store.url) as opened:
            yield SqlAliases(opened)


def listing(settings: Config) -> Sequence[Binding]:
    """All bindings in the store, with dates. Raises Failure."""
    store = settings.store
    if store.kind == "redis":
        from oversip_tw.store.redis_keys import living

        with redis(settings) as (keys, waiting):
            return living(waiting, keys)
    with _database(store.kind, store.path, store.url) as opened:
        return bindings.load(opened, 0.0)


@contextlib.contextmanager
def redis(settings: Config, for_users: bool = False, check: bool = True) -> Iterator[tuple[Keys, Waiting]]:
    """A connection to the Redis of the store, or ``for_users`` to that of the users. Raises Failure."""
    from oversip_tw.store import redis_keys, redis_link

    keys, store = redis_keys.Keys(settings.store.prefix), settings.store
    waiting: Waiting | None = None
    try:
        if for_users:
            place = redis_link.Place.of(settings.users.url or "")
        else:
            place = redis_link.Place.of(store.url or "redis://127.0.0.1:6379", store.sentinels, store.sentinel_name)
        waiting = redis_link.Waiting(place)
        if check:
            redis_keys.check_schema(waiting, keys)
        yield keys, waiting
    except StoreFailed as error:
        raise Failure(str(error)) from None
    finally:
        if waiting is not None:
            waiting.close()


@contextlib.contextmanager
def _database(kind: str, path: str | None, url: str | None) -> Iterator[Database]:
    if kind == "memory":
        raise Failure('the store is "memory": its users live in the server alone')
    try:
        opened = _opened(kind, path or "", url or "")
    except StoreFailed as error:
        raise Failure(str(error)) from None
    try:
        yield opened
    except opened.Error as error:
        raise Failure(f"{path or opened.kind}: {' '.join(str(error).split())}") from None
    finally:
        opened.close()


def _opened(kind: str, path: str, url: str) -> Database:
    if kind == "sqlite":
        return database.open_database(path)
    from oversip_tw.store import postgresql

    return postgresql.open_database(url)


class _File:
    """An htdigest file: Apache's own tool writes it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def together(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def names(self) -> list[tuple[str, str]]:
        try:
            found = htdigest.read(self._path)
        except StoreFailed as error:
            raise Failure(str(error)) from None
        return sorted(found, key=lambda user: (user[1], user[0]))

    def add(self, name: str, domain: str, digests: Digests) -> None:
        raise Failure(f"{self._path} is written by its own tool: htdigest {self._path} {domain} {name}")

    change = add

    def remove(self, name: str, domain: str) -> None:
        raise Failure(f"{self._path} is written by its own tool: take the line of {name}:{domain} out of it")
