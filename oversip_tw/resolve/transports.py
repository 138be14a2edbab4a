"""Which transport a URI is reached by (RFC 3263 §4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.interfaces import Target
from oversip_tw.resolve.settings import Settings
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri

#: transport of a NAPTR service (RFC 3263 §4.1); RFC 7118's SIP+D2W is nothing that can be dialled
SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
SRV_NAMES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}

#: RFC 5630 §4: what a request for a sips URI is told instead of going in the clear
_NOT_SECURE = (("Warning", '380 oversip "SIPS Not Allowed"'),)


def named_transport(uri: Uri, secure: bool, settings: Settings) -> str | None:
    """The transport that the URI names; None: it leaves the choice to us. Raises SIPError."""
    named = uri.transport
    if secure:
        # RFC 5630 §3.1.3: sips with transport=tcp means TLS over TCP.
        if named not in (None, "tls", "tcp") or "tls" not in settings.transports:
            raise SIPError(480, headers=_NOT_SECURE, code=codes.NOT_SECURE)
        return "tls" if named else None
    if named is not None and (named not in SRV_NAMES or named not in settings.transports):
        raise SIPError(478, "Unsupported Transport", code=codes.UNSUPPORTED_TRANSPORT)
    return named


def choice(secure: bool, settings: Settings) -> Sequence[str]:
    """The transports that may be tried where the URI leaves the choice to us, best first.

    TLS is for sips URIs (RFC 3263 §4.1), unless nothing else is allowed.
    """
    if secure:
        return ("tls",)
    open_ones = [transport for transport in settings.transports if transport != "tls"]
    if settings.prefer_tcp and "tcp" in open_ones:
        open_ones.sort(key="tcp".__ne__)
    return open_ones or settings.transports


def unnamed(secure: bool, settings: Settings) -> str:
    """The transport where neither the URI nor any record names one (RFC 3263 §4.1): UDP, or TLS for sips."""
    allowed = choice(secure, settings)
    return "udp" if "udp" in allowed else allowed[0]


def ordered(targets: list[Target], transport: str | None, size: int, settings: Settings) -> list[Target]:
    """``targets``, TCP before UDP where the URI names no ``transport`` and we want that (RFC 3261 §18.1.1)."""
    if transport is None and (settings.prefer_tcp or size > settings.udp_max) and "tcp" in settings.transports:
        return _tcp_first(targets)
    return targets


def _tcp_first(targets: Sequence[Target]) -> list[Target]:
    """Each UDP target behind its like over TCP; the peer that refuses TCP is still reached (RFC 3261 §18.1.1)."""
    found: dict[Target, None] = {}
    for target in targets:
        if target.transport == "udp":
            found[Target("tcp", target.address, target.port, target.name)] = None
        found[target] = None
    return list(found)
