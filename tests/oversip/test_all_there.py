"""No check is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

HERE = Path(__file__).parent
_NUMBERED = re.compile(r"def test_(\d\d)_\w+\(self")


def numbers(folder: Path) -> set[int]:
    """Of the tests in ``folder`` that bear one."""
    return {int(found) for file in folder.glob("test_*.py") for found in _NUMBERED.findall(file.read_text())}


class AllThereTests(SynchronousTestCase):
    """The thirty numbers."""

    def test_every_number(self) -> None:
        """1 to 30, each on a test in this folder, in memory."""
        self.assertEqual(set(range(1, 31)), numbers(HERE))

    def test_real_sockets(self) -> None:
        """What only sockets and processes show has tests in tests/system as well."""
        self.assertLessEqual({2, 11, 12, 29, 30}, numbers(HERE.parent / "system"))

    def test_conformance_page(self) -> None:
        """The page tells of each whether it holds or how we differ."""
        page = (HERE.parents[1] / "docs/reference/conformance.md").read_text()
        told = re.findall(r"^\| (\d+) \|", page.partition("## Beside OverSIP")[2], re.MULTILINE)
        self.assertEqual(list(range(1, 31)), [int(number) for number in told])
