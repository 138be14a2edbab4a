"""Documents that say what the code does are held to it."""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from twisted.trial import unittest

from oversip_tw.cli.arguments import parser
from oversip_tw.hooks import Hooks

ROOT = Path(__file__).resolve().parent.parent


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
