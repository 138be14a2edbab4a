"""Two builds, compiled and pure Python (`setup.py`): which one runs here, and that it is one of them as a whole.

OVERSIP_NATIVE=1 in the environment says that the compiled one has to be it, OVERSIP_NATIVE=0 that it must not.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import oversip_tw
from oversip_tw import native
from oversip_tw.hooks import Proxy, Uac
from tests.server.world import World

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(oversip_tw.__file__).resolve().parent
SUFFIXES = tuple(EXTENSION_SUFFIXES)


def constants() -> dict[str, tuple[str, ...]]:
    """The tuples of names in setup.py, which cannot be imported without building something."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Tuple)
    }


def sources(name: str) -> list[Path]:
    """The files of one entry of setup.py's COMPILED: a folder's or a module's."""
    place = PACKAGE / name
    return sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def compiled() -> list[Path]:
    """Every file that setup.py has compiled."""
    names = constants()
    return [
        file for name in names["COMPILED"] for file in sources(name) if not str(file).endswith(names["AS_THEY_ARE"])
    ]


def file_of(source: Path) -> str:
    """What Python imports for it."""
    module = import_module(".".join([PACKAGE.name, *source.relative_to(PACKAGE).with_suffix("").parts]))
    return str(module.__file__)


class WhichTests(SynchronousTestCase):
    """Nobody tests the same build twice and believes it was both."""

    def test_all_or_none(self) -> None:
        """Every module of setup.py's list is compiled, or none is; and it is as the environment says."""
        files = [file_of(source) for source in compiled()]
        self.assertGreater(len(files), 80)
        asked = os.environ.get("OVERSIP_NATIVE")
        expected = native.is_compiled() if asked is None else asked != "0"
        self.assertEqual([], [file for file in files if file.endswith(SUFFIXES) != expected])

    def test_what_it_says_of_itself(self) -> None:
        """`native` tells what is so."""
        compiled = str(import_module("oversip_tw.sip.parser").__file__).endswith(SUFFIXES)
        self.assertEqual((compiled, "compiled" if compiled else "pure Python"), (native.is_compiled(), native.name()))

    def test_names(self) -> None:
        """What setup.py names is there: nothing has moved away from under it, to be slow and not be missed."""
        names = constants()
        files = [file for name in names["COMPILED"] for file in sources(name)]
        self.assertEqual([], [str(file) for file in files if not file.exists()])
        self.assertEqual([], [name for name in names["COMPILED"] if not sources(name)])
        kept = [end for end in names["AS_THEY_ARE"] if not any(str(file).endswith(end) for file in files)]
        self.assertEqual([], kept)

    def test_up_to_date(self) -> None:
        """Compiled in a working copy: what is tested is what stands there. A wheel's files do not change."""
        if PACKAGE.parent != ROOT:
            return
        built = [file.stat().st_mtime for suffix in SUFFIXES for file in ROOT.glob(f"oversip_tw__mypyc{suffix}")]
        newer = [str(file.relative_to(ROOT)) for file in compiled() if built and file.stat().st_mtime > max(built)]
        self.assertEqual([], newer, "changed since they were compiled: `make native` compiles, `make pure` forgets it")


class UserCodeTests(SynchronousTestCase):
    """What user code may do with what it is given, whichever build it is."""

    def test_own_classes(self) -> None:
        """Proxy and Uac can be subclassed, and things can be hung on them."""
        core = World().element.core
        for base in (Proxy, Uac):
            own = type("Own", (base,), {})
            for one in (base(core), own(core)):
                one.note = "mine"
                self.assertEqual("mine", one.note)


def bound(function: ast.AST) -> Iterator[ast.ExceptHandler]:
    """The handlers of ``function`` itself that name what they caught."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if isinstance(node, ast.ExceptHandler) and node.name:
                yield node
            yield from bound(node)


def rebound(source: str) -> list[str]:
    """Names that one function has for exceptions of two kinds."""
    found = []
    for function in ast.walk(ast.parse(source)):
        kinds: dict[str, str] = {}
        for handler in bound(function) if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else ():
            assert handler.name is not None
            assert handler.type is not None
            kind = ast.unparse(handler.type)
            if kinds.setdefault(handler.name, kind) != kind:
                found.append(f"line {handler.lineno}: {handler.name} is {kind} here and {kinds[handler.name]} before")
    return found


class TrapTests(SynchronousTestCase):
    """What mypyc makes something else of than Python does, and mypy does not mind."""

    def test_one_name_for_two_kinds_of_exceptions(self) -> None:
        """A variable has one type, that of its first `except`: at the second a TypeError would take the place of
        what was raised."""
        found = {str(file): lines for file in compiled() if (lines := rebound(file.read_text()))}
        self.assertEqual({}, found)

    def test_the_look_itself(self) -> None:
        """It finds what it looks for, and only that."""
        two = "def f():\n try: g()\n except A as e: pass\n except {} as {}: pass\n"
        self.assertEqual(1, len(rebound(two.format("B", "e"))))
        self.assertEqual([], rebound(two.format("B", "d")))
        self.assertEqual([], rebound(two.format("A", "e")))
