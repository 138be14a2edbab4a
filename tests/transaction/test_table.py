"""How messages find their transactions (RFC 3261 §17.1.3, §17.2.3) and what a lost flow does to them."""

from __future__ import annotations

import gc
import weakref

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.hop_by_hop import ack
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.table import RETRY_AFTER, Transactions
from oversip_tw.transaction.users import NOBODY
from oversip_tw.transaction.wheel import TimerWheel
from tests.transaction.parties import SLOT, Callee, Caller, request, said


class TableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = TimerWheel(self.clock)
        self.table = Transactions(self.wheel)
        self.callee = Callee()
        self.caller = Caller()
        self.udp = MemoryFlow("udp", ("127.0.0.1", 5070))

    def assert_empty(self) -> None:
        """No entry, no timer, nothing in the index of flows."""
        self.assertEqual((self.table.count, self.wheel.count), (0, 0))
        self.assertEqual((self.table._on_flow, self.table._to_peer, self.clock.getDelayedCalls()), ({}, {}, []))


class ServerMatchingTests(TableTests):
    def serve(self, flow: MemoryFlow, client_flow: bool = True, **fields: object) -> None:
        self.table.serve(request(**fields), flow, client_flow, self.callee)  # type: ignore[arg-type]

    def absorbed(self, flow: MemoryFlow, client_flow: bool = True, **fields: object) -> bool:
        return self.table.absorb(request(**fields), flow, client_flow)  # type: ignore[arg-type]

    def test_repeated(self) -> None:
        """The same branch, sent-by and method is the same request."""
        self.assertFalse(self.absorbed(self.udp))
        self.serve(self.udp)
        self.assertTrue(self.absorbed(self.udp))
        self.assertEqual(self.table.absorbed, 1)

    def test_different(self) -> None:
        """Another branch, sent-by or method is another request."""
        self.serve(self.udp)
        for fields in ({"branch": "z9hG4bK2"}, {"sent_by": "other.invalid"}, {"method": "OPTIONS"}):
            for client_flow in (True, False):
                self.assertFalse(self.absorbed(self.udp, client_flow, **fields), fields)

    def test_default_port(self) -> None:
        """sent-by without port is the one with the transport's default port."""
        self.serve(self.udp, sent_by="host.invalid")
        self.assertTrue(self.absorbed(self.udp, sent_by="HOST.invalid:5060"))
        self.assertFalse(self.absorbed(self.udp, sent_by="host.invalid:5061"))

    def test_flow_is_part_of_a_clients_key(self) -> None:
        """Two browsers may choose the same branch of seven digits: their flows tell them apart, UDP and streams."""
        for transport in ("udp", "ws"):
            with self.subTest(transport=transport):
                first = MemoryFlow(transport, ("127.0.0.1", 6001))
                second = MemoryFlow(transport, ("127.0.0.1", 6002))
                self.serve(first)
                self.assertFalse(self.absorbed(second))
                self.serve(second)
                self.assertEqual(said(second.sent), ["100"])
                self.assertTrue(self.absorbed(MemoryFlow("udp", first.peer) if transport == "udp" else first))

    def test_flow_is_no_part_of_a_hops_key(self) -> None:
        """A trusted hop may repeat its request on another connection or from another port."""
        self.serve(MemoryFlow("tcp"), client_flow=False)
        self.assertTrue(self.absorbed(MemoryFlow("tcp"), client_flow=False))

    def test_client_and_hop_apart(self) -> None:
        """What came from a client's flow is not found by a hop's message, nor the other way round."""
        self.serve(self.udp, client_flow=True)
        self.assertFalse(self.absorbed(self.udp, client_flow=False))

    def test_ack_and_cancel_match_the_invite(self) -> None:
        """ACK and CANCEL find the INVITE by its branch; to other requests they belong not."""
        self.serve(self.udp)
        self.serve(self.udp, method="MESSAGE", branch="z9hG4bK2")
        for method in ("ACK", "CANCEL"):
            self.assertTrue(self.absorbed(self.udp, method=method))
            self.assertFalse(self.absorbed(self.udp, method=method, branch="z9hG4bK2"))
            self.assertFalse(self.absorbed(self.udp, method=method, branch="z9hG4bK3"))

    def test_a17_cancel_from_another_client(self) -> None:
        """A CANCEL from any flow but that of the INVITE belongs to nothing: 481 is for the caller to say."""
        self.serve(self.udp)
        other = MemoryFlow("udp", ("127.0.0.2", 5070))
        self.assertFalse(self.absorbed(other, method="CANCEL"))
        self.assertEqual((self.callee.told, other.sent), ([], []))

    def test_a17_cancel_from_hops(self) -> None:
        """From a hop's address a CANCEL counts; from another port of it only with the call's Call-ID and From tag."""
        self.serve(self.udp, client_flow=False)
        elsewhere = MemoryFlow("udp", ("127.0.0.2", 5070))
        port = MemoryFlow("udp", ("127.0.0.1", 5071))
        for flow, fields in ((elsewhere, {}), (port, {"call_id": "x"}), (port, {"from_tag": "x"})):
            self.assertFalse(self.absorbed(flow, False, method="CANCEL", **fields))
            self.assertEqual((self.callee.told, flow.sent), ([], []))
        self.assertTrue(self.absorbed(port, False, method="CANCEL"))
        self.assertTrue(self.absorbed(self.udp, False, method="CANCEL"))
        self.assertEqual(self.callee.told, ["cancelled"])
        self.assertEqual((said(port.sent), said(self.udp.sent)), (["200"], ["100", "200"]))

    def test_rfc_2543(self) -> None:
        """Without the magic cookie the whole of §17.2.3's second half decides; ACK and CANCEL find the INVITE."""
        for via in ("SIP/2.0/UDP 192.0.2.2", "SIP/2.0/UDP 192.0.2.2;branch=1"):
            for client_flow in (True, False):
                with self.subTest(via=via, client_flow=client_flow):
                    self.setUp()
                    self.serve(self.udp, client_flow, via=via)
                    self.assertTrue(self.absorbed(self.udp, client_flow, via=via))
                    self.assertTrue(self.absorbed(self.udp, client_flow, via=via, method="CANCEL"))
                    self.assertTrue(self.absorbed(self.udp, client_flow, via=via, method="ACK", to_tag="b"))
                    for fields in (
                        {"cseq": 2},
                        {"call_id": "x"},
                        {"from_tag": "x"},
                        {"uri": "sip:carol@example.org"},
                        {"method": "OPTIONS"},
                        {"via": via.replace("2.2", "2.3")},
                    ):
                        self.assertFalse(self.absorbed(self.udp, client_flow, **{"via": via, **fields}), fields)

    def test_the_key_is_made_once(self) -> None:
        """`serve` takes the key that `absorb` made, for that very request alone."""
        first, second = request(), request(branch="z9hG4bK2")
        self.assertFalse(self.table.absorb(first, self.udp, True))
        self.assertFalse(self.table.absorb(second, self.udp, True))
        self.table.serve(second, self.udp, True, self.callee)
        self.table.serve(first, self.udp, True, self.callee)
        self.assertTrue(self.absorbed(self.udp))
        self.assertTrue(self.absorbed(self.udp, branch="z9hG4bK2"))

    def test_served_twice(self) -> None:
        """Serving what is being served is a mistake of ours and starts nothing."""
        self.serve(self.udp)
        self.assertRaises(ValueError, self.serve, self.udp)
        self.assertEqual((self.table.count, said(self.udp.sent)), (1, ["100"]))

    def test_lost_flow_of_many(self) -> None:
        """A lost connection ends its own transactions, no others, and leaves nothing behind."""
        lost, other = MemoryFlow("ws", ("127.0.0.1", 6001)), MemoryFlow("ws", ("127.0.0.1", 6002))
        for flow in (lost, other):
            for branch in ("z9hG4bK1", "z9hG4bK2"):
                self.serve(flow, branch=branch)
        self.table.flow_lost(lost)
        self.assertEqual((self.table.count, self.callee.told), (2, ["failed", "failed"]))
        self.table.flow_lost(lost)
        self.table.flow_lost(other)
        self.assert_empty()

    def test_k1_limit(self) -> None:
        """At the limit new requests are refused with Retry-After, in-dialog ones at twice the limit; it recovers."""
        self.table.limit = 2
        served = [self.table.serve(request(branch=f"z9hG4bK{n}"), self.udp, True, NOBODY) for n in range(2)]
        with self.assertRaises(SIPError) as caught:
            self.serve(self.udp, branch="z9hG4bKx")
        self.assertEqual(
            (caught.exception.status, caught.exception.headers), (503, (("Retry-After", str(RETRY_AFTER)),))
        )
        for number in range(2):
            self.serve(self.udp, branch=f"z9hG4bKd{number}", to_tag="b")
        with self.assertRaises(SIPError):
            self.serve(self.udp, branch="z9hG4bKy", to_tag="b")
        self.assertEqual(self.table.refused, 2)
        self.assertTrue(self.absorbed(self.udp, branch="z9hG4bK0"))
        for transaction in served:
            transaction.abandon()
        self.table.flow_lost(self.udp)
        self.assertEqual(self.table.count, 2)
        self.table.limit = 3
        self.serve(self.udp, branch="z9hG4bKz")


