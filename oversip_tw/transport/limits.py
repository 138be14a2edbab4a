"""How many connections there may be (F13)."""

from __future__ import annotations

import resource
from collections.abc import Callable

#: RFC 7118 clients behind one NAT share an address: a company, a campus, a provider's gateway
PER_ADDRESS = 1024
#: file descriptors kept for everything that is not an accepted connection: store, log, DNS, next hops
RESERVED_DESCRIPTORS = 256


def possible_connections() -> int:
    """What the process's limit of open files (RLIMIT_NOFILE) leaves for accepted connections; at least 64."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 30
    return max(64, soft - RESERVED_DESCRIPTORS)


class ConnectionLimits:
    """Counts accepted connections, in all and by address. ``exempt(address)`` lifts the limit by address."""

    __slots__ = ("_by_address", "_exempt", "count", "per_address", "refused", "total")

    def __init__(
        self,
        per_address: int = PER_ADDRESS,
        total: int | None = None,
        exempt: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self.per_address = per_address
        self.total = possible_connections() if total is None else total
        self.count = 0
        self.refused = 0
        self._exempt = exempt
        self._by_address: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """A connection from ``address`` asks to come in; after True, `leave` is due when it ends."""
        here = self._by_address.get(address, 0)
        if self.count >= self.total or (here >= self.per_address and not self._exempt(address)):
            self.refused += 1
            return False
        self._by_address[address] = here + 1
        self.count += 1
        return True

    def leave(self, address: str) -> None:
        """A connection that was let in has ended."""
        here = self._by_address[address] - 1
        self.count -= 1
        if here:
            self._by_address[address] = here
        else:
            del self._by_address[address]
