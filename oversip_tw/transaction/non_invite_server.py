"""Non-INVITE server transaction: RFC 3261 §17.2.2, Figure 8, as amended by RFC 4320."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.users import ServerUser

if TYPE_CHECKING:
    from oversip_tw.transaction.table import Key, Transactions


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



class NonInviteServerTransaction(ServerTransaction):
    """Answers any other request, once, and says it again when asked again."""

    __slots__ = ("_last", "state")

    def __init__(
        self, table: Transactions, key: Key, request: Request, flow: Flow, client_flow: bool, user: ServerUser
    ) -> None:
        super().__init__(table, key, request, flow, client_flow, user)
        self.state = TRYING
        #: the latest response, for repetition; b"" when it ended without one
        self._last = b""

    def start(self) -> None:
        """Nothing is said before the answer, unless that is slow (RFC 4320 §4.1)."""
        self._timer = self.table.wheel.start(self.timers.trying, self, 0)

    def go_on_waiting(self) -> None:
        """The call that began it is over. Has it no answer yet, it takes its time."""
        if self.state is TRYING and self._timer is None:
            self.start()

    def fired(self, which: int) -> None:
        """The timer of this transaction has fired: it is slow to be answered, or a client that lost its connection
        stays away."""
        if self.final_sent:
            self.terminate()
        else:
            self._still_trying()

    def received(self) -> None:
        """The request came again: say again what was said last, if anything."""
        if self._last:
            self._send(self._last)

    def respond(self, response: Response) -> None:
        """Send the final ``response``. Provisional ones are ignored: the 100 is ours to send and no other is allowed
        (RFC 4320 §4.1). Ignored, too, when a final response was sent."""
        if response.status >= 200 and (self.state is TRYING or self.state is PROCEEDING):
            self._last = data = response.to_bytes()
            self._complete()
            self._send(data)

    def _say_again(self) -> None:
        self.received()
        if self.state is COMPLETED and self.flow.reliable:
            self.terminate()

    def abandon(self) -> None:
        """End without an answer: when the next hop never gave one, a 408 would come too late for everybody
        (RFC 4320 §4.2). Repeated requests are absorbed in silence for as long as after an answer."""
        if self.state is TRYING or self.state is PROCEEDING:
            self._last = b""
            self._complete()

    def _complete(self) -> None:
        self.final_sent = True
        self._stop_timer()
        self.state = COMPLETED
        if self.flow.reliable and not (self.client_flow and self.flow.closed):
            self.terminate()
        else:
            # over UDP it may have to be said again, and to whom lost his connection once he is back
            self._absorb(self.timers.j)
            self.let_go()

    def _still_trying(self) -> None:
        self._timer = None
        self.state = PROCEEDING
        self._last = self.request.response(100).to_bytes()
        self._send(self._last)

    def terminate(self) -> None:
        """Leave the table at once and stop all timers. What comes after that is ignored."""
        if self.state is not TERMINATED:
            self.state = TERMINATED
            self._stop_timer()
            self._leave()
