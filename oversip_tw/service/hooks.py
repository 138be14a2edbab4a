"""Finding the user's hooks, and letting them begin."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator

from oversip_tw.hooks import Hooks
from oversip_tw.promise import spawn

#: modules of the user's own that were read for hooks; one list for the process, as `sys.modules` is
_read: set[str] = set()

#: where Python's own modules lie: to read one of those again would break whoever uses it
_PYTHON = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
#: where packages lie that pip or the system has installed: what lies beside the hooks there belongs to others
_INSTALLED = {sysconfig.get_path(name) for name in ("purelib", "platlib")}


class HooksError(Exception):
    """There are no such hooks; the text says what went wrong."""


def load_hooks(name: str) -> Hooks:
    """An object of the class ``name``, "module:Class". The module may lie where the server was started.

    Raises HooksError.
    """
    module, _, kind = name.partition(":")
    before = set(sys.modules)
    try:
        here = os.getcwd()
        if here not in sys.path:
            sys.path.append(here)
        made = getattr(importlib.import_module(module), kind)()
    except Exception as error:
        raise HooksError(f"cannot load {name}: {said(error)}") from error
    finally:
        _read.update(_of_the_user(module, set(sys.modules) - before))
    if not isinstance(made, Hooks):
        raise HooksError(f"{name} is not derived from oversip_tw.hooks.Hooks")
    return made


@contextlib.contextmanager
def modules_anew() -> Iterator[None]:
    """Within, the user's modules are read from their files again; after an exception those from before are back.

    New modules beside the old ones: a module that is executed in its own place again (`importlib.reload`) and fails
    half-way leaves code that runs with half of the new values.
    """
    global _read
    before, _read = _read, set()
    known = {name: sys.modules.pop(name) for name in before if name in sys.modules}
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        for name in _read:
            sys.modules.pop(name, None)
        sys.modules.update(known)
        _read = before
        raise


def _of_the_user(module: str, new: set[str]) -> set[str]:
    """Of the ``new`` modules, those to read again with ``module``: its package, and what lies beside it."""
    top = module.partition(".")[0]
    if top == "oversip_tw":
        return set()
    home = _home(top)
    if home is None or home in _PYTHON:
        return set()
    alone = home in _INSTALLED or os.path.basename(home) in ("site-packages", "dist-packages")
    found = {module} if module in sys.modules else set()
    for name in new:
        other = name.partition(".")[0]
        if other == top or (not alone and other != "oversip_tw" and _home(other) == home):
            found.add(name)
    return found


def _home(top: str) -> str | None:
    """The folder from which a top-level module or package was read."""
    file: str | None = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return None
    folder = os.path.dirname(os.path.abspath(file))
    return os.path.dirname(folder) if hasattr(sys.modules[top], "__path__") else folder


def initialise(hooks: Hooks) -> None:
    """Let ``hooks`` begin. Raises HooksError with what they raise, and when they wait: at the start no reactor runs
    that could bring what they wait for, and a set that can be reloaded has to be one that can be started."""
    name = f"{type(hooks).__name__}.on_initialise"
    errors: list[BaseException] = []

    async def run() -> None:
        done = hooks.on_initialise()
        if done is not None:
            await done

    task = spawn(run(), errors.append)
    if not task.done:
        task.cancel()
        raise HooksError(f"{name} waits for what is not there yet; begin that in on_start")
    for error in errors:
        raise HooksError(f"{name}: {said(error)}") from error


def said(error: BaseException) -> str:
    """``error`` on one line, with the place in the user's code."""
    words = " ".join(str(error).split())
    frames = () if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)
    ours = (__file__, importlib.__file__)
    theirs = [frame for frame in frames if frame.filename not in ours and not frame.filename.startswith("<frozen ")]
    place = f" ({os.path.basename(theirs[-1].filename)}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {words}{place}"
