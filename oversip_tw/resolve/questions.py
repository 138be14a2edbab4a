"""Questions to name servers, side by side, with one deadline for all."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from oversip_tw.interfaces import Clock, Delayed, LookupFailed
from oversip_tw.promise import Promise, Task, spawn

T = TypeVar("T")


class Questions:
    """What is asked for one URI. When ``budget`` seconds are over, whatever is unanswered fails, and so does
    whatever is asked after that; what has been answered can still be used."""

    __slots__ = ("_clock", "_deadline", "_left", "_waiting")

    def __init__(self, clock: Clock, budget: float) -> None:
        self._clock = clock
        self._left = budget
        self._deadline: Delayed | None = None
        self._waiting: dict[Promise[Any], Task] = {}

    def ask(self, question: Coroutine[Any, Any, T]) -> Promise[T]:
        """Put a question now; await the promise for the answer. It fails with LookupFailed when time is up."""
        answer: Promise[T] = Promise()
        if self._left <= 0:
            question.close()
            answer.fail(LookupFailed("time is up"))
            return answer

        async def wait() -> None:
            answer.resolve(await question)

        task = spawn(wait(), answer.fail)
        if not answer.done:
            self._waiting[answer] = task
            answer.when_done(lambda: self._waiting.pop(answer, None))
            if self._deadline is None:
                self._deadline = self._clock.callLater(self._left, self._time_is_up)
        return answer

    def close(self) -> None:
        """Stop the clock and give up what is still unanswered."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._give_up()

    def _time_is_up(self) -> None:
        self._deadline = None
        self._left = 0.0
        self._give_up()

    def _give_up(self) -> None:
        while self._waiting:
            answer, task = self._waiting.popitem()
            task.cancel()
            answer.fail(LookupFailed("time is up"))
