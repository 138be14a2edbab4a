"""Answers kept, shared, and used beyond their time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import LookupFailed
from oversip_tw.promise import Promise, Task, spawn
from oversip_tw.testing import Clock
from oversip_tw.transport.dns_cache import CACHE_SIZE, FAILURE, LONGEST, PATIENCE, STALE, Answers, Key

A = (1, "a.org")
B = (1, "b.org")


class Tests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.answers = Answers(self.clock)
        #: what was asked, and the answers that are still to be given
        self.asked: list[tuple[Key, Promise[tuple[Sequence[Any], float]]]] = []

    def get(self, key: Key = A) -> tuple[Task, list[Any]]:
        came: list[Any] = []

        async def question() -> tuple[Sequence[Any], float]:
            promise: Promise[tuple[Sequence[Any], float]] = Promise()
            self.asked.append((key, promise))
            return await promise

        async def get() -> None:
            came.append(await self.answers.get(key, question))

        return spawn(get(), came.append), came

    def say(self, *records: str, ttl: float = 60) -> None:
        """The name server answers the oldest question."""
        self.asked.pop(0)[1].resolve((list(records), ttl))

    def fail(self) -> None:
        self.asked.pop(0)[1].fail(LookupFailed("SERVFAIL"))

    def know(self, *records: str, key: Key = A, ttl: float = 60) -> None:
        self.get(key)
        self.say(*records, ttl=ttl)

    def assertFailed(self, came: list[Any]) -> None:
        self.assertIsInstance(came[0], LookupFailed)


class AnswersTests(Tests):
    def test_shared(self) -> None:
        """A thousand that ask the same put one question, and get one answer; then nobody asks while it is good."""
        waiting = [self.get()[1] for _ in range(1000)]
        self.assertEqual(len(self.asked), 1)
        self.say("x")
        self.assertEqual(waiting, [[["x"]]] * 1000)
        self.clock.advance(59.9)
        self.assertEqual((self.get()[1], self.asked), ([["x"]], []))
        self.clock.advance(0.1)
        self.get()
        self.assertEqual(len(self.asked), 1)

    def test_giving_up(self) -> None:
        """Who asked first gives up: the others get the answer, and it is kept."""
        first, nothing = self.get()
        _, came = self.get()
        first.cancel()
        self.say("x")
        self.assertEqual((nothing, came, self.get()[1]), ([], [["x"]], [["x"]]))

    def test_nothing_to_keep(self) -> None:
        """A TTL of 0 is good for those who wait and for nobody after them."""
        _, came = self.get()
        self.say("x", ttl=0)
        self.assertEqual(came, [["x"]])
        self.get()
        self.assertEqual(len(self.asked), 1)

    def test_k5_lying_ttl(self) -> None:
        """No TTL is believed beyond an hour."""
        self.know("x", ttl=2**31)
        self.assertEqual(self.answers.good_for(A), LONGEST)
        self.clock.advance(LONGEST)
        self.assertEqual(self.answers.good_for(A), 0)

    def test_k5_failure_is_remembered(self) -> None:
        """What failed is not asked again for two seconds, whatever the storm; everything else is."""
        came = [self.get()[1] for _ in range(10)]
        self.fail()
        for one in [*came, *(self.get()[1] for _ in range(1000))]:
            self.assertFailed(one)
        self.assertEqual(self.asked, [])
        self.get(B)
        self.assertEqual(len(self.asked), 1)
        self.say("y")
        self.clock.advance(FAILURE)
        _, again = self.get()
        self.say("x")
        self.assertEqual(again, [["x"]])

    def test_defect(self) -> None:
        """An error that is none of a name server's comes out as it is, and no question stays behind."""
        _, came = self.get()
        self.asked.pop(0)[1].fail(ZeroDivisionError())
        self.assertIsInstance(came[0], ZeroDivisionError)
        self.clock.advance(FAILURE)
        self.get()
        self.assertEqual(len(self.asked), 1)

    def test_bounded(self) -> None:
        """Of too many answers the one that was not used for longest goes, and nothing else."""
        for number in range(CACHE_SIZE):
            self.know("x", key=(1, f"n{number}.org"))
        self.get((1, "n0.org"))
        self.know("x", key=A)
        self.assertEqual(len(self.answers), CACHE_SIZE)
        self.assertEqual(self.answers.good_for((1, "n0.org")), 60)
        self.assertEqual(self.answers.good_for((1, "n1.org")), 0)
        self.assertEqual(self.answers.good_for((1, "n2.org")), 60)

    def test_failures_are_bounded(self) -> None:
        """Failures are forgotten when their time is over, and the oldest when there are too many."""
        for number in range(CACHE_SIZE + 10):
            self.get((1, f"n{number}.org"))
            self.fail()
        self.assertEqual(len(self.answers._failed), CACHE_SIZE)
        self.clock.advance(FAILURE)
        self.get()
        self.fail()
        self.assertEqual(list(self.answers._failed), [A])


