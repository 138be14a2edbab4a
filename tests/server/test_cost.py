"""What a REGISTER and a call cost in calls of Python functions: a number that no busy machine changes.

A bound that is passed is a question, not a defect: is what was added worth it for each message? Then raise it.
Compiled functions call each other unseen: there it is what is left to the interpreter (the phones' flows, clock and
users here, the standard library) that is counted, and `bench/bounds.toml` bounds the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw import native
from oversip_tw.interfaces import Flow
from tests.server.world import Phone, World, call


class Counting:
    """A `Receiver` in front of the element that counts what the element does with each message."""

    def __init__(self, world: World) -> None:
        self._received = world.element.received
        self.calls = 0

    def received(self, data: bytes, flow: Flow) -> None:
        before = sys.getprofile()
        sys.setprofile(self._count)
        try:
            self._received(data, flow)
        finally:
            sys.setprofile(before)

    def _count(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event == "call"


class CostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.counting = Counting(self.world)
        self.alice, self.bob = self.phone("alice"), self.phone("bob")

    def phone(self, user: str) -> Phone:
        phone = self.world.registered(user, "udp", instance=False)
        phone.flow.receiver = self.counting  # type: ignore[assignment]  # it is told of nothing else
        return phone

    def cost(self, work: Callable[[], object]) -> int:
        """Of the second time, when what is remembered is remembered."""
        work()
        self.counting.calls = 0
        work()
        return self.counting.calls

    def test_register(self) -> None:
        """A refresh in two requests: one is challenged, the other has the right digest."""
        self.assertLess(self.cost(self.alice.register), 40 if native.is_compiled() else 400)

    def test_call(self) -> None:
        """A call between two users over UDP: INVITE, challenged, its ACK, INVITE again, 180, 200, ACK, BYE, 200."""

        def complete() -> None:
            dialog, _ = call(self.alice, self.bob)
            dialog.send("BYE")
            [bye] = self.bob.requests("BYE")
            self.bob.answer(bye, 200)
            self.assertEqual(self.alice.statuses(), [200])

        self.assertLess(self.cost(complete), 90 if native.is_compiled() else 1040)
