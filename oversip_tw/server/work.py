"""One request between its arrival and its way out: admission, hooks, look-ups, all of which may take time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow, Running
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.senders import absent_key
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request

if TYPE_CHECKING:
    from oversip_tw.transaction.server import ServerTransaction


class Work:
    """The ServerUser of a request until the proxy core takes it over."""

    __slots__ = ("_core", "arrival", "over", "task", "transaction", "waited")

    def __init__(self, core: Core, arrival: Arrival) -> None:
        self.arrival = arrival
        #: None until the request was let in
        self.transaction: ServerTransaction | None = None
        #: cancelled, or the caller is gone: whatever is found out now interests nobody
        self.over = False
        #: it had to wait before it was let in
        self.waited = False
        self.task: Running | None = None
        self._core = core

    def serve(self, in_this_call: bool = False) -> ServerTransaction:
        """Begin the server transaction (an INVITE is answered 100). Raises SIPError 503 when there are too many.
        ``in_this_call``: as of `Transactions.serve`."""
        arrival = self.arrival
        core, flow = self._core, arrival.flow
        # An edge asks nobody for credentials: what it passes back may hit somebody who never asked (F2).
        quiet = core.settings.edge and arrival.client and not flow.reliable and not core.location.is_bound(flow.id)
        transaction = core.transactions.serve(arrival.request, flow, arrival.client, self, quiet, in_this_call)
        self.transaction = arrival.transaction = transaction
        return transaction

    def refuse(self, error: SIPError) -> None:
        """Answer through the transaction that stands."""
        self._core.reply(self.arrival, error.status, error.reason, error.headers)

    def cancelled(self, transaction: ServerTransaction, cancel: Request) -> None:
        """The caller gave up before anything was sent."""
        self.refuse(SIPError(487))
        self.stop()

    def failed(self, transaction: ServerTransaction) -> None:
        """The caller is gone."""
        if self.arrival.request.method == "INVITE" and not self.over:
            self._core.calls.refused(self.arrival.request, "the loss of the caller's connection")
        self.stop()

    def lost(self) -> bytes:
        """The caller's connection broke: whom to wait for."""
        self.arrival.caller_key = absent_key(self._core, self.arrival)
        return self.arrival.caller_key

    def moved(self, flow: Flow) -> None:
        """The caller is back, on ``flow``."""
        self.arrival.flow = flow

    def stop(self) -> None:
        """Wait no longer."""
        self.over = self.arrival.over = True
        if self.task is not None:
            self.task.cancel()
