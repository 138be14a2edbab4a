"""What an edge does with each request: the decisions of OverSIP's sample script, in the API that is there for yours.

This is the logic of every server with an ``[edge]`` section. To change it derive from `EdgeLogic`, or copy this file,
and name your class in the configuration: ``hooks = "my_logic:MyLogic"``. Before a request gets here it was validated,
was no repetition, CANCEL or ACK, and its Routes of ours were taken off: a forged one is refused, and so is a request
within a dialog without one.
"""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Edge, Hooks, Proxy


class EdgeLogic(Hooks):
    """Phones talk to the core, the core talks to phones, and what is for neither is refused."""

    edge: Edge

    def on_request(self, arrival: Arrival) -> None:
        """Decide where one request goes."""
        if arrival.in_dialog and arrival.tokens:
            self.within_dialog(arrival)
        elif arrival.trusted and self.edge.find_phone(arrival):
            self.to_phone(arrival)
        elif self.core.ours.owns(arrival.request.uri) and not (arrival.request.uri.user and not arrival.core):
            self.core.reply(arrival, 404, "Ok, I'm here")
        elif arrival.core:
            self.from_core(arrival)
        elif arrival.request.method == "REGISTER":
            self.register(arrival)
        else:
            self.to_core(arrival)

    def within_dialog(self, arrival: Arrival) -> None:
        """To the other side of the dialog, which our Record-Route names."""
        self.edge.show_contact(arrival)
        Proxy(self.core).route(arrival)

    def to_phone(self, arrival: Arrival) -> None:
        """The core (or a peer) wants a phone that registered through us: down its connection."""
        Proxy(self.core, "users").route(arrival)

    def from_core(self, arrival: Arrival) -> None:
        """The core sends something out through us: by its Route, else by the Request-URI."""
        request = arrival.request
        Proxy(self.core, "default").route(arrival, request.routes[0].uri if request.has("Route") else request.uri)

    def register(self, arrival: Arrival) -> None:
        """A phone registers at the core, so that it is reached through us."""
        self.edge.register(arrival, Proxy(self.core))

    def to_core(self, arrival: Arrival) -> None:
        """A phone (or a peer) wants something of the core."""
        self.edge.name_the_user(arrival)
        self.edge.assert_identity(arrival)
        Proxy(self.core).route(arrival, self.edge.core)
