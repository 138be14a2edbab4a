"""What must not leave with a request (RFC 3261 §22.3): credentials for us are nobody else's business (A14)."""

from __future__ import annotations

from collections.abc import Collection

from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.message import Request

_HEADERS = ("Authorization", "Proxy-Authorization")


def strip_credentials(request: Request, realms: Collection[str]) -> None:
    """Remove every Bearer, and digest credentials for one of ``realms`` (lower-case), from ``request``.

    What cannot be read goes too when it names one of them. Credentials for others stay as they came; with no realms,
    as at an edge, all digest credentials do.
    """
    for name in _HEADERS:
        values = request.get_all(name)
        kept = [value for value in values if not _ours(value, realms)]
        if len(kept) != len(values):
            request.remove(name)
            for value in kept:
                request.append(name, value)


def bearer_token(request: Request) -> str:
    """The token in ``request``, in whichever of the two headers; "" where there is none. Browser libraries write
    Authorization whatever they ask for."""
    for name in _HEADERS:
        for value in request.get_all(name):
            scheme, _, token = value.strip(" \t").partition(" ")
            if scheme.lower() == "bearer":
                return token.strip(" \t")
    return ""


def _ours(text: str, realms: Collection[str]) -> bool:
    lowered = text.lower()
    if lowered.startswith("bearer"):
        return True
    try:
        return Credentials.parse(text).params.get("realm", "").lower() in realms
    except ParseError:
        return any(realm in lowered for realm in realms)
