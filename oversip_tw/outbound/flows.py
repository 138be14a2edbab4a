"""All flows there are: connections by their id, UDP flows by the addresses that their id holds."""

from __future__ import annotations

from collections.abc import Callable, Collection

from oversip_tw.interfaces import Address, Flow
from oversip_tw.outbound import flow_id

#: gives the UDP flow from a local address to a peer; None when no listener of ours has that local address
UdpFlows = Callable[[Address, Address], Flow | None]

#: UDP flows that are known by their id; any other is found by the addresses in it
_KNOWN = 4096


class FlowTable:
    """`interfaces.Flows`: finds the flow that a token names."""

    __slots__ = ("_connections", "_known", "_udp")

    def __init__(self) -> None:
        self._connections: dict[bytes, Flow] = {}
        self._udp: list[UdpFlows] = []
        self._known: dict[bytes, Flow] = {}

    def serve_udp(self, flows: UdpFlows) -> None:
        """Ask ``flows`` for UDP flows; with several, the first that has one counts."""
        self._udp.append(flows)
        self._known.clear()

    def forget_udp(self) -> None:
        """A listener is gone: ask those there are again."""
        self._known.clear()

    def add(self, flow: Flow) -> None:
        """Remember a connection. UDP flows are values and need no entry: adding one does nothing."""
        if not flow_id.is_udp(flow.id):
            self._connections[flow.id] = flow

    def remove(self, flow: Flow) -> None:
        """Forget a connection. Harmless when it is not there."""
        if self._connections.get(flow.id) is flow:
            del self._connections[flow.id]

    def find(self, id: bytes) -> Flow | None:
        """The living flow of that id; None for a closed or unknown one and for the id of a hop."""
        flow = self._connections.get(id) or self._known.get(id)
        if flow is None and flow_id.is_udp(id):
            flow = self._find_udp(id)
        return None if flow is None or flow.closed else flow

    def _find_udp(self, id: bytes) -> Flow | None:
        try:
            local, peer = flow_id.unpack_udp(id)
        except ValueError:
            return None
        for flows in self._udp:
            if (flow := flows(local, peer)) is not None:
                if len(self._known) >= _KNOWN:
                    self._known.clear()
                self._known[id] = flow
                return flow
        return None

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def all(self) -> Collection[Flow]:
        """A snapshot of the connections, oldest first."""
        return tuple(self._connections.values())
