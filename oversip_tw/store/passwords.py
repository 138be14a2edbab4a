"""Users in the database, for the command line: what stands for their passwords, per digest algorithm."""

from __future__ import annotations

import hashlib
import re
import sqlite3

#: the columns of the table, by the name that stands in a challenge
ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
#: longest name and domain together
MAX_NAME = 255

# What a digest username may hold for us: no ":" (it ends the name inside HA1), no "@", no spaces and controls.
_NAME = re.compile(r"[^\x00-\x20:@\"\\<>\x7f]+")
# A domain may be an IPv6 address.
_DOMAIN = re.compile(r"[^\x00-\x20@\"\\<>\x7f]+")

_NEXT = "(SELECT coalesce(max(version), 0) + 1 FROM users)"
_ADD = (
    "INSERT INTO users (name, domain, md5, sha_256, sha_512_256, version) "
    f"VALUES (?, ?, ?, ?, ?, {_NEXT}) "
    "ON CONFLICT (name, domain) DO UPDATE SET md5 = excluded.md5, sha_256 = excluded.sha_256, "
    "sha_512_256 = excluded.sha_512_256, version = excluded.version, removed = 0 WHERE removed"
)
_CHANGE = (
    f"UPDATE users SET md5 = ?3, sha_256 = ?4, sha_512_256 = ?5, version = {_NEXT} "
    "WHERE name = ?1 AND domain = ?2 AND NOT removed"
)
# The row stays, emptied, so that a running server sees that something changed.
_REMOVE = (
    f"UPDATE users SET md5 = NULL, sha_256 = NULL, sha_512_256 = NULL, removed = 1, version = {_NEXT} "
    "WHERE name = ? AND domain = ? AND NOT removed"
)
_LIST = "SELECT name, domain FROM users WHERE NOT removed ORDER BY domain, name"

_AFTER = "SELECT name, domain FROM users WHERE removed = 0 AND (domain, name) > (?, ?) ORDER BY domain, name LIMIT ?"
_IS = "SELECT 1 FROM users WHERE name = ? AND domain = ? AND removed = 0"


class UnknownUser(Exception):
    """There is no such user."""


class UserExists(Exception):
    """There is one already."""


def digests(name: str, domain: str, password: str) -> tuple[bytes, ...]:
    """H(name:domain:password) for each of `ALGORITHMS`: the HA1 of RFC 7616 §3.4.2, in octets."""
    octets = f"{name}:{domain}:{password}".encode()
    return tuple(hashlib.new(hash, octets, usedforsecurity=False).digest() for hash in ALGORITHMS.values())


def add_user(database: sqlite3.Connection, name: str, domain: str, password: str, realm: str = "") -> None:
    """``realm``: that of the domain, if it is not its name. Raises UserExists, ValueError for a name that no phone
    could send, sqlite3.Error."""
    name, domain = _checked(name, domain)
    if not database.execute(_ADD, (name, domain, *digests(name, realm or domain, password))).rowcount:
        raise UserExists(f"{name}@{domain}")


def change_password(database: sqlite3.Connection, name: str, domain: str, password: str, realm: str = "") -> None:
    """``realm`` as for `add_user`. Raises UnknownUser, sqlite3.Error."""
    domain = domain.lower()
    if not database.execute(_CHANGE, (name, domain, *digests(name, realm or domain, password))).rowcount:
        raise UnknownUser(f"{name}@{domain}")


def remove_user(database: sqlite3.Connection, name: str, domain: str) -> None:
    """Raises UnknownUser, sqlite3.Error. Bindings of that user stay until they expire."""
    domain = domain.lower()
    if not database.execute(_REMOVE, (name, domain)).rowcount:
        raise UnknownUser(f"{name}@{domain}")


def list_users(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """(name, domain) of every user, by domain and name."""
    return database.execute(_LIST).fetchall()


def users_after(database: sqlite3.Connection, last: tuple[str, str] | None, most: int) -> list[tuple[str, str]]:
    """``most`` users that come after ``last`` (name, domain), as `list_users`; None: the first ones."""
    name, domain = last or ("", "")
    return database.execute(_AFTER, (domain, name, most)).fetchall()


def is_user(database: sqlite3.Connection, name: str, domain: str) -> bool:
    """There is such a user; ``domain`` in lower case."""
    return database.execute(_IS, (name, domain)).fetchone() is not None


def is_name(name: str) -> bool:
    """``name`` may be an account's."""
    return _NAME.fullmatch(name) is not None


def _checked(name: str, domain: str) -> tuple[str, str]:
    if not is_name(name) or not _DOMAIN.fullmatch(domain) or len(name) + len(domain) > MAX_NAME:
        raise ValueError(f"no name of a user: {name!r}@{domain!r}")
    return name, domain.lower()
