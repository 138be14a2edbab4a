"""oversip_tw.transport.websocket.deadlines"""

from __future__ import annotations

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import Clock
from oversip_tw.transport.websocket.deadlines import Deadlines


class DeadlinesTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.over: list[str] = []
        self.deadlines: Deadlines[str] = Deadlines(self.clock, 5.0, self.over.append, Logger())

    def test_each_ends_after_its_own_time(self) -> None:
        """Two items begun at different times end at different times, by one timer."""
        self.deadlines.start("a")
        self.clock.advance(2)
        self.deadlines.start("b")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(2.9)
        self.assertEqual(self.over, [])
        self.clock.advance(0.1)
        self.assertEqual(self.over, ["a"])
        self.clock.advance(2)
        self.assertEqual(self.over, ["a", "b"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_starting_again_begins_anew(self) -> None:
        """An item that is started twice has its time from the second start."""
        self.deadlines.start("a")
        self.clock.advance(4)
        self.deadlines.start("a")
        self.clock.advance(4.9)
        self.assertEqual(self.over, [])
        self.clock.advance(0.1)
        self.assertEqual(self.over, ["a"])

    def test_stopped_never_ends(self) -> None:
        """A stopped item is forgotten, and with the last one the timer goes (K3)."""
        self.deadlines.start("a")
        self.assertIn("a", self.deadlines)
        self.deadlines.stop("a")
        self.deadlines.stop("a")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(10)
        self.assertEqual(self.over, [])

    def test_one_may_stop_another_that_is_due_too(self) -> None:
        """What ends first may take the second one's deadline away."""
        ended = []

        def expired(item: str) -> None:
            ended.append(item)
            deadlines.stop("b")

        deadlines = Deadlines(self.clock, 5.0, expired, Logger())
        deadlines.start("a")
        deadlines.start("b")
        self.clock.advance(5)
        self.assertEqual(ended, ["a"])

    def test_restarting_from_within(self) -> None:
        """A periodic job starts itself again, and one timer carries it."""
        deadlines: Deadlines[str] = Deadlines(self.clock, 5.0, lambda item: again(item), Logger())

        def again(item: str) -> None:
            self.over.append(item)
            deadlines.start(item)

        deadlines.start("a")
        self.clock.pump([5, 5, 5])
        self.assertEqual(self.over, ["a"] * 3)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_a_failure_is_logged_and_stops_nobody_else(self) -> None:
        """An exception for one item reaches the log; the others' clocks run on."""

        def expired(item: str) -> None:
            if item == "a":
                raise RuntimeError(item)
            self.over.append(item)

        deadlines = Deadlines(self.clock, 5.0, expired, Logger())
        deadlines.start("a")
        deadlines.start("b")
        self.clock.advance(5)
        self.assertEqual(self.over, ["b"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
