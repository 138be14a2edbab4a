"""What the other end of a TLS connection has shown, and what OpenSSL thought of it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from twisted.protocols.tls import TLSMemoryBIOProtocol

from oversip_tw.interfaces import TlsPeer
from oversip_tw.transport.peer_identity import identities, users
from oversip_tw.transport.tls_records import Records
from oversip_tw.transport.tls_socket import TlsSocket

#: somebody who has shown nothing
NOBODY = TlsPeer()


class Judging(Records):
    """A connection that remembers what was wrong with its peer's certificate."""

    def __init__(self, context: SSL.Context, judges: bool = True, sock: socket.socket | None = None) -> None:
        """``judges``: there are authorities to judge the peer by."""
        super().__init__(context, sock)
        self.judges = judges
        #: OpenSSL's first error (X509_V_ERR_*); 0: none
        self.code = 0


def insist(connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, sound: int) -> bool:
    """For ``set_verify``: a certificate that nobody vouches for ends the handshake."""
    return bool(sound)


def take_note(connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, sound: int) -> bool:
    """For ``set_verify``: go on whatever the certificate is worth, and remember what was wrong first."""
    if isinstance(connection, Judging) and not sound and not connection.code:
        connection.code = code
    return True


def shown(transport: Any) -> TlsPeer | None:
    """What the other end of ``transport`` has shown, after the handshake; None without TLS, or if it was not asked."""
    if isinstance(transport, TlsSocket):
        connection = transport.tls
    elif isinstance(transport, TLSMemoryBIOProtocol):
        connection = transport.getHandle()  # type: ignore[no-untyped-call]
    else:
        return None
    if not isinstance(connection, Judging):
        return None
    try:
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return NOBODY
        # A server's own list lacks the certificate itself, a client's begins with it.
        rest = connection.get_peer_cert_chain(as_cryptography=True) or []
        chain = [certificate, *(each for each in rest if each != certificate)]
    except ValueError as error:
        # OpenSSL takes what the stricter parser of `cryptography` does not.
        return TlsPeer((), False if connection.judges else None, f"certificate cannot be read: {error}")
    return TlsPeer(
        tuple(each.public_bytes(Encoding.PEM) for each in chain),
        connection.code == 0 if connection.judges else None,
        _words(connection, chain) if connection.judges and connection.code else "",
        identities(certificate),
        users(certificate),
    )


def _words(connection: Judging, chain: Sequence[x509.Certificate]) -> str:
    """What OpenSSL calls the error: pyOpenSSL gives its words to those who verify by hand."""
    leaf, *others = (crypto.X509.from_cryptography(each) for each in chain)
    store = connection.get_context().get_cert_store()
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()  # type: ignore[arg-type]
    except crypto.X509StoreContextError as error:
        return str(error)
    # By hand nobody asks what the certificate is for.
    return _PURPOSE if connection.code == _INVALID_PURPOSE else f"certificate verify error {connection.code}"


#: X509_V_ERR_INVALID_PURPOSE (openssl/x509_vfy.h), and its words
_INVALID_PURPOSE = 26
_PURPOSE = "unsuitable certificate purpose"
