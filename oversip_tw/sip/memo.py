"""What was made of a text, remembered: the same few thousand texts come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

V = TypeVar("V")


class Memo(dict[str, V]):
    """``memo[text]`` is ``compute(text)``; asked again, it costs one look-up in a dictionary and no call.

    What ``compute`` raises is raised, each time. No more than ``entries`` are kept, none of a text longer than
    ``longest`` characters: what a stranger sends fills no memory.
    """

    __slots__ = ("_compute", "_entries", "_longest")

    def __init__(self, compute: Callable[[str], V], entries: int, longest: int) -> None:
        super().__init__()
        self._compute = compute
        self._entries = entries
        self._longest = longest

    def __missing__(self, text: str) -> V:
        value = self._compute(text)
        if len(text) <= self._longest:
            if len(self) >= self._entries:
                self.clear()
            self[text] = value
        return value
