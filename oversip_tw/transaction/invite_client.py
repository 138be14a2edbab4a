"""INVITE client transaction: RFC 3261 §17.1.1, Figure 5, as amended by RFC 6026 §8.4."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.client import GIVE_UP, ClientTransaction
from oversip_tw.transaction.hop_by_hop import ack, cancel
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import NOBODY, ClientUser

if TYPE_CHECKING:
    from oversip_tw.transaction.table import ClientKey, Transactions


class State(Enum):
    """The states of the figure."""

    CALLING = "Calling"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"


# final, so that a compiled machine looks none of them up
CALLING: Final = State.CALLING
PROCEEDING: Final = State.PROCEEDING
COMPLETED: Final = State.COMPLETED
ACCEPTED: Final = State.ACCEPTED
TERMINATED: Final = State.TERMINATED


class InviteClientTransaction(ClientTransaction):
    """Sends an INVITE, acknowledges a refusal, passes every 2xx on, cancels when told to."""

    __slots__ = ("_ack", "_cancel_headers", "_cancelling", "state")

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
        self.state = CALLING
        #: the ACK to a refusal, for repetition
        self._ack = b""
        #: the headers of a CANCEL that waits for the first provisional response (§9.1)
        self._cancel_headers: Sequence[tuple[str, str]] | None = None
        #: the CANCEL that was sent
        self._cancelling: ClientTransaction | None = None

    def start(self) -> None:
        """Send the INVITE and start the timers."""
        self._begin(self.timers.b)

    def answered(self, response: Response) -> None:
        """A response came."""
        status = response.status
        state = self.state
        if state is CALLING or state is PROCEEDING:
            if status < 200:
                if state is CALLING:
                    self._proceed()
            elif status < 300:
                self._accept()
            else:
                user = self.user
                self._complete(response)
                user.answered(self, response)
                return
            self.user.answered(self, response)
        elif state is ACCEPTED and 200 <= status < 300:
            self.user.answered(self, response)
        elif state is COMPLETED and status >= 300:
            self.flow.send(self._ack)

    def cancel(self, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a CANCEL with these further ``headers`` (Reason), once, as soon as a provisional response has come.

        Nothing is sent when a final response comes first, and nothing before a client that is waited for is back.
        Afterwards expect `ClientUser.answered` (487, or whatever final response crossed the CANCEL) or `timed_out`.
        """
        if self.finished or self._cancel_headers is not None:
            return
        self._cancel_headers = headers
        if self.state is PROCEEDING and not (self.client_flow and self.flow.closed):
            self._send_cancel(headers)

    def flow_lost(self, reason: str) -> None:
        """The connection is gone: it fails, unless the client is waited for."""
        if not self.finished:
            if self.client_flow and self.flow.closed and self.user.waits(self):
                self._stop_timer()
            else:
                super().flow_lost(reason)

    def move(self, flow: Flow, uri: Uri) -> None:
        """The client is on ``flow`` now, and ``uri`` is what it calls itself: it is sent the INVITE again, as if that
        had been lost on its way, or the CANCEL that it has missed. One that knows the branch repeats its answer,
        another one rings."""
        if self.finished:
            return
        self._go_by(flow, uri)
        if self._cancel_headers is not None:
            self._send_cancel(self._cancel_headers)
        else:
            self.state = CALLING
            self._begin(self.timers.b)

    def unreachable(self, reason: str) -> None:
        """Nobody listens at the peer's address. One that has let it ring is believed to live, unless we cancelled."""
        if self.state is CALLING or self._cancelling is not None:
            self.flow_lost(reason)

    def _proceed(self) -> None:
        self._stop_timer()
        self.state = PROCEEDING
        if self._cancel_headers is not None:
            self._send_cancel(self._cancel_headers)

    def _accept(self) -> None:
        self._stop_timer()
        self.state = ACCEPTED
        self._finish()
        self._absorb(self.timers.m)
        self._data = b""

    def _complete(self, response: Response) -> None:
        self._stop_timer()
        self.state = COMPLETED
        self._finish()
        self._ack = ack(self.request, response).to_bytes()
        self.flow.send(self._ack)
        if self.flow.reliable:
            self.terminate()
        else:
            self._absorb(self.timers.d)

    def _send_cancel(self, headers: Sequence[tuple[str, str]]) -> None:
        if self._cancelling is not None:
            self._cancelling.terminate()  # it went to where the client was; the new one has the same branch
        # §9.1: no final response within 64*T1 of the CANCEL, and the INVITE counts as cancelled.
        self._timer = self.table.wheel.start(self.timers.b, self, GIVE_UP)
        request = cancel(self.request, headers)
        self._cancelling = self.table.call(request, self.flow, NOBODY, self.timers, client_flow=self.client_flow)

    def _send_again(self) -> None:
        self._interval *= 2
        self._wait(self._ends - self.table.wheel.now())
        self.flow.send(self._data)

    def terminate(self) -> None:
        """Leave the table at once and stop all timers. What comes after that is ignored."""
        if self.state is not TERMINATED:
            self.state = TERMINATED
            self._finish()
            self._stop_timer()
            self._leave()
