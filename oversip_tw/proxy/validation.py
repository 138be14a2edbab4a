"""Request validation (RFC 3261 §16.3): what can be said of a request by itself."""

from __future__ import annotations

from typing import Final

from oversip_tw.proxy.ours import Ours
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.grammar import split_list
from oversip_tw.sip.message import Request

#: option tags a client may demand of a proxy (Proxy-Require)
SUPPORTED_BY_PROXY = frozenset({"path", "outbound", "gruu"})

#: an ACK gets no answer, and the others end here
_NOT_FORWARDED = ("ACK", "CANCEL", "REGISTER")

#: where options are demanded of a proxy, by its `names.key`
_DEMANDS: Final = frozenset(("proxy-require",))

#: URI schemes we can route or refuse by name
_ROUTABLE = ("sip", "sips")


def validate(request: Request, ours: Ours) -> None:
    """Raise the SIPError that ``request`` deserves: 400, 416, 420 or 483. ACK is judged alike; it is then dropped.

    Routes are read, and refused with 400, when ours are taken off them.
    """
    uri = request.uri
    if uri.scheme not in _ROUTABLE and not request.has("Route"):
        raise SIPError(416)
    if request.method == "REGISTER":
        _validate_register(request)
    if request.max_forwards == 0 and request.method not in _NOT_FORWARDED and not is_for_ourselves(request, ours):
        raise SIPError(483)
    if request.may_have(_DEMANDS):
        _demand_options(request)


def is_for_ourselves(request: Request, ours: Ours) -> bool:
    """An OPTIONS that asks this element, not a user."""
    return request.method == "OPTIONS" and not request.uri.user and ours.owns(request.uri)


def _read_contacts(field: str) -> None:
    """Raises ParseError when a Contact of a field cannot be read, or there is none."""
    members = split_list(field)
    if not members:
        raise ParseError("Empty Contact")
    for member in members:
        if member != "*":
            NameAddr.parse(member)


#: lines of Contact that can be read: a phone sends the same at every refresh
_readable: Final[set[str]] = set()
_READABLE: Final = 4096
_READABLE_TEXT: Final = 512  # characters of one


def _validate_register(request: Request) -> None:
    if not request.to.uri.is_sip:
        raise SIPError(400, "To Is Not a SIP URI")
    line = request.only_line("contact")
    if line is not None and line in _readable:
        return
    for field in request.get_all("contact"):
        _read_contacts(field)
    if line is not None and len(line) <= _READABLE_TEXT:
        if len(_readable) >= _READABLE:
            _readable.clear()
        _readable.add(line)


def _demand_options(request: Request) -> None:
    unsupported = [tag for tag in request.values("Proxy-Require") if tag.lower() not in SUPPORTED_BY_PROXY]
    if unsupported and request.method not in ("ACK", "CANCEL"):
        raise SIPError(420, headers=[("Unsupported", ", ".join(unsupported))])
