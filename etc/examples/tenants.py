"""Phones of one tenant have a core of their own. For an edge; everybody else's go to the core of ``[edge]``.

    hooks = "tenants:Tenants"

The tenant's name is a path of the WebSocket listener: ``path = ["/ws", "/acme"]``. The addresses of its core belong
into ``[[trusted]]`` with the role "core".
"""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Flow, HandshakeRequest, Proxy
from oversip_tw.logic import EdgeLogic

CORES = {"acme": "sip:acme-pbx.example.net"}


def core_of(arrival: Arrival) -> str | None:
    """None: the edge's own."""
    return CORES.get(str(arrival.flow.variables.get("tenant")))


class Tenants(EdgeLogic):
    """Two decisions are other ones than the edge's."""

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        """Remember it for all requests of this connection."""
        flow.variables["tenant"] = handshake.path.strip("/")

    def register(self, arrival: Arrival) -> None:
        """With Path and all, but elsewhere."""
        self.edge.register(arrival, Proxy(self.core), core_of(arrival))

    def to_core(self, arrival: Arrival) -> None:
        """Everything else."""
        self.identify(arrival)
        Proxy(self.core).route(arrival, core_of(arrival) or self.edge.core)
