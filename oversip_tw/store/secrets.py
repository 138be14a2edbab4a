"""Keys that outlive the process: flow tokens, nonces, binding keys; and the name of the node."""

from __future__ import annotations

import os

from oversip_tw.store.sql import Database, transaction

_READ = "SELECT value FROM secrets WHERE name = ? ORDER BY position DESC"
_ADD = "INSERT INTO secrets (name, position, value) VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM secrets), ?)"
_TRIM = (
    "DELETE FROM secrets WHERE name = ? AND position NOT IN "
    "(SELECT position FROM secrets WHERE name = ? ORDER BY position DESC LIMIT ?)"
)


def secrets(database: Database, name: str, length: int = 32) -> tuple[bytes, ...]:
    """The secrets of that name, newest first: sign with the first, accept all. Made up when there is none yet."""
    with transaction(database):  # two processes that start together must agree
        found = _read(database, name)
        if not found:
            database.execute(_ADD, (name, os.urandom(length)))
            found = _read(database, name)
    return found


def rotate(database: Database, name: str, length: int = 32, keep: int = 2) -> tuple[bytes, ...]:
    """Put a new secret in front and keep ``keep`` in all, so that what the old one signed still counts for a while."""
    with transaction(database):
        database.execute(_ADD, (name, os.urandom(length)))
        database.execute(_TRIM, (name, name, keep))
        return _read(database, name)


def _read(database: Database, name: str) -> tuple[bytes, ...]:
    return tuple([value for (value,) in database.execute(_READ, (name,))])
