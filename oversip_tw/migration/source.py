"""OverSIP's YAML, read so that every value knows its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from oversip_tw.migration.notes import Note, shown


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands behind a key: ``rows`` where it is a mapping, else ``value``. ``line`` counts from 1."""

    line: int
    value: Any = None
    rows: dict[str, Entry] | None = None


class SourceError(Exception):
    """A file cannot be read; ``notes`` say why."""

    def __init__(self, *notes: Note) -> None:
        self.notes = notes
        super().__init__("\n".join(str(note) for note in notes))


def read(path: Path) -> dict[str, Entry]:
    """The sections in a file; none if it is empty. Raises SourceError."""
    name = path.name
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise SourceError(Note("", "", f"cannot read {shown(str(path))}: {error.strerror}")) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(Note(name, "", "is not UTF-8", line)) from None
    try:
        return _Reader(text, name).sections()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = shown(error.problem or error.context or "cannot be read")
        raise SourceError(Note(name, "", f"not YAML: {problem}", mark.line + 1 if mark else None)) from None
    except yaml.YAMLError as error:
        raise SourceError(Note(name, "", f"not YAML: {shown(str(error).splitlines()[0])}")) from None
    except (ValueError, RecursionError) as error:
        # a date of the 99th month; brackets in brackets in brackets
        raise SourceError(Note(name, "", f"not YAML: {shown(str(error))}")) from None


class _Reader:
    """One file. What stands twice is a mistake: Ruby took the last, and nobody saw it."""

    def __init__(self, text: str, name: str) -> None:
        self._loader = yaml.SafeLoader(text)
        self._name = name
        self._twice: list[Note] = []
        # an anchor's mapping is met again at each alias; its merges are carried out by then
        self._read: set[int] = set()

    def sections(self) -> dict[str, Entry]:
        try:
            node = self._loader.get_single_node()
            if node is None:
                return {}
            if not isinstance(node, yaml.MappingNode):
                raise SourceError(Note(self._name, "", "must hold sections, each with its keys", _line(node)))
            rows = self._rows(node, "", 2)
        finally:
            self._loader.dispose()
        if self._twice:
            raise SourceError(*sorted(self._twice, key=lambda note: note.line or 0))
        return rows

    def _rows(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Entry]:
        """``depth`` levels of mappings have lines of their own; what is below them is a value."""
        own: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SourceError(Note(self._name, path.removesuffix("."), "a key must be a word", _line(key)))
            name = f"{path}{key.value}"
            if name in own and id(node) not in self._read:
                self._twice.append(Note(self._name, name, f"stands in line {own[name]} too", _line(key)))
            own[name] = _line(key)
        self._read.add(id(node))
        # "<<: *other" is answered by the keys of the other; our own come last and win
        self._loader.flatten_mapping(node)
        return {key.value: self._entry(key, value, path, depth - 1) for key, value in node.value}

    def _entry(self, key: yaml.Node, value: yaml.Node, path: str, depth: int) -> Entry:
        if depth and isinstance(value, yaml.MappingNode):
            return Entry(_line(key), rows=self._rows(value, f"{path}{key.value}.", depth))
        return Entry(_line(key), self._loader.construct_object(value, deep=True))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
