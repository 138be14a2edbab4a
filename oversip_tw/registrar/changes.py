"""What happens to bindings, and the port to whatever keeps them on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from oversip_tw.registrar.binding import Binding


class Change(Enum):
    """Why a binding came or went."""

    ADDED = "registered"
    REFRESHED = "refreshed"
    REMOVED = "unregistered"
    #: it had to go so that a newer one of the same user fits
    REPLACED = "replaced by a newer one"
    EXPIRED = "expired"
    FLOW_LOST = "connection lost"
    KICKED = "removed by the operator"


REFRESHED: Final = Change.REFRESHED

#: hears of every change, after it is durable; must not raise
OnChange = Callable[[Change, Binding], None]


def unheard(change: Change, binding: Binding) -> None:
    """Nobody listens."""


class StoreFailed(Exception):
    """The store could not do what was asked, and nothing of it was done."""


class StoreAway(StoreFailed):
    """There is no connection to the store, or it broke before the answer: nobody knows whether it was done."""


class Outdated(StoreFailed):
    """Another server has changed that user's bindings meanwhile. Memory knows by now how they are."""


@dataclass(slots=True)
class Changes:
    """What the store has to write, all of it or nothing."""

    put: Sequence[Binding] = ()
    #: bindings that ended; each counts only while the store's entry is still of that Call-ID and CSeq
    drop: Sequence[Binding] = ()
    #: keys of ended bindings that need not be remembered any longer
    forget: Sequence[bytes] = ()
    #: when, on the scale of `Clock.seconds`
    now: float = 0.0
    #: add it to any time on that scale for a date (seconds since 1970)
    offset: float = 0.0
    #: they were made of what memory knows of the one AoR they are about: `Outdated` if that is not how it is any more
    strict: bool = False


class BindingStore(Protocol):
    """The port to whatever keeps bindings over restarts, and shares them where there are several servers.

    Memory answers all questions, so nothing here is asked of a store while a call waits. Each raises StoreFailed.
    """

    def write(self, changes: Changes) -> Awaitable[None]:
        """Make ``changes`` durable. They reach the disk in the order of the calls."""

    async def load(self, offset: float) -> Sequence[Binding]:
        """Every binding there is, ``ended`` ones included, oldest end first; ``offset`` is taken off the dates."""

    async def shift(self, seconds: float) -> None:
        """The wall clock was set: move every stored date by ``seconds``."""
