"""What all four transactions have in common (RFC 3261 §17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.wheel import Lasting, Timer

if TYPE_CHECKING:
    from oversip_tw.transaction.table import Transactions


#: which timer has fired: the one that ends it all. Others are numbered from 1 on
OVER: Final = 0


class Transaction(Lasting):
    """One request, and the answers to it. Whoever makes one sets all that is named here."""

    __slots__ = ("_timer", "client_flow", "flow", "request", "table", "timers")

    table: Transactions
    timers: Timers
    #: `users.GONE` once nobody needs it any more
    request: Request
    #: where it went, or came from
    flow: Flow
    #: its peer is a client, which cannot be dialled
    client_flow: bool
    #: the one that is next
    _timer: Timer | None

    def terminate(self) -> None:
        """Leave the table at once and stop all timers. What comes after that is ignored."""

    def over(self) -> None:
        """All repetitions have been absorbed."""
        self.terminate()

    def _absorb(self, seconds: float) -> None:
        """Stand for so many ``seconds`` more."""
        if self.flow.reliable:
            # it may end with its connection, and shall not keep that in memory any longer
            self._timer = self.table.wheel.start(seconds, self, OVER)
        else:
            self.table.wheel.last(seconds, self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
