"""Who is measured when, and at which rate (`bench.__main__`, `bench.workloads`)."""

from __future__ import annotations

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from bench.__main__ import alternating, options, rate_of
from bench.report import Row
from bench.runs import Run
from bench.workloads import CAPACITY, HALF_OF_LEAST, HALF_OF_OWN, KAMAILIO, OURS, WORKLOADS, Workload, chosen

ROW = Workload("x", "a row", "register", rate=7)


class Turns(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[tuple[str, float]] = []
        self.answers: list[str] = []

    def measure(self, subject: str, row: Workload, rate: float) -> Run:
        self.asked.append((subject, rate))
        return Run(subject, {"cpu": 1.0}, self.answers.pop(0) if self.answers else "")

    def alternate(self, row: Workload, rounds: int, capacities: dict[str, float]) -> Row:
        with contextlib.redirect_stderr(io.StringIO()):
            return alternating(row, (OURS, KAMAILIO), rounds, capacities, self.measure)

    def test_alternate(self) -> None:
        """Ours, theirs, ours, theirs: what slows the machine down for a while slows both down."""
        found = self.alternate(ROW, 2, {})
        self.assertEqual(self.asked, [(OURS, 7), (KAMAILIO, 7)] * 2)
        self.assertEqual({name: len(runs) for name, runs in found.runs.items()}, {OURS: 2, KAMAILIO: 2})

    def test_repeated_once(self) -> None:
        """A wrong run is repeated at once, and once only."""
        self.answers = ["1 wrong", "2 wrong"]
        found = self.alternate(ROW, 1, {})
        self.assertEqual([subject for subject, _ in self.asked], [OURS, OURS, KAMAILIO])
        self.assertEqual([run.wrong for run in found.runs[OURS]], ["1 wrong", "2 wrong"])
        self.assertEqual(found.failed, {OURS: "2 wrong"})

    def test_good_at_second_try(self) -> None:
        """What was right the second time counts."""
        self.answers = ["1 wrong"]
        self.assertEqual(self.alternate(ROW, 1, {}).failed, {})

    def test_half_rates(self) -> None:
        """Half of its own capacity, or half of the smaller one for both."""
        capacities = {OURS: 100.0, KAMAILIO: 60.0}
        own, least = (Workload("x", "x", "call", rate_of=of) for of in (HALF_OF_OWN, HALF_OF_LEAST))
        self.assertEqual([rate_of(own, name, capacities) for name in capacities], [50, 30])
        self.assertEqual([rate_of(least, name, capacities) for name in capacities], [30, 30])

    def test_no_capacity(self) -> None:
        """Where the capacity was not found nothing is measured, and the row is wrong."""
        found = self.alternate(Workload("x", "x", "call", rate_of=HALF_OF_OWN), 1, {KAMAILIO: 2.0})
        self.assertIn(CAPACITY, found.failed[OURS])
        self.assertEqual(self.asked, [(KAMAILIO, 1)])


class Choice(SynchronousTestCase):
    def test_all(self) -> None:
        """Nothing named: every row; their names are all different."""
        self.assertEqual(chosen([]), list(WORKLOADS))
        self.assertEqual(len({row.name for row in WORKLOADS}), len(WORKLOADS))

    def test_capacity_first(self) -> None:
        """Rows at half of a capacity bring along the row that finds it, before them."""
        self.assertEqual([row.name for row in chosen(["latency-own"])], [CAPACITY, "latency-own"])

    def test_unknown(self) -> None:
        """A name that is none is refused, with those there are."""
        with self.assertRaisesRegex(ValueError, "no row nonsense; there are call-udp, "):
            chosen(["nonsense"])

    def test_quick(self) -> None:
        """--quick is one round of one second."""
        found = options(["--quick", "--only", "idle-ws", "--subjects", "kamailio,ours"])
        self.assertEqual((found.rounds, found.seconds, found.subjects), (1, 1, [OURS, KAMAILIO]))

    def test_five_rounds(self) -> None:
        """Medians are of five without a word."""
        self.assertEqual(options([]).rounds, 5)
