"""What a backend has to do. All that there are pass the same tests, `tests/store/contracts.py`.

Two ports are asked by the rooms below, and live where they are asked: `oversip_tw.auth.users.Users` (who the users are
and what stands for their passwords) and `oversip_tw.registrar.changes.BindingStore` (where they are). Here is what the
service and the command line need besides.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from oversip_tw.proxy.user_rules import Rules
from oversip_tw.registrar import changes
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store.known import Known
from oversip_tw.store.passwords import Digests, UnknownUser, UserExists

__all__ = [
    "Accounts", "Aliasbook", "BindingStore", "Digests", "RuleStore", "Rulebook", "Source", "StoreFailed", "UnknownUser",
    "UserExists", "Users",
]  # fmt: skip


class Source(Protocol):
    """Something that users or bindings come from. It is made by reading what is there, or raising StoreFailed."""

    @property
    def works(self) -> bool:
        """It answered when it was last asked."""

    def start(self) -> None:
        """Follow from now on what others change. The reactor runs, or will soon."""

    async def refresh_users(self) -> None:
        """Look now (SIGHUP). Raises StoreFailed."""

    async def close(self) -> None:
        """Finish what is there and let everything go."""


class Users(Protocol):
    """As `oversip_tw.auth.users.Users`, which says more."""

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        """H(user:domain:password) in lower-case hex; None: there is no such user, or nothing for that algorithm.

        Raises SIPError (503) when nobody knows: that is never the same as None.
        """

    @property
    def known(self) -> int | None:
        """How many there are; None: whoever is asked knows."""


class BindingStore(changes.BindingStore, Source, Protocol):
    """`oversip_tw.registrar.changes.BindingStore`, and the keys that outlive the process."""

    def secrets(self, name: str, length: int = 32) -> tuple[bytes, ...]:
        """Keys of that name, newest first, made up when there is none. For start-up: it waits. Raises StoreFailed."""


class RuleStore(Protocol):
    """Where users' calls go, and what else they are called, for a running server."""

    @property
    def rules(self) -> Known[Rules]:
        """All there are, in memory."""

    @property
    def aliases(self) -> Known[str]:
        """AoRs of users by alias, all there are."""

    async def set_rules(self, aor: str, rules: Rules) -> None:
        """Let ``rules`` hold for ``aor`` (`Uri.aor`) instead of all that were set; durable, and known, when this
        returns. Raises StoreFailed."""


class Rulebook(Protocol):
    """The same for the command line: everything here waits. Raises StoreFailed."""

    def is_user(self, name: str, domain: str) -> bool:
        """The store has such a user."""

    def of(self, aor: str) -> Rules:
        """What is set for that user."""

    def set(self, aor: str, value: Rules) -> None:
        """As `RuleStore.set_rules`."""


class Aliasbook(Protocol):
    """Further names of users, for the command line: everything here waits. Raises StoreFailed."""

    def is_user(self, name: str, domain: str) -> bool:
        """The store has such a user."""

    def all(self) -> dict[str, str]:
        """AoRs of users by alias."""

    def set(self, aor: str, value: str) -> None:
        """Let the alias ``aor`` lead to the user of that AoR; "": to nobody."""


class Accounts(Protocol):
    """The users for whoever manages them. Everything here waits; it is for the command line."""

    def add(self, name: str, domain: str, digests: Digests) -> None:
        """Raises UserExists, ValueError for a name that no phone could send, StoreFailed."""

    def change(self, name: str, domain: str, digests: Digests) -> None:
        """Give a user other digests. Raises UnknownUser, StoreFailed."""

    def remove(self, name: str, domain: str) -> None:
        """Raises UnknownUser, StoreFailed. Bindings of that user stay until they expire."""

    def together(self) -> AbstractContextManager[None]:
        """What is done inside of it may share the time of the disk: all of it is durable at its end."""

    def names(self) -> list[tuple[str, str]]:
        """(name, domain) of every user, by domain and name."""
