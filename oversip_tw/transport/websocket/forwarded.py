"""Who is behind a reverse proxy (T9): X-Forwarded-For and X-Forwarded-Proto, believed from trusted proxies alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from oversip_tw.interfaces import Address
from oversip_tw.transport.websocket.head import Head

#: Is this address a proxy that tells the truth?
TrustedProxy = Callable[[Address], bool]


def effective_peer(head: Head, peer: Address, trusted: TrustedProxy) -> Address:
    """The first untrusted address from the right, or the leftmost if all are trusted; the port is the connection's."""
    if not trusted(peer):
        return peer
    for text in reversed(head.tokens("X-Forwarded-For")):
        address = _address(text)
        if address is None:
            break
        peer = (address, peer[1])
        if not trusted(peer):
            break
    return peer


def over_tls(head: Head, peer: Address, trusted: TrustedProxy) -> bool:
    """A trusted proxy says that its own client used TLS (the last proxy's word counts)."""
    return trusted(peer) and [scheme.lower() for scheme in head.tokens("X-Forwarded-Proto")][-1:] == ["https"]


def _address(text: str) -> str | None:
    """Some proxies write the port too, and IPv6 in brackets."""
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv4 client on the proxy's IPv6 socket is an IPv4 client; a scope means something to the proxy alone.
        return None if address.scope_id is not None else str(address.ipv4_mapped or address)
    return str(address)
