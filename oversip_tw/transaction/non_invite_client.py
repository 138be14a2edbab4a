"""Non-INVITE client transaction: RFC 3261 §17.1.2, Figure 6."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import NOBODY, ClientUser

if TYPE_CHECKING:
    from oversip_tw.transaction.table import ClientKey, Transactions


class State(Enum):
    """The states of the figure."""

    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"


# final, so that a compiled machine looks none of them up
TRYING: Final = State.TRYING
PROCEEDING: Final = State.PROCEEDING
COMPLETED: Final = State.COMPLETED
TERMINATED: Final = State.TERMINATED


class NonInviteClientTransaction(ClientTransaction):
    """Sends any other request until a final response comes."""

    __slots__ = ("state",)

    def __init__(
        self,
        table: Transactions,
        key: ClientKey,
        request: Request,
        flow: Flow,
        client_flow: bool,
        user: ClientUser,
        timers: Timers,
    ) -> None:
        super().__init__(table, key, request, flow, client_flow, user, timers)
        self.state = TRYING

    def start(self) -> None:
        """Send the request and start the timers."""
        self._begin(self.timers.f)

    def answered(self, response: Response) -> None:
        """A response came; repeated final ones are absorbed."""
        if self.finished:
            return
        user = self.user
        if response.status < 200:
            self.state = PROCEEDING
        else:
            self._complete()
        user.answered(self, response)
        if self.finished:
            self.let_go()
            self.user = NOBODY

    def move(self, flow: Flow, uri: Uri) -> None:
        """The client is on ``flow`` now, as ``uri``: it is sent the request again, as if that had been lost."""
        if not self.finished:
            self._go_by(flow, uri)
            self.state = TRYING
            self._begin(self.timers.f)

    def unreachable(self, reason: str) -> None:
        """Nobody listens at the peer's address. One that has said something is believed to live."""
        if self.state is TRYING:
            self.flow_lost(reason)

    def _complete(self) -> None:
        self._stop_timer()
        self.state = COMPLETED
        self._finish()
        if self.flow.reliable:
            self.terminate()
        else:
            self._absorb(self.timers.k)

    def _send_again(self) -> None:
        # §17.1.2.2: doubled up to T2 while trying, T2 once proceeding.
        t2 = self.timers.t2
        self._interval = t2 if self.state is PROCEEDING else min(2 * self._interval, t2)
        self._wait(self._ends - self.table.wheel.now())
        self.flow.send(self._data)

    def terminate(self) -> None:
        """Leave the table at once and stop all timers. What comes after that is ignored."""
        if self.state is not TERMINATED:
            self.state = TERMINATED
            self._finish()
            self._stop_timer()
            self._leave()
