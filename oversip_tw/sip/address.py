"""name-addr and addr-spec with header parameters: From, To, Contact, Route, ... (RFC 3261 §20.10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from oversip_tw.sip import grammar
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.scan import address_with_params, plain_address
from oversip_tw.sip.uri import Params, Uri, check_params, find_param, unreadable

_MEMO: Final = 4096  # addresses
_MEMO_TEXT: Final = 512  # longer ones are not worth remembering


class NameAddr:
    """A URI with a display name before it and parameters behind it.

    ``params`` keeps values as written, quotes included; `param` takes the quotes off. Never to be changed.
    """

    __slots__ = ("display_name", "params", "tag", "text", "uri")

    def __init__(self, display_name: str, uri: Uri, params: Params, text: str, tag: str | None = None) -> None:
        self.display_name: Final = display_name
        self.uri: Final = uri
        self.params: Final = params
        self.text: Final = text
        #: the tag of a From or To
        self.tag: Final = tag

    @staticmethod
    def parse(text: str) -> NameAddr:
        """``text`` is one value, unfolded. Raises ParseError (400)."""
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
    def build(uri: Uri | str, display_name: str = "", params: Iterable[tuple[str, str | None]] = ()) -> NameAddr:
        """Written with <>; parameter values that are no token are quoted. Raises ParseError, ValueError."""
        name = f"{grammar.quote(display_name)} " if display_name else ""
        tail = "".join(f";{key}" if value is None else f";{key}={_param_value(value)}" for key, value in params)
        return NameAddr.parse(f"{name}<{uri}>{tail}")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"NameAddr({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameAddr) and self.text == other.text and self.uri == other.uri

    def __hash__(self) -> int:
        return hash(self.text)

    def param(self, name: str) -> str | None:
        """The unquoted value of ``name`` (lower case): "" when it has none, None when it is absent."""
        value = find_param(self.params, name)
        return grammar.unquote(value) if value else value

    def has_param(self, name: str) -> bool:
        return find_param(self.params, name) is not None


def _param_value(text: str) -> str:
    return text if grammar.gen_value.fullmatch(text) else grammar.quote(text)


def read_params(text: str) -> Params:
    """The parameters of a text found well formed, names in lower case. Raises ParseError for a duplicate."""
    params = tuple((name.lower(), value or None) for name, value in grammar.generic_param.findall(text))
    check_params(params)
    return params


def _parse(text: str) -> NameAddr:
    plain = plain_address(text)
    if plain is not None:
        name, uri, tag = plain
        return NameAddr(name, Uri.parse(uri), () if tag is None else (("tag", tag),), text, tag)
    usual = address_with_params(text)
    if usual is not None:
        name, uri, params = usual
        check_params(params)
        return NameAddr(name, Uri.parse(uri), params, text, find_param(params, "tag"))
    return _parse_any(text)


def _parse_any(text: str) -> NameAddr:
    match = grammar.name_addr.fullmatch(text)
    if match is not None:
        quoted, tokens, uri, parameters = match.groups()
        name = tokens.strip(" \t") if quoted is None else grammar.unquote(quoted)
    else:
        match = grammar.addr_spec.fullmatch(text)
        if match is None:
            raise ParseError("Bad Address")
        name = ""
        uri, parameters = match.groups()
    params: Params = ()
    tag = None
    if parameters:
        params = read_params(parameters)
        tag = find_param(params, "tag")
    return NameAddr(name, Uri.parse(uri), params, text, tag)


_memo: Final[dict[str, NameAddr]] = {}


def unreadable_address(text: str) -> NameAddr:
    """Stands in for an address that cannot be read, in a request that is only good for its refusal."""
    match = grammar.tag.search(text)
    return NameAddr("", unreadable(text), (), text, match and match[1])
