"""The other servers that share our users: what is for a phone of theirs goes to them, with a token that they know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from oversip_tw.outbound.token import Tokens
from oversip_tw.outbound.waiting import Waiting
from oversip_tw.proxy import endings
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.hold import wait
from oversip_tw.proxy.own_routes import in_dialog
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.location import Location
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri, host_port

if TYPE_CHECKING:
    from oversip_tw.proxy.branch import Branch


#: between servers: the branch by which a phone knows a request already. SIP.js would refuse another one as a loop, or
#: its CSeq as an old one
BRANCH: Final = "X-Known-Branch"


class Nodes:
    """Who they are. All sign tokens by the same keys, so each recognises the Routes of the others as ours.

    A request passes between two of them once: the second one serves its own phones, or says that they are gone.
    """

    __slots__ = ("_location", "_tokens", "_uris")

    def __init__(self, uris: Mapping[str, str], tokens: Tokens, location: Location) -> None:
        """``uris``: where each is reached, by name; our own entry is passed over."""
        self._uris = {node: _around(Uri.parse(uri)) for node, uri in uris.items() if node != tokens.node}
        self._tokens = tokens
        self._location = location

    def leads_away(self, branch: Branch) -> bool:
        """Whether ``branch``, which is to be sent on a client's flow, was led to another server, or given up: it came
        from one, and the phone has moved on."""
        arrival = branch.context.arrival
        there = self.way(branch.way, branch.context.request, arrival)
        if there is not None:
            branch.way = there
            branch.look_up_targets()
            return True
        if arrival.from_node and self._place(branch.way)[0] in self._uris:
            known = branch.way.branch
            branch.next_flow(Outcome(430, headers=((BRANCH, known),)) if known else endings.FLOW_GONE)
            return True
        return False

    def rings_at_another(self, way: Way) -> bool:
        """The phone of ``way``, which rings on a flow of ours, is at another server by now."""
        return self._place(way)[0] in self._uris

    def lost(self, branch: Branch, response: Response | None = None) -> None:
        """The server that ``branch`` was led to is gone, or has no such flow any more (``response``): look again where
        the phone is, and within a dialog wait for it."""
        gone, near = branch.way.node, branch.way.near
        assert near is not None
        near.branch = (response and response.get(BRANCH)) or ""
        branch.transaction = None
        branch.way = near
        if self._place(near)[0] != gone:
            branch.start_on_flow()
        elif branch.context.in_dialog and near.key:
            wait(branch)
        else:
            branch.next_flow(endings.FLOW_GONE)

    def _place(self, way: Way) -> tuple[str, bytes]:
        """The server and the flow that ``way`` leads to. The binding counts, wherever it was when the token was made;
        one that has ended may come back to us as well as to anybody."""
        binding = self._location.by_key(way.key) if way.key else None
        if binding is None:
            return way.node, way.flow_id
        return ("", b"") if binding.ended else (binding.node, binding.flow_id)

    def way(self, way: Way, request: Request, arrival: Arrival) -> Way | None:
        """The way by the server that holds the flow ``way`` leads to; None: it is ours to find."""
        if arrival.from_node:
            return None
        node, flow_id = self._place(way)
        uri = self._uris.get(node)
        if uri is None or not flow_id:
            return None
        if in_dialog(request):
            token = self._tokens.record_route_of(node, flow_id, way.key, request.call_id, request.from_tag)
        else:
            token = self._tokens.path_of(node, flow_id, way.key)
        there = Way(
            way.uri,
            path=(f"{uri[0]}{token}{uri[1]}", *way.path),
            q=way.q,
            instance=way.instance,
            loop_hash=way.loop_hash,
            named_by_us=True,
            hops=way.hops,
            node=node,
        )
        there.near = way
        return there


def hand_over(request: Request, branch: str) -> None:
    """Tell the server that ``request`` goes to by which branch the phone knows it; what a client has put there is no
    news of ours."""
    request.remove(BRANCH)
    if branch:
        request.set(BRANCH, branch)


def handed_over(arrival: Arrival) -> str:
    """What another server has told by `hand_over`."""
    if not (arrival.from_node and arrival.request.has(BRANCH)):
        return ""
    branch = arrival.request.get(BRANCH) or ""
    arrival.request.remove(BRANCH)
    return branch


def send_back(response: Response, request: Request) -> None:
    """``response`` goes the way of ``request``, whatever way the INVITE had come that its phone saw first."""
    top = str(response.via)
    response.remove("Via")
    for via in reversed((top, *request.get_all("Via"))):
        response.prepend("Via", via)


class Elsewhere:
    """Requests wait for a phone that is back, but at another server: they go there."""

    __slots__ = ("_waits",)

    def __init__(self, waits: Waiting) -> None:
        self._waits = waits

    def heard(self, change: Change, binding: Binding) -> None:
        """A binding that another server holds has changed."""
        if change is Change.ADDED or change is Change.REFRESHED:
            self._waits.came_back_elsewhere(binding.key)


def _around(uri: Uri) -> tuple[str, str]:
    """What stands before and behind the token in a Route to there."""
    params = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in uri.params if name != "lr")
    return f"<{uri.scheme}:", f"@{host_port(uri.host, uri.port)}{params};lr>"
