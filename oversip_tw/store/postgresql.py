"""PostgreSQL as the store: the same tables as in SQLite, for those who have a database that is cared for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from oversip_tw.interfaces import Clock
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import sql
from oversip_tw.store.sql_store import SqlStore, unreported
from oversip_tw.store.worker import FromThread

try:
    import psycopg
except ImportError:  # the extra "postgresql" is not installed
    psycopg = None  # type: ignore[assignment]

#: after a connection that could not be made nobody tries again for so long; seconds
PAUSE = 1.0
#: given to libpq where the URL does not say: nobody waits longer for a server that is gone
_PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "10", "keepalives_interval": "5"}
#: milliseconds that a statement may take, and may wait for a lock
_LIMITS = {"statement_timeout": 10_000, "lock_timeout": 10_000, "idle_in_transaction_session_timeout": 60_000}
#: that the server lets go of a session whose other end is gone, and of its locks
_KEEPALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
#: names our advisory locks: "OvSi"
_LOCK = 0x4F765369

_TYPES = {"BLOB": "BYTEA", "REAL": "DOUBLE PRECISION", "WITHOUT ROWID": ""}


class PostgresDatabase:
    """A `sql.Database`. A connection that broke is opened again by the next statement, unless a transaction ran on it.

    ``alone``: nobody else may keep bindings there at the same time (a session-wide advisory lock).
    """

    kind = "PostgreSQL"

    def __init__(self, url: str, alone: bool = False) -> None:
        """Raises StoreFailed, with one line."""
        if psycopg is None:
            raise StoreFailed('PostgreSQL needs psycopg: pip install "oversip-tw[postgresql]"')
        self.Error: type[Exception] = psycopg.Error
        self._url = url
        self._alone = alone
        self._not_before = 0.0
        self._begun = False
        self._connection: Any = None
        try:
            self._connection = self._connect()
        except psycopg.Error as error:
            raise StoreFailed(f"cannot use PostgreSQL: {' '.join(str(error).split())}") from error

    def _connect(self) -> Any:
        if time.monotonic() < self._not_before:
            raise psycopg.OperationalError("the connection is lost")
        self._not_before = time.monotonic() + PAUSE
        said = psycopg.conninfo.conninfo_to_dict(self._url)
        connection = psycopg.connect(self._url, autocommit=True, **{**_PATIENCE, **said})  # type: ignore[arg-type]
        try:
            for name, value in (_LIMITS | _KEEPALIVE).items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
            if self._alone:
                self._keep_others_out(connection)
        except BaseException:
            connection.close()
            raise
        self._not_before = 0.0
        return connection

    def _keep_others_out(self, connection: Any) -> None:
        """The session of a process that has just ended may need a moment to be over."""
        try:
            connection.execute("SELECT set_config('lock_timeout', '3000', false)")
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (str(_LIMITS["lock_timeout"]),))
        except psycopg.errors.LockNotAvailable:
            raise psycopg.OperationalError("another server keeps its bindings in this database") from None

    @property
    def in_transaction(self) -> bool:
        return self._begun

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> sql.Rows:
        if self._connection.closed and not self._begun:
            self._connection = self._connect()
        rows: sql.Rows = self._connection.execute(statement.replace("?", "%s").encode(), tuple(parameters))
        return rows

    def begin(self) -> None:
        """Nobody else who begins gets further until this is over; reading goes on."""
        try:
            self.execute("BEGIN")
        except psycopg.OperationalError:
            if not self._connection.closed:
                raise
            self.execute("BEGIN")  # the server was restarted since the last one
        self._begun = True
        self.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK + 1,))

    def commit(self) -> None:
        self.execute("COMMIT")
        self._begun = False

    def rollback(self) -> None:
        self._begun = False
        if not self._connection.closed:
            self._connection.execute(b"ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def stored(self, text: str) -> str | bytes:
        return sql.escaped(text)

    def text(self, stored: str | bytes) -> str:
        assert isinstance(stored, str)
        return sql.unescaped(stored)


def open_database(url: str, upgrade: bool = False, alone: bool = False) -> PostgresDatabase:
    """The database that ``url`` (or libpq's key=value) names, with our tables, which are made if there are none.

    ``upgrade``: tables of an older schema are brought up to date. Raises StoreFailed with one line.
    """
    database = PostgresDatabase(url, alone)
    try:
        with sql.transaction(database):
            _bring_up_to_date(database, upgrade)
    except (psycopg.Error, StoreFailed) as error:
        database.close()
        raise StoreFailed(f"cannot use PostgreSQL: {' '.join(str(error).split())}") from None
    return database


def upgrade_database(url: str) -> tuple[int, int]:
    """Bring the tables up to date; their schema before and after. Raises StoreFailed, and then nothing has changed."""
    database = PostgresDatabase(url)
    try:
        with sql.transaction(database):
            before = _schema(database)
    except psycopg.Error as error:
        raise StoreFailed(f"cannot use PostgreSQL: {' '.join(str(error).split())}") from None
    finally:
        database.close()
    open_database(url, upgrade=True).close()
    return before, sql.newest()


def _schema(database: PostgresDatabase) -> int:
    """0: there are no tables of ours."""
    (table,) = database.execute("SELECT to_regclass('oversip_schema')::text").fetchone()
    if table is None:
        return 0
    (schema,) = database.execute("SELECT max(version) FROM oversip_schema").fetchone()
    return int(schema or 0)


def _bring_up_to_date(database: PostgresDatabase, upgrade: bool) -> None:
    schema = _schema(database)
    found = sql.migrate(database, schema, upgrade, _translated)
    if schema < found:
        database.execute("CREATE TABLE IF NOT EXISTS oversip_schema (version INTEGER NOT NULL)")
        database.execute("INSERT INTO oversip_schema VALUES (?)", (found,))


def _translated(statement: str) -> str:
    for ours, theirs in _TYPES.items():
        statement = statement.replace(ours, theirs)
    return statement


class PostgresStore(SqlStore):
    """The `SqlStore` of the database that ``url`` names. One server at a time may have its bindings there."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        from_thread: FromThread,
        commit_delay: float = 0.01,
        failed: Callable[[BaseException], None] = unreported,
        alone: bool = True,
    ) -> None:
        """``alone``: False where it is for users only."""
        opened = [open_database(url, alone=alone)]

        def open() -> PostgresDatabase:
            return opened.pop() if opened else open_database(url)

        super().__init__(open, "PostgreSQL", clock, from_thread, commit_delay, failed)
