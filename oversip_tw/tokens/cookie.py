"""A cookie that a web application signs with a secret that it shares with us: ``EXPIRY:USER:MAC``.

EXPIRY is seconds since 1970, USER what is between % escapes, MAC the base64url of HMAC-SHA-256 over
``oversip-cookie:EXPIRY:USER`` without its padding. The word in front keeps it apart from the credentials of TURN, which
would else be one.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

from oversip_tw.interfaces import NotProven, Proof
from oversip_tw.tokens.names import aor_in

_FORM = re.compile(r"([0-9]{1,11}):([A-Za-z0-9%._~@!$&'()*+=-]{1,765}):([A-Za-z0-9_-]{43})", re.ASCII)


def signed(secret: bytes, expiry: int, user: str) -> str:
    """The value of such a cookie."""
    claim = f"{expiry}:{quote(user, safe='@')}"
    return f"{claim}:{_mac(secret, claim)}"


def _mac(secret: bytes, claim: str) -> str:
    octets = hmac.digest(secret, f"oversip-cookie:{claim}".encode("ascii"), "sha256")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


class SignedCookies:
    """Reads them; several secrets: each counts."""

    def __init__(self, secrets: Sequence[bytes], domains: Sequence[str], wall: Callable[[], float]) -> None:
        self._secrets = tuple(secrets)
        self._domains = tuple(domains)
        self._wall = wall

    def use(self, secrets: Sequence[bytes]) -> None:
        """Count other secrets from now on."""
        self._secrets = tuple(secrets)

    def read(self, value: str) -> Proof:
        """Raises NotProven."""
        match = _FORM.fullmatch(value)
        if match is None:
            raise NotProven("Bad Cookie")
        claim, mac = f"{match[1]}:{match[2]}", match[3]
        if not any([hmac.compare_digest(_mac(secret, claim), mac) for secret in self._secrets]):  # noqa: C419
            raise NotProven("Bad Cookie")
        until = float(match[1])
        if until <= self._wall():
            raise NotProven("Cookie Expired")
        return Proof(aor_in(unquote(match[2]), self._domains), until)
