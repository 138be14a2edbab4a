"""An identity provider for the tests: keys, and tokens that they sign."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from oversip_tw.interfaces import Proof
from oversip_tw.promise import spawn
from oversip_tw.tokens.keys import Key
from oversip_tw.tokens.remote import RemoteKeys
from oversip_tw.tokens.verifier import Settings, Verifier

ISSUER, AUDIENCE, DOMAIN = "https://login.example.com", "sip.example.com", "example.com"
SECRET = b"a secret of more than thirty-two octets"
#: the wall clock of `verifier`
NOW = 1_700_000_000.0


def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    return _rsa_key(number)


@cache
def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    """Its public half."""
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def private_pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def jwk(key: Any, name: str = "", **more: str) -> dict[str, Any]:
    """Its public half as JSON."""
    kinds = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    algorithm = next(algorithm for kind, algorithm in kinds.items() if isinstance(key, kind))
    return {**json.loads(algorithm.to_jwk(key.public_key())), **({"kid": name} if name else {}), **more}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def claims(now: float = NOW, **over: Any) -> dict[str, Any]:
    """Good ones; None leaves one out."""
    made = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "exp": int(now) + 300, "iat": int(now), **over}
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", name: str = "", now: float = NOW, **over: Any) -> str:
    """A token, good but for what is ``over``."""
    return jwt.encode(claims(now, **over), key, algorithm, {"kid": name} if name else None)


def raw_token(header: object, payload: object, signature: bytes = b"x") -> str:
    """Whatever somebody makes up."""
    parts = [
        each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, payload)
    ] + [signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def settings(**over: Any) -> Settings:
    made = {
        "domains": (DOMAIN, "example.org"),
        "audience": (AUDIENCE,),
        "issuer": (ISSUER,),
        "algorithms": ("HS256", "RS256", "ES256", "EdDSA"),
    }
    return Settings(**{**made, **over})


def verifier(keys: list[Key], remote: RemoteKeys | None = None, **over: Any) -> Verifier:
    return Verifier(settings(**over), keys, remote, lambda: NOW)


def verified(by: Verifier, text: str, secure: bool = True) -> Proof:
    """What it proves; raises what is raised. It must not have to wait."""
    found: list[Proof] = []
    errors: list[BaseException] = []

    async def run() -> None:
        found.append(await by.verify(text, secure))

    task = spawn(run(), errors.append)
    if errors:
        raise errors[0]
    assert task.done
    return found[0]
