"""Sets of IP networks, asked once per message and therefore remembered per address."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: addresses whose answer is remembered, per set
REMEMBERED = 8192


@lru_cache(REMEMBERED)
def parsed(address: str) -> IPv4Address | IPv6Address | None:
    """The address; an IPv4 one that came in on an IPv6 socket as IPv4; None for anything else."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


class Networks:
    """``address in networks``."""

    __slots__ = ("_networks", "_remembered")

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """``networks``: "192.0.2.0/24", "2001:db8::1". Raises ValueError for what is no network."""
        self._networks = tuple(ip_network(text, strict=False) for text in networks)
        self._remembered: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        known = self._remembered.get(address)
        if known is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            found = parsed(address)
            known = found is not None and any(found in network for network in self._networks)
            self._remembered[address] = known
        return known
