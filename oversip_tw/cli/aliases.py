"""``oversip user alias``: further names of users. A running server takes every change over by itself."""

from __future__ import annotations

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.stores import aliasbook
from oversip_tw.cli.users import split
from oversip_tw.config import Config
from oversip_tw.service.settings import by_domain
from oversip_tw.sip.accounts import aor_of, name_in
from oversip_tw.sip.uri import Uri
from oversip_tw.store.passwords import is_name


def add(settings: Config, alias: str, user: str) -> int:
    """Let ``alias`` (NAME or NAME@DOMAIN) lead to ``user``."""
    name, aor = _named(settings, user)
    further, alias_aor = _named(settings, alias)
    configured = by_domain(settings).aliases
    with aliasbook(settings) as book:
        own = settings.users.kind == "store"
        if own and not book.is_user(*split(settings, user)):
            raise Failure(f"there is no user {name} (all users: oversip user list)")
        known = book.all()
        if alias_aor == aor or (own and book.is_user(*split(settings, alias))):
            raise Failure(f"{further} is a user")
        if configured.user_of(alias_aor) != alias_aor:
            raise Failure(f"{further} is an alias by the configuration already")
        if aor in known or configured.user_of(aor) != aor:
            raise Failure(f"{name} is an alias itself: name the user that it stands for")
        if alias_aor in known.values():
            raise Failure(f"{further} has aliases, so it is a user")
        if known.get(alias_aor, aor) != aor:
            raise Failure(f"{further} is an alias of {_user(known[alias_aor])} (first: oversip user alias remove)")
        book.set(alias_aor, aor)
    print(f"{further} is {name}")
    return 0


def remove(settings: Config, alias: str) -> int:
    """Let ``alias`` lead to nobody any more."""
    further, aor = _named(settings, alias)
    with aliasbook(settings) as book:
        if aor not in book.all():
            raise Failure(f"{further} is no alias in the store (all of them: oversip user alias list)")
        book.set(aor, "")
    print(f"removed {further}")
    return 0


def list_all(settings: Config) -> int:
    """Those of the store, each with its user."""
    with aliasbook(settings) as book:
        for alias, aor in sorted(book.all().items(), key=lambda pair: (pair[1], pair[0])):
            print(f"{_user(alias)}\t{_user(aor)}")
    return 0


def _named(settings: Config, user: str) -> tuple[str, str]:
    """As it is written, and as an AoR. Raises Failure."""
    name, domain = split(settings, user)
    if not is_name(name):
        raise Failure(f"no name of a user: {name!r}@{domain!r}")
    return f"{name}@{domain}", aor_of(name, domain)


def _user(aor: str) -> str:
    uri = Uri.parse(aor)
    return f"{name_in(uri.user or '')}@{uri.host}"
