"""The lines of a message and their edits. Lines that nobody touches stay byte for byte as they came."""

from __future__ import annotations

from typing import Final

from oversip_tw.sip import names
from oversip_tw.sip.grammar import split_list, unfold
from oversip_tw.sip.headers import Headers
from oversip_tw.sip.layout import Layout, layout_of

#: a field of ours: key, value, line
Line = tuple[str, str, str]

#: where a field stands that there is none of; never to be changed
_NOWHERE: Final[list[int]] = []


#: a line -> its option tags: phones of one kind send the same
_options: Final[dict[str, frozenset[str]]] = {}
_OPTIONS: Final = 256
_OPTIONS_TEXT: Final = 256  # characters


class Head:
    """Start line and header fields.

    The lines as they came stand in ``_lines`` (a removed one is None), where the layout finds them. New ones never
    change the layout: they are kept apart, above (``_above``, the topmost last) and below (``_below``).
    """

    __slots__ = ("_above", "_below", "_layout", "_lines")

    _lines: list[str | None]
    _layout: Layout
    _above: list[Line] | None
    _below: list[Line] | None

    def _changed(self, key: str) -> None:
        """Forget what was read from the fields of ``key``."""

    # -- reading

    def get(self, name: str) -> str | None:
        """The value of the first field called ``name``, as one line. None: there is none."""
        return self._first(names.key(name))

    def _first(self, key: str) -> str | None:
        if self._above:
            for known, value, _ in reversed(self._above):
                if known == key:
                    return value
        slots = self._layout.slots.get(key)
        if slots is not None:
            for slot in slots:
                line = self._lines[slot]
                if line is not None:
                    value = line[self._layout.values[slot] :]
                    return unfold(value).strip(" \t") if "\n" in value else value.strip(" \t")
        if self._below:
            for known, value, _ in self._below:
                if known == key:
                    return value
        return None

    def first_alone(self, name: str) -> str | None:
        """The first value of ``name``, where its field came as one line with no other value. None: it did not."""
        slot = self._plain_slot(names.key(name))
        return (self._lines[slot] or "")[self._layout.values[slot] :].strip(" \t") if slot else None

    def get_all(self, name: str) -> list[str]:
        """The values of all fields called ``name``, one for each field."""
        key = names.key(name)
        found = []
        if self._above:
            found = [value for known, value, _ in reversed(self._above) if known == key]
        lines, layout = self._lines, self._layout
        for slot in layout.slots.get(key, _NOWHERE):
            line = lines[slot]
            if line is not None:
                value = line[layout.values[slot] :]
                found.append(unfold(value).strip(" \t") if "\n" in value else value.strip(" \t"))
        if self._below:
            found += [value for known, value, _ in self._below if known == key]
        return found

    def values(self, name: str) -> list[str]:
        """The members of the comma-separated list ``name`` over all its fields. Raises ParseError (`split_list`)."""
        found = []
        for field in self.get_all(name):
            if "," in field:
                found += split_list(field)
            elif member := field.strip(" \t"):
                found.append(member)
        return found

    def has(self, name: str) -> bool:
        key = names.key(name)
        slots = self._layout.slots.get(key)
        if slots is not None:
            for slot in slots:
                if self._lines[slot] is not None:
                    return True
        if not self._above and not self._below:
            return False
        return any(line[0] == key for line in (*(self._above or ()), *(self._below or ())))

    def may_have(self, keys: frozenset[str]) -> bool:
        """False: there is no field with any of ``keys`` (`names.key`). One question for many headers that are rare."""
        if self._above or self._below:
            keys_added = [line[0] for line in (*(self._above or ()), *(self._below or ()))]
            if not keys.isdisjoint(keys_added):
                return True
        return self._layout.has_any(keys)

    def only_line(self, key: str) -> str | None:
        """The line of the only field of ``key`` (`names.key`), name included, as it came and not folded; else None.

        What is made of a line may be remembered by it: asked for twice, it is the same object, which has its hash.
        """
        slots = self._layout.slots.get(key)
        if slots is None or len(slots) != 1 or self._above or self._below:
            return None
        line = self._lines[slots[0]]
        return None if line is None or "\n" in line else line

    def has_one(self, name: str) -> bool:
        """There is exactly one field called ``name``, as it came, with one value."""
        slots = self._layout.slots.get(names.key(name))
        if slots is None or len(slots) != 1 or self._above or self._below:
            return False
        line = self._lines[slots[0]]
        return line is not None and "," not in line

    def options(self, key: str) -> frozenset[str]:
        """The option tags in all fields of ``key`` (`names.key`), as they were written. Raises ParseError."""
        line = self.only_line(key)
        if line is None:
            return frozenset(self.values(key))
        found = _options.get(line)
        if found is None:
            found = frozenset(self.values(key))
            if len(line) <= _OPTIONS_TEXT:
                if len(_options) >= _OPTIONS:
                    _options.clear()
                _options[line] = found
        return found

    def names(self) -> list[str]:
        """The names there are, each once, in order, in their usual spelling."""
        keys = [key for key, _, _ in reversed(self._above or ())]
        keys += [key for key, line in zip(self._layout.keys, self._lines, strict=True) if line is not None]
        keys += [key for key, _, _ in self._below or ()]
        return [names.usual(key) for key in dict.fromkeys(keys) if key]

    @property
    def headers(self) -> Headers:
        """The header fields as a mapping."""
        return Headers(self)

    def _fields(self, key: str) -> list[tuple[str, str]]:
        """The fields of ``key``, as they stand: what the line begins with (name and colon), and the line."""
        layout = self._layout
        found = [(layout.starts[slot], line) for slot in layout.slots.get(key, ()) if (line := self._lines[slot])]
        if self._above:
            found[:0] = [_started(line) for line in reversed(self._above) if line[0] == key]
        if self._below:
            found += [_started(line) for line in self._below if line[0] == key]
        return found

    # -- editing. Names that are no tokens and values with CR or LF raise ValueError.

    def set(self, name: str, value: str) -> None:
        """Make ``value`` the only value of ``name``: in the place of the first field, else as last of all."""
        key = checked(name, value)
        slots = self._layout.slots.get(key)
        if slots is not None and len(slots) == 1 and not self._above and not self._below and self._lines[slots[0]]:
            self._lines[slots[0]] = f"{self._layout.starts[slots[0]]} {value}"
        elif self._replace(key, value):
            self._remove(key, keep_first=True)
        else:
            self._append((key, value, f"{name}: {value}"))
        self._changed(key)

    def prepend(self, name: str, value: str) -> None:
        """Add a field above all others, and so above all of its name."""
        key = checked(name, value)
        if self._above is None:
            self._above = [(key, value, f"{name}: {value}")]
        else:
            self._above.append((key, value, f"{name}: {value}"))
        self._changed(key)

    def append(self, name: str, value: str) -> None:
        """Add a field below all others."""
        key = checked(name, value)
        self._append((key, value, f"{name}: {value}"))
        self._changed(key)

    def remove(self, name: str) -> None:
        """Remove all fields called ``name``."""
        key = names.key(name)
        self._remove(key, keep_first=False)
        self._changed(key)

    def remove_first(self, name: str) -> str | None:
        """Remove the first value, which need not be all of its field, and return it. Raises ParseError."""
        key = names.key(name)
        slot = self._plain_slot(key)
        if slot:
            line, self._lines[slot] = self._lines[slot] or "", None
            self._changed(key)
            return line[self._layout.values[slot] :].strip(" \t")
        field = self._first(key)
        if field is None:
            return None
        if "," in field and len(members := split_list(field)) > 1:
            field = members[0]
            self._replace(key, ", ".join(members[1:]))
        else:
            self._remove_field(key)
        self._changed(key)
        return field.strip(" \t,")

    def replace_first(self, name: str, value: str) -> None:
        """Put ``value`` in the place of the first value; add a field if there is none. Raises ParseError."""
        key = checked(name, value)
        slot = self._plain_slot(key)
        if slot:
            self._lines[slot] = f"{self._layout.starts[slot]} {value}"
        elif (field := self._first(key)) is None:
            self._append((key, value, f"{name}: {value}"))
        else:
            if "," in field:
                value = ", ".join([value, *split_list(field)[1:]])
            self._replace(key, value)
        self._changed(key)

    def _plain_slot(self, key: str) -> int:
        """Where the first field of ``key`` stands, if it is one line that came with one value; else 0."""
        if not self._above:
            for slot in self._layout.slots.get(key, _NOWHERE):
                line = self._lines[slot]
                if line is not None:
                    return 0 if "," in line or "\n" in line else slot
        return 0

    def _append(self, line: Line) -> None:
        if self._below is None:
            self._below = [line]
        else:
            self._below.append(line)

    def _replace(self, key: str, value: str) -> bool:
        """Give the first field of ``key`` another value; False if there is none."""
        above = self._above or ()
        for at in range(len(above) - 1, -1, -1):
            if above[at][0] == key:
                self._above[at] = _revalued(above[at], value)  # type: ignore[index]  # it is not empty
                return True
        lines, layout = self._lines, self._layout
        for slot in layout.slots.get(key, ()):
            if lines[slot] is not None:
                lines[slot] = f"{layout.starts[slot]} {value}"
                return True
        for at, line in enumerate(self._below or ()):
            if line[0] == key:
                self._below[at] = _revalued(line, value)  # type: ignore[index]  # it is not empty
                return True
        return False

    def _remove_field(self, key: str) -> None:
        """Remove the first field of ``key``, which there is."""
        above = self._above or ()
        for at in range(len(above) - 1, -1, -1):
            if above[at][0] == key:
                del self._above[at]  # type: ignore[union-attr]  # it is not empty
                return
        lines = self._lines
        for slot in self._layout.slots.get(key, ()):
            if lines[slot] is not None:
                lines[slot] = None
                return
        below = self._below or []
        del below[[line[0] for line in below].index(key)]

    def _remove(self, key: str, keep_first: bool) -> None:
        """Remove the fields of ``key``, all or all but the first."""
        if self._above:
            kept = []
            for line in reversed(self._above):
                if line[0] != key or keep_first:
                    keep_first = keep_first and line[0] != key
                    kept.append(line)
            kept.reverse()
            self._above = kept
        lines = self._lines
        for slot in self._layout.slots.get(key, ()):
            if lines[slot] is not None:
                if not keep_first:
                    lines[slot] = None
                keep_first = False
        if self._below:
            kept = []
            for line in self._below:
                if line[0] != key or keep_first:
                    keep_first = keep_first and line[0] != key
                    kept.append(line)
            self._below = kept

    # -- writing

    def _all_lines(self) -> list[str | None]:
        if not self._above and not self._below:
            return self._lines
        lines = self._lines.copy()
        for line in self._above or ():  # each above the one before it
            lines.insert(1, line[2])
        for line in self._below or ():
            lines.append(line[2])
        return lines

    def _copy_edits(self, other: Head) -> None:
        other._above = self._above.copy() if self._above else None
        other._below = self._below.copy() if self._below else None


def _started(line: Line) -> tuple[str, str]:
    return line[2].partition(":")[0] + ":", line[2]


def _revalued(line: Line, value: str) -> Line:
    name = line[2].partition(":")[0]
    return line[0], value, f"{name}: {value}"


def checked(name: str, value: str) -> str:
    """The key of ``name``. Raises ValueError if the field would not be one field."""
    if "\n" in value or "\r" in value:
        raise ValueError("a header field value holds no CR or LF")
    return names.checked_key(name)


def head_of(start_line: str, fields: list[tuple[str, str]]) -> tuple[list[str | None], Layout]:
    """Lines and layout of a head of ours. Raises ValueError."""
    for name, value in fields:
        checked(name, value)
    lines: list[str | None] = [start_line]
    lines += [f"{name}: {value}" for name, value in fields]
    return lines, layout_of(tuple(f"{name}:" for name, _ in fields))
