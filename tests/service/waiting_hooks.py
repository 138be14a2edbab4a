"""Hooks that hold every request until they are told to go on."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from oversip_tw.hooks import Hooks
from oversip_tw.proxy.arrival import Arrival


class WaitingHooks(Hooks):
    """``go`` fired: what waits goes on."""

    def __init__(self) -> None:
        self.go: Deferred[None] = Deferred()

    async def on_request(self, arrival: Arrival) -> None:
        """Wait."""
        await self.go
