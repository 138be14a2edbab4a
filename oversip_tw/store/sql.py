"""What the SQL backends have in common: one way to ask SQLite and PostgreSQL, and the tables as they grew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from oversip_tw.registrar.changes import StoreFailed

#: From schema n to n + 1, in SQLite's words. Never change one that was released: add another.
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
    """
    ALTER TABLE bindings ADD COLUMN first_cseq INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE user_aliases (
        alias TEXT NOT NULL PRIMARY KEY,
        aor TEXT,
        version INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
)

#: in a text column of PostgreSQL: what it could not hold otherwise, and what begins such a thing
_ODD = re.compile("[\0\udc80-\udcff\\\\]")
_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


class Rows(Protocol):
    """What a statement gives."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection of one thread. Statements have ``?`` for their parameters, and never anything of them in the text.

    Each is a transaction of its own, unless `begin` came before it.
    """

    #: what is raised when a statement cannot be carried out
    @property
    def Error(self) -> type[Exception]: ...
    #: who we talk to, for a line that says what failed
    @property
    def kind(self) -> str: ...
    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Rows: ...
    def begin(self) -> None:
        """Open a transaction in which nobody else writes users or secrets, and open the connection if it broke."""

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...

    def stored(self, text: str) -> str | bytes:
        """``text``, in which octets that are no UTF-8 are surrogates, as a text column can hold it."""

    def text(self, stored: str | bytes) -> str:
        """The text behind what `stored` gave."""


@contextmanager
def transaction(database: Database) -> Iterator[None]:
    """All of the block happens, or nothing. Within another one it is a part of that."""
    if database.in_transaction:
        yield
        return
    database.begin()
    try:
        yield
    except BaseException:
        database.rollback()
        raise
    database.commit()


def escaped(text: str) -> str:
    """``text`` in characters that UTF-8 and PostgreSQL can hold."""
    return _ODD.sub(_escape, text)


def unescaped(text: str) -> str:
    """The text behind `escaped`."""
    return _ESCAPED.sub(_unescape, text) if "\\" in text else text


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return "\\\\" if character == "\\" else f"\\x{ord(character) & 0xFF:02x}"


def _unescape(found: re.Match[str]) -> str:
    word = found[1]
    if word == "\\":
        return word
    octet = int(word[1:], 16)
    return chr(octet + 0xDC00 if octet else 0)


def newest() -> int:
    """The schema of this version."""
    return len(MIGRATIONS)


def migrate(database: Database, schema: int, upgrade: bool, translate: Callable[[str], str] = str) -> int:
    """Bring tables of ``schema`` (0: there are none) to that of this version, inside the caller's transaction.

    ``upgrade``: also tables that hold something already. Gives the schema they have then. Raises StoreFailed.
    """
    if schema > newest():
        raise StoreFailed(f"a newer version wrote it (schema {schema}, this one knows {newest()})")
    if 0 < schema < newest() and not upgrade:
        raise StoreFailed(f"its schema is {schema} and this version needs {newest()}: oversip db upgrade")
    for migration in MIGRATIONS[schema:]:
        for statement in migration.split(";"):  # executescript would commit first
            if statement.strip():
                database.execute(translate(statement))
    return newest()
