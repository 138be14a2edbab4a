"""Two real transaction layers joined by a wire that loses, doubles, delays and reorders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Response
from oversip_tw.testing import Clock, pair
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.server import ServerTransaction
from tests.transaction.parties import Caller, Element, Wire, request


class Phone(Caller):
    """A caller that acknowledges a 2xx, each time it comes, as a user agent does."""

    def __init__(self, send: Callable[[bytes], None], branch: str) -> None:
        super().__init__()
        self.send = send
        self.branch = branch

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        super().answered(transaction, response)
        if 200 <= response.status < 300 and transaction.request.method == "INVITE":
            self.send(request("ACK", branch=f"{self.branch}ack", to_tag=response.to_tag or "").to_bytes())


class JoinedTests(SynchronousTestCase):
    def join(self, fate: Callable[[], Iterable[float]], serve: Callable[[ServerTransaction], None]) -> None:
        self.clock = Clock()
        self.calling = Element(self.clock)
        self.called = Element(self.clock, serve, client_flow=True)
        here, self.flow = pair("udp", self.called, self.calling)
        Wire(self.clock, fate, here, self.flow)

    def call(self, method: str, number: int) -> Phone:
        branch = f"z9hG4bK{number}"
        phone = Phone(self.flow.send, branch)
        self.calling.transactions.call(request(method, branch=branch, call_id=str(number)), self.flow, phone)
        return phone

    def run_out(self, seconds: float = 75) -> None:
        self.clock.pump([0.05] * round(seconds * 20))

    def assert_empty(self) -> None:
        for element in (self.calling, self.called):
            self.assertEqual((element.transactions.count, element.wheel.count), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def answer_with(self, status: int) -> Callable[[ServerTransaction], None]:
        """Ring, and answer a second later; a 2xx is repeated by the user agent until its ACK (RFC 6026 §8.7)."""

        def serve(transaction: ServerTransaction) -> None:
            response = transaction.request.response(status, to_tag="b")

            def answer() -> None:
                if not any(ack.get("Via") and ack.via.branch == f"{transaction.request.via.branch}ack"
                           for ack in self.called.acks):  # fmt: skip
                    transaction.respond(response)
                    if transaction.request.method == "INVITE" and status < 300:
                        self.clock.callLater(1.0, answer)

            transaction.respond(transaction.request.response(180, to_tag="b"))
            self.clock.callLater(1.0, answer)

        return serve

    def test_perfect_wire(self) -> None:
        """Without loss every message goes once, and everything is gone after the last timer."""
        for method, status, told in (
            ("INVITE", 200, ["100", "180", "200"]),
            ("INVITE", 486, ["100", "180", "486"]),
            ("MESSAGE", 200, ["200"]),
        ):
            with self.subTest(method=method, status=status):
                self.join(lambda: (0.01,), self.answer_with(status))
                phone = self.call(method, 1)
                self.run_out()
                self.assertEqual(phone.told, told)
                self.assertEqual(len(self.called.acks), 1 if (method, status) == ("INVITE", 200) else 0)
                self.assertEqual((self.called.user.told, self.calling.strays), ([], []))
                self.assert_empty()

    def test_lost_link(self) -> None:
        """Nothing comes through: the caller hears of it in the end, the other side never knew."""
        self.join(lambda: (), self.answer_with(200))
        phones = [self.call("INVITE", 1), self.call("MESSAGE", 2)]
        self.run_out()
        self.assertEqual([phone.told for phone in phones], [["timed out"], ["timed out"]])
        self.assertEqual(self.called.served, [])
        self.assert_empty()

    def _many(self, fate: Callable[[], Iterable[float]], number: int, method: str, status: int) -> list[str]:
        self.join(fate, self.answer_with(status))
        phones = [self.call(method, n) for n in range(number)]
        self.run_out()
        self.assert_empty()
        self.assertEqual(len(self.called.served), number, "each call is delivered once")
        for phone in phones:
            finals = [one for one in phone.told if not one.startswith("1")]
            self.assertTrue(finals)
            self.assertLessEqual(len(set(finals)), 1, phone.told)
            if status >= 300 or method != "INVITE":
                self.assertEqual(len(finals), 1, "one final response")
        return [next(one for one in phone.told if not one.startswith("1")) for phone in phones]

    def test_k13_loss(self) -> None:
        """A tenth of all datagrams is lost each way: every call ends as it should, delivered once."""
        random = Random(4)
        for method, status in (("INVITE", 200), ("INVITE", 486), ("MESSAGE", 200)):
            with self.subTest(method=method, status=status):
                ends = self._many(lambda: () if random.random() < 0.1 else (0.01,), 100, method, status)
                self.assertEqual(set(ends), {str(status)})

    def test_k13_duplicates_and_reordering(self) -> None:
        """Datagrams come twice and overtake each other by more than T1: each call is still delivered once."""
        random = Random(7)

        def fate() -> Iterable[float]:
            copies = 2 if random.random() < 0.3 else 1
            return [random.choice((0.01, 0.01, 0.3, 0.9)) for _ in range(copies)]

        for method, status in (("INVITE", 200), ("INVITE", 404), ("MESSAGE", 404)):
            with self.subTest(method=method, status=status):
                ends = self._many(fate, 60, method, status)
                self.assertEqual(set(ends), {str(status)})

    def test_cancel_through_loss(self) -> None:
        """A quarter is lost, and each call is cancelled while it rings: all end by 487 or were answered before."""
        random = Random(1)

        def serve(transaction: ServerTransaction) -> None:
            transaction.respond(transaction.request.response(180, to_tag="b"))

        self.join(lambda: () if random.random() < 0.25 else (0.01,), serve)
        self.called.user.cancelled = (  # type: ignore[method-assign]
            lambda transaction, cancel: transaction.respond(transaction.request.response(487, to_tag="b"))
        )
        phones, transactions = [], []
        for number in range(60):
            phone = Phone(self.flow.send, f"z9hG4bK{number}")
            phones.append(phone)
            message = request(branch=f"z9hG4bK{number}", call_id=str(number))
            transactions.append(self.calling.transactions.call(message, self.flow, phone))
        self.clock.pump([0.05] * 20)
        for transaction in transactions:
            transaction.cancel()
        self.run_out(110)
        self.assertEqual({phone.told[-1] for phone in phones}, {"487"})
        self.assert_empty()
