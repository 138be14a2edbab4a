"""Who is busy, absent or does not pick up has a voicemail: calls that end with 486, 480 or 408 go there.

At a registrar:  hooks = "voicemail:Voicemail"         At an edge:  hooks = "voicemail:VoicemailAtEdge"

A ``[[profile]]`` named "users" with ``timer_c = 25`` says how long a phone rings.
"""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Failure, Hooks, Proxy, Response
from oversip_tw.logic import EdgeLogic

VOICEMAIL = "sip:192.0.2.30:5060"
#: the status, and how Diversion calls it (RFC 5806)
REASONS = {486: "user-busy", 480: "unavailable", 408: "no-answer"}


def forward(proxy: Proxy, arrival: Arrival) -> None:
    """Let ``proxy`` send the call to the voicemail if it comes to nothing."""
    request, callee = arrival.request, arrival.request.uri

    def to_voicemail(status: int) -> None:
        if status in REASONS:
            request.append("Diversion", f"<{callee}>;reason={REASONS[status]};counter=1")
            Proxy(proxy.core).route(arrival, VOICEMAIL)

    @proxy.on_failure
    def refused(response: Response) -> None:
        to_voicemail(response.status)

    @proxy.on_error
    def failed(failure: Failure) -> None:
        """408 when nobody picked up, 480 when no phone is there."""
        to_voicemail(failure.status)


class Voicemail(Hooks):
    """For users of our own."""

    def on_request(self, arrival: Arrival) -> None:
        request = arrival.request
        if request.method == "INVITE" and not arrival.in_dialog and self.core.ours.owns(request.uri):
            proxy = Proxy(self.core)
            forward(proxy, arrival)
            proxy.route(arrival)


class VoicemailAtEdge(EdgeLogic):
    """For calls of our phones to users of the core."""

    def to_core(self, arrival: Arrival) -> None:
        self.identify(arrival)
        proxy = Proxy(self.core)
        if arrival.request.method == "INVITE" and not arrival.in_dialog:
            forward(proxy, arrival)
        proxy.route(arrival, self.edge.core)
