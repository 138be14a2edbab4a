"""What a program around us may override: every method a documented no-op.

Name your class in the configuration: ``hooks = "module:Class"``. Each method may be plain or ``async def``. Messages of
one Call-ID come in the order in which they arrived; an answer takes at most 5 s, then the request is refused with 500.
To refuse a request raise `oversip_tw.sip.errors.SIPError`. Any other exception is logged and is a 500 for that request
alone. Hooks run after authentication: `Arrival.user` is proven. To route a request yourself make a `Proxy`, to send one
of your own a `Uac`; both are here to be imported.
"""

from __future__ import annotations

from collections.abc import Awaitable

from oversip_tw.edge.edge import Edge
from oversip_tw.interfaces import Flow, HandshakeRequest, TlsPeer
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.client import Failure
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.routing import Proxy
from oversip_tw.proxy.uac import Uac
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri

__all__ = [
    "Arrival", "Attempt", "Binding", "Change", "Core", "Done", "Edge", "Failure", "Flow", "HandshakeRequest", "Hooks",
    "Proxy", "Request", "Response", "SIPError", "TlsPeer", "Uac", "Uri", "Way",
]  # fmt: skip

#: nothing at once, or nothing later
Done = Awaitable[None] | None


class Hooks:
    """Derive from this and override what you need; what is not overridden costs nothing."""

    #: the proxy core: log, bindings, flows, settings. Set before `on_initialise`
    core: Core
    #: what an edge knows of its core and its phones; None where there is no ``[edge]``
    edge: Edge | None = None

    def on_initialise(self) -> Done:
        """Everything is made, nothing is open yet. What is raised here ends the start (or refuses a reload), with its
        text as the reason. Waiting for something is refused too: the reactor does not run yet."""
        return None

    def on_user_reload(self) -> Done:
        """SIGUSR1 came: read again whatever is yours."""
        return None

    def on_start(self, core: Core) -> Done:
        """All listeners are up. ``core`` has all that the proxy core works with: bindings, flows, log, ..."""
        return None

    def on_stop(self) -> Done:
        """The last transaction has ended, or its time was over. The end waits for this; a reload does not."""
        return None

    def on_tls_accepted(self, flow: Flow, peer: TlsPeer) -> Done:
        """A client on a tls or wss listener has ended its TLS handshake; what it sends is read when you return.

        Raise SIPError, or close the flow, to refuse: the connection is closed without a word.
        """
        return None

    def on_tls_connected(self, flow: Flow, peer: TlsPeer) -> Done:
        """A next hop that we dialled has ended its TLS handshake, and its certificate is good if that was asked for.

        Raise SIPError, or close the flow, to refuse: nothing is sent there, as if the certificate had been wrong.
        """
        return None

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> Done:
        """A browser asks for a WebSocket. What you put into ``flow.variables`` is there in every request from it.

        Raise SIPError (its status is the HTTP status: 403, 503, ...) to refuse.
        """
        return None

    def on_disconnect(self, flow: Flow) -> Done:
        """A connection that a client had opened is gone."""
        return None

    def on_request(self, arrival: Arrival) -> Done:
        """A request is to be proxied; ``arrival.request`` may be changed, answered (`Core.reply`) or routed (`Proxy`).

        What is neither goes its usual way. Not called for CANCEL and ACK, and for REGISTER only at an edge.
        """
        return None

    def on_register(self, arrival: Arrival) -> Done:
        """A REGISTER of ``arrival.user`` is to be carried out; it may be changed or refused."""
        return None

    def on_binding_added(self, binding: Binding) -> Done:
        """A phone has registered that was not there. It is durable; nothing waits for this."""
        return None

    def on_binding_refreshed(self, binding: Binding) -> Done:
        """A phone that was there has registered again, from the same connection or another, as the same Contact or
        another. It is durable; nothing waits for this."""
        return None

    def on_binding_removed(self, binding: Binding, reason: Change) -> Done:
        """A phone is gone: EXPIRED, REMOVED (by itself), REPLACED (by one too many), FLOW_LOST or KICKED (by the
        operator). Nothing waits for this."""
        return None

    def on_targets(self, arrival: Arrival, targets: list[list[Way]]) -> Done:
        """Where an out-of-dialog request will go: groups one after another, the ways in one side by side.

        Change the list in place. An empty one is answered 480.
        """
        return None

    def on_response(self, response: Response, request: Request) -> Done:
        """A response is to be passed on to the sender of ``request``; it may be changed."""
        return None
