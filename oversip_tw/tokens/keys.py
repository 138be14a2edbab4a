"""Keys that tokens are verified by, each with the algorithms that it is for and no others.

An RSA key never verifies an HMAC and a secret never a signature, whatever the token says of itself.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

#: what each kind of key can verify; "none" is no algorithm
ALGORITHMS = {
    "secret": ("HS256", "HS384", "HS512"),
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "EdDSA": ("EdDSA",),
}
#: shorter ones can be guessed from one token (RFC 7518 §3.2), or be factored
LEAST_SECRET, LEAST_RSA = 32, 2048

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class BadKey(ValueError):
    """What should be a key is none, or none to trust; the text says why, and never what it is."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key."""

    #: what pyjwt verifies with: octets, or a public key of `cryptography`
    material: Any
    #: what it may be used for
    algorithms: tuple[str, ...]
    #: "" is the name of one that has none: it is tried for every token
    name: str = ""


def read_keys(file: str) -> list[Key]:
    """The keys in ``file``: public keys or certificates in PEM, a JWK or JWK Set (RFC 7517), or else a shared secret.

    Raises BadKey.
    """
    try:
        octets = Path(file).read_bytes()
    except OSError as error:
        raise BadKey(f"cannot read {file}: {error.strerror}") from None
    try:
        if b"-----BEGIN " in octets:
            return _pem(octets)
        if octets.lstrip().startswith(b"{"):
            return jwk_set(octets)
        return [_secret(octets.strip())]
    except BadKey as error:
        raise BadKey(f"{file}: {error}") from None


def jwk_set(octets: bytes) -> list[Key]:
    """The keys of a JWK Set, or the one key that the document is; those that nobody could use here are left out.

    Raises BadKey when nothing is left.
    """
    try:
        document = json.loads(octets)
    except (ValueError, RecursionError):
        raise BadKey("is no JSON") from None
    listed = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise BadKey("is no JWK Set")
    found, wrong = [], "has no key"
    for each in listed:
        try:
            found.append(_jwk(each))
        except BadKey as error:
            wrong = str(error)
    if not found:
        raise BadKey(wrong)
    return found


def _jwk(values: Any) -> Key:
    if not isinstance(values, dict) or values.get("use", "sig") != "sig" or "d" in values:
        raise BadKey("is no public key to verify with")
    if values.get("kty") == "oct":
        try:
            text = str(values.get("k", ""))
            key = _secret(binascii.a2b_base64(text.translate(_FROM_URL) + "=" * (-len(text) % 4)))
        except ValueError as error:
            raise BadKey(str(error) if isinstance(error, BadKey) else "is no base64") from None
    else:
        try:
            key = _public(jwt.PyJWK.from_dict(values).key)
        except (jwt.PyJWTError, ValueError, TypeError):
            raise BadKey("is a JWK of no kind that is known") from None
    named = values.get("alg")
    algorithms = key.algorithms if named is None else tuple(each for each in key.algorithms if each == named)
    name = values.get("kid", "")
    return Key(key.material, algorithms, name if isinstance(name, str) else "")


_FROM_URL = str.maketrans("-_", "+/")


def _pem(octets: bytes) -> list[Key]:
    if b"PRIVATE KEY" in octets:
        raise BadKey("holds a private key, which has no business here: the public one will do")
    found = []
    for block in octets.split(b"-----BEGIN ")[1:]:
        text = b"-----BEGIN " + block
        try:
            certificate = block.startswith(b"CERTIFICATE")
            found.append(
                _public(x509.load_pem_x509_certificate(text).public_key() if certificate else load_pem_public_key(text))
            )
        except BadKey:
            raise
        except Exception:
            # whatever OpenSSL and the parsers around it think of it
            raise BadKey("is no public key in PEM") from None
    return found


def _secret(octets: bytes) -> Key:
    if len(octets) < LEAST_SECRET:
        raise BadKey(f"a shared secret has to be {LEAST_SECRET} octets or longer")
    return Key(octets, ALGORITHMS["secret"])


def _public(key: Any) -> Key:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA:
            raise BadKey(f"an RSA key has to have {LEAST_RSA} bits or more")
        return Key(key, ALGORITHMS["RSA"])
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return Key(key, ALGORITHMS[_CURVES[key.curve.name]])
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return Key(key, ALGORITHMS["EdDSA"])
    raise BadKey("is a key of no kind that is known")


def fitting(keys: Sequence[Key], name: str, algorithm: str) -> list[Key]:
    """Those of ``keys`` that may have signed: of that name or without any, and for that algorithm."""
    return [key for key in keys if algorithm in key.algorithms and (not key.name or not name or key.name == name)]
