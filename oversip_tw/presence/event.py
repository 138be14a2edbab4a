"""What a SUBSCRIBE asks for: its Event and Accept (RFC 6665 §8.2.1, RFC 3261 §20.1)."""

from __future__ import annotations

from typing import Final

from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request

#: the event package for registrations (RFC 3680)
PACKAGE: Final = "reg"
CONTENT_TYPE: Final = "application/reginfo+xml"
_ACCEPTED: Final = frozenset({CONTENT_TYPE, "application/*", "*/*"})


def event_of(request: Request) -> tuple[str, str]:
    """The package, and the id that tells two subscriptions of one dialog apart; "" and "" without an Event."""
    package, *params = (request.get("Event") or "").split(";")
    for param in params:
        name, _, value = param.partition("=")
        if name.strip().lower() == "id":
            return package.strip(), value.strip()
    return package.strip(), ""


def check_accept(request: Request) -> None:
    """Raise SIPError (406) where the subscriber cannot read what we write."""
    if not request.has("Accept"):
        return
    kinds = {value.partition(";")[0].strip().lower() for value in request.values("Accept")}
    if _ACCEPTED.isdisjoint(kinds):
        raise SIPError(406, headers=[("Accept", CONTENT_TYPE)])
