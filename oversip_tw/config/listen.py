"""Where the server is reached: ``[[listen]]``."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.values import Choice, HostPort, HttpPath, IPAddress, Origin, Port, ReadableFile

Transport = Annotated[str, Choice(("udp", "tcp", "tls", "ws", "wss"))]
StrongAlgorithm = Annotated[str, Choice(("SHA-256", "SHA-512-256"))]

#: the port a transport has when none is given
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 8080, "wss": 8443}


@frozen
class Listen:
    """A place where the server is reached; write as many as you need.

    Without any: UDP and TCP on 127.0.0.1:5060, WebSocket and the phone page on 127.0.0.1:8080.
    """

    transport: Transport = field(metadata=about("What is spoken there.", "wss"))
    address: IPAddress = field(
        default="127.0.0.1",
        metadata=about(
            'The address to bind, IPv4 or IPv6. "0.0.0.0" and "::" take all of a family; say `advertised` then.'
        ),
    )
    port: Port | None = field(
        default=None,
        metadata=about(
            "The port; 0 takes a free one. Default: 5060 for udp and tcp, 5061 for tls, 8080 for ws, 8443 for wss.",
            8443,
        ),
    )
    advertised: HostPort | None = field(
        default=None,
        metadata=about(
            "What Via, Record-Route and Path say instead of the bound address: the public address behind a 1:1 NAT, or "
            "the host name that the certificate proves. Without a port the bound one is said.",
            "phone.example.org",
        ),
    )
    certificate: tuple[ReadableFile, ...] = field(
        default=(),
        metadata=about(
            "tls and wss: PEM files, each a certificate followed by its chain. The first serves clients that ask for "
            "no name, the others are chosen by the name asked for (SNI). One name may stand without brackets. SIGHUP "
            "reads them again.",
            ["fullchain.pem"],
        ),
    )
    key: tuple[ReadableFile, ...] = field(
        default=(), metadata=about("tls and wss: the private keys, in the order of `certificate`.", ["privkey.pem"])
    )
    client_certificate: Annotated[str, Choice(("no", "ask", "require"))] = field(
        default="no",
        metadata=about(
            'tls and wss: whether clients are asked for certificates. "ask": what they show is noted for your hooks '
            '(`flow.tls`); "require": only those come in for whom `authorities` vouch.'
        ),
    )
    authorities: ReadableFile | None = field(
        default=None,
        metadata=about(
            "tls and wss: PEM file of the authorities that clients' certificates are checked against. SIGHUP reads it "
            "again.",
            "clients-ca.pem",
        ),
    )
    proxy_protocol: bool = field(
        default=False,
        metadata=about(
            "tcp, tls, ws and wss: every connection begins with a PROXY header (version 1 or 2) that says who is "
            'behind the proxy. It is believed from a `[[trusted]]` with role "proxy"; all others are closed.'
        ),
    )
    path: tuple[HttpPath, ...] = field(
        default=("/ws", "/"), metadata=about("ws and wss: the paths of a WebSocket's URL; any other is answered 404.")
    )
    origins: tuple[Origin, ...] | None = field(
        default=None,
        metadata=about(
            "ws and wss: the pages that may connect, by their origin; others are answered 403. Default: with `page` "
            "the page of this very port, else everybody (and start-up says so).",
            ["https://phone.example.org"],
        ),
    )
    page: bool = field(default=False, metadata=about("ws and wss: serve the phone page on this port too."))
    algorithms: tuple[StrongAlgorithm, ...] = field(
        default=(),
        metadata=about(
            "Digest algorithms to offer here besides those of `[auth]`. Some phones refuse a list that holds anything "
            "but MD5.",
            ["SHA-256"],
        ),
    )

    def __attrs_post_init__(self) -> None:
        secure = self.transport in ("tls", "wss")
        if secure and not self.certificate:
            raise Wrong(f'transport "{self.transport}" needs certificate and key')
        if not secure and (self.certificate or self.key):
            raise Wrong(f'transport "{self.transport}" takes no certificate and no key')
        if len(self.certificate) != len(self.key):
            raise Wrong(f"{len(self.certificate)} certificate(s), but {len(self.key)} key(s)")
        self._check_proxies_and_clients(secure)
        if not self.websocket and (self.path != ("/ws", "/") or self.origins is not None or self.page):
            raise Wrong(f'transport "{self.transport}" takes no path, origins or page')

    def _check_proxies_and_clients(self, secure: bool) -> None:
        if self.proxy_protocol and self.transport == "udp":
            raise Wrong('transport "udp" takes no proxy_protocol')
        asked = self.client_certificate != "no"
        if not secure and (asked or self.authorities is not None):
            raise Wrong(f'transport "{self.transport}" takes no client_certificate and no authorities')
        if self.client_certificate == "require" and self.authorities is None:
            raise Wrong('client_certificate = "require" needs authorities')
        if self.authorities is not None and not asked:
            raise Wrong('authorities are of use with client_certificate = "ask" or "require"')

    @property
    def websocket(self) -> bool:
        """SIP over WebSocket is spoken there, and HTTP beside it."""
        return self.transport in ("ws", "wss")

    @property
    def bound_port(self) -> int:
        """The port to bind; 0 for any."""
        return DEFAULT_PORTS[self.transport] if self.port is None else self.port
