"""Who has registered on which connection, as the core found (RFC 3325): what an edge may assert."""

from __future__ import annotations

from oversip_tw.interfaces import Flow


class Identities:
    """The users that the core has accepted on each connection. A UDP source proves nothing and has none."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, set[str]] = {}

    def assert_(self, flow: Flow, aor: str) -> None:
        """The core answered 2xx to the REGISTER of ``aor`` (`Uri.aor`) that came by ``flow``."""
        if flow.reliable and not flow.closed:
            self._known.setdefault(flow.id, set()).add(aor)

    def revoke(self, flow: Flow, aor: str) -> None:
        """It does so no more. Harmless where nothing was known."""
        known = self._known.get(flow.id)
        if known is not None:
            known.discard(aor)
            if not known:
                del self._known[flow.id]

    def holds(self, flow: Flow, aor: str) -> bool:
        """``aor`` is asserted on ``flow``."""
        return aor in self._known.get(flow.id, ())

    def flow_lost(self, flow_id: bytes) -> None:
        """The connection is gone."""
        self._known.pop(flow_id, None)

    @property
    def count(self) -> int:
        """Connections on which somebody is known."""
        return len(self._known)
