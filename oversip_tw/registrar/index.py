"""From a name to the keys of the bindings that have it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=bytes | str)


class Index(Generic[Name]):
    """Nearly every name has one key: that is kept bare. The empty name has none."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[Name, bytes | dict[bytes, None]] = {}

    def find(self, name: Name) -> Collection[bytes]:
        """The keys under ``name``, the first linked first."""
        keys = self._keys.get(name)
        if keys is None:
            return ()
        return (keys,) if isinstance(keys, bytes) else keys

    def link(self, name: Name, key: bytes) -> None:
        """Put ``key`` under ``name``; harmless when it is there."""
        if not name:
            return
        keys = self._keys.setdefault(name, key)
        if isinstance(keys, dict):
            keys[key] = None
        elif keys != key:
            self._keys[name] = {keys: None, key: None}

    def unlink(self, name: Name, key: bytes) -> None:
        """Take ``key`` away from ``name``; harmless when it is not there."""
        keys = self._keys.get(name)
        if keys == key:
            del self._keys[name]
        elif isinstance(keys, dict):
            keys.pop(key, None)
            if not keys:
                del self._keys[name]

    def __len__(self) -> int:
        return len(self._keys)
