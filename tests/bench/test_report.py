"""Medians, verdicts and tables (`bench.report`)."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from bench.report import Row, Spread, number, raw, tables
from bench.runs import Run
from bench.workloads import FLOOR, KAMAILIO, OURS, Bound, Workload

MACHINE = {
    "date": "2026-01-02", "commit": "abc", "build": "compiled", "python": "3.11", "kamailio": "kamailio 5",
    "kernel": "6", "processor": "2", "load": "0.1",
}  # fmt: skip


def row(ours: list[float], theirs: list[float], bound: Bound = Bound(3, 2), **more: object) -> Row:  # noqa: B008
    """A saturated row whose runs found these figures, at work all the time."""
    work = Workload("x", "a row", "register", bound, **more)  # type: ignore[arg-type]
    found = Row(work)
    rest = {"busy": 99.0, "own_busy": 50.0, "rate": 10.0}
    for name, figures in ((OURS, ours), (KAMAILIO, theirs)):
        found.runs[name] = [Run(name, {work.measure: each, **rest}) for each in figures]
    return found


class Medians(SynchronousTestCase):
    def test_spread(self) -> None:
        """The median of all runs that count, with the least and the most."""
        self.assertEqual(row([5, 1, 9, 2, 3], [1]).spread(OURS), Spread(3, 1, 9))

    def test_nothing(self) -> None:
        """Nothing was measured: no figure, no ratio, no verdict."""
        found = row([], [1])
        self.assertEqual((found.spread(OURS), found.ratio(), found.verdict()), (None, None, ""))

    def test_ratio_of_medians(self) -> None:
        """Ours to theirs, each by its median."""
        self.assertEqual(row([4, 6, 100], [1, 2, 50]).ratio(), 3.0)

    def test_wrong_run_does_not_count(self) -> None:
        """A run with a wrong answer is left out when the second try was right; the report says so."""
        found = row([4, 6], [2])
        found.runs[OURS].insert(1, Run(OURS, {"cpu": 1000.0}, "1 wrong"))
        self.assertEqual(found.spread(OURS), Spread(5, 4, 6))
        self.assertEqual(found.verdict(), "must")
        self.assertIn("repeated, 1 runs of OverSIP-TW that do not count (1 wrong)", tables([found], MACHINE, ""))

    def test_numbers(self) -> None:
        """As many digits as say something."""
        self.assertEqual([number(each) for each in (12345.6, 99.96, 0.123)], ["12,346", "100.0", "0.12"])


class Verdicts(SynchronousTestCase):
    def test_of_ratios(self) -> None:
        """At the bound is within it."""
        for ours, verdict in ((2.0, "goal"), (2.01, "must"), (3.0, "must"), (3.01, "short of must")):
            self.assertEqual(row([ours], [1]).verdict(), verdict)

    def test_of_ours_alone(self) -> None:
        """A bound that is no ratio needs no Kamailio."""
        for ours, verdict in ((10.5, "goal"), (10.6, "short of goal")):
            self.assertEqual(row([ours], [], Bound(None, 10.5, "own")).verdict(), verdict)

    def test_without_bound(self) -> None:
        """Where nothing is asked nothing is met."""
        self.assertEqual(row([9], [1], Bound()).verdict(), "")

    def test_invalid(self) -> None:
        """A run that was wrong twice makes the row INVALID, whatever the others found, and says why."""
        found = row([1, 1], [1])
        found.failed[OURS] = "2 failed"
        self.assertEqual(found.verdict(), "INVALID: OverSIP-TW: 2 failed")
        self.assertEqual((found.spread(OURS), found.ratio()), (None, None))
        self.assertIn("| a row | µs | INVALID | 1.00 (1.00-1.00) |", tables([found], MACHINE, ""))


class Tables(SynchronousTestCase):
    def test_line(self) -> None:
        """Figures with their spread, ratio, bounds and verdict."""
        text = tables([row([5, 4, 6], [2, 2, 3])], MACHINE, "3 rounds.")
        self.assertIn("| a row | µs | 5.00 (4.00-6.00) | 2.00 (2.00-3.00) | - | 2.50 | <= 3 | <= 2 | must |", text)
        self.assertIn("2026-01-02, commit abc", text)
        self.assertIn("3 rounds.", text)

    def doubts(self, found: Row, **figures: float) -> list[tuple[str, str]]:
        found.runs[KAMAILIO][0].figures.update(figures)
        return list(found.doubts())

    def test_doubts(self) -> None:
        """A saturated row says when the server was not, and whether the generator was; both stand in the report."""
        self.assertEqual(self.doubts(row([5], [2])), [])
        self.assertEqual(
            self.doubts(row([5], [2]), busy=60, own_busy=95), [(KAMAILIO, "had time left, the generator had none")]
        )
        found = row([5], [2])
        self.assertEqual(
            self.doubts(found, busy=60, own_busy=40), [(KAMAILIO, "had time left, others took it from both")]
        )
        self.assertIn("- a row: Kamailio had time left, others", tables([found], MACHINE, ""))

    def test_doubts_at_a_rate(self) -> None:
        """At a given rate nobody has to be busy, but everybody has to reach it."""
        self.assertEqual(self.doubts(row([5], [2], rate=10), busy=1, rate=9.9), [])
        self.assertEqual(self.doubts(row([5], [2], rate=10), rate=9.7), [(KAMAILIO, "did not reach the rate")])

    def test_pictures(self) -> None:
        """They are shown below."""
        self.assertIn("![](cpu.svg)", tables([row([5], [2])], MACHINE, "", ["cpu.svg"]))

    def test_raw(self) -> None:
        """JSON has every run, the wrong ones with their reason."""
        found = row([5], [2])
        found.runs[FLOOR] = [Run(FLOOR, {"cpu": 1.0}, "1 wrong"), Run(FLOOR, {"cpu": 1.5})]
        told = json.loads(json.dumps(raw([found], MACHINE, "")))["rows"][0]
        self.assertEqual([run["wrong"] for run in told["runs"][FLOOR]], ["1 wrong", ""])
        self.assertEqual(told["medians"], {OURS: 5.0, KAMAILIO: 2.0, FLOOR: 1.5})
        self.assertEqual(told["verdict"], "must")
