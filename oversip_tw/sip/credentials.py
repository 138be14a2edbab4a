"""Credentials and challenges (RFC 3261 §20.7, §20.44; RFC 7616, Bearer of RFC 6750)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from oversip_tw.sip import grammar
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.memo import Memo

#: written without quotes by those who are asked (RFC 7616 §3.4)
_BARE_IN_CREDENTIALS = frozenset(("algorithm", "qop", "nc", "userhash", "stale"))
#: written without quotes by those who ask (RFC 7616 §3.3)
_BARE_IN_CHALLENGE = frozenset(("algorithm", "stale", "userhash", "charset"))
#: what digest credentials are made of, with the blank that follows a comma and without
_PLAIN_NAMES: Final = {
    blank + name: name
    for name in ("username", "realm", "nonce", "uri", "response", "algorithm", "qop", "cnonce", "nc", "opaque")
    for blank in ("", " ")
}


@dataclass(slots=True, init=False)
class Credentials:
    """``params``: names in lower case, values without quotes. ``token``: what a Bearer carries instead.

    Never to be changed: two who read the same text may share it.
    """

    scheme: str
    params: dict[str, str]
    token: str

    def __init__(self, scheme: str, params: dict[str, str] | None = None, token: str = "") -> None:
        self.scheme = scheme
        self.params = {} if params is None else params
        self.token = token

    @staticmethod
    def parse(text: str) -> Credentials:
        """One value of Authorization, WWW-Authenticate or their proxy forms. Raises ParseError."""
        return _latest[text]

    @property
    def is_digest(self) -> bool:
        return self.scheme.lower() == "digest"

    def param(self, name: str) -> str | None:
        return self.params.get(name)

    def __str__(self) -> str:
        """As an Authorization value. Raises ValueError for a value that cannot be written."""
        return _written(self.scheme, self.params.items(), _BARE_IN_CREDENTIALS) if not self.token else (
            f"{self.scheme} {self.token}"
        )


def parse_params(text: str) -> dict[str, str]:
    """``name=value, name="value"``: also what Authentication-Info holds. Raises ParseError, for duplicates too."""
    if grammar.auth_params.fullmatch(text) is None:
        raise ParseError("Bad Credentials")
    if "\\" in text:
        found = grammar.auth_param.findall(text)
        params = {name.lower(): grammar.unquote(value) for name, value in found}
    else:
        found = grammar.plain_auth_param.findall(text)
        params = {name.lower(): value[1:-1] if value[0] == '"' else value for name, value in found}
    if len(params) != len(found):
        raise ParseError("Duplicate Parameter")
    return params


def _read_between(text: str) -> tuple[str, ...]:
    """What stands before a quoted value, a comma first: ``, qop=auth, cnonce=``. Gives name and value of each parameter
    without quotes, and then the name of the one with; nothing at all when it is not as phones write it."""
    found: list[str] = []
    if not text.startswith(","):
        return ()
    for part in text[1:].split(","):
        written, equals, value = part.partition("=")
        name = _PLAIN_NAMES.get(written)
        if name is None or not equals or (value and grammar.token.fullmatch(value) is None):
            return ()
        found += (name, value)
    if found.pop() or "" in found:
        return ()
    return tuple(found)


#: a phone writes the same between its values all its life
_between: Final = Memo(_read_between, 1024, 128)


def _plain_digest(text: str) -> Credentials | None:
    """What phones and browsers write, in a fraction of the time that the grammar takes; None for anything else."""
    if not text.startswith("Digest ") or "\\" in text or not text.isprintable():
        return None
    pieces = text[7:].split('"')
    last = len(pieces) - 1
    if last % 2:
        return None
    params: dict[str, str] = {}
    count = 0
    for at in range(0, last, 2):
        names = _between[pieces[at] if at else "," + pieces[at]]
        if not names:
            return None
        count += len(names) // 2 + 1
        for bare in range(0, len(names) - 1, 2):
            params[names[bare]] = names[bare + 1]
        params[names[-1]] = pieces[at + 1]
    tail = pieces[last]
    if tail:
        # nc, as a rule, which is another each time: not worth remembering
        names = _read_between(f"{tail},nc=") if last else ()
        if not names:
            return None
        count += len(names) // 2
        for bare in range(0, len(names) - 1, 2):
            params[names[bare]] = names[bare + 1]
    return Credentials("Digest", params) if len(params) == count else None


def _parse(text: str) -> Credentials:
    plain = _plain_digest(text)
    if plain is not None:
        return plain
    match = grammar.auth_scheme.fullmatch(text.strip(" \t"))
    if match is None:
        raise ParseError("Bad Credentials")
    rest = match[2] or ""
    if grammar.token68.fullmatch(rest):
        return Credentials(match[1], {}, rest)
    return Credentials(match[1], parse_params(rest))


#: A request's credentials are read twice: when they are checked, and when they are taken off. Few are kept.
_latest: Final = Memo(_parse, 8, 1024)

parse_credentials = Credentials.parse
parse_challenge = Credentials.parse


def build_challenge(scheme: str, params: Iterable[tuple[str, str]]) -> str:
    """A WWW-Authenticate or Proxy-Authenticate value. Raises ValueError for a value that cannot be written."""
    return _written(scheme, params, _BARE_IN_CHALLENGE)


def _written(scheme: str, params: Iterable[tuple[str, str]], bare: frozenset[str]) -> str:
    written = [
        f"{name}={value}" if name in bare and grammar.token.fullmatch(value) else f"{name}={grammar.quote(value)}"
        for name, value in params
    ]
    return f"{scheme} {', '.join(written)}"
