"""The non-INVITE server transaction: RFC 3261 Figure 8 and RFC 4320."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Request
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.non_invite_server import NonInviteServerTransaction, State
from tests.transaction.parties import SLOT, Element, request, said


class NonInviteServerTests(SynchronousTestCase):
    def begin(self, transport: str = "udp", client_flow: bool = True) -> None:
        self.clock = Clock()
        self.element = Element(self.clock, client_flow=client_flow)
        self.flow = MemoryFlow(transport, receiver=self.element)
        self.message = request("MESSAGE")
        self.receive(self.message)
        [transaction] = self.element.served
        assert isinstance(transaction, NonInviteServerTransaction)
        self.transaction = transaction

    def receive(self, message: Request) -> None:
        self.flow.receive(message.to_bytes())

    def respond(self, status: int) -> None:
        self.transaction.respond(self.message.response(status, to_tag="b"))

    def said(self) -> list[str]:
        return said(self.flow.take())

    def assert_gone(self) -> None:
        self.assertIs(self.transaction.state, State.TERMINATED)
        self.assertEqual((self.element.transactions.count, self.element.wheel.count), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_trying(self) -> None:
        """Nothing is said at once, not even to a repeated request."""
        self.begin()
        self.receive(self.message)
        self.assertEqual((self.said(), self.transaction.state), ([], State.TRYING))

    def test_answered(self) -> None:
        """The answer is given again whenever the request comes again, until Timer J."""
        self.begin()
        self.respond(200)
        self.assertTrue(self.transaction.final_sent)
        self.receive(self.message)
        first, second = self.flow.take()
        self.assertEqual(first, second)
        self.clock.advance(31.9)
        self.receive(self.message)
        self.assertEqual((self.said(), self.transaction.state), (["200"], State.COMPLETED))
        self.clock.advance(0.1 + SLOT)
        self.assert_gone()

    def test_answered_once(self) -> None:
        """A second answer is ignored (§17.2.2)."""
        self.begin()
        self.respond(404)
        self.respond(200)
        self.assertEqual(self.said(), ["404"])

    def test_on_a_connection(self) -> None:
        """Timer J is 0 on connections: the answer ends it."""
        self.begin("tcp")
        self.respond(200)
        self.assert_gone()
        self.assertEqual(self.said(), ["200"])

    def test_100_when_slow(self) -> None:
        """A 100 goes out when the client's Timer E has reached T2, no sooner (RFC 4320 §4.1), on any transport."""
        for transport in ("udp", "tcp"):
            with self.subTest(transport=transport):
                self.begin(transport)
                self.clock.advance(3.4)
                self.assertEqual(self.said(), [])
                self.clock.advance(0.1 + SLOT)
                self.assertEqual((self.said(), self.transaction.state), (["100"], State.PROCEEDING))
                self.receive(self.message)
                self.assertEqual(self.said(), ["100"])
                self.respond(200)
                self.assertEqual(self.said(), ["200"])

    def test_provisional_responses_are_not_sent(self) -> None:
        """A proxy's 100 comes by its time alone, and other provisional responses are forbidden (RFC 4320 §4.1)."""
        self.begin()
        self.respond(100)
        self.respond(183)
        self.assertEqual((self.said(), self.transaction.state), ([], State.TRYING))

    def test_abandoned(self) -> None:
        """Ended without an answer (RFC 4320 §4.2): silence, also towards repetitions, until Timer J."""
        self.begin()
        self.clock.advance(4)
        self.assertEqual(self.said(), ["100"])
        self.transaction.abandon()
        self.transaction.abandon()
        self.receive(self.message)
        self.respond(200)
        self.assertEqual((self.said(), self.transaction.state), ([], State.COMPLETED))
        self.assertTrue(self.element.transactions.idle)
        self.clock.advance(32 + SLOT)
        self.assert_gone()

    def test_t10_lost_client(self) -> None:
        """The client's connection breaks: the user hears of it unless it has answered."""
        self.begin("ws")
        self.flow.lose()
        self.assert_gone()
        self.assertEqual(self.element.user.told, ["failed"])

    def test_lost_hop(self) -> None:
        """A hop's connection breaks: the answer takes another."""
        self.begin("tcp", client_flow=False)
        other = MemoryFlow("tcp")
        self.element.transactions.reconnect = lambda request, lost: other
        self.flow.lose()
        self.respond(200)
        self.assertEqual(said(other.take()), ["200"])
        self.assert_gone()
        self.assertEqual(self.element.user.told, [])

    def test_nothing_after_the_end(self) -> None:
        """A transaction that has ended sends nothing."""
        self.begin()
        self.transaction.terminate()
        self.assert_gone()
        self.transaction.received()
        self.respond(200)
        self.transaction.abandon()
        self.transaction.terminate()
        self.transaction.flow_lost()
        self.assertEqual((self.said(), self.element.user.told), ([], []))
        self.assert_gone()

    def test_answer_in_the_same_call(self) -> None:
        """Where the answer may come at once, no timer is set before it has not come."""
        for answered in (False, True):
            clock = Clock()
            element = Element(clock)
            flow = MemoryFlow("ws", receiver=element)
            message = request("MESSAGE")
            transaction = element.transactions.serve(message, flow, True, element.user, in_this_call=True)
            self.assertEqual(clock.getDelayedCalls(), [])
            if answered:
                transaction.respond(message.response(200, to_tag="b"))
            transaction.go_on_waiting()
            transaction.go_on_waiting()
            self.assertEqual(element.wheel.count, 0 if answered else 1)
            clock.advance(30)
            self.assertEqual(said(flow.take()), ["200"] if answered else ["100"])
