"""What the operations of the API work with, and how they read what they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.service.api.accounts import Accounts, AccountsInMemory, AccountsOfOthers, SharedAccounts, StoredAccounts
from oversip_tw.service.build import Parts
from oversip_tw.service.kicked import close_unbound
from oversip_tw.sip.accounts import aor_of
from oversip_tw.store.passwords import MAX_NAME, is_name
from oversip_tw.store.sql_store import SqlStore
from oversip_tw.store.users import KnownUsers
from oversip_tw.web.api import Problem


@dataclass(frozen=True, slots=True)
class Named:
    """A user as a path or a body names one."""

    name: str
    domain: str

    @property
    def user(self) -> str:
        """As the API says it."""
        return f"{self.name}@{self.domain}"

    @property
    def aor(self) -> str:
        """As bindings and rules have it."""
        return aor_of(self.name, self.domain)


class Context:
    """A running server, for the API."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.accounts: Accounts = _accounts(parts)

    def named(self, user: str) -> Named:
        """NAME@DOMAIN, or a NAME of the first domain. Raises Problem 404 for a domain that is not ours, 409 at an edge,
        which has no users."""
        domains = self.parts.config.domains
        if self.parts.config.edge is not None:
            raise Problem(409, "this is an edge: its users are those of its core")
        name, at, domain = user.rpartition("@")
        if not at:
            name, domain = domain, domains[0]
        domain = domain.removeprefix("[").removesuffix("]").lower()
        if domain not in domains or not is_name(name) or len(name) + len(domain) > MAX_NAME:
            raise Problem(404, f"there can be no such user; our domains are {', '.join(domains)}")
        return Named(name, domain)

    async def set_rules(self, aor: str, rules: Rules) -> None:
        """Let ``rules`` hold from now on, instead of all that was set for that user. Raises StoreFailed."""
        store = self.parts.stores.rules
        if store is None:
            self.parts.element.core.rules.store(aor, rules)
        else:
            await store.set_rules(aor, rules)

    async def forget_rules(self, aor: str) -> None:
        """Nothing was set for that user. Raises StoreFailed."""
        if self.parts.element.core.rules.stored(aor) != NONE:
            await self.set_rules(aor, NONE)

    async def kick(self, aor: str, reason: str) -> tuple[int, int]:
        """End all bindings of ``aor``, and close the connections that are for nobody else: how many of each. Raises
        StoreFailed."""
        location = self.parts.location
        found = location.bindings_now(aor)
        await location.remove(found)
        return len(found), close_unbound(location, self.parts.flows, found, reason)


def _accounts(parts: Parts) -> Accounts:
    """Those of a database, if that is where they are, or of memory."""
    source, realm_of = parts.stores.sources[0] if parts.stores.sources else None, parts.config.realm_of
    if isinstance(source, SqlStore):
        return StoredAccounts(source, realm_of)
    if hasattr(parts.users, "put"):
        shared: Any = parts.users
        return SharedAccounts(shared, realm_of)
    if source is None and isinstance(parts.users, KnownUsers):
        return AccountsInMemory(parts.users, realm_of)
    return AccountsOfOthers(parts.users)
