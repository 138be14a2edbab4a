"""A place where we are reached: what is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from oversip_tw.interfaces import Flow
from oversip_tw.transport.route import source_address

#: the port a transport has where none is said (RFC 3261 §19.1.2, RFC 7118 §5.2.4)
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

TRANSPORTS = tuple(DEFAULT_PORTS)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files: a certificate followed by its chain, and its private key."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """What clients are asked to show of themselves in the TLS handshake."""

    #: "no"; "ask": whatever they show is noted; "require": only those come in for whom ``authorities`` vouch
    wanted: str = "no"
    #: PEM file
    authorities: str = ""


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """One listener to open. ``port`` 0 takes a free one; ``certificates``: the first serves who asks for no name."""

    transport: str
    address: str = "127.0.0.1"
    port: int = 0
    #: "host" or "host:port" for Via, Record-Route and Path; "" says the bound address
    advertised: str = ""
    certificates: tuple[CertificateFiles, ...] = ()
    clients: ClientCertificates = ClientCertificates()
    #: each connection begins with a PROXY header, which says who is behind a proxy of ours
    proxy_protocol: bool = False
    #: connections that wait for us to accept them
    backlog: int = 511


class ListenError(Exception):
    """A listener could not be opened; the text names transport, address, port and reason, fit to end a start-up."""

    def __init__(self, spec: ListenerSpec, reason: str) -> None:
        super().__init__(f"cannot listen on {spec.transport} {bracketed(spec.address)}:{spec.port}: {reason}")
        self.spec = spec
        self.reason = reason


def bracketed(host: str) -> str:
    """``host`` as it stands before a port: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class BoundListener:
    """`interfaces.Listener`. ``port`` and ``sent_by`` are final once `bound` was called, before anything arrives."""

    __slots__ = ("address", "port", "sent_by", "spec", "tap", "transport")

    def __init__(self, spec: ListenerSpec) -> None:
        self.spec = spec
        self.tap: Callable[[bytes, Flow], None] | None = None
        self.transport = spec.transport
        self.address = spec.address
        self.port = spec.port
        self.sent_by = ""
        self.bound(spec.port)

    def bound(self, port: int) -> None:
        """The socket is bound to ``port``."""
        self.port = port
        self.sent_by = sent_by(self.spec.advertised or self._own_address(), port)

    def _own_address(self) -> str:
        address = ip_address(self.address)
        return source_address(address.version) if address.is_unspecified else self.address

    @property
    def ipv6(self) -> bool:
        return ":" in self.address

    def __repr__(self) -> str:
        return f"<{self.transport} {bracketed(self.address)}:{self.port} as {self.sent_by}>"


def sent_by(host: str, port: int) -> str:
    """``host`` with ``port``, unless it brings its own: "example.org", "[::1]:5062", "::1" all may come."""
    if host.startswith("["):
        return host if "]:" in host else f"{host}:{port}"
    if host.count(":") == 1:
        return host
    return f"{bracketed(host)}:{port}"
