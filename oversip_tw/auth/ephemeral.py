"""Credentials with an end, made by a web application that shares a secret with us: the scheme of coturn's REST API.

The name is ``EXPIRY:USER``, EXPIRY in seconds since 1970, and the password is base64 of HMAC(secret, name). Nothing of
them is stored anywhere; whoever has the secret can make them.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Sequence

#: what the HMAC may hash with
HASHES = ("sha1", "sha256")

_NAME = re.compile(r"([0-9]{1,11}):([^:]+)", re.ASCII)


def made(secret: bytes, name: str, hash: str = "sha1") -> str:
    """The password that belongs to ``name`` (``EXPIRY:USER``)."""
    octets = hmac.digest(secret, name.encode("utf-8", "surrogateescape"), hash)
    return base64.b64encode(octets).decode("ascii")


class Ephemeral:
    """Reads such names. Several secrets: each counts, so that one can be replaced while the other is still in use."""

    def __init__(self, secrets: Sequence[bytes], wall: Callable[[], float], hash: str = "sha1") -> None:
        """``wall``: seconds since 1970. ``secrets`` without any: nobody's password is right."""
        if hash not in HASHES:
            raise ValueError(f"ephemeral credentials: one of {', '.join(HASHES)}")
        self._secrets = tuple(secrets)
        self._wall = wall
        self._hash = hash

    def use(self, secrets: Sequence[bytes]) -> None:
        """Count other secrets from now on."""
        self._secrets = tuple(secrets)

    def passwords(self, name: str) -> list[str]:
        """What may be the password of ``name``, one for each secret."""
        return [made(secret, name, self._hash) for secret in self._secrets]

    def over(self, name: str) -> bool:
        """Whether its time has passed."""
        match = _NAME.fullmatch(name)
        return match is None or int(match[1]) <= self._wall()


def user_in(name: str, domain: str) -> str:
    """The user of ``domain`` (lower-case) whom ``name`` names, with it or without any; "" for all else."""
    match = _NAME.fullmatch(name)
    if match is None:
        return ""
    user, at, said = match[2].rpartition("@")
    if not at:
        return said
    return user if said.lower() == domain and "@" not in user else ""
