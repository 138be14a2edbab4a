"""What is fuzzed. Each module here has ``seeds()``, inputs to begin with, ``MOST``, the octets of the longest, and
``run(data)``, which raises when something is wrong and else gives a few words on what came of it. ``READINGS``, where
it is there, says how often a run reads the whole input, to compare: the bound on time is for one reading."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

#: in the order in which they are run
NAMES = ("element", "websocket", "message", "framer", "digest", "via", "uri", "token")


class Target(Protocol):
    """One of the modules."""

    MOST: int

    def seeds(self) -> Sequence[bytes]: ...
    def run(self, data: bytes) -> object: ...


def load(name: str) -> Target:
    """The module of that name; imports what it fuzzes."""
    return cast(Target, import_module(f"fuzz.targets.{name}"))


def readings(target: Target) -> int:
    """How often one run reads its input."""
    return int(getattr(target, "READINGS", 1))


class Wrong(AssertionError):
    """The code under test returned, with something that cannot be right."""


def must(right: object, what: str) -> None:
    """Raises Wrong unless ``right``."""
    if not right:
        raise Wrong(what)
