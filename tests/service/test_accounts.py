"""Users who are managed while the server runs, at domains that have a realm of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine
from hashlib import md5
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.promise import spawn
from oversip_tw.service.api.accounts import Accounts, AccountsInMemory, AccountsOfOthers, StoredAccounts
from oversip_tw.sip.errors import SIPError
from oversip_tw.store.database import open_database
from oversip_tw.store.users import KnownUsers, changed_since
from oversip_tw.web.api import Problem


def realm_of(domain: str) -> str:
    """Of example.org alone it is not its name."""
    return "Tele Phony" if domain == "example.org" else domain


class _Store:
    """As much of a store as is asked here, without a thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    async def change(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return work(self.database)


class _Silent:
    """A web application that does not answer."""

    known = None

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        raise SIPError(503)


class ElsewhereTests(SynchronousTestCase):
    """Users that are not ours to change."""

    def problem(self, asked: Coroutine[Any, Any, Any]) -> int:
        found: list[BaseException] = []
        spawn(asked, found.append)
        [problem] = found
        assert isinstance(problem, Problem)
        return problem.status

    def test_silence(self) -> None:
        """That nobody knows is 503, no defect, and no user who is none."""
        self.assertEqual(503, self.problem(AccountsOfOthers(_Silent()).has("alice", "example.org")))
        self.assertEqual(409, self.problem(AccountsOfOthers(_Silent()).after(None, 5)))

    def test_listed(self) -> None:
        """Those of a file are known by name."""
        users = KnownUsers()
        found: list[tuple[str, str]] = []
        users.set("alice", "example.org", (b"", None, None))
        accounts = AccountsOfOthers(users)

        async def work() -> None:
            found.extend(await accounts.after(None, 5))

        spawn(work(), self.fail)
        self.assertEqual([("alice", "example.org")], found)
        self.assertEqual(409, self.problem(accounts.remove("alice", "example.org")))


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
