"""The fuzzer sees what it is there to see: escaped exceptions and slow inputs."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from fuzz import measured
from fuzz.engines import by_chance
from fuzz.measured import Measured, Result, current
from fuzz.mutation import WORDS, mutate


class Over(Exception):
    """Ends a run, as the end of the process does."""


class Planted:
    """A target with two bugs that one mutation finds."""

    MOST = 64

    def seeds(self) -> Sequence[bytes]:
        return [b"good"]

    def run(self, data: bytes) -> object:
        if b'"' in data:
            raise ZeroDivisionError("a quote")
        return len(data)


class Running(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.addCleanup(gc.enable)
        self.addCleanup(gc.unfreeze)

    def fuzz(self, executions: int) -> Result:
        """Run that many inputs."""

        def ended() -> None:
            raise Over

        run = Measured(Planted(), self.place, lambda: run.result.executions >= executions, ended)
        with self.assertRaises(Over):
            by_chance(run, 1, 64, [b"good"], lambda data: None)
        result = Result.read(self.place)
        assert result is not None
        return result

    def test_escaped(self) -> None:
        """An exception is kept once, with its input and its traceback, and the run goes on."""
        result = self.fuzz(3000)
        self.assertEqual(result.executions, 3000)
        [(file, trail)] = result.escaped.items()
        self.assertIn(b'"', (self.place / file).read_bytes())
        self.assertIn("ZeroDivisionError: a quote", trail)

    def test_slow(self) -> None:
        """With a limit that nobody holds, the slowest inputs are kept as too slow."""
        self.patch(measured, "SLOW", 0.0)
        result = self.fuzz(50)
        self.assertGreater(result.slowest, 0)
        self.assertIn(result.slowest_input, result.slow)
        self.assertTrue((self.place / result.slowest_input).exists())

    def test_died(self) -> None:
        """What was being run is known when the process is gone without a result."""
        run = Measured(Planted(), self.place, lambda: False, lambda: None)
        run(b"the last")
        self.assertIsNone(Result.read(self.place))
        self.assertEqual(current(self.place), b"the last")

    def test_same_again(self) -> None:
        """One seed makes the same inputs each time."""
        first, second = Random(7), Random(7)
        for data in WORDS:
            self.assertEqual(mutate(data * 9, first, 99, WORDS), mutate(data * 9, second, 99, WORDS))

    def test_no_longer_than_asked(self) -> None:
        """A mutation never exceeds the longest that is allowed, however it repeats."""
        random = Random(1)
        self.assertTrue(all(len(mutate(b"abc", random, 50)) <= 50 for _ in range(500)))
