"""What can be asked of a name server at all."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

#: RFC 1035 §2.3.4
_LONGEST_NAME = 253
_LONGEST_LABEL = 63


@lru_cache(4096)
def is_address(host: str) -> bool:
    """``host`` is an IP address (IPv6 without brackets)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_name(host: str) -> bool:
    """``host`` can be a name of the DNS: ASCII, labels of 1 to 63 characters, 253 in all."""
    name = host.removesuffix(".")
    return (
        name.isascii()
        and len(name) <= _LONGEST_NAME
        and all(0 < len(label) <= _LONGEST_LABEL and label.isprintable() for label in name.split("."))
    )


def never_exists(host: str) -> bool:
    """``host`` is below .invalid (RFC 2606): browsers put such hosts into their Contacts."""
    return host == "invalid" or host.endswith(".invalid")
