"""What an edge does with each request: the decisions of OverSIP's sample script, in the API that is there for yours.

This is the logic of every server with an ``[edge]`` section. To change it derive from `EdgeLogic`, or copy this file,
and name your class in the configuration: ``hooks = "my_logic:MyLogic"``. Before a request gets here it was validated,
was no repetition, CANCEL or ACK, and its Routes of ours were taken off: a forged one is refused, and so is a request
within a dialog without one.
"""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Done, Edge, Hooks, Proxy


class EdgeLogic(Hooks):
    """Phones talk to the core, the core talks to phones, and what is for neither is refused.

    Each step may be overridden by a plain or an ``async`` method; those here are plain, and are not to be awaited.
    """

    edge: Edge

    def on_request(self, arrival: Arrival) -> Done:
        """Decide where one request goes."""
        if arrival.in_dialog and arrival.tokens:
            return self.within_dialog(arrival)
        if arrival.trusted and self.edge.find_phone(arrival):
            return self.to_phone(arrival)
        if self.core.ours.owns(arrival.request.uri) and not (arrival.request.uri.user and not arrival.core):
            return self.for_us(arrival)
        if arrival.core:
            return self.from_core(arrival)
        if arrival.request.method == "REGISTER":
            return self.register(arrival)
        return self.to_core(arrival)

    def within_dialog(self, arrival: Arrival) -> Done:
        """To the other side of the dialog, which our Record-Route names."""
        self.edge.show_contact(arrival)
        Proxy(self.core).route(arrival)
        return None

    def to_phone(self, arrival: Arrival) -> Done:
        """The core (or a peer) wants a phone that registered through us: down its connection."""
        Proxy(self.core, "users").route(arrival)
        return None

    def for_us(self, arrival: Arrival) -> Done:
        """We are meant ourselves, and nobody is at home here."""
        self.core.reply(arrival, 404, "Ok, I'm here")
        return None

    def from_core(self, arrival: Arrival) -> Done:
        """The core sends something out through us: by its Route, else by the Request-URI."""
        request = arrival.request
        Proxy(self.core, "default").route(arrival, request.routes[0].uri if request.has("Route") else request.uri)
        return None

    def register(self, arrival: Arrival) -> Done:
        """A phone registers at the core, so that it is reached through us."""
        self.edge.register(arrival)
        return None

    def to_core(self, arrival: Arrival) -> Done:
        """A phone (or a peer) wants something of the core."""
        self.identify(arrival)
        Proxy(self.core).route(arrival, self.edge.core)
        return None

    def identify(self, arrival: Arrival) -> None:
        """Name the user who is called, and the one who calls, as the core knows them."""
        self.edge.name_the_user(arrival)
        self.edge.assert_identity(arrival)
