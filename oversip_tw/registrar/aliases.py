"""Further names of users: addresses-of-record that lead to somebody (RFC 3261 §10.3 step 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Aliases(Protocol):
    """Whose names are known to stand for others. Asked for each request: it answers from memory."""

    def user_of(self, aor: str) -> str:
        """The AoR (`Uri.aor`) of the user that ``aor`` leads to: ``aor`` itself where it is no alias.

        What this gives is never an alias in its turn.
        """


class FixedAliases:
    """Those of a table: AoRs by alias."""

    __slots__ = ("_users",)

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = dict(users)

    def user_of(self, aor: str) -> str:
        return self._users.get(aor, aor)
