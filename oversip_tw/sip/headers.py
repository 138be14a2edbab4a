"""The header fields of a message as a mapping, for user code: ``request.headers["Subject"]``."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oversip_tw.sip.head import Head


class Headers(MutableMapping[str, str]):
    """A view: it shows and changes the message. Names in any case, long or compact, are alike.

    Reading gives the first field's value. Assigning raises ValueError for what would not be one header field.
    """

    __slots__ = ("_head",)

    def __init__(self, head: Head) -> None:
        self._head = head

    def __getitem__(self, name: str) -> str:
        value = self._head.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self._head.set(name, value)

    def __delitem__(self, name: str) -> None:
        if not self._head.has(name):
            raise KeyError(name)
        self._head.remove(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._head.has(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._head.names())

    def __len__(self) -> int:
        return len(self._head.names())

    def all(self, name: str) -> list[str]:
        """The values of all fields called ``name``."""
        return self._head.get_all(name)

    def add(self, name: str, value: str) -> None:
        """Add a field below all others."""
        self._head.append(name, value)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"
