"""The INVITE client transaction: RFC 3261 Figure 5 and RFC 6026 Figure 4."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.invite_client import InviteClientTransaction, State
from tests.transaction.parties import SLOT, Caller, Element, request, said


class InviteClientTests(SynchronousTestCase):
    def begin(self, transport: str = "udp", accepted: bool = False) -> None:
        self.clock = Clock()
        self.element = Element(self.clock)
        self.flow = MemoryFlow(transport, receiver=self.element, accepted=accepted)
        self.caller = Caller()
        self.invite = request(
            extra=[("Route", "<sip:edge.example.org;lr>, <sip:b;lr>"), ("Route", "<sip:c;lr>"), ("Subject", "lunch")]
        )
        transaction = self.element.transactions.call(self.invite, self.flow, self.caller)
        assert isinstance(transaction, InviteClientTransaction)
        self.transaction = transaction

    def answer(self, status: int, tag: str = "b") -> None:
        self.flow.receive(self.invite.response(status, to_tag=tag).to_bytes())

    def said(self) -> list[str]:
        return said(self.flow.take())

    def last(self) -> Request:
        message = parse(self.flow.sent[-1])
        assert isinstance(message, Request)
        return message

    def assert_gone(self) -> None:
        self.assertIs(self.transaction.state, State.TERMINATED)
        self.assertEqual((self.element.transactions.count, self.element.wheel.count), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """Timer A doubles without bound, the same bytes each time; Timer B ends it after 64*T1: 7 INVITEs in all."""
        self.begin()
        times = []
        for _ in range(325):
            times += [self.clock.seconds()] * len(self.flow.take())
            self.clock.advance(0.1)
        self.assertEqual(len(times), 7)
        for seen, expected in zip(times, (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5), strict=True):
            self.assertLessEqual(expected, seen + 1e-9)
            self.assertLess(seen, expected + 7 * SLOT)
        self.assertEqual(len(set(self.flow.sent)), 1)
        self.assert_gone()
        self.assertEqual(self.caller.told, ["timed out"])

    def test_silence_on_a_connection(self) -> None:
        """On a connection nothing is repeated."""
        self.begin("tcp")
        self.clock.advance(32 + SLOT)
        self.assertEqual((self.said(), self.caller.told), (["INVITE"], ["timed out"]))
        self.assert_gone()

    def test_proceeding(self) -> None:
        """A provisional response stops A and B; each one is passed on, 100 too; then nothing is timed here."""
        self.begin()
        self.answer(100)
        self.answer(180)
        self.answer(180)
        self.assertIs(self.transaction.state, State.PROCEEDING)
        self.assertEqual(self.element.wheel.count, 0)
        self.assertEqual((self.said(), self.caller.told), (["INVITE"], ["100", "180", "180"]))
        self.assertFalse(self.transaction.finished)

    def test_accepted(self) -> None:
        """The 2xx and every further one pass, with any To tag, until Timer M; no ACK is sent here."""
        for first in (100, 200):
            with self.subTest(first=first):
                self.begin()
                self.answer(first)
                self.caller.told.clear()
                self.answer(200)
                self.answer(200, tag="other")
                self.assertIs(self.transaction.state, State.ACCEPTED)
                self.answer(180)
                self.answer(486)
                self.assertEqual((self.said(), self.caller.told), (["INVITE"], ["200", "200"]))
                self.clock.advance(31.9)
                self.answer(200)
                self.clock.advance(0.1 + SLOT)
                self.assert_gone()
                self.answer(200)
                self.assertEqual(len(self.caller.told), 3)
                self.assertEqual(len(self.element.strays), 1)

    def test_refused(self) -> None:
        """A refusal is acknowledged and passed on once; repeated ones are only acknowledged, until Timer D."""
        for before in ((), (180,)):
            with self.subTest(before=before):
                self.begin()
                for status in before:
                    self.answer(status)
                self.caller.told.clear()
                self.answer(486)
                self.answer(486)
                self.answer(200)
                self.answer(180)
                self.assertEqual((self.said(), self.caller.told), (["INVITE", "ACK", "ACK"], ["486"]))
                self.assertEqual(self.flow.sent[-1], self.flow.sent[-2])
                self.assertIs(self.transaction.state, State.COMPLETED)
                self.assertTrue(self.transaction.finished)
                self.clock.advance(31.9)
                self.assertIs(self.transaction.state, State.COMPLETED)
                self.clock.advance(0.1 + SLOT)
                self.assert_gone()

    def test_refused_on_a_connection(self) -> None:
        """Timer D is 0 on connections."""
        self.begin("tcp")
        self.answer(486)
        self.assert_gone()
        self.assertEqual((self.said(), self.caller.told), (["INVITE", "ACK"], ["486"]))

    def test_ack(self) -> None:
        """The ACK is made as §17.1.1.3 says: our Via alone, To of the response, same Routes and CSeq number."""
        self.begin()
        self.answer(603, tag="xyz")
        ack = self.last()
        self.assertEqual(
            (ack.method, ack.uri.text, ack.cseq, ack.cseq_method), ("ACK", "sip:bob@example.org", 1, "ACK")
        )
        self.assertEqual([via.text for via in ack.vias], [self.invite.via.text])
        self.assertEqual((ack.get("From"), ack.to_tag, ack.call_id), (self.invite.get("From"), "xyz", "call"))
        self.assertEqual(ack.get_all("Route"), ["<sip:edge.example.org;lr>, <sip:b;lr>", "<sip:c;lr>"])
        self.assertEqual((ack.max_forwards, ack.body, ack.has("Subject")), (70, b"", False))

    def test_ack_takes_the_top_via_alone(self) -> None:
        """What stands below our Via stays out of ACK and CANCEL, even on the same line."""
        self.begin()
        element = Element(self.clock)
        flow = MemoryFlow("udp", receiver=element)
        invite = request(via="SIP/2.0/UDP us;branch=z9hG4bKx, SIP/2.0/UDP they;branch=z9hG4bKy")
        element.transactions.call(invite, flow, self.caller)
        flow.receive(invite.response(486, to_tag="b").to_bytes())
        ack = parse(flow.sent[-1])
        self.assertEqual([via.text for via in ack.vias], ["SIP/2.0/UDP us;branch=z9hG4bKx"])

    def test_cancel(self) -> None:
        """While it rings a CANCEL goes out at once, once, with the branch, the To and the Routes of the INVITE."""
        self.begin()
        self.answer(180)
        self.transaction.cancel([("Reason", "SIP;cause=200")])
        self.transaction.cancel()
        self.assertEqual(self.said(), ["INVITE", "CANCEL"])
        cancel = self.last()
        self.assertEqual(cancel.uri.text, "sip:bob@example.org")
        self.assertEqual([via.text for via in cancel.vias], [self.invite.via.text])
        self.assertEqual((cancel.cseq, cancel.cseq_method, cancel.to_tag), (1, "CANCEL", None))
        self.assertEqual(cancel.get("Reason"), "SIP;cause=200")
        self.assertEqual(len(cancel.routes), 3)
        self.flow.receive(cancel.response(200, to_tag="b").to_bytes())
        self.answer(487)
        self.assertEqual((self.said(), self.caller.told), (["ACK"], ["180", "487"]))
        self.clock.advance(32 + SLOT)
        self.assert_gone()

    def test_cancel_waits_for_the_first_answer(self) -> None:
        """Before any provisional response there is nothing to cancel (§9.1): the CANCEL waits for one."""
        self.begin()
        self.transaction.cancel()
        self.transaction.cancel()
        self.assertEqual(self.said(), ["INVITE"])
        self.answer(100)
        self.answer(180)
        self.assertEqual(self.said(), ["CANCEL"])

    def test_cancel_comes_too_late(self) -> None:
        """A final response that comes first makes the CANCEL pointless, and one after it too."""
        for status, sent in ((200, ["INVITE"]), (486, ["INVITE", "ACK"])):
            with self.subTest(status=status):
                self.begin()
                self.transaction.cancel()
                self.answer(status)
                self.transaction.cancel()
                self.assertEqual(self.said(), sent)

    def test_cancel_without_final_response(self) -> None:
        """64*T1 after the CANCEL the INVITE counts as cancelled, with or without an answer (§9.1)."""
        self.begin()
        self.answer(180)
        self.transaction.cancel()
        self.clock.advance(33)
        self.assert_gone()
        self.assertEqual(self.caller.told, ["180", "timed out"])

    def test_cancel_crosses_2xx(self) -> None:
        """A 2xx that crosses the CANCEL is passed on: the call stands."""
        self.begin()
        self.answer(180)
        self.transaction.cancel()
        self.answer(200)
        self.assertIs(self.transaction.state, State.ACCEPTED)
        self.assertEqual(self.caller.told, ["180", "200"])

    def test_t10_lost_client(self) -> None:
        """A client's connection breaks before its final response: failed. Later nothing is said of it."""
        for answers, told in (((), ["failed: gone"]), ((180,), ["180", "failed: gone"]), ((200,), ["200"])):
            with self.subTest(answers=answers):
                self.begin("ws", accepted=True)
                for status in answers:
                    self.answer(status)
                self.flow.lose("gone")
                self.assertEqual(self.caller.told, told)
                self.clock.advance(33)
                self.assert_gone()

    def test_lost_hop(self) -> None:
        """A hop's connection breaks: the INVITE runs on, its answer may come on another one."""
        self.begin("tcp")
        self.flow.lose("gone")
        self.assertEqual(self.caller.told, [])
        again = MemoryFlow("tcp", receiver=self.element)
        again.receive(self.invite.response(200, to_tag="b").to_bytes())
        self.assertEqual(self.caller.told, ["200"])

    def test_never_connected(self) -> None:
        """A connection that could not be made: nothing was sent, so it failed."""
        self.begin("tcp")
        self.element.transactions.flow_lost(self.flow, "refused", opened=False)
        self.assert_gone()
        self.assertEqual(self.caller.told, ["failed: refused"])

    def test_closed_before(self) -> None:
        """A flow that is closed already fails too, after `call` has returned."""
        self.begin("ws", accepted=True)
        self.flow.lose()
        caller = Caller()
        self.element.transactions.call(request(branch="z9hG4bK2"), self.flow, caller)
        self.assertEqual(caller.told, [])
        self.clock.advance(SLOT)
        self.assertEqual(caller.told, ["failed: connection closed"])
        self.assertEqual((self.element.transactions.count, self.element.wheel.count), (0, 0))

    def test_k14_unreachable(self) -> None:
        """Nobody listens there: failed at once. Who has let it ring is believed to live, unless we hung up."""
        for answers, cancelled, told in (
            ((), False, ["failed: unreachable"]),
            ((180,), False, ["180"]),
            ((180,), True, ["180", "failed: unreachable"]),
            ((486,), False, ["486"]),
            ((180, 200), True, ["180", "200"]),
        ):
            with self.subTest(answers=answers, cancelled=cancelled):
                self.begin()
                for status in answers[:1]:
                    self.answer(status)
                if cancelled:
                    self.transaction.cancel()
                for status in answers[1:]:
                    self.answer(status)
                self.element.transactions.unreachable(("127.0.0.9", 1))
                self.element.transactions.unreachable(self.flow.peer)
                self.assertEqual(self.caller.told, told)

    def test_nothing_after_the_end(self) -> None:
        """A transaction that has ended hears and says nothing."""
        self.begin()
        self.transaction.terminate()
        self.assert_gone()
        self.said()
        self.transaction.terminate()
        self.transaction.cancel()
        self.transaction.flow_lost("x")
        self.transaction.unreachable("x")
        for status in (180, 200, 486):
            self.transaction.answered(self.invite.response(status, to_tag="b"))
        self.assertEqual((self.said(), self.caller.told), ([], []))
        self.assert_gone()
