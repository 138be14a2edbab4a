"""What both server transactions have in common (RFC 3261 §17.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.transaction import Transaction
from oversip_tw.transaction.users import GONE, NOBODY, ServerUser

if TYPE_CHECKING:
    from oversip_tw.transaction.table import Key, Transactions


class ServerTransaction(Transaction):
    """One request that came in, and what was answered."""

    __slots__ = ("final_sent", "key", "quiet", "user")

    def __init__(
        self, table: Transactions, key: Key, request: Request, flow: Flow, client_flow: bool, user: ServerUser
    ) -> None:
        self.lasts = False
        self.table = table
        self.key = key
        self.timers = table.timers
        #: as it came; `users.GONE` once there is nothing left but to repeat the answer
        self.request = request
        #: where it came from and where the answers go
        self.flow = flow
        #: False: it is the flow of a hop, to which answers reconnect
        self.client_flow = client_flow
        self.user = user
        #: nobody knows whether the source address is the sender's own, and nothing provisional was said to it: it will
        #: ask again, and a refusal is repeated only then (RFC 3261 §26.3.2.4). Of INVITE alone
        self.quiet = False
        #: a final response was handed in, or there will be none
        self.final_sent = False
        self._timer = None

    def start(self) -> None:
        """Say what is to be said at once."""

    def go_on_waiting(self) -> None:
        """The call that began it is over. Has it no answer yet, it takes its time."""

    def received(self) -> None:
        """The request came again."""

    def respond(self, response: Response) -> None:
        """Send ``response`` if the machine allows it now; ignored otherwise."""

    def abandon(self) -> None:
        """End without an answer."""
        self.terminate()

    def flow_lost(self) -> None:
        """The client's flow is gone: there is nobody to answer any more."""
        user, heard = self.user, not self.final_sent
        self.terminate()
        if heard:
            user.failed(self)

    def move(self, flow: Flow) -> None:
        """The client has come back on ``flow``: the last thing said is said again there, and the rest follows it."""
        if self.table.moved_server(self, flow):
            self.flow = flow
            self._say_again()
            self.user.moved(flow)
        else:
            self.stay_away()

    def _say_again(self) -> None:
        """Say what was said last, and may not have been heard."""

    def stay_away(self) -> None:
        """The client did not come back: there is nobody to hear even what was said already."""
        user = self.user
        self.terminate()
        user.failed(self)

    def let_go(self) -> None:
        """After the final response, for a user that needs it no more: keep nothing but what repetitions need."""
        if self.client_flow or not self.flow.reliable:
            self.request = GONE  # no connection will have to be opened to where it came from
        self.user = NOBODY

    def _leave(self) -> None:
        self.table.wheel.cut(self)
        self.user = NOBODY
        self.table.ended_server(self)

    def _send(self, data: bytes) -> None:
        flow = self.flow
        if flow.closed and not self.client_flow:
            # §18.2.2: the connection the request came on is gone, another may be opened.
            another = self.table.reconnect(self.request, flow)
            if another is None:
                return
            self.flow = flow = another
        flow.send(data)
