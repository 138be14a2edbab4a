"""Transactions of clients that lose their connection and come back on another one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.uri import Uri
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.invite_client import InviteClientTransaction, State
from oversip_tw.transaction.invite_server import InviteServerTransaction
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.users import NOBODY
from tests.transaction.parties import Caller, Element, request, said

KEY = b"12345678"


class Moving(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.element = Element(self.clock, client_flow=True)
        self.transactions = self.element.transactions
        self.flow = self.connect(1)

    def connect(self, port: int, transport: str = "ws") -> MemoryFlow:
        return MemoryFlow(transport, ("127.0.0.1", port), receiver=self.element)

    def assert_gone(self) -> None:
        self.clock.pump([33.0, 33.0])
        self.assertEqual((self.transactions.count, self.element.wheel.count), (0, 0))
        self.assertEqual((self.transactions._on_flow, self.transactions._to_peer), ({}, {}))


class ServerTests(Moving):
    """What a client has asked, and what it is told."""

    def serve(self, method: str, flow: MemoryFlow | None = None, lose: bool = True) -> ServerTransaction:
        flow = flow or self.flow
        flow.receive(request(method).to_bytes())
        transaction = self.element.served[-1]
        self.assertEqual(self.transactions.served_on(flow), [transaction] if flow.reliable else [])
        if lose:
            flow.closed = True
            self.transactions.flow_lost(flow, kept={transaction})
        flow.take()
        return transaction

    def respond(self, transaction: ServerTransaction, status: int) -> None:
        transaction.respond(transaction.request.response(status, to_tag="b"))

    def test_invite_in_every_state(self) -> None:
        """The latest response is said again on the new flow; what follows goes there, and comes from there."""
        for statuses, again in (((), "100"), ((180,), "180"), ((180, 200), "200"), ((486,), "486")):
            with self.subTest(statuses=statuses):
                self.setUp()
                invite = self.serve("INVITE")
                for status in statuses:
                    self.respond(invite, status)
                new = self.connect(2)
                invite.move(new)
                self.assertEqual(said(new.sent), [again])
                assert isinstance(invite, InviteServerTransaction)
                self.assertEqual([invite.last], new.take())
                self.assertEqual(self.element.user.told, ["moved to 2"])
                self.respond(invite, 200)
                self.assertEqual(said(new.take()), [] if again == "486" else ["200"])
                new.receive(request("ACK", to_tag="b").to_bytes())
                self.assertEqual(len(self.element.acks), again != "486")
                self.assert_gone()

    def test_accepted_in_time(self) -> None:
        """What was answered before the loss is not said again: the callee repeats a 2xx, which goes to the new flow."""
        invite = self.serve("INVITE", lose=False)
        response = invite.request.response(200, to_tag="b")
        invite.respond(response)
        self.flow.closed = True
        new = self.connect(2)
        invite.move(new)
        self.assertEqual(new.take(), [])
        invite.respond(response)
        self.assertEqual(said(new.take()), ["200"])
        self.assert_gone()

    def test_cancel_counts_there(self) -> None:
        """And not on the old flow's name any more."""
        invite = self.serve("INVITE")
        new = self.connect(2)
        invite.move(new)
        new.take()
        self.connect(3).receive(request("CANCEL").to_bytes())
        new.receive(request("CANCEL").to_bytes())
        self.assertEqual(said(new.take()), ["200"])
        self.assertEqual(self.element.user.told, ["moved to 2", "cancelled"])
        self.respond(invite, 487)
        new.receive(request("ACK", to_tag="b").to_bytes())
        self.assert_gone()

    def test_to_udp_and_back(self) -> None:
        """Flows of UDP have no list of what they have to hear."""
        invite = self.serve("INVITE")
        udp, tcp = self.connect(2, "udp"), self.connect(3, "tcp")
        invite.move(udp)
        invite.move(tcp)
        self.assertEqual((said(udp.take()), said(tcp.take())), (["100"], ["100"]))
        self.assertEqual(self.transactions.served_on(tcp), [invite])
        self.respond(invite, 486)
        tcp.receive(request("ACK", to_tag="b").to_bytes())
        self.assert_gone()

    def test_name_in_use(self) -> None:
        """Another request has that branch on the new flow: there is nobody to answer this one."""
        invite = self.serve("INVITE")
        new = self.connect(2)
        new.receive(request().to_bytes())
        other = self.element.served[-1]
        invite.move(new)
        self.assertEqual(self.element.user.told, ["failed"])
        self.assertEqual(self.transactions.served_on(new), [other])
        other.terminate()
        self.assert_gone()

    def test_other_requests(self) -> None:
        """Nothing was said, 100 was, or the answer was when nobody was there."""
        trying = self.serve("OPTIONS")
        new = self.connect(2)
        trying.move(new)
        self.assertEqual(new.take(), [])
        self.respond(trying, 200)
        self.assertEqual(said(new.take()), ["200"])
        self.assert_gone()
        self.setUp()
        proceeding = self.serve("OPTIONS")
        self.clock.advance(3.7)
        new = self.connect(2)
        proceeding.move(new)
        self.assertEqual(said(new.take()), ["100"])
        proceeding.terminate()
        self.setUp()
        for transport in ("ws", "udp"):
            answered = self.serve("OPTIONS", self.connect(3))
            self.respond(answered, 200)
            new = self.connect(2, transport)
            answered.move(new)
            self.assertEqual(said(new.take()), ["200"])
            self.assertEqual(self.transactions.count, transport == "udp")
        self.assert_gone()

    def test_stays_away(self) -> None:
        """Its user hears of that even when a response was handed in, which nobody has heard."""
        invite = self.serve("INVITE")
        self.respond(invite, 200)
        invite.stay_away()
        self.assertEqual(self.element.user.told, ["failed"])
        self.assert_gone()

    def test_superseded_on_udp(self) -> None:
        """Of requests by UDP, which are in no list, calls without an answer are found."""
        self.element.user.key = KEY
        old, new = self.connect(5, "udp"), self.connect(6, "udp")
        old.receive(request(branch="z9hG4bKa").to_bytes())
        old.receive(request(branch="z9hG4bKb").to_bytes())
        old.receive(request("OPTIONS").to_bytes())
        self.connect(7, "udp").receive(request().to_bytes())
        ringing, refused, *_ = self.element.served
        self.respond(refused, 486)
        self.transactions.superseded(old, KEY, new)
        self.assertEqual(self.element.user.told, ["moved to 6"])
        self.assertIs(ringing.flow, new)
        for each in self.element.served:
            each.terminate()
        self.assert_gone()

    def test_superseded(self) -> None:
        """The old flow looks open: what bears the binding's name goes to the new one, the rest stays."""
        self.element.user.key = KEY
        invite = self.serve("INVITE", lose=False)
        new = self.connect(2)
        self.transactions.superseded(self.flow, b"other", new)
        self.assertEqual(self.transactions.served_on(self.flow), [invite])
        self.transactions.superseded(self.flow, KEY, None)  # at another server
        self.assertEqual(self.transactions.served_on(self.flow), [invite])
        self.transactions.superseded(self.flow, KEY, new)
        self.assertEqual(self.transactions.served_on(new), [invite])
        self.respond(invite, 200)
        self.assertEqual(said(new.take()), ["100", "200"])
        over = self.serve("OPTIONS")
        self.respond(over, 200)
        self.transactions.superseded(self.flow, KEY, new)  # nobody knows any more whose it was
        self.assertEqual(new.take(), [])
        self.assert_gone()


