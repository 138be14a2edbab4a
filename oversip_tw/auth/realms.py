"""Domains whose realm is not their name: users are known by domain, credentials say the realm."""

from __future__ import annotations

from collections.abc import Mapping

from oversip_tw.auth.users import Ha1Now, Users


class ByRealm:
    """`Users` asked by realm in front of those that are known by domain."""

    def __init__(self, users: Users, realms: Mapping[str, str]) -> None:
        """``realms`` by domain; no two domains share one."""
        self._users = users
        self._domains = {realm: domain for domain, realm in realms.items()}

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        return await self._users.ha1(user, self._domains.get(domain, domain), algorithm)


class ByRealmNow(ByRealm):
    """The same, where nothing has to be waited for."""

    def __init__(self, users: Users, realms: Mapping[str, str], ha1_now: Ha1Now) -> None:
        super().__init__(users, realms)
        self._ha1_now = ha1_now

    def ha1_now(self, user: str, domain: str, algorithm: str) -> str | None:
        """As `Ha1Now`."""
        return self._ha1_now(user, self._domains.get(domain, domain), algorithm)


def by_realm(users: Users, realms: Mapping[str, str]) -> Users:
    """``users``, to be asked by realm."""
    if not realms:
        return users
    ha1_now: Ha1Now | None = getattr(users, "ha1_now", None)
    return ByRealm(users, realms) if ha1_now is None else ByRealmNow(users, realms, ha1_now)
