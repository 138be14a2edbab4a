"""Further names of users: addresses-of-record that lead to somebody (RFC 3261 §10.3 step 5)."""

from __future__ import annotations

from collections.abc import Mapping


class Aliases:
    """All there are, by AoR (`Uri.aor`). What the configuration says goes before the store."""

    __slots__ = ("_configured", "_stored", "empty")

    def __init__(self, configured: Mapping[str, str] | None = None) -> None:
        """AoRs of users by alias."""
        self._configured = dict(configured or {})
        self._stored: dict[str, str] = {}
        #: nobody has any: `user_of` need not be asked
        self.empty = not self._configured

    def store(self, alias: str, aor: str) -> None:
        """What the store holds; "": that is nobody's any more."""
        if aor:
            self._stored[alias] = aor
        else:
            self._stored.pop(alias, None)
        self.empty = not (self._configured or self._stored)

    def user_of(self, aor: str) -> str:
        """The AoR of the user that ``aor`` leads to: ``aor`` itself where it is no alias."""
        return self._configured.get(aor) or self._stored.get(aor, aor)
