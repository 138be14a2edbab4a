"""One Via value (RFC 3261 §20.42, rport of RFC 3581)."""

from __future__ import annotations

from typing import Final

from oversip_tw.sip import grammar
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.scan import plain_uri, plain_via
from oversip_tw.sip.uri import Params, host_port, normal_host, read_host_port, read_port

MAGIC_COOKIE = "z9hG4bK"
_SECURE: Final = frozenset(("TLS", "WSS"))
_MEMO: Final = 4096  # senders
_MEMO_TEXT: Final = 256  # characters of one
#: what stands before the parameters -> transport, host, port, sent-by
_starts: Final[dict[str, tuple[str, str, int | None, str]]] = {}
#: what is before the blank in nearly all of them
_PROTOCOLS: Final = {f"SIP/2.0/{transport}": transport for transport in ("UDP", "TCP", "TLS", "WS", "WSS")}


class Via:
    """``transport`` is upper-case; ``host`` lower-case, IPv6 without brackets; ``text`` as it came. ``sent_by`` is
    ``host:port`` for matching: lower-case, with the transport's default port where none was given.

    Never to be changed: a plain class because every message makes one and a frozen dataclass takes 0.5 us longer.
    """

    __slots__ = ("_params", "branch", "host", "port", "sent_by", "text", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None,
        sent_by: str,
        params: dict[str, str],
        branch: str | None,
        text: str,
    ) -> None:
        self.transport: Final = transport
        self.host: Final = host
        self.port: Final = port
        self.sent_by: Final = sent_by
        self.branch: Final = branch
        self.text: Final = text
        self._params: Final = params

    @staticmethod
    def parse(text: str) -> Via:
        """``text`` is one value, unfolded. Raises ParseError (400)."""
        plain = plain_via(text)
        if plain is not None:
            start, params = plain
            sender = _starts.get(start) or _read_start(start)
            if sender is not None:
                transport, host, port, sent_by = sender
                return Via(transport, host, port, sent_by, params, params.get("branch"), text)
        return _parse(text, text.partition(";")[0])

    def with_branch(self, branch: str, rport: bool) -> Via:
        """This Via, which has no parameters, with these: as `build`, for a branch that is known to be a token."""
        text, params = f"{self.text};branch={branch}", {"branch": branch}
        if rport:
            text, params["rport"] = f"{text};rport", ""
        return Via(self.transport, self.host, self.port, self.sent_by, params, branch, text)

    @staticmethod
    def build(transport: str, sent_by: str, branch: str, rport: bool = True) -> Via:
        """A Via of our own; ``sent_by`` is "host:port". Raises ParseError for parts that do not make one."""
        return Via.parse(f"SIP/2.0/{transport.upper()} {sent_by};branch={branch}{';rport' if rport else ''}")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Via({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Via) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def params(self) -> Params:
        """Names in lower case; values as written, None where there is none."""
        return tuple((name, value or None) for name, value in self._params.items())

    def param(self, name: str) -> str | None:
        """The value of ``name`` (lower case): "" when it has none, None when it is absent."""
        return self._params.get(name)

    @property
    def received(self) -> str | None:
        """An IP address without brackets."""
        value = self._params.get("received")
        return None if value is None else value.strip("[]")

    @property
    def rport(self) -> str | None:
        """None: absent; "": to be filled in; else a port."""
        return self._params.get("rport")

    @property
    def maddr(self) -> str | None:
        return self._params.get("maddr")

    @property
    def has_magic_cookie(self) -> bool:
        """The branch is globally unique (RFC 3261 §8.1.1.7); if not, §17.2.3 matches as RFC 2543 did."""
        return self.branch is not None and self.branch[:7].lower() == "z9hg4bk"

    def replace_params(self, received: str | None = None, rport: int | str | None = None) -> Via:
        """With these parameters set in place or added; the rest of the text stays as it is."""
        text, params = self.text, self._params.copy()
        if received is not None:
            text = _with_param(text, "received", received) if "received" in params else f"{text};received={received}"
            params["received"] = received
        if rport is not None:
            port = str(rport)
            if "rport" not in params:
                text = f"{text};rport={port}"
            elif ";rport;" in text and '"' not in text:
                text = text.replace(";rport;", f";rport={port};")
            else:
                text = _with_param(text, "rport", port)
            params["rport"] = port
        return Via(self.transport, self.host, self.port, self.sent_by, params, self.branch, text)


def _sent_by(transport: str, host: str, port: int | None) -> str:
    return host_port(host, port or (5061 if transport in _SECURE else 5060))


def _read_start(text: str) -> tuple[str, str, int | None, str] | None:
    """What stands before the parameters, in its usual form; None for any other. Raises ParseError."""
    protocol, _, sent_by = text.partition(" ")
    transport = _PROTOCOLS.get(protocol)
    # A sent-by is what a URI may have behind its user.
    plain = None if transport is None or "@" in sent_by else plain_uri(f"sip:{sent_by}")
    if transport is None or plain is None:
        return None
    return _remember(text, transport, normal_host(plain[1]), read_port(plain[2]))


def _remember(start: str, transport: str, host: str, port: int | None) -> tuple[str, str, int | None, str]:
    found = transport, host, port, _sent_by(transport, host, port)
    if len(start) <= _MEMO_TEXT:
        if len(_starts) >= _MEMO:
            _starts.clear()
        _starts[start] = found
    return found


def _parse(text: str, start: str) -> Via:
    match = grammar.via_parm.fullmatch(text)
    if match is None:
        raise ParseError("Bad Via")
    transport, place, parameters = match.groups()
    host, port = read_host_port(place)
    found = [(name.lower(), value) for name, value in grammar.via_param.findall(parameters)]
    params = dict(found)
    if len(params) != len(found):
        raise ParseError("Duplicate Parameter")
    transport, host, port, sent_by = _remember(start, transport.upper(), host, port)
    return Via(transport, host, port, sent_by, params, params.get("branch"), text)


def _with_param(text: str, name: str, value: str) -> str:
    match = next(match for match in grammar.via_param.finditer(text) if match[1].lower() == name)
    return f"{text[: match.start()]};{name}={value}{text[match.end() :]}"


def readable_via(text: str) -> Via | None:
    """What a damaged Via still says of where an answer may go; None if nothing. Its text is the part that is right."""
    for rule in (grammar.via_parm, grammar.via_start):
        match = rule.match(text)
        if match is not None:
            try:
                return Via.parse(match[0])
            except ParseError:
                continue
    return None
