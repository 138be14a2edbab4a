"""The connections of phones whose bindings are ended by somebody else than themselves."""

from __future__ import annotations

from collections.abc import Iterable

from oversip_tw.outbound import flow_id
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.location import MemoryLocation

#: the WebSocket close code of a connection that is closed for that
KICKED = 4001


def close_unbound(location: MemoryLocation, flows: FlowTable, ended: Iterable[Binding], reason: str) -> int:
    """Close the connections of ``ended`` bindings that are for nobody else; how many."""
    closed = 0
    for id in {binding.flow_id for binding in ended if flow_id.is_stream(binding.flow_id)}:
        flow = flows.find(id)
        if flow is not None and not location.is_bound(id):
            flow.close(KICKED, reason)
            closed += 1
    return closed
