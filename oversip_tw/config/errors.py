"""What can be wrong with a configuration, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to put right: ``path`` as a reader finds it in the file ("listen[2].port"), "" for the file itself."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class ConfigError(Exception):
    """The configuration cannot be used; ``mistakes`` holds all that is wrong, in the order of the file's sections."""

    def __init__(self, mistakes: Sequence[Mistake], file: str = "") -> None:
        self.mistakes = tuple(mistakes)
        self.file = file
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """One line for each mistake, with the file's name in front."""
        prefix = f"{self.file}: " if self.file else ""
        return [f"{prefix}{mistake}" for mistake in self.mistakes]


class Wrong(ValueError):
    """A value is not what its key takes; the text says what it takes. Several texts are several mistakes."""