class ClientTests(Moving):
    """What a client is asked."""

    def call(self, flow: MemoryFlow | None = None, method: str = "INVITE") -> None:
        self.caller = Caller()
        self.caller.patient = True
        self.sent = request(method)
        transaction = self.transactions.call(self.sent, flow or self.flow, self.caller, client_flow=True)
        (flow or self.flow).take()
        if isinstance(transaction, InviteClientTransaction):
            self.transaction = transaction

    def answer(self, flow: MemoryFlow, status: int) -> None:
        flow.receive(self.sent.response(status, to_tag="b").to_bytes())

    def test_moves(self) -> None:
        """The very INVITE is sent again; its user hears nothing of the loss."""
        for rang in (False, True):
            with self.subTest(rang=rang):
                self.setUp()
                self.call()
                if rang:
                    self.answer(self.flow, 180)
                self.flow.lose()
                new = self.connect(2)
                self.transaction.move(new, self.transaction.request.uri)
                self.assertEqual(new.take(), [self.sent.to_bytes()])
                self.answer(new, 180)
                self.answer(new, 486)
                self.assertEqual(said(new.take()), ["ACK"])
                self.assertEqual(self.caller.told, ["180"] * rang + ["180", "486"])
                self.transaction.move(self.connect(3), self.transaction.request.uri)
                self.assert_gone()

    def test_says_nothing(self) -> None:
        """Timer B begins anew. It has got a new name."""
        self.call()
        self.answer(self.flow, 180)
        self.flow.lose()
        new = self.connect(2, "tcp")
        self.transaction.move(new, Uri.parse("sip:new@b.invalid"))
        self.assertTrue(new.sent[0].startswith(b"INVITE sip:new@b.invalid "))
        self.clock.pump([33.0])
        self.assertEqual(self.caller.told, ["180", "timed out"])
        self.assert_gone()

    def test_answered_meanwhile(self) -> None:
        """By whatever flow its answer comes."""
        self.call()
        self.flow.lose()
        self.answer(self.connect(2), 200)
        self.assertEqual(self.caller.told, ["200"])
        self.assertIs(self.transaction.state, State.ACCEPTED)
        self.assert_gone()

    def test_cancelled_meanwhile(self) -> None:
        """The CANCEL is sent when it is back, and the INVITE is not."""
        self.call()
        self.answer(self.flow, 180)
        self.flow.lose()
        self.transaction.cancel()
        new = self.connect(2)
        self.transaction.move(new, self.transaction.request.uri)
        self.assertEqual(said(new.take()), ["CANCEL"])
        self.answer(new, 487)
        self.assertEqual(self.caller.told, ["180", "487"])
        self.assert_gone()

    def test_cancelled_before(self) -> None:
        """The CANCEL is sent again, whatever became of it; the INVITE waits for its answer as long as before."""
        for transport in ("ws", "udp"):
            for heard in (False, True):
                with self.subTest(transport=transport, heard=heard):
                    self.setUp()
                    old, new = self.connect(5, transport), self.connect(6, transport)
                    self.call(old)
                    self.answer(old, 180)
                    self.transaction.cancel()
                    self.assertEqual(said(old.take()), ["CANCEL"])
                    if heard:
                        old.receive(request("CANCEL").response(200).to_bytes())
                    self.transaction.move(new, self.transaction.request.uri)
                    self.assertEqual(said(new.take()), ["CANCEL"])
                    new.receive(request("CANCEL").response(200).to_bytes())
                    self.answer(new, 487)
                    self.assertEqual(self.caller.told, ["180", "487"])
                    self.assert_gone()

    def test_other_requests(self) -> None:
        """Any request goes again, by its branch, and Timer F begins anew; not one that has its answer."""
        for transport in ("ws", "udp"):
            for answered in (False, True):
                with self.subTest(transport=transport, answered=answered):
                    self.setUp()
                    old, new = self.connect(5, transport), self.connect(6, transport)
                    self.caller, self.sent = Caller(), request("INFO")
                    sent = self.transactions.call(self.sent, old, self.caller, client_flow=True)
                    self.answer(old, 100)
                    if answered:
                        self.answer(old, 200)
                    sent.move(new, self.sent.uri)
                    self.assertEqual(said(new.take()), [] if answered else ["INFO"])
                    self.clock.pump([0.1] * 400)
                    self.assertEqual(self.caller.told, ["100", "200" if answered else "timed out"])
                    self.assert_gone()

    def test_to_udp(self) -> None:
        """There it is repeated until something comes."""
        self.call()
        self.flow.lose()
        new = self.connect(2, "udp")
        self.transaction.move(new, self.transaction.request.uri)
        self.clock.advance(0.6)
        self.assertEqual(said(new.take()), ["INVITE", "INVITE"])
        self.answer(new, 603)
        self.assert_gone()

    def test_nobody_waits(self) -> None:
        """Where nobody hears of responses either: it fails, and follows nobody."""
        for loses in (True, False):
            self.setUp()
            self.transactions.call(request(), self.flow, NOBODY, client_flow=True)
            self.transactions.superseded(self.flow, KEY, self.connect(2))
            if loses:
                self.flow.lose()
                self.assertEqual(self.transactions.count, 0)
            self.assert_gone()

    def test_superseded(self) -> None:
        """The user of what has no final answer hears of it."""
        for transport in ("ws", "udp"):
            with self.subTest(transport=transport):
                self.setUp()
                old, other, new = (self.connect(port, transport) for port in (5, 6, 7))
                other.peer = old.peer
                self.call(old, "OPTIONS")
                first = self.caller
                self.call(old)
                self.transactions.superseded(other, KEY, new)
                self.assertEqual(self.caller.told, [])
                self.transactions.superseded(old, KEY, new)
                for caller in (first, self.caller):
                    self.assertEqual(caller.told, [f"superseded: {KEY!r}"])
                self.transaction.move(new, self.sent.uri)
                self.assertEqual(said(new.take()), ["INVITE"])
                self.answer(new, 200)
                self.transactions.superseded(new, KEY, old)
                self.assertEqual(self.caller.told, [f"superseded: {KEY!r}", "200"])
                self.assert_gone()
