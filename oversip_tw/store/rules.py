"""Where users' calls go (`oversip_tw.proxy.user_rules`), as rows of a table, and what of it is known in memory."""

from __future__ import annotations

from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.store.known import Known
from oversip_tw.store.passwords import is_user
from oversip_tw.store.sql import Database, transaction

Row = tuple[str, str | None, str | None, str | None, float | None, int]

_COLUMNS = "aor, forward_busy, forward_no_answer, forward_unregistered, ring_timeout, version"
_SINCE = f"SELECT {_COLUMNS} FROM user_rules WHERE version > ?"
_OF = f"SELECT {_COLUMNS} FROM user_rules WHERE aor = ?"
# A row that says nothing stays, so that a running server sees that something changed.
_SET = (
    f"INSERT INTO user_rules ({_COLUMNS}) "
    "VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(version), 0) + 1 FROM user_rules)) "
    "ON CONFLICT (aor) DO UPDATE SET forward_busy = excluded.forward_busy, "
    "forward_no_answer = excluded.forward_no_answer, forward_unregistered = excluded.forward_unregistered, "
    "ring_timeout = excluded.ring_timeout, version = excluded.version"
)


class KnownRules(Known[Rules]):
    """All rules of the store. Few users have any, and each call asks."""

    def __init__(self) -> None:
        super().__init__(NONE)

    def take(self, rows: list[Row]) -> None:
        """Take over rows of `changed_since`."""
        for row in rows:
            self.set(row[0], _rules(row))
            self.version = max(self.version, row[5])


def changed_since(database: Database, version: int) -> list[Row]:
    """The rows that changed after ``version``."""
    return database.execute(_SINCE, (version,)).fetchall()


def rules_of(database: Database, aor: str) -> Rules:
    """What is stored of that user."""
    row = database.execute(_OF, (aor,)).fetchone()
    return NONE if row is None else _rules(row)


def set_rules(database: Database, aor: str, rules: Rules) -> None:
    """Store all rules of one user; `NONE`: nothing any more."""
    values = (aor, rules.forward_busy, rules.forward_no_answer, rules.forward_unregistered, rules.ring_timeout)
    # numbers of changes must become visible in their order, or a server that looks for new ones misses some
    with transaction(database):
        database.execute(_SET, values)


class SqlRules:
    """`ports.Rulebook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_user(self, name: str, domain: str) -> bool:
        return is_user(self._database, name, domain)

    def of(self, aor: str) -> Rules:
        return rules_of(self._database, aor)

    def set(self, aor: str, value: Rules) -> None:
        set_rules(self._database, aor, value)


def _rules(row: Row) -> Rules:
    return Rules(row[1], row[2], row[3], row[4])
