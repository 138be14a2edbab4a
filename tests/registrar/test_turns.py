"""REGISTERs of one user come one after another; those of others do not wait."""

from __future__ import annotations

from twisted.trial import unittest

from oversip_tw.promise import Promise
from oversip_tw.registrar.turns import Turns
from tests.registrar.phones import Outcome


class Waiting(unittest.SynchronousTestCase):
    """`Turns` alone."""

    def setUp(self) -> None:
        self.turns = Turns()
        self.order: list[str] = []

    async def work(self, name: str, label: str, until: Promise[None] | None = None) -> None:
        await self.turns.enter(name)
        try:
            self.order.append(label)
            if until is not None:
                await until
        finally:
            self.turns.leave(name)

    def test_first_come_first_served(self) -> None:
        """Who comes while another is at it waits, and all leave in the order in which they came."""
        first: Promise[None] = Promise()
        second: Promise[None] = Promise()
        running = [
            Outcome(self.work("a", "1", first)),
            Outcome(self.work("a", "2", second)),
            Outcome(self.work("a", "3")),
        ]
        self.assertEqual((self.order, self.turns.waiting("a")), (["1"], 2))
        first.resolve(None)
        self.assertEqual((self.order, self.turns.waiting("a")), (["1", "2"], 1))
        second.resolve(None)
        self.assertEqual(self.order, ["1", "2", "3"])
        self.assertTrue(all(task.done for task in running))

    def test_others_go_on(self) -> None:
        """Another name has a line of its own."""
        never: Promise[None] = Promise()
        Outcome(self.work("a", "a", never))
        Outcome(self.work("a", "waits", never))
        Outcome(self.work("b", "b"))
        self.assertEqual(self.order, ["a", "b"])

    def test_failure_ends_a_turn(self) -> None:
        """What raises lets the next one in."""
        first: Promise[None] = Promise()
        failing = Outcome(self.work("a", "1", first))
        Outcome(self.work("a", "2"))
        first.fail(ValueError())
        self.assertIsInstance(failing.error, ValueError)
        self.assertEqual(self.order, ["1", "2"])

    def test_long_line(self) -> None:
        """A thousand that were waiting are served without a deep stack, and nothing is left of them."""
        first: Promise[None] = Promise()
        Outcome(self.work("a", "0", first))
        running = [Outcome(self.work("a", str(number))) for number in range(1, 2001)]
        first.resolve(None)
        self.assertTrue(all(task.done for task in running))
        self.assertEqual(len(self.order), 2001)
        self.assertEqual(self.turns.waiting("a"), 0)
        Outcome(self.work("a", "again"))
        self.assertEqual(self.order[-1], "again")
