"""The SQLite file: how it is opened, its tables, and how an older one is brought up to date."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from oversip_tw.registrar.changes import StoreFailed

#: marks the file as ours (PRAGMA application_id): "OvSi"
APPLICATION_ID = 0x4F765369
#: seconds to wait for another process that is writing
BUSY_TIMEOUT = 5.0

#: From schema n to n + 1. Never change one that was released: add another.
MIGRATIONS = (
    """
    CREATE TABLE bindings (
        key BLOB NOT NULL PRIMARY KEY,
        aor TEXT NOT NULL,
        contact TEXT NOT NULL,
        params TEXT NOT NULL,
        q REAL NOT NULL,
        instance TEXT,
        reg_id INTEGER,
        call_id TEXT NOT NULL,
        cseq INTEGER NOT NULL,
        expires REAL NOT NULL,
        updated REAL NOT NULL,
        path TEXT NOT NULL,
        node TEXT NOT NULL,
        flow_id BLOB NOT NULL,
        user_agent TEXT NOT NULL,
        secure INTEGER NOT NULL,
        ended REAL
    ) WITHOUT ROWID;
    CREATE TABLE users (
        name TEXT NOT NULL,
        domain TEXT NOT NULL,
        md5 BLOB,
        sha_256 BLOB,
        sha_512_256 BLOB,
        removed INTEGER NOT NULL DEFAULT 0,
        version INTEGER NOT NULL,
        PRIMARY KEY (name, domain)
    ) WITHOUT ROWID;
    CREATE INDEX users_by_version ON users (version);
    CREATE TABLE secrets (
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (name, position)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE user_rules (
        aor TEXT NOT NULL PRIMARY KEY,
        forward_busy TEXT,
        forward_no_answer TEXT,
        forward_unregistered TEXT,
        ring_timeout REAL,
        version INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
)
SCHEMA = len(MIGRATIONS)


def open_database(path: str | Path) -> sqlite3.Connection:
    """The database at ``path``, made if there is none, readable by its owner alone. One thread at a time may use it.

    Every statement is a transaction of its own unless BEGIN says otherwise. Raises StoreFailed with one line that names
    the file.
    """
    path = Path(path)
    try:
        _make_private(path)
        database = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"cannot open {path}: {error}") from error
    try:
        _bring_up_to_date(database)
    except sqlite3.Error as error:
        database.close()
        raise StoreFailed(f"cannot use {path}: {error}") from error
    except StoreFailed as error:
        database.close()
        raise StoreFailed(f"cannot use {path}: {error}") from None
    return database


def _make_private(path: Path) -> None:
    """It holds keys and what stands for passwords. SQLite gives its other files the mode of this one.

    A file that exists is never opened past SQLite: closing any descriptor of it gives up the locks that other
    connections of this process hold, and then another process ends the journal under them.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    # A commit is on the disk when it returns, even if the power fails. Group commit pays for it.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    try:
        _migrate(database)
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _migrate(database: sqlite3.Connection) -> None:
    (schema,) = database.execute("PRAGMA user_version").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreFailed("it is a database of another program")
    if schema > SCHEMA:
        raise StoreFailed(f"a newer version wrote it (schema {schema}, this one knows {SCHEMA})")
    for migration in MIGRATIONS[schema:]:
        for statement in migration.split(";"):  # executescript would commit first
            if statement.strip():
                database.execute(statement)
    if schema < SCHEMA:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {SCHEMA}")
