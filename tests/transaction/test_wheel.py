"""The timer wheel."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.table import Transactions
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import NOBODY
from oversip_tw.transaction.wheel import Lasting, TimerWheel
from tests.transaction.parties import request


class LastingTests(SynchronousTestCase):
    """What has only to end: here absorbing transactions, which last for as long as their Timer J."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = TimerWheel(self.clock)

    def stay(self, seconds: float) -> Transactions:
        """Where one stands that lasts so long, and nothing else."""
        table = Transactions(self.wheel, Timers(j=seconds))
        message = request("MESSAGE")
        table.serve(message, MemoryFlow("udp"), True, NOBODY).respond(message.response(200))
        return table

    def cut(self, table: Transactions) -> None:
        for transaction in list(table._servers.values()):
            transaction.terminate()
            self.wheel.cut(transaction)  # harmless

    def test_lasts_its_time(self) -> None:
        """It is over between its time and a slot later; after the timers of the same slot."""
        table = self.stay(0.55)
        found: list[int] = []
        self.wheel.after(0.55, lambda: found.append(table.count))
        self.clock.advance(0.54)
        self.assertEqual((table.count, self.wheel.count), (1, 2))
        self.clock.advance(0.11)
        self.assertEqual((found, table.count, self.wheel.count), ([1], 0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cut_short(self) -> None:
        """What is cut short is over but once; the others stay."""
        cut, stays, late = self.stay(1), self.stay(1), self.stay(3)
        self.cut(cut)
        self.assertEqual((cut.count, stays.count, self.wheel.count), (0, 1, 2))
        self.clock.advance(1.2)
        self.assertEqual((stays.count, late.count, self.wheel.count), (0, 1, 1))
        self.clock.advance(2)
        self.assertEqual((late.count, self.wheel.count, self.clock.getDelayedCalls()), (0, 0, []))

    def test_k3_nothing_stays_behind(self) -> None:
        """However many there were: when the last one is cut short, or all are stopped, nothing is left of them."""
        for table in [self.stay(number % 320 / 10) for number in range(500)]:
            self.cut(table)
        self.assertEqual((self.wheel.count, self.clock.getDelayedCalls()), (0, []))
        tables = [self.stay(1), self.stay(2)]
        self.wheel.stop()
        self.assertEqual((self.wheel.count, self.clock.getDelayedCalls()), (0, []))
        self.clock.advance(40)
        self.assertEqual([table.count for table in tables], [1, 1])

    def test_broken(self) -> None:
        """What is raised at the end of one is reported, and the others end all the same."""
        heard: list[BaseException] = []
        self.wheel = TimerWheel(self.clock, failed=heard.append)
        self.stay(1)._servers.clear()  # it cannot leave a table that it is not in
        table = self.stay(1)
        self.clock.advance(1.2)
        self.assertEqual((table.count, [type(error) for error in heard]), (0, [KeyError]))

    def test_base(self) -> None:
        """What does nothing at its end may do so."""
        self.wheel.last(1, Lasting())
        self.clock.advance(1.2)
        self.assertEqual(self.wheel.count, 0)


class WheelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = TimerWheel(self.clock)
        self.fired: list[str] = []

    def fire(self, name: str) -> None:
        self.fired.append(name)

    def test_fires_once_within_its_slot(self) -> None:
        """A timer fires between its time and a slot later, once."""
        timer = self.wheel.after(0.55, lambda: self.fire("x"))
        self.clock.advance(0.54)
        self.assertEqual((self.fired, timer.active), ([], True))
        self.clock.advance(0.11)
        self.assertEqual((self.fired, timer.active), (["x"], False))
        self.clock.advance(100)
        self.assertEqual(self.fired, ["x"])

    @settings(max_examples=60)
    @given(
        st.floats(0, 1e7),
        st.lists(st.floats(0, 400), min_size=1, max_size=8),
    )
    def test_never_early_and_less_than_a_slot_late(self, start: float, delays: list[float]) -> None:
        """Whatever the time of day and the delay: never before [delay, delay + slot), never after."""
        clock = Clock()
        clock.advance(start)
        wheel = TimerWheel(clock)
        late: list[float] = []
        for delay in delays:
            due = clock.seconds() + delay
            wheel.after(delay, lambda due=due: late.append(clock.seconds() - due))  # type: ignore[misc]
        while clock.getDelayedCalls():
            clock.advance(clock.getDelayedCalls()[0].getTime() - clock.seconds())
        self.assertEqual(len(late), len(delays))
        # The clock itself adds and subtracts floats: a nanosecond at such times of day.
        self.assertTrue(all(-1e-8 < one < 0.1 + 1e-8 for one in late), late)

    def test_order(self) -> None:
        """Earlier slots first; within a slot in the order in which they were set."""
        for name, delay in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("a2", 1.0)):
            self.wheel.after(delay, lambda name=name: self.fire(name))  # type: ignore[misc]
        self.clock.advance(10)
        self.assertEqual(self.fired, ["a", "a2", "b", "c"])

    def test_cancel(self) -> None:
        """A cancelled timer never fires, and cancelling it again, or after it fired, does nothing."""
        timer = self.wheel.after(1, lambda: self.fire("x"))
        fired = self.wheel.after(0.5, lambda: self.fire("y"))
        timer.cancel()
        timer.cancel()
        self.clock.advance(2)
        fired.cancel()
        self.assertEqual((self.fired, timer.active, self.wheel.count), (["y"], False, 0))

    def test_k3_nothing_stays_behind(self) -> None:
        """However many timers stood: once all are cancelled, the clock has no call of ours and the wheel no slot."""
        timers = [self.wheel.after(number % 320 / 10, self.fail) for number in range(20_000)]
        self.assertEqual(self.wheel.count, 20_000)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for timer in timers:
            timer.cancel()
        self.assertEqual((self.wheel.count, self.clock.getDelayedCalls()), (0, []))

    def test_stop(self) -> None:
        """Stopping cancels all; the wheel can be used again."""
        self.wheel.after(1, self.fail)
        self.wheel.after(1, self.fail)
        self.wheel.after(2, self.fail)
        self.wheel.stop()
        self.assertEqual((self.wheel.count, self.clock.getDelayedCalls()), (0, []))
        self.wheel.after(1, lambda: self.fire("x"))
        self.clock.advance(5)
        self.assertEqual(self.fired, ["x"])

    def test_an_earlier_timer_comes_first(self) -> None:
        """A timer set later for an earlier time moves the one call that the clock holds."""
        self.wheel.after(10, lambda: self.fire("late"))
        self.wheel.after(1, lambda: self.fire("early"))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1.1)
        self.assertEqual(self.fired, ["early"])
        self.clock.advance(9)
        self.assertEqual(self.fired, ["early", "late"])

    def test_emptied_slots_are_skipped(self) -> None:
        """A slot whose timers were all cancelled wakes nobody."""
        self.wheel.after(1, lambda: self.fire("1"))
        gone = self.wheel.after(2, self.fail)
        self.wheel.after(3, lambda: self.fire("3"))
        gone.cancel()
        self.clock.advance(1.1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertGreaterEqual(self.clock.getDelayedCalls()[0].getTime(), 3)
        self.clock.advance(2)
        self.assertEqual(self.fired, ["1", "3"])

    def test_cancelled_by_its_neighbour(self) -> None:
        """One timer's callback may cancel another of the same slot."""
        self.wheel.after(1, lambda: second.cancel())
        second = self.wheel.after(1, self.fail)
        self.clock.advance(1.2)
        self.assertEqual((self.wheel.count, self.clock.getDelayedCalls()), (0, []))

    def test_set_from_a_callback(self) -> None:
        """A callback may set a timer, even one without delay: that does not keep the wheel from its other work."""

        def again() -> None:
            self.fire("x")
            if len(self.fired) < 4:
                self.wheel.after(0, again)

        self.wheel.after(1, again)
        self.wheel.after(1, lambda: self.fire("y"))
        self.clock.pump([1, 0.1, 0.1, 0.1])
        self.assertEqual(self.fired, ["x", "y", "x", "x"])

    def test_set_for_later_from_a_callback(self) -> None:
        """A callback that sets a late timer does not make the wheel sleep past the ones that stand already."""
        self.wheel.after(1, lambda: self.wheel.after(50, lambda: self.fire("late")) and None)
        self.wheel.after(20, lambda: self.fire("early"))
        self.clock.pump([1.1, 19])
        self.assertEqual(self.fired, ["early"])

    def test_broken_callback(self) -> None:
        """What a callback raises is reported, and the others fire all the same."""
        heard: list[BaseException] = []
        wheel = TimerWheel(self.clock, failed=heard.append)
        wheel.after(1, lambda: {}["x"])
        wheel.after(1, lambda: self.fire("y"))
        wheel.after(2, lambda: self.fire("z"))
        self.clock.advance(1.1)
        self.clock.advance(1)
        self.assertEqual(self.fired, ["y", "z"])
        self.assertEqual([type(error) for error in heard], [KeyError])

    def test_broken_callback_without_listener(self) -> None:
        """Without ``failed`` it is raised out of the clock, after the others fired; the wheel goes on."""
        self.wheel.after(1, lambda: {}["x"])
        self.wheel.after(1, lambda: self.fire("y"))
        self.wheel.after(2, lambda: self.fire("z"))
        self.assertRaises(KeyError, self.clock.advance, 1.1)
        self.clock.advance(1)
        self.assertEqual(self.fired, ["y", "z"])

    def test_late_clock(self) -> None:
        """A clock that was held up fires all that is due, in order, in one turn."""
        for delay in (0.2, 0.4, 0.6):
            self.wheel.after(delay, lambda delay=delay: self.fire(str(delay)))  # type: ignore[misc]
        self.clock.rightNow += 5.0
        self.clock.advance(0)
        self.assertEqual(self.fired, ["0.2", "0.4", "0.6"])
