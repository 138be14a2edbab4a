"""JSON Web Tokens (RFC 7519, as RFC 8725 wants them used): who is meant by one, and until when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import jwt

from oversip_tw.interfaces import NotProven, Proof
from oversip_tw.sip.errors import SIPError
from oversip_tw.tokens.keys import Key, fitting
from oversip_tw.tokens.names import aor_in
from oversip_tw.tokens.remote import RemoteKeys

#: octets of a token; no header may be longer either
MOST = 8192
#: keys that one token is tried with
MOST_KEYS = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What a token has to say."""

    #: whose users it may name; the first is meant where it says none
    domains: tuple[str, ...]
    #: it has to be for one of these, and from one of those
    audience: tuple[str, ...]
    issuer: tuple[str, ...]
    #: signed with one of these
    algorithms: tuple[str, ...]
    #: the claim that names the user
    claim: str = "sub"
    #: seconds that clocks may differ
    leeway: float = 10.0
    #: take them over connections that others can read
    plain: bool = False


class Verifier:
    """Implements `oversip_tw.interfaces.Bearers`."""

    def __init__(
        self, settings: Settings, keys: Sequence[Key], remote: RemoteKeys | None, wall: Callable[[], float]
    ) -> None:
        """``keys`` are tried before those of ``remote``. ``wall``: seconds since 1970."""
        self._settings = settings
        self._keys = tuple(keys)
        self._remote = remote
        self._wall = wall

    def use(self, keys: Sequence[Key]) -> None:
        """Other keys of files from now on."""
        self._keys = tuple(keys)

    async def verify(self, token: str, secure: bool) -> Proof:
        """Raises NotProven, and SIPError (503) when nobody can tell since no key was ever seen."""
        if not (secure or self._settings.plain):
            raise NotProven("Token Without TLS")
        algorithm, name = self._header(token)
        keys = fitting(self._keys, name, algorithm)
        if not keys and self._remote is not None:
            keys = list(await self._remote.find(name, algorithm))
            if not self._remote.loaded:
                raise SIPError(503, "No Keys Yet", headers=[("Retry-After", "10")])
        for key in keys[:MOST_KEYS]:
            claims = self._claims(token, key, algorithm)
            if claims is not None:
                return Proof(aor_in(claims.get(self._settings.claim), self._settings.domains), self._until(claims))
        raise NotProven("Bad Token")

    def _header(self, token: str) -> tuple[str, str]:
        """The algorithm that it claims, which is one of ours, and the name of its key."""
        if len(token) > MOST:
            raise NotProven("Bad Token")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise NotProven("Bad Token") from None
        algorithm, name = header.get("alg"), header.get("kid", "")
        # no extension is known here, so none may be critical (RFC 7515 §4.1.11)
        if algorithm not in self._settings.algorithms or not isinstance(name, str) or "crit" in header:
            raise NotProven("Bad Token")
        return str(algorithm), name

    def _claims(self, token: str, key: Key, algorithm: str) -> dict[str, Any] | None:
        """What it says, if ``key`` has signed it; None if not. Raises NotProven for what is signed and not for us."""
        settings = self._settings
        try:
            return jwt.decode(
                token,
                key.material,
                algorithms=[algorithm],
                audience=settings.audience,
                issuer=settings.issuer,
                # the times are looked at by the clock that was handed in
                options={
                    "require": ["exp", "aud", "iss", settings.claim],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError:
            return None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise NotProven("Bad Token") from None

    def _until(self, claims: dict[str, Any]) -> float:
        """When it ends. Raises NotProven when that has been, or it has not begun."""
        now, leeway = self._wall(), self._settings.leeway
        until, begins = _moment(claims["exp"]), _moment(claims.get("nbf", 0))
        if until + leeway <= now:
            raise NotProven("Token Expired")
        if begins > now + leeway:
            raise NotProven("Token Not Valid Yet")
        return until + leeway


def _moment(value: object) -> float:
    """A NumericDate (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > 1e11:
        raise NotProven("Bad Token")
    return float(value)
