"""A client of our own for the tests: it answers challenges with arithmetic that shares nothing with the server's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from oversip_tw.sip.message import Request

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
URI = "sip:example.com"


def hexhash(algorithm: str, text: str) -> str:
    return hashlib.new(HASHES[algorithm], text.encode("utf-8", "surrogateescape")).hexdigest()


def challenge_params(challenge: str) -> dict[str, str]:
    """Name and value of all parameters of a challenge."""
    assert challenge.startswith("Digest ")
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', challenge)}


def answer(
    challenge: str,
    user: str = "alice",
    password: str = "secret",
    method: str = "REGISTER",
    nc: int = 1,
    over: Mapping[str, str | None] | None = None,
    body: bytes = b"",
    named: str = "",
) -> str:
    """The credentials for ``challenge``. ``over`` replaces parameters *before* the digest is computed, so that it is
    right over them; None drops one afterwards. ``body`` counts with qop=auth-int; ``named`` stands in the place of the
    user's name afterwards."""
    offered = challenge_params(challenge)
    params: dict[str, str | None] = {
        "username": user,
        "realm": offered["realm"],
        "nonce": offered["nonce"],
        "uri": URI,
        "algorithm": offered["algorithm"],
        "qop": "auth",
        "nc": f"{nc:08x}",
        "cnonce": "0a4f113b",
        **(over or {}),
    }
    algorithm = str(params["algorithm"] or "MD5").upper()
    algorithm = algorithm if algorithm in HASHES else "MD5"
    ha1 = hexhash(algorithm, f"{params['username']}:{params['realm']}:{password}")
    covered = f":{hashlib.new(HASHES[algorithm], body).hexdigest()}" if params["qop"] == "auth-int" else ""
    ha2 = hexhash(algorithm, f"{method}:{params['uri']}{covered}")
    middle = [params[name] or "" for name in ("nonce", "nc", "cnonce", "qop")] if params["qop"] else [params["nonce"]]
    params.setdefault("response", hexhash(algorithm, ":".join([ha1, *map(str, middle), ha2])))
    return written(params | {"username": named} if named else params)


def written(params: Mapping[str, str | None]) -> str:
    """A Digest header value; None leaves a parameter out."""
    bare = ("algorithm", "qop", "nc", "userhash")
    quoted = {
        name: value if name in bare else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for name, value in params.items()
        if value is not None
    }
    return "Digest " + ", ".join(f"{name}={value}" for name, value in quoted.items())


def request(*credentials: str, method: str = "REGISTER", uri: str = URI, header: str = "Authorization") -> Request:
    """A request that bears these credentials."""
    headers = [
        ("Via", "SIP/2.0/WS x.invalid;branch=z9hG4bK1"),
        ("From", "<sip:alice@example.com>;tag=a"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "call"),
        ("CSeq", f"1 {method}"),
        *((header, value) for value in credentials),
    ]
    return Request.build(method, uri, headers)
