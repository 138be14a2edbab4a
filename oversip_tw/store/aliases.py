"""Further names of users, as rows of a table, and all of them in memory."""

from __future__ import annotations

from oversip_tw.store.known import Known
from oversip_tw.store.passwords import is_user
from oversip_tw.store.sql import Database, transaction

Row = tuple[str, str | None, int]

_SINCE = "SELECT alias, aor, version FROM user_aliases WHERE version > ?"
_ALL = "SELECT alias, aor FROM user_aliases WHERE aor IS NOT NULL ORDER BY aor, alias"
# A row that leads to nobody stays, so that a running server sees that something changed.
_SET = (
    "INSERT INTO user_aliases (alias, aor, version) "
    "VALUES (?, ?, (SELECT coalesce(max(version), 0) + 1 FROM user_aliases)) "
    "ON CONFLICT (alias) DO UPDATE SET aor = excluded.aor, version = excluded.version"
)


class KnownAliases(Known[str]):
    """All aliases of the store: AoRs of users by alias, "" for nobody's."""

    def __init__(self) -> None:
        super().__init__("")

    def take(self, rows: list[Row]) -> None:
        """Take over rows of `changed_since`."""
        for alias, aor, version in rows:
            self.set(alias, aor or "")
            self.version = max(self.version, version)


def changed_since(database: Database, version: int) -> list[Row]:
    """The rows that changed after ``version``."""
    return database.execute(_SINCE, (version,)).fetchall()


class SqlAliases:
    """`ports.Aliasbook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_user(self, name: str, domain: str) -> bool:
        return is_user(self._database, name, domain)

    def all(self) -> dict[str, str]:
        return dict(self._database.execute(_ALL).fetchall())

    def set(self, aor: str, value: str) -> None:
        # numbers of changes must become visible in their order, or a server that looks for new ones misses some
        with transaction(self._database):
            self._database.execute(_SET, (aor, value or None))
