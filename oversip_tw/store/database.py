"""The SQLite file: how it is opened, its tables, and how an older one is brought up to date."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import sql

#: marks the file as ours (PRAGMA application_id): "OvSi"
APPLICATION_ID = 0x4F765369
#: seconds to wait for another process that is writing
BUSY_TIMEOUT = 5.0


class SqliteDatabase(sqlite3.Connection):
    """A `sql.Database`."""

    kind = "SQLite"

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.execute("COMMIT")  # the one of the base has nothing to say where the work has ended the transaction

    def stored(self, text: str) -> str | bytes:
        """SQLite's texts are UTF-8, a header may be anything: what is not ASCII is stored as the octets it came as."""
        return text if text.isascii() else text.encode("utf-8", "surrogateescape")

    def text(self, stored: str | bytes) -> str:
        return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogateescape")


def open_database(path: str | Path, upgrade: bool = False) -> SqliteDatabase:
    """The database at ``path``, made if there is none, readable by its owner alone. One thread at a time may use it.

    Every statement is a transaction of its own unless `begin` says otherwise. ``upgrade``: one of an older schema is
    brought up to date. Raises StoreFailed with one line that names the file.
    """
    path = Path(path)
    try:
        _make_private(path)
        database = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=SqliteDatabase
        )
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"cannot open {path}: {error}") from error
    try:
        _bring_up_to_date(database, upgrade)
    except sqlite3.Error as error:
        database.close()
        raise StoreFailed(f"cannot use {path}: {error}") from error
    except StoreFailed as error:
        database.close()
        raise StoreFailed(f"cannot use {path}: {error}") from None
    return database


def upgrade_database(path: str | Path) -> tuple[int, int, Path | None]:
    """Bring the database at ``path`` up to date: its schema before and after, and the copy that was made of it first.

    None: there was nothing to do, or nothing to copy. Raises StoreFailed, and then the database is as it was.
    """
    path = Path(path)
    before = _schema_of(path)
    copy = None
    if 0 < before < sql.newest():
        copy = path.with_name(f"{path.name}.schema-{before}")
        _copy(path, copy)
    open_database(path, upgrade=True).close()
    return before, sql.newest(), copy


def _schema_of(path: Path) -> int:
    """0: there is none yet. What is wrong with the file is for `open_database` to say."""
    if not path.is_file():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            (schema,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return 0
    return int(schema)


def _copy(path: Path, copy: Path) -> None:
    """All that ``path`` and its write-ahead log hold, in one file. Raises StoreFailed."""
    try:
        _make_private(copy)
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"cannot copy {path} to {copy}: {error}") from error


def _make_private(path: Path) -> None:
    """It holds keys and what stands for passwords. SQLite gives its other files the mode of this one.

    A file that exists is never opened past SQLite: closing any descriptor of it gives up the locks that other
    connections of this process hold, and then another process ends the journal under them.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _bring_up_to_date(database: SqliteDatabase, upgrade: bool) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    # A commit is on the disk when it returns, even if the power fails. Group commit pays for it.
    database.execute("PRAGMA synchronous = FULL")
    with sql.transaction(database):
        (schema,) = database.execute("PRAGMA user_version").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION_ID:
            raise StoreFailed("it is a database of another program")
        found = sql.migrate(database, schema, upgrade)
        if schema < found:
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {found}")
