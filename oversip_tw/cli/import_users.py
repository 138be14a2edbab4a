"""``oversip user import``: the users of another server become ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.room import Room
from oversip_tw.cli.stores import accounts
from oversip_tw.config import Config
from oversip_tw.migration.accounts import Account, Unreadable, asterisk, kamailio
from oversip_tw.store.passwords import ALGORITHMS, Digests, UserExists, checked, digests
from oversip_tw.store.ports import Accounts

#: where users may come from, and who reads it
SOURCES: dict[str, Callable[[str], Iterator[Account]]] = {"kamailio": kamailio, "asterisk": asterisk}
#: users in one transaction: a running server waits for no more than these
TOGETHER = 500


def import_users(settings: Config, source: str, file: str, domain: str | None, replace: bool) -> int:
    """Take over the users in ``file``; those that are there already stay, unless ``replace``.

    ``domain``: whose they are, where the file does not say, or says another. What cannot be taken over is listed on
    standard error, and the exit status is 1 then. Raises Failure.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"cannot read {file}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    if domain is not None and domain.lower() not in settings.domains:
        raise Failure(f"{domain} is not one of our domains: {', '.join(settings.domains)}")
    count = _Count()
    with accounts(settings) as opened:
        room = Room(settings, opened)
        try:
            found = SOURCES[source](text)
            while some := list(islice(found, TOGETHER)):
                with opened.together():
                    for account in some:
                        _take(settings, opened, room, account, domain, replace, file, count)
        except Unreadable as error:
            raise Failure(f"{file}: {error}") from None
    print(f"imported {count.imported}, left as they were {count.kept}, could not be imported {count.refused}")
    return 1 if count.refused else 0


class _Count:
    def __init__(self) -> None:
        self.imported = self.kept = self.refused = 0


def _take(
    settings: Config,
    opened: Accounts,
    room: Room,
    account: Account,
    domain: str | None,
    replace: bool,
    file: str,
    count: _Count,
) -> None:
    try:
        name, realm, made = _fitting(settings, account, domain)
        room.take(name, realm)
    except ValueError as error:
        count.refused += 1
        print(f"{file}:{account.line}: {_printable(account.name) or 'no name'}: {error}", file=sys.stderr)
        return
    if _put(opened, name, realm, made, replace):
        count.imported += 1
    else:
        count.kept += 1


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _put(opened: Accounts, name: str, domain: str, made: Digests, replace: bool) -> bool:
    """False: the user is there already, and stays as it was."""
    try:
        opened.add(name, domain, made)
    except UserExists:
        if not replace:
            return False
        opened.change(name, domain, made)
    return True


def _fitting(settings: Config, account: Account, given: str | None) -> tuple[str, str, Digests]:
    """Name, domain and digests of ``account`` here. Raises ValueError, which says why there are none."""
    if account.problem:
        raise ValueError(account.problem)
    domain = (given or account.realm or settings.domains[0]).lower()
    ours = domain in settings.domains
    if account.ha1 and account.realm and not (ours and account.realm == settings.realm_of(domain)):
        # the realm is a part of what was hashed, in its letter case
        wanted = settings.realm_of(domain if ours else settings.domains[0])
        raise ValueError(f"its HA1 is for the realm {account.realm}, not for {wanted}: it needs a new password")
    if not ours:
        raise ValueError(f"{domain} is not one of our domains")
    try:
        name, domain = checked(account.name, domain)
    except ValueError:
        raise ValueError("no name of a user") from None
    if account.ha1:
        return name, domain, tuple([_octets(account.ha1.get(algorithm)) for algorithm in ALGORITHMS])
    return name, domain, digests(name, settings.realm_of(domain), account.password)


def _octets(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)
