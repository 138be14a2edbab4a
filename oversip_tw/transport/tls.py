"""TLS where others connect to us: certificates by name (SNI), changed without dropping anybody."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from oversip_tw.transport.listener import CertificateFiles, ClientCertificates
from oversip_tw.transport.reason import tls_text
from oversip_tw.transport.tls_peer import Judging, insist, take_note
from oversip_tw.transport.tls_records import Records

#: forward secrecy only; CBC is left for phones that know nothing newer
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES256:ECDHE+AES128:!aNULL:!eNULL:!MD5:!DSS"

#: what speaks HTTP first (RFC 7301); browsers offer h2 too
HTTP = (b"http/1.1",)


class CertificateError(Exception):
    """A certificate, key or CA file is of no use; the text names file and reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def read_file(path: str) -> bytes:
    """The octets of a file. Raises CertificateError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CertificateError(path, error.strerror or str(error)) from None


def new_context(method: int) -> SSL.Context:
    """What both directions share: TLS 1.2 and 1.3, no renegotiation, no compression, buffers given back when idle."""
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    # Halves what an idle connection costs.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


def use_certificate(context: SSL.Context, files: CertificateFiles) -> x509.Certificate:
    """Put a certificate with its chain and key into ``context``; gives the certificate. Raises CertificateError."""
    # OpenSSL would ask the terminal for the pass phrase of a locked key.
    context.set_passwd_cb(lambda length, again, data: b"")
    pem = read_file(files.certificate)
    read_file(files.key)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        context.use_certificate_chain_file(files.certificate)
    except (ValueError, SSL.Error) as error:
        raise CertificateError(files.certificate, f"no usable PEM certificate ({tls_text(error)})") from None
    try:
        context.use_privatekey_file(files.key)
        context.check_privatekey()
    except SSL.Error as error:
        raise CertificateError(files.key, f"no key for {files.certificate} ({tls_text(error)})") from None
    return certificate


def trust(context: SSL.Context, path: str) -> None:
    """Add the authorities of a PEM file to those whose word counts. Raises CertificateError."""
    read_file(path)
    try:
        context.load_verify_locations(path)
    except SSL.Error as error:
        raise CertificateError(path, f"no usable PEM certificates ({tls_text(error)})") from None


def ask_clients(context: SSL.Context, clients: ClientCertificates) -> None:
    """Let a server's ``context`` ask for certificates. Raises CertificateError."""
    if clients.wanted == "require":
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, insist)
    else:
        context.set_verify(SSL.VERIFY_PEER, take_note)
    if clients.authorities:
        trust(context, clients.authorities)
        # The names of the authorities help clients with many certificates to choose.
        context.load_client_ca(clients.authorities.encode())
    # A session that is resumed shows no certificate again: whoever came by one that nobody vouches for would seem
    # to have none at all the second time.
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_id(b"oversip")


class _Contexts:
    """One set of server contexts: never changed, replaced as a whole."""

    def __init__(
        self,
        files: Sequence[CertificateFiles],
        protocols: Sequence[bytes],
        ciphers: bytes,
        clients: ClientCertificates,
    ) -> None:
        self.by_name: dict[str, SSL.Context] = {}
        contexts = []
        for each in files:
            context = _server_context(protocols, ciphers)
            if clients.wanted != "no":
                ask_clients(context, clients)
            for name in _dns_names(use_certificate(context, each)):
                self.by_name.setdefault(name, context)
            contexts.append(context)
        self.default: SSL.Context = contexts[0]
        self.default.set_tlsext_servername_callback(self._named)

    def _named(self, connection: SSL.Connection) -> None:
        """T3: a name that nobody knows, or none, gets the default certificate."""
        name = connection.get_servername()
        context = self._find(name.decode("ascii", "replace").lower()) if name else None
        if context is not None and context is not self.default:
            connection.set_context(context)

    def _find(self, name: str) -> SSL.Context | None:
        parent = name.partition(".")[2]
        return self.by_name.get(name) or self.by_name.get(f"*.{parent}")


def _server_context(protocols: Sequence[bytes], ciphers: bytes) -> SSL.Context:
    context = new_context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(ciphers)
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    # Tickets resume a session without our keeping one.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if protocols:
        context.set_alpn_select_callback(lambda connection, offered: _select(protocols, offered))
    return context


def _select(ours: Sequence[bytes], offered: Sequence[bytes]) -> Any:
    """RFC 7301: one of ours, else go on as if ALPN had not been offered (a fatal alert tells nobody what is wrong)."""
    for protocol in ours:
        if protocol in offered:
            return protocol
    return SSL.NO_OVERLAPPING_PROTOCOLS


def _dns_names(certificate: x509.Certificate) -> list[str]:
    """The names a client may ask for, in lower case; the common name where there is no subjectAltName."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [str(name.value).lower() for name in common]
    return [name.lower() for name in alternatives.get_values_for_type(x509.DNSName)]


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the TLS side of accepted connections. Raises CertificateError when a file is of no use.

    ``protocols`` are offered by ALPN: `HTTP` where browsers connect, none for SIP. ``clients``: whether they are asked
    for certificates too, and who may vouch for them; that file is read again with the others.
    """

    def __init__(
        self,
        files: Sequence[CertificateFiles],
        protocols: Sequence[bytes] = (),
        ciphers: bytes = CIPHERS,
        clients: ClientCertificates = ClientCertificates(),  # noqa: B008 - frozen
    ) -> None:
        if not files:
            raise ValueError("TLS needs a certificate")
        self.files = tuple(files)
        self._protocols = tuple(protocols)
        self._ciphers = ciphers
        self._clients = clients
        self._contexts = self._load()

    def _load(self) -> _Contexts:
        return _Contexts(self.files, self._protocols, self._ciphers, self._clients)

    def prepare(self) -> Callable[[], None]:
        """Read the files again; what is given back puts them into use. Raises CertificateError, changing nothing."""
        contexts = self._load()

        def use() -> None:
            self._contexts = contexts

        return use

    def reload(self) -> None:
        """New handshakes get what the files hold now; running connections stay. On CertificateError all stays as is."""
        self.prepare()()

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self.connection(None)

    def connection(self, sock: socket.socket | None) -> SSL.Connection:
        """OpenSSL's side of one connection, on its socket or (None) in memory."""
        if self._clients.wanted == "no":
            return Records(self._contexts.default, sock)
        return Judging(self._contexts.default, bool(self._clients.authorities), sock)


class TlsFactory(TLSMemoryBIOFactory):
    """Twisted's, but a factory that builds no protocol refuses the connection, as it does without TLS."""

    noisy = False
    wrappedFactory: IProtocolFactory

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        wrapped = self.wrappedFactory.buildProtocol(addr)  # type: ignore[arg-type]
        return None if wrapped is None else self.protocol(self, wrapped)
