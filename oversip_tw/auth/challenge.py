"""The 401 and 407 that ask for credentials (RFC 3261 §22, RFC 8760 §2.3)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.auth.nonce import Nonces
from oversip_tw.sip.credentials import build_challenge
from oversip_tw.sip.errors import SIPError

#: among the algorithms that are offered: a token will do (RFC 8898)
BEARER = "Bearer"


class Challenge(SIPError):
    """401 of a registrar or 407 of a proxy, alike for known and unknown users."""

    def __init__(
        self,
        realm: str,
        nonces: Nonces,
        algorithms: Sequence[str],
        proxy: bool,
        stale: bool = False,
        qop: str = "auth",
        userhash: bool = False,
        bearer: Sequence[tuple[str, str]] = (),
    ) -> None:
        """``qop``: what is offered, as it stands in the header. ``userhash``: names may come hashed. ``bearer``: what
        `BEARER`, where it stands among the ``algorithms``, says besides the realm."""
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        # One nonce for all: the client takes up one of the offers.
        nonce = nonces.make(realm)
        headers = [
            (name, build_challenge(BEARER, [("realm", realm), *bearer]))
            if algorithm == BEARER
            else (name, _digest(realm, nonce, algorithm, stale, qop, userhash))
            for algorithm in algorithms
        ]
        super().__init__(407 if proxy else 401, headers=headers)
        self.stale = stale


def _digest(realm: str, nonce: str, algorithm: str, stale: bool, qop: str, userhash: bool) -> str:
    params = [("realm", realm), ("nonce", nonce), ("algorithm", algorithm), ("qop", qop)]
    if stale:
        params.append(("stale", "true"))
    if userhash:
        params.append(("userhash", "true"))
    return build_challenge("Digest", params)
