"""The table of timers."""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transaction.timers import Timers


class TimersTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """RFC 3261 Table 4 and RFC 6026."""
        timers = Timers()
        self.assertEqual((timers.t1, timers.t2, timers.t4), (0.5, 4.0, 5.0))
        self.assertEqual({timers.b, timers.f, timers.h, timers.j, timers.l, timers.m, timers.d}, {32.0})
        self.assertEqual((timers.i, timers.k), (5.0, 5.0))

    def test_follow_t1(self) -> None:
        """What is not given follows from T1 and T4."""
        timers = Timers(t1=0.1, t4=1.0, f=3.0)
        self.assertAlmostEqual(timers.b, 6.4)
        self.assertEqual((timers.f, timers.i, timers.d), (3.0, 1.0, 32.0))

    def test_trying(self) -> None:
        """The 100 to a non-INVITE request waits until a client's Timer E is reset to T2: 0.5 + 1 + 2 s."""
        self.assertEqual(Timers().trying, 3.5)
        self.assertEqual(Timers(t1=1.0, t2=2.0).trying, 1.0)
        self.assertEqual(Timers(t1=4.0).trying, 0.0)

    def test_frozen(self) -> None:
        """Transactions share them: nobody may change them."""
        with self.assertRaises(FrozenInstanceError):
            Timers().t1 = 1.0  # type: ignore[misc]
