"""Whose phone sent a request: the name of its binding, by which it is found again on another connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.outbound.flow_id import is_hop, unpack_hop
from oversip_tw.outbound.token import Token
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.whereabouts import phone_named
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.gruu import same_instance
from oversip_tw.sip.message import Request

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core


def caller_key(core: Core, arrival: Arrival) -> bytes:
    """The key of the caller's binding on the very flow that a request out of dialog came by; b"" if there is none."""
    if not arrival.client:
        return b""
    user = arrival.user
    if core.settings.edge:
        user = arrival.request.from_.uri.aor
    elif user is None:
        return b""
    bound = core.location.by_flow(arrival.flow.id)
    here = [binding for binding in bound if binding.aor == user]
    if not here and core.settings.edge and len(bound) == 1:
        here = list(bound)  # an anonymous call of the only phone there
    if len(here) > 1:
        here = _matching(core, here, arrival.request)
    return here[0].key if here else b""


def sender_key(core: Core, arrival: Arrival) -> bytes:
    """The key of who sent a request within a dialog, as our first Route says; b"" if that says nothing."""
    token = arrival.tokens[0] if arrival.tokens else None
    return token.binding_key if token is not None and arrived_by(core, token, arrival.flow) else b""


def arrived_by(core: Core, token: Token, flow: Flow) -> bool:
    """Whether ``token`` names the side that a request came from by ``flow``."""
    if is_hop(token.flow_id):
        hop = unpack_hop(token.flow_id)
        return (hop.address, hop.port) == flow.peer
    if token.flow_id == flow.id:
        return True
    return bool(token.binding_key) and core.current_flow(token.flow_id, token.binding_key) == flow


def absent_key(core: Core, arrival: Arrival) -> bytes:
    """Whom to wait for when the connection breaks by which the request came, before its answer; b"": nobody."""
    if not arrival.client or arrival.request.method == "REGISTER":
        return b""  # who registers again asks for that anew
    if arrival.in_dialog and arrival.tokens:
        return sender_key(core, arrival)
    return arrival.caller_key or caller_key(core, arrival)


def _matching(core: Core, bindings: Sequence[Binding], request: Request) -> list[Binding]:
    """Those whose instance or Contact the request names."""
    contacts = request.contacts
    if not contacts:
        return []
    uri = contacts[0].uri
    instance = (contacts[0].param("+sip.instance") or "").strip('"<>')
    if not instance and uri.has_param("gr"):
        named = phone_named(core, uri)
        instance = "" if named is None else named.instance
    return [
        binding
        for binding in bindings
        if same_instance(binding.instance, instance)
        or (binding.target.user, binding.target.host, binding.target.port) == (uri.user, uri.host, uri.port)
    ]
