"""SIP, SIPS and other URIs (RFC 3261 §19.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, Final

from oversip_tw.sip import grammar
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.memo import Memo
from oversip_tw.sip.scan import plain_uri, uri_with_params

#: name in lower case and value as written, None where there is none
Params = tuple[tuple[str, str | None], ...]

_MEMO: Final = 4096  # URIs
_MEMO_TEXT: Final = 512  # longer ones are not worth remembering

_escape = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")
#: parameters that count although only one of two URIs has them (RFC 3261 §19.1.4; transport by its examples)
_DISTINCTIVE = ("user", "ttl", "method", "maddr", "transport")


def host_port(host: str, port: int | None) -> str:
    """``host:port`` with an IPv6 address in brackets."""
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


@lru_cache(_MEMO)
def normal_host(text: str) -> str:
    """``text`` in lower case, an IPv6 address without brackets and in its shortest form. Raises ParseError."""
    if text[0] == "[":
        return _ipv6(text[1:-1])
    if text[-1].isdigit() and text.rpartition(".")[2].isdigit():  # the rule of the host has let in ASCII alone
        try:
            return str(IPv4Address(text))
        except AddressValueError:
            raise ParseError("Bad IPv4 Address") from None
    if len(text) > 63 and (len(text) > 255 or max(map(len, text.split("."))) > 63):
        raise ParseError("Host Name Too Long")
    return text.lower()


def _ipv6(text: str) -> str:
    try:
        # Three colons come from a slip in RFC 3261's grammar (RFC 5118 §4.10).
        address = IPv6Address(text.replace(":::", "::"))
    except AddressValueError:
        raise ParseError("Bad IPv6 Address") from None
    mapped = address.ipv4_mapped
    return address.compressed if mapped is None else f"::ffff:{mapped}"


def read_port(text: str | None) -> int | None:
    """A port's number; None for None. Raises ParseError for one that nobody can listen on."""
    if text is None:
        return None
    port = int(text)
    if not 0 < port < 65536:
        raise ParseError("Bad Port")
    return port


def _read_host_port(text: str) -> tuple[str, int | None]:
    match = grammar.hostport.fullmatch(text)
    if match is None:
        raise ParseError("Bad Host")
    return normal_host(match[1]), read_port(match[2])


_hosts: Final = Memo(_read_host_port, _MEMO, _MEMO_TEXT)
#: ``host[:port]`` as Via has it, the host as of `normal_host`. Raises ParseError.
read_host_port: Final = _hosts.__getitem__


def _unescape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def normal_escapes(text: str) -> str:
    """``text`` with what need not be escaped unescaped and the rest in capitals, so that equal parts compare equal."""
    return _escape.sub(_unescape, text) if "%" in text else text


def check_params(params: Params) -> None:
    """Raises ParseError if one name stands twice (RFC 3261 §7.3.1, §19.1.1)."""
    if len(params) > 1 and len({name for name, _ in params}) < len(params):
        raise ParseError("Duplicate Parameter")


def find_param(params: Params, name: str) -> str | None:
    """The value of ``name``: "" when it has none, None when it is absent."""
    for known, value in params:
        if known == name:
            return value or ""
    return None