class StaleTests(Tests):
    def setUp(self) -> None:
        super().setUp()
        self.know("old")
        self.know("old b", key=B)
        self.clock.advance(60)

    def test_k5_silence(self) -> None:
        """While an old answer is there a silent name server is waited for for a second, by whoever comes."""
        _, first = self.get()
        self.clock.advance(0.6)
        _, second = self.get()
        self.assertEqual((first, second, len(self.asked)), ([], [], 1))
        self.clock.advance(PATIENCE - 0.6)
        self.assertEqual((first, second), ([["old"]], [["old"]]))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        # nobody after them waits, not for another name either, and the question is still on its way
        self.assertEqual((self.get()[1], self.get(B)[1]), ([["old"]], [["old b"]]))
        self.assertEqual([key for key, _ in self.asked], [A, B])
        self.say("new")
        self.assertEqual(self.get()[1], [["new"]])

    def test_k5_answer_in_time(self) -> None:
        """A name server that answers within the second is believed."""
        _, came = self.get()
        self.clock.advance(PATIENCE - 0.1)
        self.say("new")
        self.assertEqual((came, self.clock.getDelayedCalls()), ([["new"]], []))

    def test_k5_back_again(self) -> None:
        """When the name server answers again it is waited for again."""
        self.get()
        self.clock.advance(PATIENCE)
        self.say("new")
        self.assertEqual(self.get(B)[1], [])
        self.say("new b")
        self.assertEqual(self.get(B)[1], [["new b"]])

    def test_k5_failure(self) -> None:
        """SERVFAIL gives the old answer at once, for two seconds without a question, then with one that nobody waits
        for; when it is answered the new answer is used."""
        _, came = self.get()
        self.fail()
        self.assertEqual((came, self.get()[1], self.asked), ([["old"]], [["old"]], []))
        self.assertEqual(self.answers.good_for(A), 0)
        self.clock.advance(FAILURE)
        self.assertEqual((self.get()[1], len(self.asked)), ([["old"]], 1))
        self.say("new")
        self.assertEqual(self.get()[1], [["new"]])

    def test_k5_an_answer_at_once(self) -> None:
        """A question that is answered, or fails, before it can be waited for."""

        async def ask() -> tuple[Sequence[Any], float]:
            return ["new"], 60.0

        async def fail() -> tuple[Sequence[Any], float]:
            raise LookupFailed("no way")

        came: list[Any] = []

        async def get() -> None:
            came.append(await self.answers.get(A, ask))
            came.append(await self.answers.get(B, fail))

        spawn(get(), came.append)
        self.assertEqual(came, [["new"], ["old b"]])

    def test_k5_end(self) -> None:
        """An hour after its time an answer is no answer any more."""
        self.clock.advance(STALE - 0.1)
        _, came = self.get()
        self.fail()
        self.assertEqual(came, [["old"]])
        self.clock.advance(FAILURE)
        _, came = self.get()
        self.assertEqual(came, [])
        self.fail()
        self.assertFailed(came)

    def test_no_such_name(self) -> None:
        """That there is no such name is an answer as well, and a name server that says so now is believed."""
        _, came = self.get()
        self.say()
        self.assertEqual((came, self.get()[1]), ([[]], [[]]))

    def test_giving_up(self) -> None:
        """Who gives up while waiting leaves no timer."""
        task, came = self.get()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        task.cancel()
        self.assertEqual((came, self.clock.getDelayedCalls()), ([], []))
        self.say("new")
        self.assertEqual(self.get()[1], [["new"]])
