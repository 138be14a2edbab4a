"""The INVITE server transaction: RFC 3261 Figure 7 and RFC 6026 Figure 2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Request
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.invite_server import InviteServerTransaction, State
from tests.transaction.parties import SLOT, Element, request, said


class InviteServerTests(SynchronousTestCase):
    transport = "udp"
    client_flow = True
    quiet = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.element = Element(self.clock, client_flow=self.client_flow, quiet=self.quiet)
        self.flow = MemoryFlow(self.transport, receiver=self.element)
        self.invite = request()
        self.receive(self.invite)
        [transaction] = self.element.served
        assert isinstance(transaction, InviteServerTransaction)
        self.transaction = transaction

    def receive(self, message: Request) -> None:
        self.flow.receive(message.to_bytes())

    def respond(self, status: int) -> None:
        self.transaction.respond(self.invite.response(status, to_tag="b"))

    def said(self) -> list[str]:
        return said(self.flow.take())

    def assert_gone(self) -> None:
        self.assertIs(self.transaction.state, State.TERMINATED)
        self.assertEqual(self.element.transactions.count, 0)
        self.assertEqual(self.element.wheel.count, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Quiet(InviteServerTests):
    """Of a source that nobody has proven."""

    quiet = True

    def test_f2_refused_soon(self) -> None:
        """F2: no 100, and the refusal once; again only for a repeated INVITE, which comes since nothing was said."""
        self.respond(403)
        self.clock.pump([0.5] * 20)
        self.assertEqual(self.said(), ["403"])
        self.receive(self.invite)
        self.assertEqual(self.said(), ["403"])
        self.clock.pump([1] * 40)
        self.assert_gone()

    def test_refused_late(self) -> None:
        """After 200 ms the 100: the INVITE is not repeated any more, so the refusal is, until its ACK."""
        self.clock.advance(0.1)
        self.assertEqual(self.said(), [])
        self.clock.advance(0.2)
        self.assertEqual(self.said(), ["100"])
        self.respond(403)
        self.clock.pump([0.1] * 7)
        self.assertEqual(self.said(), ["403", "403"])

    def test_rang(self) -> None:
        """The same after a 180, or for a repeated INVITE; no 100 comes after it."""
        self.respond(180)
        self.clock.pump([0.1] * 5)
        self.assertEqual(self.said(), ["180"])
        self.respond(486)
        self.clock.pump([0.1] * 7)
        self.assertEqual(self.said(), ["486", "486"])

    def test_repeated_at_once(self) -> None:
        """An INVITE that comes again before anything was said is answered 100."""
        self.receive(self.invite)
        self.clock.pump([0.1] * 5)
        self.assertEqual(self.said(), ["100"])

    def test_declined(self) -> None:
        """A 6xx is repeated."""
        self.respond(603)
        self.clock.pump([0.1] * 7)
        self.assertEqual(self.said(), ["603", "603"])

    def test_accepted_soon(self) -> None:
        """No 100 after a 2xx, and no timer but L."""
        self.respond(200)
        self.clock.pump([0.1] * 5)
        self.assertEqual(self.said(), ["200"])
        self.assertEqual(self.element.wheel.count, 1)


class Udp(InviteServerTests):
    def test_100_at_once(self) -> None:
        """The INVITE is answered 100 before anybody had a look at it; no timer runs while it rings."""
        self.assertEqual(self.said(), ["100"])
        self.assertIs(self.transaction.state, State.PROCEEDING)
        self.assertEqual(self.element.wheel.count, 0)

    def test_repeated_invite(self) -> None:
        """A repeated INVITE gets the latest provisional response again, byte for byte, and starts nothing."""
        self.receive(self.invite)
        self.assertEqual(self.said(), ["100", "100"])
        self.respond(180)
        self.receive(self.invite)
        first, second = self.flow.take()
        self.assertEqual(first, second)
        self.assertEqual(len(self.element.served), 1)

    def test_accepted(self) -> None:
        """A 2xx ends it after Timer L; meanwhile repeated INVITEs are absorbed in silence (RFC 6026 §7.1)."""
        self.respond(200)
        self.assertIs(self.transaction.state, State.ACCEPTED)
        self.assertTrue(self.transaction.final_sent)
        self.receive(self.invite)
        self.assertEqual(self.said(), ["100", "200"])
        self.clock.advance(31.9)
        self.assertIs(self.transaction.state, State.ACCEPTED)
        self.clock.advance(0.1 + SLOT)
        self.assert_gone()
        self.assertEqual(self.element.user.told, [])

    def test_further_2xx(self) -> None:
        """Once accepted, further 2xx pass (repetitions and other forks), nothing else does."""
        self.respond(200)
        self.respond(200)
        self.respond(180)
        self.respond(486)
        self.assertEqual(self.said(), ["100", "200", "200"])

    def test_ack_to_2xx(self) -> None:
        """An ACK that reaches an accepted INVITE belongs to the user (phones that reuse the branch)."""
        self.respond(200)
        self.receive(request("ACK", to_tag="b"))
        self.assertEqual(len(self.element.acks), 1)

    def test_refused_and_acknowledged(self) -> None:
        """A refusal is repeated by Timer G, doubling up to T2, until the ACK; Timer I ends it."""
        self.respond(486)
        self.assertIs(self.transaction.state, State.COMPLETED)
        self.assertTrue(self.transaction.final_sent)
        times = []
        for _ in range(110):
            self.clock.advance(0.1)
            times += [round(self.clock.seconds(), 1)] * self.said().count("486")
        self.assertEqual(times[0], 0.1)  # the first one, seen at the first look
        for seen, expected in zip(times[1:], (0.5, 1.5, 3.5, 7.5), strict=False):
            self.assertLess(abs(seen - expected), 0.5)
        self.assertEqual(len(times), 5)
        self.receive(request("ACK", to_tag="b"))
        self.assertIs(self.transaction.state, State.CONFIRMED)
        self.receive(self.invite)
        self.receive(request("ACK", to_tag="b"))
        self.clock.advance(4.9)
        self.assertIs(self.transaction.state, State.CONFIRMED)
        self.clock.advance(0.1 + SLOT)
        self.assert_gone()
        self.assertEqual((self.said(), self.element.user.told, self.element.acks), ([], [], []))

    def test_repeated_invite_after_refusal(self) -> None:
        """A repeated INVITE gets the refusal again, and no other one takes its place."""
        self.respond(486)
        self.respond(200)
        self.respond(180)
        self.receive(self.invite)
        self.assertEqual(self.said(), ["100", "486", "486"])

    def test_no_ack(self) -> None:
        """Timer H: no ACK came. The user hears of it and everything is gone."""
        self.respond(486)
        self.clock.pump([0.1] * 319)
        self.assertIs(self.transaction.state, State.COMPLETED)
        self.clock.pump([0.1] * 2)
        self.assert_gone()
        self.assertEqual(self.element.user.told, ["failed"])
        # 0.5, 1, 2, 4, 4 ... seconds apart, as RFC 3261 has it: 10 repetitions in 32 s, slots cost one at most
        self.assertIn(self.said().count("486"), (10, 11))

    def test_ack_before_a_final_response(self) -> None:
        """An ACK that acknowledges nothing is dropped."""
        self.receive(request("ACK"))
        self.assertEqual((self.element.acks, self.transaction.state), ([], State.PROCEEDING))

    def test_cancel(self) -> None:
        """A CANCEL is answered 200 each time it comes, the user hears of it once, with its Reason."""
        cancel = request("CANCEL", extra=[("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
        self.receive(cancel)
        self.receive(cancel)
        self.assertEqual(self.said(), ["100", "200", "200"])
        self.assertEqual(self.element.user.told, ["cancelled"])
        self.assertEqual(self.element.user.cancels[0].get("Reason"), 'SIP;cause=200;text="Call completed elsewhere"')
        self.respond(487)
        self.receive(cancel)
        self.assertEqual(self.said(), ["487", "200"])
        self.assertEqual(self.element.user.told, ["cancelled"])

    def test_answers_to_cancel_are_alike(self) -> None:
        """The 200 to a repeated CANCEL bears the same To tag."""
        self.flow.take()
        self.receive(request("CANCEL"))
        self.receive(request("CANCEL"))
        first, second = self.flow.take()
        self.assertEqual(first, second)
        self.assertIn(b";tag=", first)

    def test_cancel_after_2xx(self) -> None:
        """A CANCEL that crosses the 2xx is answered 200 and changes nothing (§9.2)."""
        self.respond(200)
        self.receive(request("CANCEL"))
        self.assertEqual((self.said(), self.element.user.told), (["100", "200", "200"], []))

    def test_let_go(self) -> None:
        """A user that has picked up may forget it: 2xx still pass, INVITEs are absorbed, a CANCEL is answered."""
        self.respond(200)
        self.transaction.let_go()
        self.receive(self.invite)
        self.respond(200)
        self.receive(request("CANCEL"))
        self.assertEqual((self.said(), self.element.user.told), (["100", "200", "200", "200"], []))
        self.clock.advance(32 + SLOT)
        self.assert_gone()

    def test_a17_cancel_from_another_port_after_2xx(self) -> None:
        """A17: what was let go of still tells whether a CANCEL from another port names the call."""
        self.respond(200)
        self.transaction.let_go()
        for call_id, answered in (("call", not self.client_flow), ("other", False)):
            flow = MemoryFlow(self.transport, receiver=self.element, peer=(self.flow.peer[0], 9))
            flow.receive(request("CANCEL", call_id=call_id).to_bytes())
            self.assertEqual(said(flow.take()), ["200" if answered else "481"])

    def test_nothing_after_the_end(self) -> None:
        """A transaction that was ended sends nothing, whatever it is told."""
        self.said()
        self.transaction.abandon()
        self.assert_gone()
        self.respond(200)
        self.transaction.received()
        self.transaction.cancelled(request("CANCEL"))
        self.transaction.terminate()
        self.transaction.flow_lost()
        self.assertTrue(self.transaction.acknowledged())
        self.assertEqual((self.said(), self.element.user.told), ([], []))
        self.assert_gone()


class Stream(InviteServerTests):
    transport = "tcp"

    def test_refused_and_acknowledged(self) -> None:
        """On a connection nothing is repeated, and the ACK ends it at once (Timer I is 0)."""
        self.respond(486)
        self.clock.advance(10)
        self.assertEqual(self.said(), ["100", "486"])
        self.receive(request("ACK", to_tag="b"))
        self.assert_gone()

    def test_no_ack(self) -> None:
        """Timer H runs on connections too."""
        self.respond(486)
        self.clock.advance(32 + SLOT)
        self.assert_gone()
        self.assertEqual(self.element.user.told, ["failed"])

    def test_t10_lost_client(self) -> None:
        """A client's connection breaks while it rings: the user hears of it, the transaction is gone."""
        self.flow.lose()
        self.assert_gone()
        self.assertEqual(self.element.user.told, ["failed"])

    def test_t10_lost_after_final(self) -> None:
        """After a final response nobody needs to hear of it."""
        for status in (200, 486):
            with self.subTest(status=status):
                self.setUp()
                self.respond(status)
                self.flow.lose()
                self.assert_gone()
                self.assertEqual(self.element.user.told, [])