class Uri:
    """A URI as it was written, and its parts.

    ``user``, ``password``, ``params`` and ``headers`` keep their escapes. Schemes other than sip and sips have only
    ``opaque``, what follows the colon. Never to be changed: a plain class because each call brings several new ones.
    """

    __slots__ = (
        "_aor",
        "headers",
        "host",
        "is_sip",
        "opaque",
        "params",
        "password",
        "port",
        "scheme",
        "secure",
        "text",
        "user",
    )

    def __init__(
        self,
        scheme: str,
        user: str | None,
        password: str | None,
        host: str,
        port: int | None,
        params: Params,
        headers: str,
        text: str,
        opaque: str = "",
    ) -> None:
        self.scheme: Final = scheme
        self.user: Final = user
        self.password: Final = password
        self.host: Final = host
        self.port: Final = port
        self.params: Final = params
        self.headers: Final = headers
        self.text: Final = text
        self.opaque: Final = opaque
        #: sip or sips
        self.is_sip: Final = host != ""
        #: sips
        self.secure: Final = scheme == "sips"
        self._aor: str | None = None

    @staticmethod
    def parse(text: str) -> Uri:
        """Raises ParseError (400)."""
        # By hand what `Memo` does: a class of dictionaries with a method costs 1,000 instructions when compiled.
        found = _memo.get(text)
        if found is None:
            found = _parse(text)
            if len(text) <= _MEMO_TEXT:
                if len(_memo) >= _MEMO:
                    _memo.clear()
                _memo[text] = found
        return found

    @staticmethod
    def build(
        scheme: str,
        user: str | None,
        host: str,
        port: int | None = None,
        params: Iterable[tuple[str, str | None]] = (),
        password: str | None = None,
        headers: str = "",
    ) -> Uri:
        """A URI of its parts, which have to be escaped already. Raises ParseError if they do not make one."""
        userinfo = "" if user is None else f"{user}@" if password is None else f"{user}:{password}@"
        tail = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params)
        return Uri.parse(f"{scheme}:{userinfo}{host_port(host, port)}{tail}{'?' if headers else ''}{headers}")

    def replace(self, **fields: Any) -> Uri:
        """The same URI with other ``scheme``, ``user``, ``password``, ``host``, ``port``, ``params`` or ``headers``.

        The text is written anew. Raises ParseError if the result is no URI. For sip and sips alone.
        """
        parts: dict[str, Any] = {
            "scheme": self.scheme,
            "user": self.user,
            "password": self.password,
            "host": self.host,
            "port": self.port,
            "params": self.params,
            "headers": self.headers,
        }
        unknown = fields.keys() - parts.keys()
        if unknown:
            raise TypeError(f"a URI has no {', '.join(sorted(unknown))}")
        return Uri.build(**{**parts, **fields})

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Uri({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uri) and self.text == other.text and self.scheme == other.scheme

    def __hash__(self) -> int:
        return hash(self.text)

    def param(self, name: str) -> str | None:
        """The value of the parameter ``name`` (lower case): "" when it has none, None when it is absent."""
        return find_param(self.params, name)

    def has_param(self, name: str) -> bool:
        return find_param(self.params, name) is not None

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = find_param(self.params, "transport")
        return None if value is None else value.lower()

    @property
    def aor(self) -> str:
        """What look-ups go by: ``sip:user@host``, the user's case kept, escapes normal, no port and no parameters.

        For schemes other than sip and sips, the text.
        """
        aor = self._aor
        if aor is None:
            aor = self._aor = self._make_aor()
        return aor

    def _make_aor(self) -> str:
        if not self.host:
            return self.text
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:{host}" if self.user is None else f"sip:{normal_escapes(self.user)}@{host}"

    def equivalent(self, other: Uri) -> bool:
        """Whether both name the same by the rules of RFC 3261 §19.1.4."""
        if not (self.host and other.host):
            return self.scheme == other.scheme and self.opaque == other.opaque
        return (
            (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
            and _normal(self.user) == _normal(other.user)
            and _normal(self.password) == _normal(other.password)
            and _params_equivalent(self.params, other.params)
            and _normal_headers(self.headers) == _normal_headers(other.headers)
        )


def _normal(text: str | None) -> str | None:
    return None if text is None else normal_escapes(text)


def _params_equivalent(one: Params, two: Params) -> bool:
    mine, yours = _normal_params(one), _normal_params(two)
    if any((name in mine) != (name in yours) for name in _DISTINCTIVE):
        return False
    return all(yours.get(name, value) == value for name, value in mine.items())


def _normal_params(params: Params) -> dict[str, str]:
    return {normal_escapes(name).lower(): normal_escapes(value or "").lower() for name, value in params}


def _normal_headers(headers: str) -> Sequence[tuple[str, str]]:
    pairs = (member.partition("=") for member in headers.split("&"))
    return sorted((normal_escapes(name).lower(), normal_escapes(value)) for name, _, value in pairs)


def _parse(text: str) -> Uri:
    plain = plain_uri(text)
    if plain is not None:
        user, host, port = plain
        return Uri("sip", user, None, normal_host(host), read_port(port), (), "", text)
    usual = uri_with_params(text)
    if usual is not None:
        user, host, port, params = usual
        check_params(params)
        return Uri("sip", user, None, normal_host(host), read_port(port), params, "", text)
    return _parse_sip(text)


def _parse_sip(text: str) -> Uri:
    match = grammar.sip_uri.fullmatch(text)
    if match is None:
        return _parse_absolute(text)
    scheme, user, password, host, port, parameters, headers = match.groups()
    params: Params = ()
    if parameters:
        params = tuple((name.lower(), value or None) for name, value in grammar.uri_parameter.findall(parameters))
        check_params(params)
    return Uri(scheme.lower(), user, password, normal_host(host), read_port(port), params, headers or "", text)


def _parse_absolute(text: str) -> Uri:
    match = grammar.absolute_uri.fullmatch(text)
    if match is None or match[1].lower() in ("sip", "sips"):
        raise ParseError("Bad URI")
    return Uri(match[1].lower(), None, None, "", None, (), "", text, match[2])


_memo: Final[dict[str, Uri]] = {}


def unreadable(text: str) -> Uri:
    """Stands in for a URI that cannot be read, in a request that is only good for its refusal."""
    return Uri("", None, None, "", None, (), "", text, text)
