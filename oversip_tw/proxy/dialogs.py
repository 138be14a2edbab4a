"""Where a request inside a dialog goes: by the tokens in our own Record-Routes, never by the Contact's address."""

from __future__ import annotations

from oversip_tw.interfaces import Flow
from oversip_tw.outbound.flow_id import is_hop, unpack_hop
from oversip_tw.outbound.token import Token
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.gruu import named_instance
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request


class Dialogs:
    """Reads the direction from the Routes that were taken off, and forwards ACKs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def way(self, arrival: Arrival) -> Way:
        """The one way of ``arrival``'s request, which bore at least one Route of ours.

        Of our two Routes the first says where it came from, and the last where it goes. Raises SIPError 403.
        """
        last = arrival.tokens[-1]
        uri = arrival.request.uri
        if last is None:
            if not arrival.trusted:
                raise SIPError(403, "Route Without Token")
            return Way(uri, named_by_us=True)
        if len(arrival.tokens) == 1 and self._arrived_by(last, arrival.flow):
            return self._way_by_target(arrival)
        if is_hop(last.flow_id):
            return self._way_to_hop(arrival, (unpack_hop(last.flow_id).address,))
        return Way(uri, flow_id=last.flow_id, key=last.binding_key)

    def _way_to_hop(self, arrival: Arrival, only: tuple[str, ...]) -> Way:
        """By the next Route or the R-URI; a client gets no further than to who was in the dialog from its start."""
        free = arrival.trusted or self._core.settings.outbound == "open"
        return Way(arrival.request.uri, named_by_us=arrival.trusted, only=None if free else only)

    def _way_by_target(self, arrival: Arrival) -> Way:
        """The one Route of ours names the side it came by: what remains is the remote target."""
        uri = arrival.request.uri
        location = self._core.location
        instance = named_instance(uri)
        if instance and self._core.ours.owns(uri):
            binding = location.by_gruu(uri.aor, instance)
        else:
            named = location.by_contact(uri)
            binding = named[0] if len(named) == 1 else None
        if binding is not None and binding.flow_id:
            return Way(uri, flow_id=binding.flow_id, key=binding.key)
        return self._way_to_hop(arrival, ())

    def _arrived_by(self, token: Token, flow: Flow) -> bool:
        if is_hop(token.flow_id):
            hop = unpack_hop(token.flow_id)
            return (hop.address, hop.port) == flow.peer
        if token.flow_id == flow.id:
            return True
        return bool(token.binding_key) and self._core.current_flow(token.flow_id, token.binding_key) is flow

    # -- ACK --------------------------------------------------------------------------------------------------------

    def forward_ack(self, arrival: Arrival) -> None:
        """Pass on the ACK to a 2xx: it has no transaction and gets no answer (RFC 3261 §16.6, RFC 6026 §8.7)."""
        if arrival.request.max_forwards == 0:
            return
        try:
            way = self.way(arrival) if arrival.tokens else Way(arrival.request.uri, named_by_us=True)
        except SIPError:
            return
        if way.flow_id:
            self._ack_on_flow(arrival.request, way)
        else:
            self._core.spawn(self._ack_to_hop(arrival, way), lambda error: self._core.broke(error, arrival.request))

    def _ack_on_flow(self, request: Request, way: Way) -> None:
        core = self._core
        flow = core.current_flow(way.flow_id, way.key)
        if flow is not None:
            self._send(request, flow)
        elif way.key:
            core.waiting.hold(
                way.key,
                core.waiting.settings.seconds("ACK"),
                lambda flow: self._send(request, flow),
                lambda: None,
                replaces=(request.call_id, request.cseq),
            )

    async def _ack_to_hop(self, arrival: Arrival, way: Way) -> None:
        try:
            targets = await self._core.targets_of(way, arrival)
            flow = self._core.connector.flow_to(targets[0])
        except SIPError:
            return
        self._send(arrival.request, flow)

    def _send(self, request: Request, flow: Flow) -> None:
        core = self._core
        forwards = request.max_forwards
        request.max_forwards = core.settings.max_forwards if forwards is None else forwards - 1
        core.forwarding.fix_strict_route(request)
        core.forwarding.push_via(request, flow)
        flow.send(request.to_bytes())
