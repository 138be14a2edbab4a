"""The wait for a binding that comes back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow
from oversip_tw.outbound.waiting import Held, Settings, Waiting
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.wheel import TimerWheel

KEY = b"binding1"


class WaitingTests(SynchronousTestCase):
    """Every wait ends in exactly one way."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = TimerWheel(self.clock)
        self.ended: list[tuple[str, object]] = []
        self.errors: list[BaseException] = []
        self.waiting = Waiting(self.wheel, Settings(limit=5, limit_per_binding=3), self.errors.append)

    def hold(self, name: str, seconds: float = 8.0, key: bytes = KEY, replaces: object = None) -> Held:
        return self.waiting.hold(
            key,
            seconds,
            lambda flow: self.ended.append((name, flow)),
            lambda: self.ended.append((name, None)),
            replaces,
        )

    def test_resumed_in_order(self) -> None:
        """All who wait for a binding go to its new flow in the order they came; others go on waiting."""
        flow = MemoryFlow()
        self.hold("invite")
        self.hold("other", key=b"binding2")
        bye = self.hold("bye", 31)
        self.assertTrue(bye.active)
        self.waiting.came_back(KEY, flow)
        self.assertEqual(self.ended, [("invite", flow), ("bye", flow)])
        self.assertFalse(bye.active)
        self.assertEqual((self.waiting.count, self.wheel.count), (1, 1))
        self.waiting.came_back(KEY, flow)
        self.assertEqual(len(self.ended), 2)

    def test_failed_in_time(self) -> None:
        """Nobody came back: failed, not before its time and within one slot of the wheel after it, once."""
        self.hold("invite", 8)
        self.clock.advance(7.9)
        self.assertEqual(self.ended, [])
        self.clock.advance(0.2)
        self.assertEqual(self.ended, [("invite", None)])
        self.waiting.came_back(KEY, MemoryFlow())
        self.assertEqual((len(self.ended), self.waiting.count, self.wheel.count), (1, 0, 0))

    def test_cancelled(self) -> None:
        """A cancelled wait calls nothing and leaves no timer; cancelling twice, or too late, is harmless."""
        held = self.hold("invite")
        held.cancel()
        held.cancel()
        self.waiting.came_back(KEY, MemoryFlow())
        self.clock.advance(60)
        self.assertEqual((self.ended, self.waiting.count, self.wheel.count), ([], 0, 0))

    def test_cannot_wait(self) -> None:
        """No binding key or no time: failed at once."""
        self.assertFalse(self.hold("no key", key=b"").active)
        self.assertFalse(self.hold("off", 0).active)
        self.assertEqual(self.ended, [("no key", None), ("off", None)])

    def test_bounded(self) -> None:
        """One binding cannot make more than its share wait, nor all together more than the limit."""
        for name in "abcd":
            self.hold(name)
        self.assertEqual(self.ended, [("d", None)])
        for name in "efg":
            self.hold(name, key=b"binding2")
        self.assertEqual(self.ended, [("d", None), ("g", None)])
        self.assertEqual(self.waiting.count, 5)

    def test_replaced(self) -> None:
        """Of several ACKs with one Call-ID and CSeq the newest waits alone, and the older ones end silently."""
        flow = MemoryFlow()
        self.hold("ack 1", replaces=("call", 1))
        self.hold("ack of another", replaces=("call", 2))
        self.hold("ack 2", replaces=("call", 1))
        self.waiting.came_back(KEY, flow)
        self.assertEqual(self.ended, [("ack of another", flow), ("ack 2", flow)])

    def test_flow_dies_on_the_way(self) -> None:
        """When sending to the new flow closes it, the rest goes on waiting."""
        flow = MemoryFlow()

        def close(on: Flow) -> None:
            on.close()

        self.waiting.hold(KEY, 8, close, lambda: None)
        self.hold("next")
        self.waiting.came_back(KEY, flow)
        self.assertEqual((self.ended, self.waiting.count), ([], 1))

    def test_one_resumption_cancels_another(self) -> None:
        """A request resumed may end another that waits (a BYE its INVITE)."""
        flow = MemoryFlow()
        later: list[Held] = []
        self.waiting.hold(KEY, 8, lambda flow: later[0].cancel(), lambda: None)
        later.append(self.hold("later"))
        self.waiting.came_back(KEY, flow)
        self.assertEqual((self.ended, self.waiting.count), ([], 0))

    def test_waits_again(self) -> None:
        """What is resumed and fails may wait once more; it does not go to the same flow in the same breath."""
        flow = MemoryFlow()
        self.waiting.hold(KEY, 8, lambda flow: self.hold("again") and None, lambda: None)
        self.waiting.came_back(KEY, flow)
        self.assertEqual((self.ended, self.waiting.count), ([], 1))

    def test_error_is_reported(self) -> None:
        """One resumption that raises does not keep the others from their flow."""
        flow = MemoryFlow()
        self.waiting.hold(KEY, 8, lambda flow: 1 // 0 and None, lambda: None)
        self.hold("next")
        self.waiting.came_back(KEY, flow)
        self.assertEqual(self.ended, [("next", flow)])
        self.assertIsInstance(self.errors[0], ZeroDivisionError)

    def test_seconds(self) -> None:
        """A BYE waits longer than the rest; with the wait switched off it does not either."""
        self.assertEqual([Settings().seconds(method) for method in ("INVITE", "BYE")], [8.0, 31.0])
        self.assertEqual([Settings(resume=0).seconds(method) for method in ("INVITE", "BYE")], [0, 0])

    def test_closed(self) -> None:
        """What waits fails at once, all of it, and nothing waits from then on."""
        self.hold("invite")
        first = self.waiting.hold(b"binding2", 8.0, lambda flow: None, lambda: first_of_two.cancel())
        first_of_two = self.hold("cancelled by the one before", key=b"binding2")
        self.waiting.hold(b"binding3", 8.0, lambda flow: None, lambda: 1 / 0)
        self.waiting.close()
        self.assertEqual([("invite", None)], self.ended)
        self.assertEqual([ZeroDivisionError], [type(error) for error in self.errors])
        self.assertFalse(first.active or first_of_two.active)
        self.assertFalse(self.hold("bye").active)
        self.assertEqual([("invite", None), ("bye", None)], self.ended)
        self.assertEqual((0, 0), (self.waiting.count, self.wheel.count))