class Hop(InviteServerTests):
    transport = "tcp"
    client_flow = False

    def reconnect(self, request: Request, lost: object) -> MemoryFlow | None:
        self.assertIs(request, self.transaction.request)
        self.assertIs(lost, self.flow)
        return self.other

    def test_answers_reconnect(self) -> None:
        """The connection to a hop breaks: the transaction runs on, its answer takes a new one (§18.2.2)."""
        self.other: MemoryFlow | None = MemoryFlow("tcp")
        self.element.transactions.reconnect = self.reconnect
        self.flow.lose()
        self.assertEqual(self.element.user.told, [])
        self.respond(180)
        self.respond(200)
        self.assertEqual(said(self.other.take()), ["180", "200"])
        self.assertIs(self.transaction.flow, self.other)
        self.transaction.let_go()
        self.other.lose()
        self.other = another = MemoryFlow("tcp")
        self.element.transactions.reconnect = lambda request, lost: another
        self.respond(200)
        self.assertEqual(said(another.take()), ["200"])
        self.clock.advance(32 + SLOT)
        self.assert_gone()

    def test_nowhere_to_reconnect_to(self) -> None:
        """No connection can be had: the answer is lost, the transaction goes its way."""
        self.other = None
        self.element.transactions.reconnect = self.reconnect
        self.flow.lose()
        self.respond(486)
        self.assertIs(self.transaction.state, State.COMPLETED)
        self.clock.advance(32 + SLOT)
        self.assert_gone()

    def test_reconnects_never_by_default(self) -> None:
        """An element that cannot dial drops the answer."""
        self.flow.lose()
        self.respond(200)
        self.assertIs(self.transaction.flow, self.flow)


del InviteServerTests
