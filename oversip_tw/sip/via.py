"""One Via value (RFC 3261 §20.42, rport of RFC 3581)."""

from __future__ import annotations

from dataclasses import dataclass

from oversip_tw.sip import grammar
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.uri import Params, check_params, find_param, host_port, read_host_port

MAGIC_COOKIE = "z9hG4bK"
_SECURE = frozenset(("TLS", "WSS"))


@dataclass(frozen=True, slots=True)
class Via:
    """``transport`` is upper-case; ``host`` lower-case, IPv6 without brackets; ``text`` as it came."""

    transport: str
    host: str
    port: int | None
    params: Params
    branch: str | None
    text: str

    @staticmethod
    def parse(text: str) -> Via:
        """``text`` is one value, unfolded. Raises ParseError (400)."""
        match = grammar.via_parm.fullmatch(text)
        if match is None:
            raise ParseError("Bad Via")
        _, _, transport, sent_by, parameters = match.groups()
        host, port = read_host_port(sent_by)
        params: Params = ()
        branch = None
        if parameters:
            params = tuple([(name.lower(), value or None) for name, value in grammar.via_param.findall(parameters)])
            check_params(params)
            branch = find_param(params, "branch")
        return Via(transport.upper(), host, port, params, branch, text)

    @staticmethod
    def build(transport: str, sent_by: str, branch: str, rport: bool = True) -> Via:
        """A Via of our own; ``sent_by`` is "host:port". Raises ParseError for parts that do not make one."""
        return Via.parse(f"SIP/2.0/{transport.upper()} {sent_by};branch={branch}{';rport' if rport else ''}")

    def __str__(self) -> str:
        return self.text

    def param(self, name: str) -> str | None:
        """The value of ``name`` (lower case): "" when it has none, None when it is absent."""
        return find_param(self.params, name)

    @property
    def received(self) -> str | None:
        """An IP address without brackets."""
        value = find_param(self.params, "received")
        return None if value is None else value.strip("[]")

    @property
    def rport(self) -> str | None:
        """None: absent; "": to be filled in; else a port."""
        return find_param(self.params, "rport")

    @property
    def maddr(self) -> str | None:
        return find_param(self.params, "maddr")

    @property
    def sent_by(self) -> str:
        """``host:port`` for matching: lower-case, with the transport's default port where none was given."""
        return host_port(self.host, self.port or (5061 if self.transport in _SECURE else 5060))

    @property
    def has_magic_cookie(self) -> bool:
        """The branch is globally unique (RFC 3261 §8.1.1.7); if not, §17.2.3 matches as RFC 2543 did."""
        return self.branch is not None and self.branch[:7].lower() == "z9hg4bk"

    def replace_params(self, received: str | None = None, rport: int | str | None = None) -> Via:
        """With these parameters set in place or added; the rest of the text stays as it is."""
        text, params = self.text, dict(self.params)
        for name, value in (("received", received), ("rport", rport)):
            if value is not None:
                params[name] = str(value)
                text = _with_param(text, name, str(value))
        return Via(self.transport, self.host, self.port, tuple(params.items()), self.branch, text)


def _with_param(text: str, name: str, value: str) -> str:
    for match in grammar.via_param.finditer(text):
        if match[1].lower() == name:
            return f"{text[: match.start()]};{name}={value}{text[match.end() :]}"
    return f"{text};{name}={value}"


def readable_via(text: str) -> Via | None:
    """What a damaged Via still says of where an answer may go; None if nothing."""
    match = grammar.via_start.match(text)
    if match is None:
        return None
    try:
        host, port = read_host_port(match[4])
    except ParseError:
        return None
    return Via(match[3].upper(), host, port, (), None, text)
