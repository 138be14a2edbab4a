"""Temporary."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from oversip_tw.interfaces import Target


class Health:
    def __init__(self, seconds: Callable[[], float], most: int = 10_000) -> None:
        self._seconds = seconds
        self._down: dict[tuple[str, str, int], tuple[float, int, str]] = {}
        self._probing: set[tuple[str, str, int]] = set()
    def _key(self, t: Target) -> tuple[str, str, int]:
        return (t.transport, t.address, t.port)
    def down(self, target: Target, seconds: float, why: str = "") -> None:
        if seconds > 0:
            self._down[self._key(target)] = (self._seconds() + seconds, 0, why)
    def up(self, target: Target) -> None:
        self._down.pop(self._key(target), None)
    def is_down(self, target: Target) -> bool:
        entry = self._down.get(self._key(target))
        return entry is not None and entry[0] > self._seconds()
    def usable(self, targets: Sequence[Target]) -> Sequence[Target]:
        if not self._down:
            return targets
        return [t for t in targets if not self.is_down(t)]
    def refuse(self, target: Target, seconds: float, status: int = 403, reason: str = "Destination Blacklisted") -> None:
        self._down[self._key(target)] = (self._seconds() + seconds, status, reason)
    def refusal(self, target: Target) -> tuple[int, str] | None:
        entry = self._down.get(self._key(target))
        return (entry[1], entry[2]) if entry is not None and entry[1] and entry[0] > self._seconds() else None
    def silent(self, target: Target) -> bool:
        if self._key(target) in self._probing:
            return False
        self._probing.add(self._key(target))
        return True
    def probed(self, target: Target, alive: bool, seconds: float) -> None:
        self._probing.discard(self._key(target))
        self.up(target) if alive else self.down(target, seconds)
    def clear(self) -> None:
        self._down.clear()
