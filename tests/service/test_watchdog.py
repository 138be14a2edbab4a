"""Who notices that the reactor stands still."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.service.watchdog import Watchdog
from oversip_tw.testing import Clock, MemoryLog


class WatchdogTests(SynchronousTestCase):
    """On a clock whose every step is one turn of the reactor."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.late: list[float] = []
        self.watchdog = Watchdog(self.clock, self.log, self.late.append)
        self.watchdog.start()
        self.clock.advance(3)

    def test_k15_blocked(self) -> None:
        """K15: a reactor that stood still for more than 100 ms is told, with how long; what start-up took is not."""
        self.clock.pump([0.05] * 10)
        self.clock.advance(2.05)
        [(level, text)] = self.log.lines
        self.assertEqual("warn", level)
        self.assertIn("2.0 s", text)

    def test_every_look_is_told(self) -> None:
        """Whoever wants to know hears each time how late it was."""
        self.late.clear()
        self.clock.pump([0.05, 0.05, 0.25])
        self.assertEqual([0.0, 0.0, 0.2], [round(each, 6) for each in self.late])

    def test_busy_is_not_blocked(self) -> None:
        """Turns of less than 100 ms are work."""
        self.clock.pump([0.14] * 50)
        self.assertEqual([], self.log.lines)

    def test_at_most_a_line_a_second(self) -> None:
        """A reactor that stands still again and again fills no disk; the longest time is told."""
        self.clock.pump([0.25, 0.25, 0.65])
        self.assertEqual(1, len(self.log.lines))
        self.clock.pump([0.05] * 20)
        self.assertEqual(2, len(self.log.lines))
        self.assertIn("0.6 s", self.log.lines[1][1])
        self.clock.pump([0.05] * 40)
        self.assertEqual(2, len(self.log.lines))

    def test_stop(self) -> None:
        """Nothing is left behind, and a second stop harms nobody."""
        self.watchdog.stop()
        self.watchdog.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
