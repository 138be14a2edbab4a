"""Which build runs: the rooms that every message goes through, compiled by `setup.py`, or as the Python they are."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES

from oversip_tw import promise


def is_compiled() -> bool:
    """It is all of them or none, so that one of them tells."""
    return str(promise.__file__).endswith(tuple(EXTENSION_SUFFIXES))


def name() -> str:
    """The build in a word or two, for people."""
    return "compiled" if is_compiled() else "pure Python"
