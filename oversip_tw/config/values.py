"""What a single value may be. Each kind checks a TOML value and turns it into the one that the program uses.

A kind is written into the type of a field, ``Annotated[int, Whole(0, 65535)]``: to mypy the field is an int, the loader
finds the check, and the reference takes its words from there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from oversip_tw.config.errors import Wrong
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_ORIGIN = re.compile(
    r"same-origin|null|\*|[a-z][a-z0-9+.-]*://(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?", re.ASCII
)


class Kind:
    """A kind of value. ``words`` is what the reference says it is."""

    words: str

    def check(self, value: Any, base: Path) -> Any:
        """The value to use; relative file names start at ``base``. Raises Wrong."""
        raise NotImplementedError


def said(value: Any) -> str:
    """``value`` as it would stand in a TOML file, shortened."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number within bounds."""

    least: int = 0
    most: int | None = None

    @property
    def words(self) -> str:  # type: ignore[override]
        return f"integer, {self.least} to {self.most}" if self.most is not None else f"integer, at least {self.least}"

    def check(self, value: Any, base: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(f"must be an {self.words}, not {said(value)}")
        if value < self.least or (self.most is not None and value > self.most):
            raise Wrong(f"must be an {self.words}, not {said(value)}")
        return value


@dataclass(frozen=True)
class Number(Kind):
    """A span of time in seconds."""

    least: float = 0.0
    most: float | None = None

    @property
    def words(self) -> str:  # type: ignore[override]
        upper = f" to {self.most:g}" if self.most is not None else ""
        return f"seconds, {self.least:g}{upper}" if upper else f"seconds, at least {self.least:g}"

    def check(self, value: Any, base: Path) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not self.least <= value <= (self.most if self.most is not None else 1e9):
            raise Wrong(f"must be {self.words}, not {said(value)}")
        return float(value)


@dataclass(frozen=True)
class Choice(Kind):
    """One word of a list."""

    options: tuple[str, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        return "one of " + ", ".join(f'"{option}"' for option in self.options)

    def check(self, value: Any, base: Path) -> str:
        if value not in self.options:
            raise Wrong(f"must be {self.words}, not {said(value)}")
        return str(value)


@dataclass(frozen=True)
class Text(Kind):
    """A string that a function accepts; the function may also rewrite it."""

    words: str
    accept: Callable[[str], str | None]
    #: it is one, or may hold one: it is not repeated where it is wrong (A15)
    secret: bool = False

    def check(self, value: Any, base: Path) -> str:
        accepted = self.accept(value) if isinstance(value, str) else None
        if accepted is None:
            raise Wrong(f"must be {self.words}" if self.secret else f"must be {self.words}, not {said(value)}")
        return accepted


@dataclass(frozen=True)
class File(Kind):
    """A file that can be read, or (``write``) a place where one can be made."""

    words: str = "file name"
    write: bool = False

    def check(self, value: Any, base: Path) -> str:
        if not isinstance(value, str) or not value:
            raise Wrong(f"must be a {self.words}, not {said(value)}")
        if "\0" in value:
            raise Wrong(f"must be a {self.words}, and none has a null character")
        try:
            path = base / Path(value).expanduser()
        except RuntimeError:
            raise Wrong(f"{value} begins at the home of a user whom nobody knows") from None
        if not self.write:
            try:
                with path.open("rb"):
                    pass
            except OSError as error:
                raise Wrong(f"cannot read {path}: {error.strerror}") from None
        return str(path)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _network(text: str) -> str | None:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return None


def _domain(text: str) -> str | None:
    """A host name or an IP address, as the host part of a SIP URI says it (IPv6 without brackets)."""
    name = text.lower().removesuffix(".")
    if _address(name) is not None:
        return _address(name)
    labels = name.split(".")
    good = len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return name if good and not labels[-1].isdigit() else None


def _host_port(text: str) -> str | None:
    """ "host" or "host:port", IPv6 in brackets when a port follows (and always on the way out)."""
    bare = _address(text)
    if bare is not None:
        return f"[{bare}]" if ":" in bare else bare
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match["port"] or 0) > 65535:
        return None
    host = _domain(match["host"].strip("[]"))
    if host is None:
        return None
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{match['port']}" if match["port"] else host


def _sip_uri(text: str) -> str | None:
    rest = text.lower()
    scheme = next((scheme for scheme in ("sip:", "sips:") if rest.startswith(scheme)), "")
    host, *params = rest[len(scheme) :].split(";")
    if "@" in host or _host_port(host) is None:
        return None
    dialled = ("tcp", "tls") if scheme == "sips:" else ("udp", "tcp", "tls")
    if any(param.startswith("transport=") and param[len("transport=") :] not in dialled for param in params):
        return None
    if _address(host) is not None and ":" in host:  # IPv6 may come without its brackets
        text = ";".join([f"{scheme}[{host}]", *text[len(scheme) :].split(";")[1:]])
    uri = text if scheme else f"sip:{text}"
    try:
        Uri.parse(uri)
    except SIPError:
        return None
    return uri


def host_and_port(uri: str) -> tuple[str, int]:
    """Where a `SipUri` leads, its port written out; IPv6 without brackets."""
    place = uri.partition(":")[2].lower().split(";")[0]
    secure = transport_of(uri) == "tls"
    match = _HOST_PORT.fullmatch(place)
    assert match is not None  # or it would be no SipUri
    return match["host"].strip("[]"), int(match["port"] or (5061 if secure else 5060))


def transport_of(uri: str) -> str:
    """The transport that a `SipUri` names, "" where it leaves the choice to us."""
    scheme, _, rest = uri.lower().partition(":")
    named = [param.partition("=")[2] for param in rest.split(";")[1:] if param.startswith("transport=")]
    return "tls" if scheme == "sips" else named[0] if named else ""


def ways_to(uri: str, transports: tuple[str, ...]) -> tuple[str, ...]:
    """The transports that a `SipUri` may be reached by, where a profile allows ``transports`` (RFC 3263 §4.1)."""
    named = transport_of(uri)
    if named:
        return (named,)
    ways = tuple(transport for transport in transports if transport != "tls") or ("tls",)
    host, *port = _HOST_PORT.fullmatch(uri.partition(":")[2].split(";")[0]).groups()  # type: ignore[union-attr]
    if "udp" in ways and (port[0] or _address(host.strip("[]"))):
        return ("udp",)  # no record is looked up that might say anything else
    return ways


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if pattern.fullmatch(text) else None


def _path(text: str) -> str | None:
    good = text.startswith("/") and text.isascii() and text.isprintable() and not any(c in text for c in " ?#")
    return text if good else None


Port = Annotated[int, Whole(0, 65535)]
Count = Annotated[int, Whole(1)]
Amount = Annotated[int, Whole(0)]
Octets = Annotated[int, Whole(256, 64 * 1024 * 1024)]
Seconds = Annotated[float, Number(0.001)]
Span = Annotated[float, Number(0)]
WholeSeconds = Annotated[int, Whole(1, 2**31 - 1)]
IPAddress = Annotated[str, Text("an IP address", _address)]
Network = Annotated[str, Text('a network such as "192.0.2.0/24"', _network)]
Domain = Annotated[str, Text("a host name or an IP address", _domain)]
HostPort = Annotated[str, Text('"host" or "host:port"', _host_port)]
SipUri = Annotated[
    str,
    Text('a SIP URI without user over udp, tcp or tls, such as "sip:pbx.example.org:5060;transport=tcp"', _sip_uri),
]
HttpPath = Annotated[str, Text('a path that begins with "/"', _path)]
Origin = Annotated[
    str, Text('an origin such as "https://phone.example.org", or "same-origin", "null", "*"', _matching(_ORIGIN))
]
ClassName = Annotated[str, Text('"module:Class"', _matching(_CLASS))]
Name = Annotated[str, Text("a name", lambda text: text or None)]
ReadableFile = Annotated[str, File("name of a file that can be read")]
NewFile = Annotated[str, File("file name", write=True)]
