"""A small table of the store, all of it in memory: who follows it hears of every change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

V = TypeVar("V")

Heard = Callable[[str, V], None]


class Known(Generic[V]):
    """Values by AoR. What is `nothing` is not there."""

    def __init__(self, nothing: V) -> None:
        self.nothing = nothing
        self.values: dict[str, V] = {}
        self._heard: Heard[V] = _nobody
        #: number of the newest change that is known here, where the store counts them
        self.version = 0

    def follow(self, heard: Heard[V]) -> None:
        """Tell ``heard`` of all there are now, and of every change from now on."""
        self._heard = heard
        for aor, value in self.values.items():
            heard(aor, value)

    def set(self, aor: str, value: V) -> None:
        """What holds for one from now on."""
        if value == self.nothing:
            self.values.pop(aor, None)
        else:
            self.values[aor] = value
        self._heard(aor, value)

    def replace(self, values: Mapping[str, V]) -> None:
        """These are all there are."""
        for aor in self.values.keys() - values.keys():
            self.set(aor, self.nothing)
        for aor, value in values.items():
            self.set(aor, value)


def _nobody(aor: str, value: Any) -> None:
    """Nobody listens yet."""
