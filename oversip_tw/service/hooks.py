"""Finding the user's hooks."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from oversip_tw.hooks import Hooks


class HooksError(Exception):
    """There are no such hooks; the text says what went wrong."""


def load_hooks(name: str, again: bool = False) -> Hooks:
    """An object of the class ``name``, "module:Class". The module may lie where the server was started.

    ``again``: read a module that is loaded already once more. Raises HooksError.
    """
    module, _, kind = name.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        known = sys.modules.get(module) if again else None
        loaded = importlib.import_module(module) if known is None else importlib.reload(known)
        made = getattr(loaded, kind)()
    except Exception as error:
        raise HooksError(f"cannot load {name}: {said(error)}") from error
    if not isinstance(made, Hooks):
        raise HooksError(f"{name} is not derived from oversip_tw.hooks.Hooks")
    return made


async def initialise(hooks: Hooks) -> None:
    """Let ``hooks`` begin. Raises HooksError with what they raise."""
    try:
        done = hooks.on_initialise()
        if done is not None:
            await done
    except Exception as error:
        raise HooksError(f"{type(hooks).__name__}.on_initialise: {said(error)}") from error


def said(error: Exception) -> str:
    """``error`` on one line, with the place in the user's code."""
    words = " ".join(str(error).split())
    place = ""
    if not isinstance(error, SyntaxError) and error.__traceback__ is not None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f" ({os.path.basename(last.filename)}, line {last.lineno})"
    return f"{type(error).__name__}: {words}{place}"
