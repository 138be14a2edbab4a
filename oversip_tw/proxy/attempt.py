"""One try of one target, as user code may look at it before the request leaves."""

from __future__ import annotations

from typing import NoReturn

from oversip_tw.interfaces import Flow, Target
from oversip_tw.proxy.best import Outcome
from oversip_tw.resolve.health import Health
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request


class Attempt:
    """What `Client.on_target` callbacks get."""

    __slots__ = ("_health", "_hop", "flow", "request", "skipped", "target")

    def __init__(self, health: Health, hop: Target | None, flow: Flow, request: Request) -> None:
        """``hop``: the next hop that was looked up; None: it is the flow of a client."""
        self._health = health
        self._hop = hop
        #: where it goes: transport, address, port
        self.target = hop or Target(flow.transport, *flow.peer)
        self.flow = flow
        #: the copy that leaves: what is changed here, this target alone gets to see
        self.request = request
        #: this target is not to be tried, and what to answer if there is no other
        self.skipped: Outcome | None = None

    @property
    def to_phone(self) -> bool:
        """It goes by the flow of a client, and to no next hop."""
        return self._hop is None

    def abort(self, status: int = 403, reason: str = "Destination Aborted") -> NoReturn:
        """Try neither this target nor another one, stop those that ring, and answer so."""
        raise SIPError(status, reason, code=codes.DESTINATION_ABORTED)

    def blacklist(self, seconds: float, status: int = 403, reason: str = "Destination Blacklisted") -> None:
        """Pass this target over, now and for ``seconds``; requests that have no other are answered so.

        A client's flow is passed over this once: close it to be rid of it.
        """
        if self._hop is not None:
            self._health.refuse(self._hop, seconds, status, reason)
        self.skipped = Outcome(status, reason=reason, code=codes.DESTINATION_BLACKLISTED)
