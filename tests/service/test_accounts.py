"""Users who are managed while the server runs, at domains that have a realm of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from hashlib import md5
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.promise import spawn
from oversip_tw.service.api.accounts import Accounts, AccountsInMemory, StoredAccounts
from oversip_tw.store.database import open_database
from oversip_tw.store.users import KnownUsers, changed_since


def realm_of(domain: str) -> str:
    """Of example.org alone it is not its name."""
    return "Tele Phony" if domain == "example.org" else domain


class _Store:
    """As much of a store as is asked here, without a thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    async def change(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return work(self.database)


class RealmTests(SynchronousTestCase):
    """What is stored of a password has the realm of the domain in it."""

    def check(self, accounts: Accounts, users: KnownUsers, learn: Callable[[], None]) -> None:
        async def work() -> None:
            for domain in ("example.org", "example.net"):
                await accounts.add("alice", domain, "one")
                await accounts.change("alice", domain, "two")

        spawn(work(), self.fail)
        learn()
        for domain in ("example.org", "example.net"):
            wanted = md5(f"alice:{realm_of(domain)}:two".encode()).hexdigest()
            self.assertEqual(users.ha1_now("alice", domain, "MD5"), wanted)

    def test_in_memory(self) -> None:
        """Without a store."""
        users = KnownUsers()
        self.check(AccountsInMemory(users, realm_of), users, lambda: None)

    def test_stored(self) -> None:
        """With one."""
        users, database = KnownUsers(), open_database(self.mktemp())
        self.addCleanup(database.close)
        accounts = StoredAccounts(_Store(database), realm_of)  # type: ignore[arg-type]
        self.check(accounts, users, lambda: users.take(changed_since(database, 0)))
