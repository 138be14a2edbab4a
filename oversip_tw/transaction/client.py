"""What both client transactions have in common (RFC 3261 §17.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.transaction import OVER, Transaction
from oversip_tw.transaction.users import GONE, NOBODY, ClientUser

if TYPE_CHECKING:
    from oversip_tw.transaction.table import ClientKey, Transactions


# which timer has fired
RESEND: Final = 1
GIVE_UP: Final = 2
LOST: Final = 3


class ClientTransaction(Transaction):
    """One request that we sent, and who waits for the responses."""

    __slots__ = ("_data", "_ends", "_interval", "finished", "key", "user")

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
        self.lasts = False
        self.table = table
        self.key = key
        self.timers = timers
        #: as it is sent, our Via on top
        self.request = request
        self._data = request.to_bytes()
        self.flow = flow
        self.client_flow = client_flow
        self.user = user
        #: a final response came, or the transaction has ended
        self.finished = False
        #: of the timer that repeats the request: A of an INVITE, else E
        self._interval = timers.t1
        #: when the timer that gives up fires, B or F, in seconds of the wheel
        self._ends = 0.0
        #: the one that is next; over a connection, once the final response is there, the one that ends it all, D or M
        self._timer = None

    def start(self) -> None:
        """Send the request and start the timers."""

    def _begin(self, patience: float) -> None:
        """Send the request, and wait ``patience`` seconds for an answer; repeat it where it may be lost."""
        if self.flow.reliable:
            self._timer = self.table.wheel.start(patience, self, GIVE_UP)
        else:
            self._ends = self.table.wheel.now() + patience
            self._wait(patience)
        self.flow.send(self._data)

    def _go_by(self, flow: Flow, uri: Uri) -> None:
        """What is said from now on is said by ``flow``, to ``uri``; the branch stays."""
        self._stop_timer()
        if uri is not self.request.uri:
            self.request.uri = uri
            self._data = self.request.to_bytes()
        self.table.moved_client(self, flow)
        self.flow = flow
        self._interval = self.timers.t1

    def _wait(self, left: float) -> None:
        """For the repetition, or for the end of patience in ``left`` seconds when that is next."""
        if self._interval < left:
            self._timer = self.table.wheel.start(self._interval, self, RESEND)
        else:
            self._timer = self.table.wheel.start(left, self, GIVE_UP)

    def start_lost(self) -> None:
        """The flow is closed already: the user hears of it, but not before it knows this transaction."""
        self._timer = self.table.wheel.start(0, self, LOST)

    def answered(self, response: Response) -> None:
        """A response that belongs to this transaction came."""

    def cancel(self, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Of an INVITE: send a CANCEL. There is none for other requests (§9.1): nothing is done."""

    def flow_lost(self, reason: str) -> None:
        """The request cannot arrive, or its response cannot come. Nothing happens after a final response."""
        if not self.finished:
            user = self.user
            self.terminate()
            user.failed(self, reason)

    def move(self, flow: Flow, uri: Uri) -> None:
        """The client is on ``flow`` now, and calls itself ``uri``. Nothing happens after a final response."""

    def superseded(self, key: bytes, flow: Flow | None) -> None:
        """The binding ``key``, which was on our flow, is on ``flow`` now; None: at another server."""
        if not self.finished:
            self.user.superseded(self, key, flow)

    def unreachable(self, reason: str) -> None:
        """The network says that nobody listens at the peer's address."""

    def let_go(self) -> None:
        """For a user that needs it no more: keep no request. Repeated responses are known by the key."""
        self.request, self._data = GONE, b""

    def fired(self, which: int) -> None:
        """A timer of this transaction has fired."""
        if which == OVER:
            self.terminate()
        elif which == RESEND:
            self._send_again()
        elif which == GIVE_UP:
            self._timed_out()
        else:
            self.flow_lost("connection closed")

    def _send_again(self) -> None:
        """Timer A or E."""

    def _timed_out(self) -> None:
        user = self.user
        self.terminate()
        user.timed_out(self)

    def _finish(self) -> None:
        """The final response came, or none is waited for any more."""
        if not self.finished:
            self.finished = True
            self.table.finished_client(self)

    def _leave(self) -> None:
        self.table.wheel.cut(self)
        self.user = NOBODY
        self.table.ended_client(self)
