"""Which of our addresses the kernel would send from. No packet leaves for the answer."""

from __future__ import annotations

import socket
from functools import lru_cache

#: documentation addresses (RFC 5737, RFC 3849): routed as any stranger is
_STRANGER = {4: "192.0.2.1", 6: "2001:db8::1"}
_LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def source_address(version: int) -> str:
    """Our address towards the world for IP ``version``; the loopback address where there is no way out."""
    return source_towards(_STRANGER[version]) or _LOOPBACK[version]


@lru_cache(1024)
def source_towards(address: str) -> str:
    """The address a packet to ``address`` would leave from; "" where no route leads there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def is_local(address: str) -> bool:
    """Whether the IP ``address`` is this machine's own: a packet to it would come from there as well."""
    return source_towards(address) == address
