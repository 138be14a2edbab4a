"""What other servers do to bindings, taken over into the memory of this one; and what they have to be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from oversip_tw.interfaces import Clock
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.location import MemoryLocation

#: user, bindings that the store has to get, and bindings that it has to end
Repair = tuple[str, list[Binding], list[Binding]]


def _nothing(binding: Binding) -> None:
    """Nobody has to be told."""


class Replica:
    """A `MemoryLocation` as a store sees it that several servers share. Times are on the scale of the clock.

    Each server is right about the bindings whose flows it holds, and the store about all others.
    """

    def __init__(
        self,
        location: MemoryLocation,
        clock: Clock,
        left: Callable[[Binding], None] = _nothing,
        moved: Callable[[Binding], None] = _nothing,
    ) -> None:
        """``left`` hears of each binding of this server that another one has ended: its phone need not know; ``moved``
        of each, as it was, that is at another one now."""
        self._location = location
        self._clock = clock
        self._left = left
        self._moved = moved

    @property
    def offset(self) -> float:
        """What makes a date (seconds since 1970) of a time."""
        return self._location.offset

    def adopt(self, aor: str, stored: Sequence[Binding]) -> list[Binding]:
        """The bindings of ``aor`` are ``stored`` now, ended ones included. Gives those of ours that are not there at
        all, because somebody took us for dead: they have to be written again."""
        there = {binding.key: binding for binding in stored}
        missing: list[Binding] = []
        for old in self._location.bindings_now(aor):
            new = there.get(old.key)
            if new is None and not self._location.is_elsewhere(old):
                missing.append(old)
            elif new is None or (self._is_over(new) and not _newer(old, new)):
                self._end(old, Change.REMOVED)
        for new in stored:
            self._take(new)
        return missing

    def compare(self, stored: Mapping[str, Sequence[Binding]], settled: bool) -> list[Repair]:
        """``stored`` is all that the store holds, now that it is back. Take over its news, and give what is news to it.

        ``settled``: the other servers had the time to tell it theirs, so what is missing is gone.
        """
        users = dict.fromkeys(stored)
        users.update(dict.fromkeys([binding.aor for binding in self._location.all()]))
        repairs: list[Repair] = []
        for aor in users:
            put, drop = self._compared(aor, {binding.key: binding for binding in stored.get(aor, ())}, settled)
            if put or drop:
                repairs.append((aor, put, drop))
        return repairs

    def _compared(
        self, aor: str, there: dict[bytes, Binding], settled: bool
    ) -> tuple[list[Binding], list[Binding]]:
        put: list[Binding] = []
        drop: list[Binding] = []
        unknown: set[bytes] = set()
        here = {binding.key: binding for binding in self._location.bindings_now(aor)}
        for key, known in here.items():
            other = there.get(key)
            if not self._location.is_elsewhere(known):
                if other is None or _newer(known, other):
                    put.append(known)
                elif self._is_over(other):
                    self._end(known, Change.REMOVED)
                else:
                    self._take(other)
            elif settled and (other is None or _newer(known, other)):
                self._end(known, Change.FLOW_LOST)  # whoever held it does not stand by it
                unknown.add(key)
            elif other is not None and self._is_over(other) and not _newer(known, other):
                self._end(known, Change.REMOVED)
        for key, other in there.items():
            if key in here and key not in unknown:
                if self._location.is_elsewhere(here[key]):
                    self._take(other)
            elif self._is_over(other) or self._location.is_elsewhere(other):
                self._take(other)
            else:
                drop.append(other)  # it ended here when nobody could be told
        return put, drop

    def gone(self, node: str) -> list[Binding]:
        """That server is no more: its bindings, which have ended."""
        found = [binding for binding in self._location.all() if binding.node == node]
        for binding in found:
            self._end(binding, Change.FLOW_LOST)
        return found

    def ours(self) -> list[Binding]:
        """The bindings that this server holds."""
        return [binding for binding in self._location.all() if not self._location.is_elsewhere(binding)]

    def others(self) -> set[str]:
        """The servers that hold the rest."""
        return {binding.node for binding in self._location.all() if self._location.is_elsewhere(binding)}

    def _take(self, new: Binding) -> None:
        if self._is_over(new):
            self._location.remember(new)
            return
        old = self._location.by_key(new.key)
        if old is not None and not old.ended and (_same(old, new) or _newer(old, new)):
            return
        self._location.commit_now((new,), ())
        self._location.tell(Change.ADDED if old is None or old.ended else Change.REFRESHED, new)
        elsewhere = self._location.is_elsewhere
        if old is not None and not old.ended and elsewhere(new) and not elsewhere(old):
            self._moved(old)

    def _end(self, old: Binding, change: Change) -> None:
        self._location.commit_now((), (old,))
        self._location.tell(change, old)
        if not self._location.is_elsewhere(old):
            self._left(old)

    def _is_over(self, binding: Binding) -> bool:
        return binding.ended or binding.expires_at <= self._clock.seconds()


def _same(one: Binding, other: Binding) -> bool:
    """Both were written by the same REGISTER."""
    return (one.call_id, one.cseq, one.node, one.flow_id) == (other.call_id, other.cseq, other.node, other.flow_id)


def _newer(one: Binding, other: Binding) -> bool:
    """``one`` was written after ``other``."""
    return not _same(one, other) and one.updated_at > other.updated_at
