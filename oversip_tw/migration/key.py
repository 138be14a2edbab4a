"""One key of OverSIP's files: a row of the tables, and what a file says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oversip_tw.migration.checks import Check


@dataclass(frozen=True, slots=True)
class Key:
    """A row.

    ``default`` is that of OverSIP's code, whatever the comment in its sample file says. ``to`` names the option of
    ours that it becomes, "" if there is none; ``instead`` is what to do where it was written and is not carried over.
    """

    name: str
    check: Check
    default: Any = None
    to: str = ""
    instead: str = ""
    #: the value with which nothing is lost
    harmless: Any = None


@dataclass(frozen=True, slots=True)
class Given:
    """The value of a key; ``line`` is where the file says it, None for OverSIP's default."""

    key: Key
    value: Any
    line: int | None = None
    section: str = ""

    @property
    def path(self) -> str:
        """Section and key; in a profile the key alone."""
        return f"{self.section}.{self.key.name}" if self.section else self.key.name

    def __str__(self) -> str:
        """Where the value came from, as a comment says it."""
        return self.path if self.line else f"{self.path}, default of OverSIP"


#: all keys of a section or a profile, by name
Values = dict[str, Given]
