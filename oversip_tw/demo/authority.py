"""A local certificate authority, and the server certificate that it signs."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: browsers take no certificate that lives longer than 398 days
_SERVER_DAYS = 397
_AUTHORITY_DAYS = 3650
#: a certificate is made anew when it has less left
_RENEW_DAYS = 30


def ensure(folder: Path, names: Sequence[str], now: datetime | None = None) -> bool:
    """Have ``ca.pem``, ``server.pem`` and ``server.key`` in ``folder``, good for ``names`` (host names and addresses).

    What is still good is kept, so that a browser that was told to trust the authority need not be told again. True if
    a server certificate was made.
    """
    now = now or datetime.now(UTC)
    if _is_good(folder, names, now):
        return False
    authority, authority_key = _authority(folder, now)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server(authority, authority_key, key, names, now)
    _write(folder / "server.key", _pem(key), secret=True)
    _write(folder / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))
    return True


def _is_good(folder: Path, names: Sequence[str], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        certificate.verify_directly_issued_by(authority)
        key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:
        return False
    lives = certificate.not_valid_after_utc - now > timedelta(days=_RENEW_DAYS)
    return lives and key.public_key() == certificate.public_key() and list(alternatives) == _alternatives(names)


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        kept = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    except (OSError, ValueError):
        pass
    else:
        long = certificate.not_valid_after_utc - now > timedelta(days=_SERVER_DAYS)
        if isinstance(kept, ec.EllipticCurvePrivateKey) and long and kept.public_key() == certificate.public_key():
            return certificate, kept
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OverSIP-TW demo authority of this folder")])
    usage = _usage(signs_certificates=True)
    builder = _builder(name, name, key.public_key(), now, _AUTHORITY_DAYS, key.public_key())
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.key", _pem(key), secret=True)
    _write(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _server(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = _builder(name, authority.subject, key.public_key(), now, _SERVER_DAYS, authority_key.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # clocks of phones are not always right
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            made.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            made.append(x509.DNSName(name))
    return made


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, secret: bool = False) -> None:
    """Replace ``path`` in one go; a secret is readable by its owner alone from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644), "wb") as file:
        file.write(content)
    temporary.replace(path)