class ClientMatchingTests(TableTests):
    def test_by_branch_and_method(self) -> None:
        """A response belongs to the transaction of its top branch and CSeq method, whatever else it says."""
        sent = request()
        self.table.call(sent, self.udp, self.caller)
        self.assertTrue(self.table.answered(sent.response(180, to_tag="b")))
        self.assertFalse(self.table.answered(request(branch="z9hG4bK2").response(180, to_tag="b")))
        self.assertFalse(self.table.answered(request("BYE").response(200, to_tag="b")))
        self.assertFalse(self.table.answered(request(via="SIP/2.0/UDP 192.0.2.2").response(200, to_tag="b")))
        self.assertEqual(self.caller.told, ["180"])

    def test_cancel_has_its_own_transaction(self) -> None:
        """The 200 to our CANCEL, which shares the branch, is not taken for an answer to the INVITE."""
        sent = request()
        transaction = self.table.call(sent, self.udp, self.caller)
        self.table.answered(sent.response(180, to_tag="b"))
        transaction.cancel()
        self.assertEqual(self.table.count, 2)
        self.assertTrue(self.table.answered(request("CANCEL").response(200, to_tag="b")))
        self.assertEqual(self.caller.told, ["180"])

    def test_cancel_unanswered(self) -> None:
        """Our CANCEL is repeated until it is answered, and its silence bothers nobody."""
        sent = request()
        transaction = self.table.call(sent, self.udp, self.caller)
        self.table.answered(sent.response(180, to_tag="b"))
        transaction.cancel()
        self.clock.pump([0.1] * 20)
        self.assertEqual(said(self.udp.sent), ["INVITE", "CANCEL", "CANCEL", "CANCEL"])
        self.table.unreachable(self.udp.peer)
        self.assertEqual(self.caller.told, ["180", "failed: unreachable"])
        self.assert_empty()

    def test_branch_used_twice(self) -> None:
        """A branch that is in use is a mistake of ours."""
        self.table.call(request(), self.udp, self.caller)
        self.assertRaises(ValueError, self.table.call, request(), self.udp, self.caller)
        self.assertEqual((self.table.count, said(self.udp.sent)), (1, ["INVITE"]))

    def test_client_flow_may_be_said(self) -> None:
        """A connection that a trusted hop opened is no client's, though it was accepted."""
        flow = MemoryFlow("tcp", accepted=True)
        self.table.call(request("MESSAGE"), flow, self.caller, client_flow=False)
        self.table.flow_lost(flow)
        self.assertEqual((self.caller.told, self.table.count), ([], 1))

    def test_answer_inside_the_call(self) -> None:
        """A wire so fast that the answer is there before `call` returns."""
        sent = request("MESSAGE")

        class Echo(MemoryFlow):
            def send(flow, data: bytes) -> None:
                self.assertTrue(self.table.answered(sent.response(200, to_tag="b")))

        self.table.call(sent, Echo("tcp"), self.caller)
        self.assertEqual(self.caller.told, ["200"])
        self.assert_empty()

    def test_lost_flow_and_both_kinds(self) -> None:
        """One connection carries requests both ways: its loss ends both kinds."""
        flow = MemoryFlow("ws")
        self.table.serve(request(), flow, True, self.callee)
        self.table.call(request("BYE", branch="z9hG4bK9"), flow, self.caller)
        self.table.flow_lost(flow, "gone")
        self.assertEqual((self.callee.told, self.caller.told), (["failed"], ["failed: gone"]))
        self.assert_empty()

    def test_user_may_end_others(self) -> None:
        """A user that hears of one failure may end its other transactions on the same flow."""
        flow = MemoryFlow("ws")
        first = self.table.serve(request(), flow, True, self.callee)
        second = self.table.serve(request(branch="z9hG4bK2"), flow, True, self.callee)

        def failed(transaction: ServerTransaction) -> None:
            first.abandon()
            second.abandon()

        self.callee.failed = failed  # type: ignore[method-assign]
        self.table.flow_lost(flow)
        self.assert_empty()

    def test_k14_unreachable_concerns_udp_requests_alone(self) -> None:
        """ICMP for an address: neither what came from there nor a connection to it is touched."""
        stream = MemoryFlow("tcp", self.udp.peer)
        self.table.call(request("BYE", branch="z9hG4bK9"), stream, self.caller)
        self.table.serve(request(), self.udp, True, self.callee)
        self.table.unreachable(self.udp.peer)
        self.assertEqual((self.callee.told, self.caller.told, self.table.count), ([], [], 2))


