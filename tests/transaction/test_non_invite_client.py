"""The non-INVITE client transaction: RFC 3261 Figure 6."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.non_invite_client import NonInviteClientTransaction, State
from oversip_tw.transaction.timers import Timers
from tests.transaction.parties import SLOT, Caller, Element, request, said


class NonInviteClientTests(SynchronousTestCase):
    def begin(self, transport: str = "udp", accepted: bool = False) -> None:
        self.clock = Clock()
        self.element = Element(self.clock)
        self.flow = MemoryFlow(transport, receiver=self.element, accepted=accepted)
        self.caller = Caller()
        self.message = request("MESSAGE")
        transaction = self.element.transactions.call(self.message, self.flow, self.caller)
        assert isinstance(transaction, NonInviteClientTransaction)
        self.transaction = transaction

    def answer(self, status: int) -> None:
        self.flow.receive(self.message.response(status, to_tag="b").to_bytes())

    def said(self) -> list[str]:
        return said(self.flow.take())

    def assert_gone(self) -> None:
        self.assertIs(self.transaction.state, State.TERMINATED)
        self.assertEqual((self.element.transactions.count, self.element.wheel.count), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def sent_at(self, seconds: float) -> list[float]:
        times = []
        for _ in range(round(seconds * 10)):
            times += [round(self.clock.seconds(), 1)] * len(self.flow.take())
            self.clock.advance(0.1)
        return times

    def test_silence(self) -> None:
        """Timer E doubles up to T2; Timer F ends it after 64*T1: 11 requests in all."""
        self.begin()
        times = self.sent_at(32.5)
        self.assertIn(len(times), (10, 11))  # the slots of the wheel add up
        gaps = [round(later - earlier, 1) for earlier, later in pairwise(times)]
        for gap, expected in zip(gaps, [0.5, 1, 2] + [4] * 10, strict=False):
            self.assertLessEqual(expected - 1e-9, gap)
            # a slot for the timer, and one for the steps of this test's clock
            self.assertLessEqual(gap, expected + 2 * SLOT + 1e-9)
        self.assertEqual(len(set(self.flow.sent)), 1)
        self.assert_gone()
        self.assertEqual(self.caller.told, ["timed out"])

    def test_silence_on_a_connection(self) -> None:
        """On a connection nothing is repeated; Timer F runs."""
        self.begin("tcp")
        self.clock.advance(32 + SLOT)
        self.assertEqual((self.said(), self.caller.told), (["MESSAGE"], ["timed out"]))
        self.assert_gone()

    def test_proceeding(self) -> None:
        """After a provisional response it is repeated every T2 (§17.1.2.2), and Timer F runs on."""
        self.begin()
        self.answer(100)
        self.assertIs(self.transaction.state, State.PROCEEDING)
        times = self.sent_at(20)
        self.assertEqual(len(times), 2 + 4)
        self.clock.pump([0.1] * 130)
        self.assert_gone()
        self.assertEqual(self.caller.told, ["100", "timed out"])

    def test_answered(self) -> None:
        """The final response is passed on once; repetitions are absorbed until Timer K."""
        self.begin()
        self.answer(100)
        self.answer(200)
        self.answer(200)
        self.answer(100)
        self.assertEqual((self.caller.told, self.transaction.state), (["100", "200"], State.COMPLETED))
        self.assertTrue(self.transaction.finished)
        self.clock.advance(4.9)
        self.assertIs(self.transaction.state, State.COMPLETED)
        self.clock.advance(0.1 + SLOT)
        self.assert_gone()
        self.assertEqual(self.said(), ["MESSAGE"])

    def test_answered_on_a_connection(self) -> None:
        """Timer K is 0 on connections."""
        self.begin("ws", accepted=True)
        self.answer(404)
        self.assert_gone()
        self.assertEqual(self.caller.told, ["404"])

    def test_t10_lost(self) -> None:
        """A client's connection breaks: failed. A hop's: it runs on to Timer F."""
        for accepted, told in ((True, "failed: gone"), (False, "timed out")):
            with self.subTest(accepted=accepted):
                self.begin("tcp", accepted)
                self.flow.lose("gone")
                self.clock.advance(33)
                self.assert_gone()
                self.assertEqual(self.caller.told, [told])

    def test_closed_before(self) -> None:
        """A flow that is closed already fails too, after `call` has returned."""
        self.begin("tcp")
        self.flow.lose()
        caller = Caller()
        self.element.transactions.call(request("BYE", branch="z9hG4bK2"), self.flow, caller)
        self.assertEqual(caller.told, [])
        self.clock.advance(SLOT)
        self.assertEqual(caller.told, ["failed: connection closed"])

    def test_k14_unreachable(self) -> None:
        """Nobody listens there: failed at once, unless it has said something."""
        for answers, told in (((), ["failed: unreachable"]), ((100,), ["100"]), ((200,), ["200"])):
            with self.subTest(answers=answers):
                self.begin()
                for status in answers:
                    self.answer(status)
                self.element.transactions.unreachable(self.flow.peer)
                self.assertEqual(self.caller.told, told)

    def test_own_timers(self) -> None:
        """A transaction may be given timers of its own: those of a next hop's profile."""
        self.begin()
        caller = Caller()
        self.element.transactions.call(request("OPTIONS", branch="z9hG4bK2"), self.flow, caller, Timers(f=2.0))
        self.clock.advance(2 + SLOT)
        self.assertEqual((caller.told, self.caller.told), (["timed out"], []))

    def test_cancel(self) -> None:
        """There is no CANCEL of anything but an INVITE (§9.1)."""
        self.begin()
        self.answer(100)
        self.transaction.cancel()
        self.assertEqual(self.said(), ["MESSAGE"])

    def test_nothing_after_the_end(self) -> None:
        """A transaction that has ended hears and says nothing."""
        self.begin()
        self.transaction.terminate()
        self.said()
        self.transaction.terminate()
        self.transaction.flow_lost("x")
        self.transaction.unreachable("x")
        self.transaction.answered(self.message.response(200, to_tag="b"))
        self.assertEqual((self.said(), self.caller.told), ([], []))
        self.assert_gone()
