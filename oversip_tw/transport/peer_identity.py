"""TLS where we connect to others: which certificate proves which SIP domain (RFC 5922 §7)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.transport.listener import CertificateFiles
from oversip_tw.transport.reason import tls_text
from oversip_tw.transport.tls import CertificateError, new_context, read_file, use_certificate


class WrongPeer(Exception):
    """The certificate is sound and belongs to somebody else; the text says whose it is."""


def identities(certificate: x509.Certificate) -> tuple[str, ...]:
    """The SIP domains that ``certificate`` proves, in lower case (RFC 5922 §7.1).

    ``sip:`` URIs without user; only if there is none, DNS names; only if there is no subjectAltName at all, the common
    name. Wildcards stand as they are and equal nothing (§7.2).
    """
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(name.value).lower() for name in names)
    uris = (_sip_domain(text) for text in alternatives.get_values_for_type(x509.UniformResourceIdentifier))
    domains = [domain for domain in uris if domain]
    if not domains:
        domains = [name.lower() for name in alternatives.get_values_for_type(x509.DNSName)]
    return tuple(domains)


def _sip_domain(text: str) -> str:
    try:
        uri = Uri.parse(text)
    except SIPError:
        return ""
    return uri.host if uri.scheme == "sip" and uri.user is None else ""


def check_identity(certificate: x509.Certificate, name: str) -> None:
    """Raises WrongPeer unless ``certificate`` proves ``name``: a domain, or an IP address where no domain is known."""
    try:
        address = ip_address(name)
    except ValueError:
        proven = identities(certificate)
        if _domain(name) not in proven:
            raise WrongPeer(f"certificate is for {', '.join(proven) or 'nobody'}, not for {name}") from None
    else:
        if address not in _addresses(certificate):
            raise WrongPeer(f"certificate does not name the address {name}")


def _domain(name: str) -> str:
    return name.rstrip(".").lower()


def _addresses(certificate: x509.Certificate) -> list[object]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(alternatives.get_values_for_type(x509.IPAddress))


@dataclass(frozen=True, slots=True)
class ClientTlsSettings:
    """How next hops prove who they are."""

    #: False takes any certificate
    verify: bool = True
    #: a PEM file of authorities to trust besides the system's
    authorities: str = ""
    #: what we show when asked
    certificate: CertificateFiles | None = None


class ClientTls:
    """The TLS side of connections to next hops. Raises CertificateError when a file is of no use."""

    def __init__(self, settings: ClientTlsSettings | None = None) -> None:
        self.settings = settings or ClientTlsSettings()
        self._context = self._load()

    def _load(self) -> SSL.Context:
        context = new_context(SSL.TLS_CLIENT_METHOD)
        if self.settings.verify:
            context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, error, depth, sound: bool(sound))
            context.set_default_verify_paths()
        if self.settings.authorities:
            _trust(context, self.settings.authorities)
        if self.settings.certificate is not None:
            use_certificate(context, self.settings.certificate)
        return context

    def reload(self) -> None:
        """Read the files again, for new connections. On CertificateError all stays as it is."""
        self._context = self._load()

    def towards(self, name: str) -> _Towards:
        """A connection creator for a peer that has to be ``name`` (domain or address)."""
        return _Towards(self._context, name)

    def check(self, connection: SSL.Connection, name: str) -> None:
        """After the handshake: raises WrongPeer unless the peer proved to be ``name``, or anybody will do."""
        if not self.settings.verify:
            return
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise WrongPeer("no certificate")
        check_identity(certificate, name)


def _trust(context: SSL.Context, path: str) -> None:
    read_file(path)
    try:
        context.load_verify_locations(path)
    except SSL.Error as error:
        raise CertificateError(path, f"no usable PEM certificates ({tls_text(error)})") from None


@implementer(IOpenSSLClientConnectionCreator)
class _Towards:
    """One peer's connections: SNI names the domain that was asked for, never an address (RFC 6066 §3)."""

    def __init__(self, context: SSL.Context, name: str) -> None:
        self._context = context
        self._name = name

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if name := _server_name(self._name):
            connection.set_tlsext_host_name(name)
        return connection


def _server_name(name: str) -> bytes:
    """What SNI says for ``name``; b"" for an address, and for what is no domain (whose certificate cannot fit)."""
    try:
        ip_address(name)
    except ValueError:
        try:
            return _domain(name).encode("idna")
        except UnicodeError:
            pass
    return b""
