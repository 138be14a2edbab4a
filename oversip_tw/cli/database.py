"""``oversip db``: the tables of the store, brought up to date."""

from __future__ import annotations

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.stores import redis
from oversip_tw.config import Config
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import database


def upgrade(settings: Config) -> int:
    """`oversip db upgrade`. Raises Failure, and then the store is as it was."""
    store, users = settings.store, settings.users
    _upgrade(settings, store.kind, store.path, store.url, False)
    if users.kind in ("sqlite", "postgresql", "redis"):
        _upgrade(settings, users.kind, users.path, users.url, True)
    return 0


def _upgrade(settings: Config, kind: str, path: str | None, url: str | None, for_users: bool) -> None:
    if kind == "memory":
        raise Failure('the store is "memory": there is nothing to upgrade')
    try:
        if kind == "sqlite":
            before, after, copy = database.upgrade_database(path or "")
            if copy is not None:
                print(f"{path}: as it was before: {copy}")
            _say(path or "", before, after)
        elif kind == "postgresql":
            from oversip_tw.store import postgresql

            _say("PostgreSQL", *postgresql.upgrade_database(url or ""))
        else:
            from oversip_tw.store.redis_keys import SCHEMA, check_schema

            with redis(settings, for_users, check=False) as (keys, waiting):
                _say("Redis", check_schema(waiting, keys, upgrade=True), SCHEMA)
    except StoreFailed as error:
        raise Failure(str(error)) from None


def _say(name: str, before: int, after: int) -> None:
    if before == after:
        print(f"{name}: schema {after}, nothing to do")
    else:
        print(f"{name}: schema {before or 'none'} became {after}")
