"""Finding the user's hooks."""

from __future__ import annotations

import importlib
import os
import sys

from oversip_tw.hooks import Hooks


class HooksError(Exception):
    """There are no such hooks; the text says what went wrong."""


def load_hooks(name: str) -> Hooks:
    """An object of the class ``name``, "module:Class". The module may lie where the server was started.

    Raises HooksError.
    """
    module, _, kind = name.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        made = getattr(importlib.import_module(module), kind)()
    except Exception as error:
        said = " ".join(str(error).split())
        raise HooksError(f"cannot load {name}: {type(error).__name__}: {said}") from error
    if not isinstance(made, Hooks):
        raise HooksError(f"{name} is not derived from oversip_tw.hooks.Hooks")
    return made
