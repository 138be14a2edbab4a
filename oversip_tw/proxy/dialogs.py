"""Where a request inside a dialog goes: by the tokens in our own Record-Routes, never by the Contact's address."""

from __future__ import annotations

from oversip_tw.interfaces import Flow
from oversip_tw.outbound.flow_id import is_hop, unpack_hop
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.nodes import handed_over
from oversip_tw.proxy.senders import arrived_by, sender_key
from oversip_tw.proxy.way import Way
from oversip_tw.proxy.whereabouts import phone_named, phones_at, shown
from oversip_tw.registrar.temporary import PREFIX, is_temporary
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request


class Dialogs:
    """Reads the direction from the Routes that were taken off, and forwards ACKs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def way(self, arrival: Arrival) -> Way:
        """The one way of ``arrival``'s request, which bore at least one Route of ours.

        Of our two Routes the first says where it came from, and the last where it goes. Raises SIPError 403 for one
        that leads where its sender has no business, 480 for a user of ours who is not there.
        """
        last = arrival.tokens[-1]
        uri = arrival.request.uri
        if last is None:
            if not arrival.trusted:
                raise SIPError(403, "Route Without Token")
            return self._way_by_target(arrival)
        if len(arrival.tokens) == 1 and arrived_by(self._core, last, arrival.flow):
            return self._way_by_target(arrival)
        if is_hop(last.flow_id):
            nodes = self._core.nodes
            way = None
            if nodes is not None:
                way = nodes.way(Way(uri, flow_id=last.flow_id, node=last.node), arrival.request, arrival)
            return way or self._way_to_hop(arrival, (unpack_hop(last.flow_id).address,))
        if uri.user is not None and uri.user.startswith(PREFIX):
            uri = shown(self._core, uri)
        way = Way(uri, flow_id=last.flow_id, key=last.binding_key, node=last.node)
        if arrival.from_node:
            way.branch = handed_over(arrival)
        return way

    def _way_to_hop(self, arrival: Arrival, allowed: tuple[str, ...]) -> Way:
        """By the next Route or the R-URI; a client gets no further than to who was in the dialog from its start."""
        return Way(
            arrival.request.uri,
            named_by_us=arrival.trusted,
            allowed=allowed,
            anywhere=self._core.settings.outbound == "open",
        )

    def _way_by_target(self, arrival: Arrival) -> Way:
        """No token names the side it goes to: what remains is the remote target (§12.2.1.1), here or elsewhere."""
        request = arrival.request
        if request.has("Route"):
            return self._way_to_hop(arrival, ())
        uri = request.uri
        location, owned = self._core.location, self._core.ours.owns(uri)
        if owned and uri.has_param("gr"):
            phone = phone_named(self._core, uri)
            binding = None if phone is None else location.by_gruu(phone.aor, phone.instance)
        else:
            found = phones_at(self._core, uri)
            binding = found[0] if len(found) == 1 else None
        if binding is not None:
            remote = uri if binding.flow_id and not is_temporary(uri) else binding.target
            return Way(
                remote,
                flow_id=binding.flow_id,
                key=binding.key,
                path=binding.path,
                named_by_us=True,
                node=binding.node,
            )
        if owned:
            raise SIPError(480)
        return self._way_to_hop(arrival, ())

    def sender_key(self, arrival: Arrival) -> bytes:
        """The binding key of who sent ``arrival``'s request, as our first Route says; b"" if that says nothing."""
        return sender_key(self._core, arrival)

    # -- ACK --------------------------------------------------------------------------------------------------------

    def forward_ack(self, arrival: Arrival) -> None:
        """Pass on the ACK to a 2xx: it has no transaction and gets no answer (RFC 3261 §16.6, RFC 6026 §8.7).

        One without a Route of ours comes from a trusted source, which is believed that its call is under way.
        """
        if arrival.request.max_forwards == 0:
            return
        try:
            way = self.way(arrival) if arrival.tokens else self._way_by_target(arrival)
            nodes = self._core.nodes
            if way.flow_id and nodes is not None:
                way = nodes.way(way, arrival.request, arrival) or way
            if way.flow_id:
                self._ack_on_flow(arrival, way)
                return
            targets = self._core.targets_at_once(way, arrival)
            if targets is not None:
                self._send(arrival.request, self._core.connector.flow_to(targets[0]), way)
                return
        except SIPError:
            return
        self._core.spawn(self._ack_to_hop(arrival, way), lambda error: self._core.broke(error, arrival.request))

    def _ack_elsewhere(self, arrival: Arrival, way: Way) -> None:
        nodes = self._core.nodes
        there = None if nodes is None else nodes.way(way, arrival.request, arrival)
        if there is not None:
            self._core.spawn(
                self._ack_to_hop(arrival, there), lambda error: self._core.broke(error, arrival.request)
            )

    def _ack_on_flow(self, arrival: Arrival, way: Way) -> None:
        core, request = self._core, arrival.request
        flow = core.current_flow(way.flow_id, way.key)
        if flow is not None:
            self._send(request, flow, way)
        elif way.key:
            core.waiting.hold(
                way.key,
                core.waiting.settings.seconds("ACK"),
                lambda flow: self._send(request, flow, way),
                lambda: None,
                replaces=(request.call_id, request.cseq),
                elsewhere=lambda: self._ack_elsewhere(arrival, way),
            )

    async def _ack_to_hop(self, arrival: Arrival, way: Way) -> None:
        try:
            targets = await self._core.targets_of(way, arrival)
            flow = self._core.connector.flow_to(targets[0])
        except SIPError:
            return
        self._send(arrival.request, flow, way)

    def _send(self, request: Request, flow: Flow, way: Way) -> None:
        core = self._core
        forwards = request.max_forwards
        request.max_forwards = core.settings.max_forwards if forwards is None else forwards - 1
        core.forwarding.put_routes(request, way.path)
        core.forwarding.push_via(request, flow)
        flow.send(request.to_bytes())
