"""``oversip user``: the users in the store. A running server takes every change over by itself."""

from __future__ import annotations

import getpass
import sys

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.room import Room
from oversip_tw.cli.stores import accounts, aliasbook, rulebook
from oversip_tw.config import Config
from oversip_tw.proxy.user_rules import NONE
from oversip_tw.sip.accounts import aor_of
from oversip_tw.store import passwords


def split(settings: Config, user: str) -> tuple[str, str]:
    """Name and domain of NAME@DOMAIN, or of a bare NAME. Raises Failure for a domain that is not ours."""
    name, at, domain = user.removeprefix("sip:").rpartition("@")
    if settings.edge is not None:
        raise Failure("this is an edge: its users are those of its core")
    if not at:
        name, domain = domain, settings.domains[0]
    domain = domain.removeprefix("[").removesuffix("]")  # an IPv6 address, written as in a URI
    if domain.lower() not in settings.domains:
        raise Failure(f"{domain} is not one of our domains: {', '.join(settings.domains)}")
    return name, domain.lower()


def password(from_stdin: bool) -> str:
    """The password to set: the first line of standard input, or asked for twice. Raises Failure."""
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = getpass.getpass("Password: ")
        if given != getpass.getpass("Again: "):
            raise Failure("the two passwords differ")
    else:
        raise Failure("no terminal to ask for a password on: give it with --password-stdin")
    if not given:
        raise Failure("an empty password")
    return given


def add(settings: Config, user: str, secret: str) -> int:
    """`oversip user add`."""
    name, domain = split(settings, user)
    with accounts(settings) as opened:
        try:
            Room(settings, opened).take(name, domain)
            opened.add(name, domain, passwords.digests(name, settings.realm_of(domain), secret))
        except passwords.UserExists:
            what = "exists, or is an alias (oversip user list, oversip user alias list"
            raise Failure(f"{name}@{domain} {what}; a new password: oversip user passwd)") from None
        except ValueError as error:
            raise Failure(str(error)) from None
    print(f"added {name}@{domain}")
    return 0


def passwd(settings: Config, user: str, secret: str) -> int:
    """`oversip user passwd`."""
    name, domain = split(settings, user)
    with accounts(settings) as opened:
        try:
            opened.change(name, domain, passwords.digests(name, settings.realm_of(domain), secret))
        except passwords.UnknownUser:
            raise _unknown(name, domain) from None
    print(f"changed the password of {name}@{domain}")
    return 0


def remove(settings: Config, user: str) -> int:
    """`oversip user remove`."""
    name, domain = split(settings, user)
    with accounts(settings) as opened:
        try:
            opened.remove(name, domain)
        except passwords.UnknownUser:
            raise _unknown(name, domain) from None
    _forget(settings, aor_of(name, domain))
    print(f"removed {name}@{domain}")
    return 0


def _forget(settings: Config, aor: str) -> None:
    """Rules and aliases of a user go as well, where those are in another store than the users."""
    if settings.users.kind == "store" or settings.store.kind == "memory":
        return
    with rulebook(settings) as rules:
        rules.set(aor, NONE)
    with aliasbook(settings) as aliases:
        for alias, user in aliases.all().items():
            if user == aor:
                aliases.set(alias, "")


def list_all(settings: Config) -> int:
    """`oversip user list`."""
    for user in names(settings):
        print(user)
    return 0


def names(settings: Config) -> list[str]:
    """NAME@DOMAIN of every user."""
    with accounts(settings) as opened:
        return [f"{name}@{domain}" for name, domain in opened.names()]


def _unknown(name: str, domain: str) -> Failure:
    return Failure(f"there is no user {name}@{domain} (all users: oversip user list)")
