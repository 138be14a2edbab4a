"""Questions to name servers, side by side, with one deadline for all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from oversip_tw.interfaces import Clock, Delayed, LookupFailed
from oversip_tw.promise import Promise, Task, spawn

T = TypeVar("T")


class Questions:
    """What is asked for one URI. When ``budget`` seconds are over, whatever is unanswered fails, and so does
    whatever is asked after that; what has been answered can still be used."""

    __slots__ = ("_clock", "_deadline", "_groups", "_left", "_waiting")

    def __init__(self, clock: Clock, budget: float) -> None:
        self._clock = clock
        self._left = budget
        self._deadline: Delayed | None = None
        self._waiting: dict[Promise[Any], Task] = {}
        self._groups: list[Group] = []

    def group(self, grace: float) -> Group:
        """Questions of which one answer will do: see `Group`."""
        group = Group(self._clock, grace, self._give_up)
        self._groups.append(group)
        return group

    def ask(self, question: Coroutine[Any, Any, T], *groups: Group) -> Promise[T]:
        """Put a question now; await the promise for the answer. It fails with LookupFailed when time is up."""
        answer: Promise[T] = Promise()
        if self._left <= 0:
            question.close()
            answer.fail(LookupFailed("time is up"))
            return answer

        async def wait() -> None:
            value = await question
            if value:
                for group in groups:
                    group.hurry()
            answer.resolve(value)

        task = spawn(wait(), answer.fail)
        if not answer.done:
            self._waiting[answer] = task
            answer.when_done(lambda: self._waiting.pop(answer, None))
            if self._deadline is None:
                self._deadline = self._clock.callLater(self._left, self._time_is_up)
            for group in groups:
                group.waits_for(answer)
        return answer

    def close(self) -> None:
        """Stop the clocks and give up what is still unanswered."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        for group in self._groups:
            group.close()
        self._give_up_all()

    def _time_is_up(self) -> None:
        self._deadline = None
        self._left = 0.0
        self._give_up_all()

    def _give_up_all(self) -> None:
        while self._waiting:
            self._give_up(next(iter(self._waiting)))

    def _give_up(self, answer: Promise[Any]) -> None:
        task = self._waiting.pop(answer, None)
        if task is not None:
            task.cancel()
            answer.fail(LookupFailed("time is up"))


class Group:
    """Questions of which one answer will do: once there is one that is not empty, the others get ``grace`` seconds.

    `hurry` gives them that much without any answer.
    """

    __slots__ = ("_clock", "_enough", "_give_up", "_grace", "_timer", "_waiting")

    def __init__(self, clock: Clock, grace: float, give_up: Callable[[Promise[Any]], None]) -> None:
        self._clock = clock
        self._grace = grace
        self._give_up = give_up
        self._enough = False
        self._timer: Delayed | None = None
        self._waiting: list[Promise[Any]] = []

    def hurry(self) -> None:
        """From now on ``grace`` is all that there is."""
        self._enough = True
        if self._waiting and self._timer is None:
            self._timer = self._clock.callLater(self._grace, self._end)

    def waits_for(self, answer: Promise[Any]) -> None:
        self._waiting.append(answer)
        if self._enough:
            self.hurry()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            self._give_up(answer)
