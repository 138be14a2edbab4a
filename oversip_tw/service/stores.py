"""Users and bindings, each from where the configuration says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Protocol

from oversip_tw.config import Config, Mistake
from oversip_tw.interfaces import Log
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.registrar.replica import Replica
from oversip_tw.store.ports import BindingStore, RuleStore, Source, Users
from oversip_tw.store.sqlite import SqliteStore
from oversip_tw.store.users import KnownUsers
from oversip_tw.store.worker import FromThread

if TYPE_CHECKING:
    from oversip_tw.store.redis_store import Settings as RedisSettings

Failed = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class Stores:
    """What was opened."""

    #: None: bindings live in memory alone
    bindings: BindingStore | None
    users: Users
    #: all there are, to be started and closed
    sources: tuple[Source, ...]
    #: says whose memory hears of what other servers do; None: there are no others
    follow: Callable[[Replica], None] | None = None
    #: where users' calls go; None: memory alone knows
    rules: RuleStore | None = None

    @property
    def work(self) -> bool:
        """All of them answer."""
        return all(source.works for source in self.sources)

    def start(self) -> None:
        """Follow what others change."""
        for source in self.sources:
            source.start()

    async def refresh_users(self) -> None:
        """Look at the users again. Raises StoreFailed."""
        for source in self.sources:
            await source.refresh_users()

    async def close(self) -> None:
        """Finish what is there and close it all."""
        for source in self.sources:
            await source.close()


def open_stores(config: Config, reactor: Any, from_thread: FromThread, log: Log) -> Stores:
    """Open what ``config`` names, and wait for it. Raises StoreFailed with one line."""

    def failed(error: BaseException) -> None:
        log.error("store: {error}", error=error)

    store = _store(config, reactor, from_thread, failed)
    follow = getattr(store, "follow", None)
    if config.users.kind == "store":
        users: Users = KnownUsers() if store is None else store.users
        return Stores(store, users, () if store is None else (store,), follow, store)
    try:
        users, source = _users(config, reactor, from_thread, failed)
    except StoreFailed:
        if store is not None:
            store.abandon()
        raise
    return Stores(store, users, (source,) if store is None else (source, store), follow, store)


# Each backend is imported where it is used: nobody pays for the libraries of another.


class _Whole(BindingStore, RuleStore, Protocol):
    """A store of bindings that knows users and their rules, too."""

    @property
    def users(self) -> KnownUsers: ...
    def abandon(self) -> None: ...


def _store(config: Config, reactor: Any, from_thread: FromThread, failed: Failed) -> _Whole | None:
    given = config.store
    if given.kind == "memory":
        return None
    if given.kind == "redis":
        from oversip_tw.store import redis_store

        return redis_store.RedisStore(redis_settings(config), reactor, failed)
    if given.kind == "postgresql":
        from oversip_tw.store.postgresql import PostgresStore

        return PostgresStore(given.url or "", reactor, from_thread, given.commit_delay, failed)
    return SqliteStore(given.path or "", reactor, from_thread, given.commit_delay, failed)


def user_file_mistakes(config: Config) -> list[Mistake]:
    """A file that names no users."""
    if config.users.kind == "htdigest":
        from oversip_tw.store import htdigest

        try:
            htdigest.read(config.users.path or "")
        except StoreFailed as error:
            return [Mistake("users.path", str(error))]
    return []


def _users(config: Config, reactor: Any, from_thread: FromThread, failed: Failed) -> tuple[Users, Source]:
    given = config.users
    if given.kind == "htdigest":
        from oversip_tw.store.htdigest import HtdigestUsers

        file = HtdigestUsers(given.path or "", reactor, from_thread, failed)
        return file, file
    if given.kind == "http":
        from oversip_tw.store import http_users

        settings = http_users.Settings(
            given.url or "", given.token or "", given.timeout, given.found_for, given.missing_for, given.remembered
        )
        asked = http_users.HttpUsers(settings, reactor, http_users.WebFetch(reactor, given.timeout), failed)
        return asked, asked
    whole: _Whole
    if given.kind == "redis":
        from oversip_tw.store import redis_link, redis_store

        # under a name that no server has: it is asked for users alone
        name, place = f"users-{token_hex(6)}", redis_link.Place.of(given.url or "")
        whole = redis_store.RedisStore(redis_store.Settings(place, config.store.prefix, name), reactor, failed)
    elif given.kind == "postgresql":
        from oversip_tw.store.postgresql import PostgresStore

        whole = PostgresStore(given.url or "", reactor, from_thread, failed=failed, alone=False)
    else:
        whole = SqliteStore(given.path or "", reactor, from_thread, failed=failed)
    return whole.users, whole


def redis_settings(config: Config) -> RedisSettings:
    """Which Redis, and who we are there. Raises StoreFailed."""
    from oversip_tw.store import redis_link, redis_store

    given = config.store
    place = redis_link.Place.of(given.url or "redis://127.0.0.1:6379", given.sentinels, given.sentinel_name)
    return redis_store.Settings(place, given.prefix, config.node_id or "1", given.lease)


def node_name(config: Config, store: BindingStore | None) -> str:
    """What this server is called in tokens and bindings: it outlives the process where there is a store."""
    if config.node_id is not None:
        return config.node_id
    if config.store.kind == "redis":
        return "1"
    return token_hex(6) if store is None else store.secrets("node", 6)[0].hex()
