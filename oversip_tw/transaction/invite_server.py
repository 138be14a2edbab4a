"""INVITE server transaction: RFC 3261 §17.2.1, Figure 7, as amended by RFC 6026 §8.7."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.transaction import OVER
from oversip_tw.transaction.users import ServerUser
from oversip_tw.transaction.wheel import Timer

if TYPE_CHECKING:
    from oversip_tw.transaction.table import Key, Transactions


class State(Enum):
    """The states of the figure."""

    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"


# final, so that a compiled machine looks none of them up
PROCEEDING: Final = State.PROCEEDING
COMPLETED: Final = State.COMPLETED
CONFIRMED: Final = State.CONFIRMED
ACCEPTED: Final = State.ACCEPTED
TERMINATED: Final = State.TERMINATED

# which timer has fired
_TRYING: Final = 1
_G: Final = 2
_H: Final = 3

#: seconds that §17.2.1 leaves for something better than a 100
TRYING_AFTER: Final = 0.2


class InviteServerTransaction(ServerTransaction):
    """Answers an INVITE: 100 at once, repeats what was said last, waits for the ACK to a refusal."""

    __slots__ = ("_interval", "_last", "_named", "_timer_g", "_was_cancelled", "state")

    def __init__(
        self, table: Transactions, key: Key, request: Request, flow: Flow, client_flow: bool, user: ServerUser
    ) -> None:
        super().__init__(table, key, request, flow, client_flow, user)
        self.state = PROCEEDING
        #: the latest response, for repetition; b"" once nothing is repeated
        self._last = request.response(100).to_bytes()
        self._named = _name_of(request)
        #: of Timer G
        self._interval = 0.0
        #: G, and before it the wait for the 100; `_timer` is H in Completed, I in Confirmed, L in Accepted
        self._timer_g: Timer | None = None
        self._was_cancelled = False

    def start(self) -> None:
        """Send the 100: at once, which needs no timer, or after the 200 ms that §17.2.1 allows."""
        if self.quiet:
            self._timer_g = self.table.wheel.start(TRYING_AFTER, self, _TRYING)
        else:
            self._send(self._last)

    def fired(self, which: int) -> None:
        """A timer of this transaction has fired."""
        if which == OVER:
            self.terminate()
        elif which == _G:
            self._timer_g_fired()
        elif which == _H:
            self._timer_h_fired()
        else:
            self._say_trying()

    def _say_trying(self) -> None:
        self._speak()
        self._send(self._last)

    def _speak(self) -> None:
        """Something provisional is said: whoever hears it asks no more, and we have to see that the end arrives."""
        self.quiet = False
        self._stop_timers()

    def received(self) -> None:
        """The INVITE came again: say again what was said last. After a 2xx the user agent core repeats, not we."""
        if self.state is PROCEEDING:
            self._say_trying()
        elif self.state is COMPLETED:
            self._send(self._last)

    def _say_again(self) -> None:
        if self.state is PROCEEDING:
            self._speak()
        if self._last:
            self._send(self._last)

    @property
    def last(self) -> bytes:
        """The latest response, as it was sent."""
        return self._last

    def acknowledged(self) -> bool:
        """An ACK came. False: it is one for a 2xx, which belongs to the user (RFC 6026 §8.7)."""
        if self.state is ACCEPTED:
            return False
        if self.state is COMPLETED:
            self._stop_timers()
            self.state = CONFIRMED
            if self.flow.reliable:
                self.terminate()
            else:
                self._absorb(self.timers.i)
                self._last = b""
                self.let_go()
        return True

    def is_named_by(self, cancel: Request) -> bool:
        """``cancel`` names the call of this INVITE: Call-ID and From tag."""
        return self._named == _name_of(cancel)

    def cancelled(self, cancel: Request) -> None:
        """``cancel`` came and was answered 200 (§9.2)."""
        if self.state is PROCEEDING and not self._was_cancelled:
            self._was_cancelled = True
            self.user.cancelled(self, cancel)

    def respond(self, response: Response) -> None:
        """Send ``response``: anything while proceeding, only further 2xx once accepted. Others are ignored."""
        status = response.status
        if self.state is PROCEEDING:
            data = response.to_bytes()
            if status >= 200 and status < 300:
                self._accept()
                if self.client_flow and self.flow.closed:
                    self._last = data  # for a client that comes back
            else:
                self._last = data
                if status >= 300:
                    self._refuse(status)
                else:
                    self._speak()
            self._send(data)
        elif self.state is ACCEPTED and 200 <= status < 300:
            self._send(response.to_bytes())

    def _accept(self) -> None:
        self._stop_timers()
        self.final_sent = True
        self.state = ACCEPTED
        # RFC 6026 §8.7: the user agent core repeats a 2xx, and each one is handed in anew
        self._last = b""
        self._absorb(self.timers.l)

    def _refuse(self, status: int) -> None:
        self._stop_timers()
        self.final_sent = True
        self.state = COMPLETED
        wheel = self.table.wheel
        self._timer = wheel.start(self.timers.h, self, _H)
        # a 6xx is somebody's own word, which no stranger gets by asking
        if not self.flow.reliable and (status >= 600 or not self.quiet):
            self._interval = self.timers.t1
            self._timer_g = wheel.start(self._interval, self, _G)

    def _timer_g_fired(self) -> None:
        self._interval = min(2 * self._interval, self.timers.t2)
        self._timer_g = self.table.wheel.start(self._interval, self, _G)
        self._send(self._last)

    def _timer_h_fired(self) -> None:
        user = self.user
        self.terminate()
        user.failed(self)

    def _stop_timers(self) -> None:
        if self._timer_g is not None:
            self._timer_g.cancel()
            self._timer_g = None
        self._stop_timer()

    def terminate(self) -> None:
        """Leave the table at once and stop all timers. What comes after that is ignored."""
        if self.state is not TERMINATED:
            self.state = TERMINATED
            self._stop_timers()
            self._leave()


def _name_of(request: Request) -> int:
    """For comparison: a hash that Python keys anew for each process, so that nobody can make another text for it. Two
    bits less than it has, so that a compiled one needs no object."""
    return hash((request.call_id, request.from_tag)) >> 2