class LifeTests(TableTests):
    def test_idle(self) -> None:
        """Idle: all have their final response; those that only absorb repetitions do not count."""
        self.assertTrue(self.table.idle)
        message = request("MESSAGE")
        served = self.table.serve(message, self.udp, True, self.callee)
        self.assertFalse(self.table.idle)
        served.respond(message.response(200, to_tag="b"))
        self.assertTrue(self.table.idle)
        sent = request("MESSAGE", branch="z9hG4bK2")
        self.table.call(sent, self.udp, self.caller)
        self.assertFalse(self.table.idle)
        self.table.answered(sent.response(200, to_tag="b"))
        self.assertEqual((self.table.idle, self.table.count), (True, 2))

    def test_no_cycles(self) -> None:
        """What has ended is freed at once, without the collector: no cycle through user, timer or table stays."""
        gc.disable()
        self.addCleanup(gc.enable)
        for method in ("INVITE", "MESSAGE"):
            for transport in ("udp", "ws"):
                flow = MemoryFlow(transport)
                incoming, outgoing = request(method), request(method, branch="z9hG4bK2")
                callee, caller = Callee(), Caller()
                server = self.table.serve(incoming, flow, True, callee)
                client = self.table.call(outgoing, flow, caller)
                callee.transaction = server  # type: ignore[attr-defined]
                caller.transaction = client  # type: ignore[attr-defined]
                self.table.answered(outgoing.response(180, to_tag="b"))
                self.table.answered(outgoing.response(486, to_tag="b"))
                refusal = incoming.response(486, to_tag="b")
                server.respond(refusal)
                if method == "INVITE":
                    self.table.absorb(ack(incoming, refusal), flow, True)
                self.clock.advance(33)
                self.assert_empty()
                gone = [weakref.ref(callee), weakref.ref(caller)]
                del callee, caller, server, client, incoming
                self.assertEqual([one() for one in gone], [None, None], (method, transport))

    def test_f18_strays(self) -> None:
        """Responses, ACKs and CANCELs that belong to nothing leave no trace."""
        for method in ("ACK", "CANCEL"):
            self.assertFalse(self.table.absorb(request(method), self.udp, True))
        self.assertFalse(self.table.answered(request().response(200, to_tag="b")))
        self.table.flow_lost(self.udp)
        self.table.unreachable(self.udp.peer)
        self.clock.advance(SLOT)
        self.assert_empty()

    def test_nobody(self) -> None:
        """The user of what has ended hears everything and does nothing."""
        transaction = self.table.call(request(), self.udp, NOBODY)
        NOBODY.answered(transaction, request().response(180))
        NOBODY.timed_out(transaction)
        NOBODY.failed(transaction, "x")
        server = self.table.serve(request(), self.udp, True, NOBODY)
        NOBODY.cancelled(server, request("CANCEL"))
        NOBODY.failed(server)
