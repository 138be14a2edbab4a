"""What is told to whoever moves over: one line for each key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """What to know of one ``key``; ``line`` is where ``file`` says it, None where it does not."""

    file: str
    key: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, shown(self.key), self.text) if part)


class Refused(Exception):
    """OverSIP would not have started with these files; ``mistakes`` holds all that is wrong."""

    def __init__(self, mistakes: Sequence[Note]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def shown(text: str) -> str:
    """``text`` as it may stand in a line on a terminal, or in a comment: nothing in it moves the cursor."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def quoted(value: object) -> str:
    """A value of a YAML file as a message names it, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "yes", False: "no"}[value]
    text = shown(f'"{value}"' if isinstance(value, str) else str(value))
    return text if len(text) <= 60 else text[:57] + "..."
