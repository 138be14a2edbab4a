"""Waiting without an event loop (`oversip_tw.promise`)."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.promise import Cancelled, Promise, Task, spawn


class Tests(SynchronousTestCase):
    """A coroutine that notes what it got, and what escaped it."""

    def setUp(self) -> None:
        self.got: list[Any] = []
        self.escaped: list[BaseException] = []

    def spawn(self, *awaited: Any) -> Task:
        async def collect() -> None:
            for one in awaited:
                self.got.append(await one)

        return spawn(collect(), self.escaped.append)


class PromiseTests(Tests):
    def test_runs_in_the_same_call_when_nothing_waits(self) -> None:
        """A settled promise and a fired Deferred cost no trip through a loop: the answer leaves in the same call."""
        ready: Promise[int] = Promise()
        ready.resolve(1)
        task = self.spawn(ready, succeed(2))
        self.assertEqual(self.got, [1, 2])
        self.assertTrue(task.done)

    def test_waits_and_goes_on(self) -> None:
        """The coroutine stands until the value comes, and then goes on inside `resolve`."""
        promise: Promise[str] = Promise()
        task = self.spawn(promise, promise)
        self.assertFalse(task.done)
        promise.resolve("x")
        self.assertEqual(self.got, ["x", "x"])
        self.assertTrue(task.done)

    def test_first_result_counts(self) -> None:
        """What comes second, value or error, changes nothing."""
        promise: Promise[int] = Promise()
        promise.resolve(1)
        promise.resolve(2)
        promise.fail(ValueError())
        self.spawn(promise)
        self.assertEqual(self.got, [1])

    def test_error_is_raised_where_it_is_awaited(self) -> None:
        """A failed promise raises in each coroutine that awaits it, before and after it failed."""
        promise: Promise[int] = Promise()
        self.spawn(promise)
        promise.fail(KeyError("k"))
        self.spawn(promise)
        self.assertEqual([type(error) for error in self.escaped], [KeyError, KeyError])

    def test_none_is_a_value(self) -> None:
        """A promise may be resolved with None."""
        promise: Promise[None] = Promise()
        self.spawn(promise)
        promise.resolve(None)
        self.assertEqual(self.got, [None])

    def test_all_who_wait_are_served(self) -> None:
        """One callback that raises does not starve those after it; its error is raised to who resolved."""
        promise: Promise[int] = Promise()
        heard: list[str] = []

        def broken() -> None:
            raise ZeroDivisionError

        promise.when_done(broken)
        promise.when_done(broken)
        promise.when_done(lambda: heard.append("after"))
        self.assertRaises(ZeroDivisionError, promise.resolve, 1)
        promise.when_done(lambda: heard.append("late"))
        self.assertEqual(heard, ["after", "late"])

    def test_long_queue(self) -> None:
        """A queue in which each lets in the next is no deep stack: all get their turn, in order, within one call."""
        gates: list[Promise[None]] = [Promise() for _ in range(2001)]

        async def link(number: int) -> None:
            await gates[number]
            self.got.append(number)
            gates[number + 1].resolve(None)

        for number in range(2000):
            spawn(link(number), self.escaped.append)
        gates[0].resolve(None)
        self.assertEqual((self.got, self.escaped), (list(range(2000)), []))

    def test_error_far_down(self) -> None:
        """What a callback raises far down a queue reaches who began it, and does not end the queue."""
        gates: list[Promise[None]] = [Promise() for _ in range(101)]

        def link(number: int) -> None:
            self.got.append(number)
            gates[number + 1].resolve(None)
            if number == 90:
                raise ZeroDivisionError

        for number in range(100):
            gates[number].when_done(lambda number=number: link(number))  # type: ignore[misc]
        self.assertRaises(ZeroDivisionError, gates[0].resolve, None)
        self.assertEqual(self.got, list(range(100)))


class TaskTests(Tests):
    def test_deferred(self) -> None:
        """A Deferred that fires later hands its result over, an error is raised and counts as handled."""
        later: Deferred[int] = Deferred()
        broken: Deferred[int] = Deferred()
        self.spawn(later, broken)
        later.callback(1)
        self.assertEqual(self.got, [1])
        broken.errback(ValueError())
        self.assertIsInstance(self.escaped[0], ValueError)

    def test_failed_deferred(self) -> None:
        """A Deferred that has failed before is raised at once."""
        self.spawn(fail(ValueError()))
        self.assertIsInstance(self.escaped[0], ValueError)

    def test_cancel_deferred(self) -> None:
        """Cancelling throws `Cancelled` into the coroutine, cancels what it waits for, and is no error."""
        cancelled: list[object] = []
        waited: Deferred[int] = Deferred(cancelled.append)
        task = self.spawn(waited)
        task.cancel()
        task.cancel()
        self.assertTrue(task.done)
        self.assertEqual(cancelled, [waited])
        self.assertEqual(self.escaped, [])

    def test_cancel_promise(self) -> None:
        """A promise that others may wait for is left alone; what it says later is not heard."""
        promise: Promise[int] = Promise()
        task = self.spawn(promise)
        other = self.spawn(promise)
        task.cancel()
        promise.resolve(7)
        self.assertEqual(self.got, [7])
        self.assertTrue(other.done)

    def test_except_exception_does_not_swallow_cancelled(self) -> None:
        """`Cancelled` passes an ``except Exception``, and ``finally`` runs."""

        async def careless() -> None:
            try:
                try:
                    await Promise[int]()
                except Exception:
                    self.got.append("swallowed")
            finally:
                self.got.append("cleaned up")

        spawn(careless(), self.escaped.append).cancel()
        self.assertEqual(self.got, ["cleaned up"])

    def test_waits_again_after_cancelled(self) -> None:
        """A coroutine may still wait for something in its ``finally``; the first wait no longer reaches it."""
        first: Promise[int] = Promise()
        second: Promise[int] = Promise()

        async def stubborn() -> None:
            try:
                await first
            finally:
                self.got.append(await second)

        task = spawn(stubborn(), self.escaped.append)
        task.cancel()
        first.resolve(1)
        self.assertEqual(self.got, [])
        second.resolve(2)
        self.assertEqual(self.got, [2])
        self.assertTrue(task.done)

    def test_cancelled_by_its_own_doing(self) -> None:
        """A coroutine whose own act cancels it goes on to the next thing that is not ready, and ends there."""
        gate: Promise[int] = Promise()
        tasks: list[Task] = []

        async def suicidal() -> None:
            await gate
            tasks[0].cancel()
            self.got.append("still here")
            await Promise[int]()
            self.got.append("never")

        tasks.append(spawn(suicidal(), self.escaped.append))
        gate.resolve(1)
        self.assertEqual((self.got, self.escaped, tasks[0].done), (["still here"], [], True))

    def test_cancelled_while_it_ends(self) -> None:
        """Cancelling a coroutine that ends without waiting again is harmless."""
        gate: Promise[int] = Promise()
        tasks: list[Task] = []

        async def last_words() -> None:
            await gate
            tasks[0].cancel()

        tasks.append(spawn(last_words(), self.escaped.append))
        gate.resolve(1)
        self.assertEqual((self.escaped, tasks[0].done), ([], True))

    def test_escaped_exception(self) -> None:
        """What escapes the coroutine goes to ``failed``, once."""

        async def broken() -> None:
            raise RuntimeError("x")

        task = spawn(broken(), self.escaped.append)
        self.assertTrue(task.done)
        self.assertEqual(str(self.escaped[0]), "x")

    def test_asyncio_is_refused(self) -> None:
        """A hook that awaits asyncio's sleep is told so instead of hanging for ever."""

        async def lost() -> None:
            await asyncio.sleep(0)

        task = spawn(lost(), self.escaped.append)
        self.assertTrue(task.done)
        self.assertIsInstance(self.escaped[0], TypeError)

    def test_deferred_cancelled_from_elsewhere(self) -> None:
        """Somebody else cancels the Deferred: that is an error, raised in the coroutine."""
        waited: Deferred[int] = Deferred()
        self.spawn(waited)
        waited.cancel()
        self.assertIsInstance(self.escaped[0], CancelledError)

    def test_cancelled_can_be_thrown_again(self) -> None:
        """A promise may fail with `Cancelled`: who waits for it ends quietly too."""
        promise: Promise[int] = Promise()
        task = self.spawn(promise)
        promise.fail(Cancelled())
        self.assertEqual((task.done, self.escaped), (True, []))
