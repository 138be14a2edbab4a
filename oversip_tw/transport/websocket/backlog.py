"""How much of what we wrote has not left yet (F19)."""

from __future__ import annotations

from typing import Any


def unsent(transport: Any) -> int:
    """Octets that wait in the buffers of a Twisted transport; 0 if it does not show them.

    A producer is only told "full" and "empty", so it cannot tell a slow client from one that never reads. Under TLS
    and PROXY wrappers lies the connection that holds the queue.
    """
    while (below := getattr(transport, "transport", None)) is not None:
        transport = below
    waiting = len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
    return waiting + int(getattr(transport, "_tempDataLen", 0))
