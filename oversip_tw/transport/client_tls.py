"""TLS where we connect to others: what we trust, what we show, and who the peer has to be."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from oversip_tw.transport.listener import CertificateFiles
from oversip_tw.transport.peer_identity import WrongPeer, check_identity, domain
from oversip_tw.transport.tls import new_context, trust, use_certificate
from oversip_tw.transport.tls_peer import Judging, insist, take_note


@dataclass(frozen=True, slots=True)
class ClientTlsSettings:
    """How next hops prove who they are."""

    #: False takes any certificate; what it is worth is noted for hooks
    verify: bool = True
    #: a PEM file of authorities to trust besides the system's
    authorities: str = ""
    #: what we show when asked
    certificate: CertificateFiles | None = None


class ClientTls:
    """The TLS side of connections to next hops. Raises CertificateError when a file is of no use."""

    def __init__(self, settings: ClientTlsSettings | None = None) -> None:
        self.settings = settings or ClientTlsSettings()
        self._context = context = new_context(SSL.TLS_CLIENT_METHOD)
        # Who takes anybody may still want to know, in a hook, what there was to say of them.
        context.set_verify(SSL.VERIFY_PEER, insist if self.settings.verify else take_note)
        context.set_default_verify_paths()
        if self.settings.authorities:
            trust(context, self.settings.authorities)
        if self.settings.certificate is not None:
            use_certificate(context, self.settings.certificate)

    def towards(self, name: str) -> _Towards:
        """A connection creator for a peer that has to be ``name`` (domain or address)."""
        return _Towards(self._context, name)

    def check(self, connection: SSL.Connection, name: str) -> None:
        """After the handshake: raises WrongPeer unless the peer proved to be ``name``, or anybody will do."""
        if not self.settings.verify:
            return
        try:
            certificate = connection.get_peer_certificate(as_cryptography=True)
        except ValueError as error:
            raise WrongPeer(f"certificate cannot be read: {error}") from None
        if certificate is None:
            raise WrongPeer("no certificate")
        check_identity(certificate, name)


@implementer(IOpenSSLClientConnectionCreator)
class _Towards:
    """One peer's connections: SNI names the domain that was asked for, never an address (RFC 6066 §3)."""

    def __init__(self, context: SSL.Context, name: str) -> None:
        self._context = context
        self._name = name

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = Judging(self._context)
        if name := _server_name(self._name):
            connection.set_tlsext_host_name(name)
        return connection


def _server_name(name: str) -> bytes:
    """What SNI says for ``name``; b"" for an address, and for what is no domain (whose certificate cannot fit)."""
    try:
        ip_address(name)
    except ValueError:
        try:
            return domain(name).encode("idna")
        except UnicodeError:
            pass
    return b""
