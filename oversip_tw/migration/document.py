"""A TOML document in which every value says where it came from."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import Any

from oversip_tw.migration.notes import shown

#: where comments begin, and where lines end
_COLUMN = 44
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One option; ``origin`` is the comment behind it."""

    key: str
    value: Any
    origin: str = ""

    def __str__(self) -> str:
        text = f"{self.key} = {toml(self.value)}"
        return f"{text:<{_COLUMN}}# {shown(self.origin)}" if self.origin else text


@dataclass(slots=True)
class Table:
    """``[name]``, or one of several ``[[name]]``; without a name the top of the file. ``text`` stands above it."""

    name: str = ""
    many: bool = False
    text: str = ""
    rows: list[Row] = field(default_factory=list)

    def lines(self) -> list[str]:
        """As they stand in the file."""
        head = f"[[{self.name}]]" if self.many else f"[{self.name}]"
        return [*comment(self.text), *([head] if self.name else []), *map(str, self.rows)]


def comment(text: str) -> list[str]:
    """``text`` as comment lines; each of its lines begins a new one."""
    wrapped = (textwrap.wrap(shown(line), _WIDTH - 2) or [""] for line in text.split("\n") if text)
    return [f"# {line}".rstrip() for lines in wrapped for line in lines]


def toml(value: Any) -> str:
    """``value`` as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's strings are TOML's but for DEL, which TOML wants escaped
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(each) for each in value)}]"
    return str(value)


def document(tables: list[Table]) -> str:
    """The whole file."""
    return "\n\n".join("\n".join(table.lines()) for table in tables) + "\n"
