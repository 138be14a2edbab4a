"""Next hops as user code names them."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.proxy.settings import NextHop
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri

#: a next hop of the configuration (`Edge.core`), or URIs that are tried one after another
Destination = NextHop | Uri | str | Sequence[Uri | str]


def way_to(destination: Destination, uri: Uri, loop_hash: str = "") -> Way:
    """The way to ``destination`` of a request that leaves with ``uri`` as Request-URI. Raises ValueError."""
    if isinstance(destination, NextHop):
        return Way(
            uri,
            next_hops=destination.uris,
            profile=destination.profile,
            named_by_us=True,
            configured=True,
            loop_hash=loop_hash,
        )
    named = (destination,) if isinstance(destination, Uri | str) else tuple(destination)
    if not named:
        raise ValueError("no next hop is named")
    return Way(uri, next_hops=tuple(map(parsed, named)), named_by_us=True, loop_hash=loop_hash)


def parsed(uri: Uri | str) -> Uri:
    """``uri`` as a value. Raises ValueError."""
    if isinstance(uri, Uri):
        return uri
    try:
        return Uri.parse(uri)
    except SIPError:
        raise ValueError(f"not a URI: {uri!r}") from None
