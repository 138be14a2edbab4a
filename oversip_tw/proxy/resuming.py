"""What is under way for clients that lose their connection, until they are back on another one (RFC 5626 §4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.transaction.server import ServerTransaction

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core


class Resuming:
    """Keeps the server transactions of a lost connection, and moves what is under way to the new one."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def hold(self, flow: Flow) -> set[ServerTransaction]:
        """``flow`` is lost, and its bindings still name it: the requests of it that wait for their senders."""
        kept: set[ServerTransaction] = set()
        waiting = self._core.waiting
        for transaction in self._core.transactions.served_on(flow):
            key = transaction.user.lost()
            if key:
                seconds = waiting.settings.resume
                held = waiting.hold(key, seconds, transaction.move, transaction.stay_away)
                if held.active:
                    kept.add(transaction)
        return kept

    def superseded(self, old_id: bytes, key: bytes, flow: Flow | None) -> None:
        """The binding ``key`` was refreshed on ``flow``, or (None) at another server. What is under way for it on its
        old one, which may look open for a while (a phone that changed from Wi-Fi to mobile), goes there at once."""
        old = self._core.flows.find(old_id)
        if old is not None:
            self._core.transactions.superseded(old, key, flow)

    def came_elsewhere(self, old_id: bytes, key: bytes, flow: Flow | None) -> None:
        """As `superseded`; the old connection is pinged, not closed: dialogs may still use it."""
        self.superseded(old_id, key, flow)
        old = self._core.flows.find(old_id)
        if old is not None and old.reliable:
            old.ping()
