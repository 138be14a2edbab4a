"""Documents that say what the code does are held to it."""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from twisted.trial import unittest

from oversip_tw.cli.arguments import parser
from oversip_tw.hooks import Arrival, Attempt, Failure, Hooks, Proxy, Uac
from oversip_tw.logic import EdgeLogic
from oversip_tw.proxy.client import Client
from oversip_tw.sip import codes

ROOT = Path(__file__).resolve().parent.parent

#: public for the proxy core alone: what a watcher is told, and what user code has no use for
WIRING = {
    "targeted", "provisional", "success", "ended", "rang_too_long", "cancelled", "watches", "skipped", "unchallenged",
    "ours", "size", "transaction", "breadth", "original", "handled", "arrival", "claimed", "caller_key",
}  # fmt: skip


def commands(top: argparse.ArgumentParser, name: str = "oversip") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be typed, with its parser."""
    yield name, top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from commands(below, f"{name} {word}")


class Reference(unittest.SynchronousTestCase):
    """docs/reference."""

    def test_command_line(self) -> None:
        """Every command and every option stands in the reference of the command line."""
        text = (ROOT / "docs/reference/command-line.md").read_text()
        for name, each in commands(parser()):
            if not any(isinstance(action, argparse._SubParsersAction) for action in each._actions):
                self.assertIn(f"`{name}", text)
            for action in each._actions:
                for option in action.option_strings:
                    self.assertIn(option, text, name)

    def test_hooks(self) -> None:
        """Every hook stands in the reference of hooks, with its arguments."""
        text = (ROOT / "docs/reference/hooks.md").read_text()
        for name in (name for name in vars(Hooks) if name.startswith("on_")):
            arguments = getattr(Hooks, name).__code__.co_varnames[1 : getattr(Hooks, name).__code__.co_argcount]
            self.assertIn(f"| `{name}({', '.join(arguments)})` |", text)

    def test_sample_hooks(self) -> None:
        """The example in the reference is the sample that is shipped and tested."""
        self.assertIn((ROOT / "etc/sample_hooks.py").read_text(), (ROOT / "docs/reference/hooks.md").read_text())


    def test_api(self) -> None:
        """So does every public name of what user code is given, and every code of an error."""
        text = (ROOT / "docs/reference/hooks.md").read_text()
        for kind in (Proxy, Client, Attempt, Uac, Failure, Arrival, EdgeLogic):
            for name in (name for name in (*vars(kind), *kind.__annotations__) if name[0] != "_"):
                if name not in WIRING:
                    self.assertRegex(text, rf"`[^`]*\b{name}\b[^`]*`", f"{kind.__name__}.{name}")
        for code in (value for name, value in vars(codes).items() if name.isupper()):
            self.assertIn(f"`{code}`", text)

    def test_examples(self) -> None:
        """The how-to of user code shows every example, and the logic of an edge, as they are."""
        text = (ROOT / "docs/howto/writing-logic.md").read_text()
        for path in (ROOT / "oversip_tw/logic.py", *(ROOT / "etc/examples").glob("*.py")):
            self.assertIn(f"```python\n{path.read_text()}```", text, path.name)


class Links(unittest.SynchronousTestCase):
    """Every document."""

    def test_links(self) -> None:
        """A link to a file of this repository leads to one."""
        for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
                self.assertTrue((document.parent / target).exists(), f"{document.name}: {target}")

    def test_make_targets(self) -> None:
        """Every `make TARGET` that a document names is one."""
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            named = set(re.findall(r"`make ([a-z]+)", document.read_text()))
            self.assertEqual(named - targets, set(), document.name)


class Version(unittest.SynchronousTestCase):
    """What is shipped."""

    def test_shell(self) -> None:
        """.ci/run is a script that bash can read."""
        subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)
