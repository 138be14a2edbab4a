"""What changes in a request that we pass on, and in the answers (RFC 3261 §16.6 and §16.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow, NewId
from oversip_tw.proxy.loop import make_branch
from oversip_tw.proxy.record_route import RecordRoutes
from oversip_tw.proxy.settings import Settings
from oversip_tw.proxy.way import Way
from oversip_tw.sip import names
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Message, Request
from oversip_tw.sip.via import Via

if TYPE_CHECKING:
    from oversip_tw.proxy.context import ResponseContext

#: what only a trusted hop may say of a caller (RFC 3325 §6, RFC 5502, RFC 6050, RFC 7315 §4, RFC 8224); Privacy is the
#: caller's own wish
IDENTITY_HEADERS = (
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "P-Charging-Vector",
    "P-Charging-Function-Addresses",
    "P-Served-User",
    "P-Asserted-Service",
    "Identity",
)


_IDENTITY_KEYS: Final = frozenset(map(names.key, IDENTITY_HEADERS))
_ASSERTED: Final = frozenset(("p-asserted-identity",))


def drop_identities(message: Message) -> None:
    """Remove from what a client sent all that only a trusted hop may assert (R4)."""
    if message.may_have(_IDENTITY_KEYS):
        for name in IDENTITY_HEADERS:
            message.remove(name)


def wants_privacy(message: Message) -> bool:
    """The asserted identity of who sends it is for trusted ears alone (RFC 3325 §9.3)."""
    return any("id" in privacy.lower().replace(" ", "").split(";") for privacy in message.get_all("Privacy"))


def keep_privacy(message: Message) -> None:
    """Take off what is not for the stranger to whom ``message`` goes (RFC 3325 §5)."""
    if message.may_have(_ASSERTED) and wants_privacy(message):
        message.remove("P-Asserted-Identity")


def _is_recorded(context: ResponseContext, record_route: str) -> bool:
    """What the profile says; never a request of our own, which came by no way that could be recorded."""
    if record_route == "dialogs":
        return context.record_route
    # RFC 3261 §16.6 step 4 leaves REGISTER out; that is what Path is for
    return record_route == "all" and context.request.method != "REGISTER" and not context.arrival.ours


class Forwarding:
    """Makes of a request the copy that leaves on one branch."""

    def __init__(self, settings: Settings, record_routes: RecordRoutes, new_id: NewId) -> None:
        self.use(settings)
        self._record_routes = record_routes
        self._new_id = new_id
        #: our Via on each listener, without parameters
        self._vias: dict[tuple[str, str], Via] = {}

    def use(self, settings: Settings) -> None:
        """Work by other ``settings`` from now on."""
        self._max_forwards = settings.max_forwards
        self._cap = settings.max_forwards_cap

    def outgoing(self, context: ResponseContext, way: Way, flow: Flow, record_route: str = "dialogs") -> Request:
        """``context``'s request as it leaves on ``way`` by ``flow``; ``record_route`` as `Profile.record_route`.

        Raises SIPError 480 when the request asks for a secure way to the end and this one is none (RFC 5630 §5.3).
        """
        request = context.request.copy()
        if way.uri is not request.uri:
            request.uri = way.uri
        if (context.request.uri.secure or way.uri.secure) and not flow.secure:
            raise SIPError(480, headers=[("Warning", '380 oversip "SIPS Not Allowed"')])
        forwards = request.max_forwards
        forwards = self._max_forwards if forwards is None else max(0, forwards - 1 - way.hops)
        request.max_forwards = min(forwards, self._cap) if self._cap else forwards
        self.put_routes(request, way.path)
        if request.may_have(_ASSERTED) and not context.leads_to_trusted(way, flow):
            keep_privacy(request)
        if not context.in_dialog:
            request.set("Max-Breadth", str(context.breadth_of_a_branch))
        if _is_recorded(context, record_route):
            came_by = context.arrival.flow
            self._record_routes.write(
                request, came_by, context.caller_key, flow, way.key, context.arrival.client, bool(way.flow_id)
            )
        self.push_via(request, flow, way.loop_hash, way.branch)
        return request

    def push_via(self, request: Request, flow: Flow, loop_hash: str = "", branch: str = "") -> None:
        """Put our Via on top, with a branch of its own (§16.6 step 8) if none is given."""
        ours = (flow.transport, flow.listener.sent_by)
        via = self._vias.get(ours)
        if via is None:
            via = self._vias[ours] = Via.parse(f"SIP/2.0/{ours[0].upper()} {ours[1]}")
        request.push_via(via.with_branch(branch or make_branch(self._new_id(), loop_hash), not flow.reliable))

    @staticmethod
    def put_routes(request: Request, path: Sequence[str]) -> None:
        """Put ``path`` on as Routes. A next hop without ``lr`` wants its URI as R-URI and the R-URI as the last Route
        (§16.6 step 6)."""
        if path:
            for route in reversed(path):
                request.prepend("Route", route)
        if request.has("Route"):
            first = request.routes[0].uri
            if not first.has_param("lr"):
                request.remove_first("Route")
                request.append("Route", f"<{request.uri}>")
                request.uri = first
