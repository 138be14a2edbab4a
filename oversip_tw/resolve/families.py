"""Address families that may be left out."""

from __future__ import annotations

from oversip_tw.resolve.settings import Settings
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError

FAMILIES = ("ipv4", "ipv6")
#: the question that gives the addresses of a family
KINDS = {"ipv4": "a", "ipv6": "aaaa"}
_CODES = {"ipv4": codes.NO_IPV4, "ipv6": codes.NO_IPV6}
_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def family_of(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def check_address(address: str, settings: Settings) -> None:
    """Raises SIPError 478 for one of a family that ``settings`` leave out."""
    family = family_of(address)
    if family not in settings.families:
        raise left_out(family)


def left_out(family: str) -> SIPError:
    """There is a way, but only by ``family``, which is not used."""
    return SIPError(478, f"Destination Requires Unsupported {_NAMES[family]}", code=_CODES[family])
