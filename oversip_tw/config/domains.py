"""The domains whose users are ours, and further names of those users: ``[[domain]]`` and ``[[alias]]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.values import Amount, Domain, Text
from oversip_tw.sip.accounts import aor_of
from oversip_tw.sip.errors import SIPError


def _realm(text: str) -> str | None:
    good = text.isprintable() and not any(character in text for character in '":\\')
    return text if good and text and text.strip() == text else None


def _user(text: str) -> str | None:
    text = text.removeprefix("sip:")
    name, domain = _split(text)
    if not name or name.isspace() or text.endswith("@"):
        return None
    return f"{name}@{domain.lower()}" if domain else name


def _split(user: str) -> tuple[str, str]:
    """Name and domain, which is "" where none is named."""
    name, at, domain = user.rpartition("@")
    return (name, domain) if at else (user, "")


Realm = Annotated[str, Text("a realm: printable, without quotes, colons and backslashes", _realm)]
User = Annotated[str, Text('a user, "name@domain" or "name"', _user)]


@frozen
class DomainSection:
    """One domain whose users are ours, where there is more to say of it than its name: `domains` need not repeat it."""

    name: Domain = field(metadata=about("The domain.", "example.org"))
    realm: Realm | None = field(
        default=None,
        metadata=about(
            "The realm of its challenges, which is part of what is stored of each password: choose it before there are "
            "users. Default: the name of the domain.",
            "Example Telephony",
        ),
    )
    catch_all: User | None = field(
        default=None,
        metadata=about(
            "Who is called in the place of users that do not exist: one of this domain where no other is named. "
            "Default: nobody.",
            "reception",
        ),
    )
    max_registrations: Amount = field(
        default=0, metadata=about("Bindings of all its users at a time; one more is refused by 403. 0: no limit.")
    )
    max_bindings: Amount = field(
        default=0, metadata=about("Bindings of one of its users at a time. 0: as `registrar.max_bindings` says.")
    )
    max_users: Amount = field(
        default=0,
        metadata=about(
            "Users that the command line and the API let it have; those who are there stay. 0: no limit. It does not "
            "bound what a file or a web application says."
        ),
    )
    max_calls: Amount = field(
        default=0,
        metadata=about(
            "Calls at a time that its users make or are to take; one more is refused by 480. A call whose end nobody "
            "has seen counts for 4 hours. 0: no limit."
        ),
    )


@frozen
class Alias:
    """Further names of one user, who is called by them, may call by them and may register by them."""

    names: tuple[User, ...] = field(
        metadata=about("The names, at the first domain where they say no other.", ["sales", "info@example.org"])
    )
    user: User = field(metadata=about("Whose they are; the same holds for the domain.", "alice"))

    def __attrs_post_init__(self) -> None:
        if not self.names:
            raise Wrong("names must name at least one")


def aor(user: str, first: str) -> str:
    """The AoR of a `User`, whose domain is ``first`` where it says none. Raises Wrong."""
    name, domain = _split(user)
    try:
        return aor_of(name, domain.strip("[]") or first)
    except SIPError:
        raise Wrong(f"no user can be called {user}") from None


def mistakes(domains: tuple[DomainSection, ...], aliases: tuple[Alias, ...], names: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the sections together; ``names``: all our domains, as far as the file tells."""
    known = [each.name for each in domains]
    for name in sorted({name for name in known if known.count(name) > 1}):
        yield f'two [[domain]] are named "{name}"'
    realms = {each.name: each.realm or each.name for each in domains}
    realms = {name: realm.lower() for name, realm in ({name: name for name in names} | realms).items()}
    for name, realm in realms.items():
        others = [other for other in realms if other != name and realms[other] == realm]
        if others and name in known:
            yield f'domain "{name}": its realm is that of "{others[0]}" too, whose users would be taken for its own'
    for number, each in enumerate(domains, 1):
        if each.catch_all is not None:
            yield from _foreign(f"domain[{number}].catch_all", each.catch_all, names)
    yield from _alias_mistakes(aliases, names)


def _alias_mistakes(aliases: tuple[Alias, ...], names: tuple[str, ...]) -> Iterator[str]:
    first = names[0] if names else "."
    taken: dict[str, int] = {}
    for number, alias in enumerate(aliases, 1):
        for user in (*alias.names, alias.user):
            yield from _foreign(f"alias[{number}]", user, names)
        for name in alias.names:
            found = taken.setdefault(_named(name, first), number)
            if found != number:
                yield f"alias[{number}]: {name} is a name of alias[{found}] already"
    for number, alias in enumerate(aliases, 1):
        if _named(alias.user, first) in taken:
            yield f"alias[{number}].user: {alias.user} is an alias itself"


def _named(user: str, first: str) -> str:
    name, domain = _split(user)
    return f"{name}@{domain or first}"


def _foreign(path: str, user: str, names: tuple[str, ...]) -> Iterator[str]:
    domain = _split(user)[1]
    if domain and domain.strip("[]") not in names:
        yield f"{path}: {domain} is not one of our domains"
    try:
        aor(user, names[0] if names else "host.invalid")
    except Wrong as error:
        yield f"{path}: {error}"
