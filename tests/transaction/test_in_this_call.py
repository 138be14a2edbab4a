"""Requests that may be answered before whoever serves them goes on to other things."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import Clock, MemoryFlow
from tests.transaction.parties import Element, request, said


class InThisCallTests(SynchronousTestCase):
    def test_answered_and_not(self) -> None:
        """One that is answered at once has needed no timer; one that is not is 100 after 3.5 s, as ever."""
        clock = Clock()
        element = Element(clock, client_flow=True)
        flow = MemoryFlow("ws", receiver=element)
        for answered in (True, False):
            options = request("OPTIONS")
            transaction = element.transactions.serve(options, flow, True, element.user, in_this_call=True)
            self.assertEqual(element.wheel.count, 0)
            if answered:
                transaction.respond(options.response(200, to_tag="b"))
            transaction.go_on_waiting()
            self.assertEqual(element.wheel.count, 0 if answered else 1)
            self.assertEqual(said(flow.take()), ["200"] if answered else [])
        transaction.go_on_waiting()
        self.assertEqual(element.wheel.count, 1)
        clock.advance(3.7)
        self.assertEqual(said(flow.take()), ["100"])
        transaction.terminate()
