"""Users and what stands for their passwords, per digest algorithm; and those of a database, for the command line."""

from __future__ import annotations

import hashlib
import re
from contextlib import AbstractContextManager

from oversip_tw.sip.accounts import aor_of
from oversip_tw.store.sql import Database, transaction

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
    "sha_512_256 = excluded.sha_512_256, version = excluded.version, removed = 0 WHERE users.removed = 1"
)
_CHANGE = (
    f"UPDATE users SET md5 = ?, sha_256 = ?, sha_512_256 = ?, version = {_NEXT} "
    "WHERE name = ? AND domain = ? AND removed = 0"
)
# The row stays, emptied, so that a running server sees that something changed.
_REMOVE = (
    f"UPDATE users SET md5 = NULL, sha_256 = NULL, sha_512_256 = NULL, removed = 1, version = {_NEXT} "
    "WHERE name = ? AND domain = ? AND removed = 0"
)
_LIST = "SELECT name, domain FROM users WHERE removed = 0 ORDER BY domain, name"

#: what stands for a password, one for each of `ALGORITHMS`; None: there is none for that one
Digests = tuple[bytes | None, ...]

_AFTER = "SELECT name, domain FROM users WHERE removed = 0 AND (domain, name) > (?, ?) ORDER BY domain, name LIMIT ?"
_IS = "SELECT 1 FROM users WHERE name = ? AND domain = ? AND removed = 0"


# What was set for the calls of somebody who is gone must not hold for the next one of that name.
_FORGET_RULES = (
    "UPDATE user_rules SET forward_busy = NULL, forward_no_answer = NULL, forward_unregistered = NULL, "
    "ring_timeout = NULL, version = (SELECT coalesce(max(version), 0) + 1 FROM user_rules) WHERE aor = ?"
)


# Nor must a name that led to him lead to the next one. One number for all: they become visible together.
_FORGET_ALIASES = (
    "UPDATE user_aliases SET aor = NULL, version = (SELECT coalesce(max(version), 0) + 1 FROM user_aliases) "
    "WHERE aor = ?"
)


# Calls to it would not reach who comes by that name.
_IS_ALIAS = "SELECT 1 FROM user_aliases WHERE alias = ? AND aor IS NOT NULL"


class UnknownUser(Exception):
    """There is no such user."""


class UserExists(Exception):
    """There is one already, or an alias of that name."""


def digests(name: str, domain: str, password: str) -> tuple[bytes, ...]:
    """H(name:domain:password) for each of `ALGORITHMS`: the HA1 of RFC 7616 §3.4.2, in octets."""
    octets = f"{name}:{domain}:{password}".encode()
    return tuple(hashlib.new(hash, octets, usedforsecurity=False).digest() for hash in ALGORITHMS.values())


class SqlAccounts:
    """`ports.Accounts` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, domain: str, digests: Digests) -> None:
        name, domain = checked(name, domain)
        # numbers of changes must become visible in their order, or a server that looks for new ones misses some
        with transaction(self._database):
            taken = self._database.execute(_IS_ALIAS, (aor_of(name, domain),)).fetchone()
            added = not taken and self._database.execute(_ADD, (name, domain, *digests)).rowcount
        if not added:
            raise UserExists(f"{name}@{domain}")

    def change(self, name: str, domain: str, digests: Digests) -> None:
        domain = domain.lower()
        with transaction(self._database):
            changed = self._database.execute(_CHANGE, (*digests, name, domain)).rowcount
        if not changed:
            raise UnknownUser(f"{name}@{domain}")

    def remove(self, name: str, domain: str) -> None:
        domain = domain.lower()
        with transaction(self._database):
            removed = self._database.execute(_REMOVE, (name, domain)).rowcount
            if removed and is_name(name):
                self._database.execute(_FORGET_RULES, (aor_of(name, domain),))
                self._database.execute(_FORGET_ALIASES, (aor_of(name, domain),))
        if not removed:
            raise UnknownUser(f"{name}@{domain}")

    def together(self) -> AbstractContextManager[None]:
        return transaction(self._database)

    def names(self) -> list[tuple[str, str]]:
        return [(name, domain) for name, domain in self._database.execute(_LIST)]


def add_user(database: Database, name: str, domain: str, password: str, realm: str = "") -> None:
    """``realm``: that of the domain, if it is not its name. Raises UserExists, ValueError for a name that no phone
    could send, and what the database raises."""
    name, domain = checked(name, domain)
    SqlAccounts(database).add(name, domain, digests(name, realm or domain, password))


def change_password(database: Database, name: str, domain: str, password: str, realm: str = "") -> None:
    """``realm`` as for `add_user`. Raises UnknownUser, and what the database raises."""
    SqlAccounts(database).change(name, domain, digests(name, realm or domain.lower(), password))


def remove_user(database: Database, name: str, domain: str) -> None:
    """Raises UnknownUser, and what the database raises. Bindings of that user stay until they expire."""
    SqlAccounts(database).remove(name, domain)


def list_users(database: Database) -> list[tuple[str, str]]:
    """(name, domain) of every user, by domain and name."""
    return SqlAccounts(database).names()


def users_after(database: Database, last: tuple[str, str] | None, most: int) -> list[tuple[str, str]]:
    """``most`` users that come after ``last`` (name, domain), as `list_users`; None: the first ones."""
    name, domain = last or ("", "")
    return database.execute(_AFTER, (domain, name, most)).fetchall()


def is_user(database: Database, name: str, domain: str) -> bool:
    """There is such a user; ``domain`` in lower case."""
    return database.execute(_IS, (name, domain)).fetchone() is not None


def is_name(name: str) -> bool:
    """``name`` may be an account's."""
    return _NAME.fullmatch(name) is not None


def checked(name: str, domain: str) -> tuple[str, str]:
    """Both as they are stored. Raises ValueError for a name that no phone could send."""
    if not is_name(name) or not _DOMAIN.fullmatch(domain) or len(name) + len(domain) > MAX_NAME:
        raise ValueError(f"no name of a user: {name!r}@{domain!r}")
    return name, domain.lower()
