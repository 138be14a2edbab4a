"""Keys that outlive the process: flow tokens, nonces, binding keys; and the name of the node."""

from __future__ import annotations

import os
import sqlite3

_READ = "SELECT value FROM secrets WHERE name = ? ORDER BY position DESC"
_ADD = "INSERT INTO secrets (name, position, value) VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM secrets), ?)"
_TRIM = (
    "DELETE FROM secrets WHERE name = ?1 AND position NOT IN "
    "(SELECT position FROM secrets WHERE name = ?1 ORDER BY position DESC LIMIT ?2)"
)


def secrets(database: sqlite3.Connection, name: str, length: int = 32) -> tuple[bytes, ...]:
    """The secrets of that name, newest first: sign with the first, accept all. Made up when there is none yet."""
    database.execute("BEGIN IMMEDIATE")  # two processes that start together must agree
    try:
        found = _read(database, name)
        if not found:
            database.execute(_ADD, (name, os.urandom(length)))
            found = _read(database, name)
    finally:
        database.execute("COMMIT")
    return found


def rotate(database: sqlite3.Connection, name: str, length: int = 32, keep: int = 2) -> tuple[bytes, ...]:
    """Put a new secret in front and keep ``keep`` in all, so that what the old one signed still counts for a while."""
    database.execute("BEGIN IMMEDIATE")
    try:
        database.execute(_ADD, (name, os.urandom(length)))
        database.execute(_TRIM, (name, keep))
        return _read(database, name)
    finally:
        database.execute("COMMIT")


def _read(database: sqlite3.Connection, name: str) -> tuple[bytes, ...]:
    return tuple([value for (value,) in database.execute(_READ, (name,))])
