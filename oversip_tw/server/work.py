"""One request between its arrival and its way out: admission, hooks, look-ups, all of which may take time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import NewId, Running
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.sip.message import Request

if TYPE_CHECKING:
    from oversip_tw.transaction.server import ServerTransaction


class Work:
    """The ServerUser of a request until the proxy core takes it over."""

    __slots__ = ("_new_id", "arrival", "over", "task")

    def __init__(self, arrival: Arrival, new_id: NewId) -> None:
        self.arrival = arrival
        #: cancelled, or the caller is gone: whatever is found out now interests nobody
        self.over = False
        self.task: Running | None = None
        self._new_id = new_id

    def cancelled(self, transaction: ServerTransaction, cancel: Request) -> None:
        """The caller gave up before anything was sent."""
        self.stop()
        transaction.respond(transaction.request.response(487, to_tag=self._new_id()))

    def failed(self, transaction: ServerTransaction) -> None:
        """The caller is gone."""
        self.stop()

    def stop(self) -> None:
        """Wait no longer."""
        self.over = True
        if self.task is not None:
            self.task.cancel()
