"""From what a file says to values that OverSIP would have taken, with its defaults filled in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from oversip_tw.migration.checks import Unfit
from oversip_tw.migration.key import Given, Key, Values
from oversip_tw.migration.notes import Note, quoted
from oversip_tw.migration.source import Entry

#: how alike a word has to be to a key to be taken for a slip of the pen
_NEAR = 0.75

_UNKNOWN = "unknown, OverSIP did not read it either; left out"


@dataclass(slots=True)
class Reader:
    """Reads the entries of one file; what is wrong gathers in ``mistakes``, what is left out in ``notes``."""

    file: str
    folder: Path
    mistakes: list[Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def section(self, path: str, entry: Entry | None, keys: Sequence[Key], elsewhere: Iterable[str] = ()) -> Values:
        """All ``keys``, those that are not written with their defaults; ``elsewhere`` are keys of other sections."""
        # profiles have names of their owners' choice, which comments need not repeat
        section = path if elsewhere else ""
        values = {key.name: Given(key, key.default, section=section) for key in keys}
        for name, each in self.rows(path, entry).items():
            known = next((key for key in keys if key.name == name), None)
            if known is None:
                self.unknown(f"{path}.{name}", name, each.line, values, elsewhere)
            elif each.value is not None:
                # null, or nothing behind the colon, is as if the key was not there
                self._given(path, known, each, values)
        return values

    def rows(self, path: str, entry: Entry | None) -> dict[str, Entry]:
        """What stands in a section; nothing, when there is no such section or all of it is commented out."""
        if entry is None:
            return {}
        if entry.rows is None and entry.value is not None:
            self._wrong(path, f"must hold keys, not {quoted(entry.value)}", entry.line)
        return entry.rows or {}

    def unknown(self, path: str, name: str, line: int, known: Iterable[str], elsewhere: Iterable[str] = ()) -> None:
        """A key that is none: a mistake if one was meant, else left out."""
        meant = _nearest(name, [(each, each) for each in known])
        meant = meant or _nearest(name, [(each.rpartition(".")[2], each) for each in elsewhere])
        if meant:
            self._wrong(path, f"unknown, and OverSIP ignored it; did you mean {meant}?", line)
        else:
            self.notes.append(Note(self.file, path, _UNKNOWN, line))

    def _given(self, path: str, key: Key, entry: Entry, values: Values) -> None:
        try:
            given = replace(values[key.name], value=key.check.take(entry.value, self.folder), line=entry.line)
        except Unfit as error:
            self._wrong(f"{path}.{key.name}", str(error), entry.line)
            return
        values[key.name] = given
        if key.instead and (key.harmless is None or given.value != key.harmless):
            self.notes.append(Note(self.file, f"{path}.{key.name}", f"not carried over: {key.instead}", entry.line))

    def _wrong(self, path: str, text: str, line: int) -> None:
        self.mistakes.append(Note(self.file, path, text, line))


def _nearest(name: str, known: Iterable[tuple[str, str]]) -> str:
    """What ``name`` was meant to be: of each pair the first is compared, the second is the answer."""
    scored = [(difflib.SequenceMatcher(None, name.lower(), one.lower()).ratio(), shown) for one, shown in known]
    best = max(scored, key=lambda each: each[0], default=(0.0, ""))
    return best[1] if best[0] >= _NEAR else ""
