"""The arithmetic of digest authentication: RFC 7616 §3.4 with the algorithms of RFC 8760."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol


class _Hash(Protocol):
    def hexdigest(self) -> str: ...


def _md5(octets: bytes) -> _Hash:
    # Not for security in the sense of FIPS builds of OpenSSL, which would refuse it: what SIP phones speak.
    return hashlib.md5(octets, usedforsecurity=False)


def _sha512_256(octets: bytes) -> _Hash:
    return hashlib.new("sha512_256", octets)


#: by the name that stands in a challenge
ALGORITHMS: Mapping[str, Callable[[bytes], _Hash]] = {
    "MD5": _md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": _sha512_256,
}


def hashed(algorithm: str, text: str) -> str:
    """H(text) in lower-case hex; header text goes back to the octets it came as. KeyError: unknown algorithm."""
    return ALGORITHMS[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """What a store keeps instead of the password."""
    return hashed(algorithm, f"{user}:{realm}:{password}")


def response(algorithm: str, ha1: str, nonce: str, nc: str, cnonce: str, method: str, uri: str) -> str:
    """The ``response`` of credentials with qop=auth, each argument as it stands in them."""
    digest = ALGORITHMS[algorithm]
    ha2 = digest(f"{method}:{uri}".encode("utf-8", "surrogateescape")).hexdigest()
    return digest(f"{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}".encode("utf-8", "surrogateescape")).hexdigest()


def response_over(
    body: bytes, algorithm: str, ha1: str, nonce: str, nc: str, cnonce: str, method: str, uri: str
) -> str:
    """The same with qop=auth-int (§3.4.3): ``body`` cannot be another one any more."""
    digest = ALGORITHMS[algorithm]
    ha2 = hashed(algorithm, f"{method}:{uri}:{digest(body).hexdigest()}")
    return hashed(algorithm, f"{ha1}:{nonce}:{nc}:{cnonce}:auth-int:{ha2}")


def userhash(algorithm: str, user: str, realm: str) -> str:
    """What stands in the place of a user's name that nobody on the way shall read (§3.4.4)."""
    return hashed(algorithm, f"{user}:{realm}")
