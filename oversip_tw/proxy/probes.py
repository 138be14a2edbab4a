"""Asking a next hop whether it is alive: by OPTIONS (RFC 3261 §11), before it is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Target
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import host_port
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import Nobody

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core

#: how long an answer may take, whatever it says; seconds
PATIENCE = 4.0
_TIMERS = Timers(f=PATIENCE)


class Probes:
    """Sends one OPTIONS at a time to each target that is doubted."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def suspect(self, target: Target, down_for: float) -> None:
        """A request to ``target`` has got no sign of life: find out whether nobody else would, and remember that."""
        if down_for and self._core.health.silent(target):
            self.ask(target, lambda alive: self._found(target, alive, down_for))

    def _found(self, target: Target, alive: bool, down_for: float) -> None:
        self._core.health.probed(target, alive, down_for)
        if not alive:
            self._core.say_dead(target, down_for, "no answer to OPTIONS")

    def ask(self, target: Target, tell: Callable[[bool], None]) -> None:
        """Send an OPTIONS to ``target``; ``tell`` hears whether any answer came."""
        core = self._core
        try:
            flow = core.connector.flow_to(target)
        except SIPError:
            tell(False)
            return
        own = f"sip:{flow.listener.sent_by}"
        where = host_port(target.address, target.port)
        uri = f"sip:{where}" if target.transport == "udp" else f"sip:{where};transport={target.transport}"
        request = Request.build(
            "OPTIONS",
            uri,
            [
                ("Max-Forwards", "70"),
                ("From", f"<{own}>;tag={core.new_id()}"),
                ("To", f"<{uri}>"),
                ("Call-ID", core.new_id()),
                ("CSeq", "1 OPTIONS"),
                ("Accept", "application/sdp"),
            ],
        )
        core.forwarding.push_via(request, flow)
        core.transactions.call(request, flow, _Asked(tell), _TIMERS, False)


class _Asked(Nobody):
    """A ClientUser."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell: Callable[[bool], None] | None = tell

    def _over(self, alive: bool) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(alive)

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        self._over(True)

    def timed_out(self, transaction: ClientTransaction) -> None:
        self._over(False)

    def failed(self, transaction: object, reason: str = "") -> None:
        self._over(False)
