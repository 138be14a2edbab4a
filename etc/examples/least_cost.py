"""Calls to telephone numbers go by the cheaper of two trunks, and by the other one when that does not work.

    hooks = "least_cost:LeastCost"

For a registrar and for an edge; calls that are no telephone numbers go their usual way. The trunks' addresses belong
into ``[[trusted]]`` with the role "trunk"; a ``[[profile]]`` named "trunk" may shorten the wait for a dead one.
"""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Failure, Hooks, Proxy, Response, Uri

#: where they are, and what a minute costs by prefix
TRUNKS = {"sip:192.0.2.10": {"": 0.20, "43": 0.01, "4366": 0.09}, "sip:192.0.2.20": {"": 0.10, "43": 0.02}}


def cost(prices: dict[str, float], number: str) -> float:
    """By the longest prefix."""
    return prices[max((prefix for prefix in prices if number.startswith(prefix)), key=len)]


class LeastCost(Hooks):
    """``+`` and digits are a telephone number."""

    def on_request(self, arrival: Arrival) -> None:
        """Take over what is a call of a phone of ours to a number."""
        user = arrival.request.uri.user or ""
        if arrival.client and not arrival.in_dialog and arrival.request.method == "INVITE" and user[:1] == "+":
            trunks = sorted(TRUNKS, key=lambda trunk: cost(TRUNKS[trunk], user[1:]))
            self.dial(arrival, user, trunks)

    def dial(self, arrival: Arrival, user: str, trunks: list[str]) -> None:
        """Try the first trunk, and the others when it fails."""
        trunk, *others = trunks
        arrival.request.uri = Uri.parse(trunk).replace(user=user)
        proxy = Proxy(self.core, "trunk" if "trunk" in self.core.settings.profiles else None)

        @proxy.on_failure
        def refused(response: Response) -> None:
            """The trunk's own trouble, not the callee's: no credit, no such route, an error of its own."""
            if others and (response.status in (402, 403, 404) or 500 <= response.status < 600):
                self.dial(arrival, user, others)

        @proxy.on_error
        def failed(failure: Failure) -> None:
            """Nobody there, or a 503."""
            if others:
                self.dial(arrival, user, others)

        proxy.route(arrival, trunk)
