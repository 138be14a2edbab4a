"""Waiting without an event loop: a value that comes later, and the coroutine that waits for it.

The rooms below ``transport`` know neither Twisted nor asyncio, yet some of what they ask for may take time (a store, a
name server, a user's hook). Such a port is ``async def``. A `Task` drives the coroutine: it runs at once, in the
caller's own stack, up to the first thing that is not ready. With a memory store nothing ever waits, and the answer
leaves in the same call. A coroutine may await a `Promise`, or what has a Deferred's ``addCallbacks`` and ``cancel``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

#: promises settled within each other before the next one has to wait; each costs some ten frames of the stack
DEEPEST = 16

T = TypeVar("T")
Failed = Callable[[BaseException], None]


class Cancelled(BaseException):
    """Thrown into a coroutine whose result nobody wants any more; ``except Exception`` does not catch it."""


class _Settling:
    """Calls those who wait, in the stack of whoever settles the promise. A queue in which each lets in the next would
    become a stack as deep as the queue is long: from some depth on the calls wait until the outermost is through."""

    __slots__ = ("_depth", "_later")

    def __init__(self) -> None:
        self._depth = 0
        self._later: deque[Callable[[], object]] = deque()

    def call(self, waiting: list[Callable[[], object]]) -> None:
        if self._depth == DEEPEST:
            self._later.extend(waiting)
            return
        escaped: list[Exception] = []
        self._depth += 1
        try:
            for callback in waiting:
                self._call(callback, escaped)
            while self._depth == 1 and self._later:
                self._call(self._later.popleft(), escaped)
        finally:
            self._depth -= 1
        if escaped:
            raise escaped[0]

    def _call(self, callback: Callable[[], object], escaped: list[Exception]) -> None:
        try:
            callback()
        except Exception as error:  # whoever comes after it has waited as long
            escaped.append(error)


#: the depth of the one stack there is: promises are settled in the reactor's thread alone
_settling = _Settling()


class Promise(Generic[T]):
    """A value that comes later. Await it from any number of coroutines; whatever comes first counts."""

    __slots__ = ("_error", "_value", "_waiting", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiting: list[Callable[[], object]] = []

    def resolve(self, value: T) -> None:
        """Hand ``value`` to everybody who waits. A second call changes nothing."""
        if not self.done:
            self._value = value
            self._settle()

    def fail(self, error: BaseException) -> None:
        """Raise ``error`` in everybody who waits. A second call changes nothing."""
        if not self.done:
            self._error = error
            self._settle()

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once the promise is settled, at once if it is."""
        if self.done:
            callback()
        else:
            self._waiting.append(callback)

    def result(self) -> T:
        """What a settled promise was settled with; raises that if it is an error."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # settled without error: this is the T it was given

    def _settle(self) -> None:
        self.done = True
        waiting, self._waiting = self._waiting, []
        _settling.call(waiting)

    def __await__(self) -> Generator[Promise[T], None, T]:
        if not self.done:
            yield self
        return self.result()


class Task:
    """A coroutine on its way. ``failed`` hears of every exception that escapes it."""

    __slots__ = ("_cancelled", "_coroutine", "_failed", "_running", "_waits_for", "done")

    def __init__(self, coroutine: Coroutine[Any, Any, None], failed: Failed) -> None:
        self.done = False
        self._coroutine = coroutine
        self._failed = failed
        self._waits_for: Any = None
        self._running = False
        self._cancelled = False
        self._step(None, None)

    def cancel(self) -> None:
        """Stop waiting and throw `Cancelled` into the coroutine. Harmless on one that has ended.

        One that is running (its own doing led here) goes on up to the next thing that is not ready.
        """
        if self.done:
            return
        if self._running:
            self._cancelled = True
            return
        waited, self._waits_for = self._waits_for, None
        if not isinstance(waited, Promise):
            waited.cancel()
        self._step(None, Cancelled())

    def _step(self, value: Any, error: BaseException | None) -> None:
        self._running = True
        try:
            waits_for = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
            while self._cancelled:
                self._cancelled = False
                waits_for = self._coroutine.throw(Cancelled())
            if not (isinstance(waits_for, Promise) or hasattr(waits_for, "addCallbacks")):
                self._coroutine.close()
                raise TypeError(f"only a Promise or a Deferred can be awaited here, not {waits_for!r}")
        except (StopIteration, Cancelled):
            self.done = True
        except Exception as escaped:
            self.done = True
            self._failed(escaped)
        else:
            self._wait(waits_for)
        finally:
            self._running = False

    def _wait(self, waits_for: Any) -> None:
        self._running = False
        self._waits_for = waits_for
        if isinstance(waits_for, Promise):
            # The promise hands out its value itself, when the coroutine asks again.
            waits_for.when_done(lambda: self._resume(waits_for, None, None))
        else:
            waits_for.addCallbacks(
                lambda result: self._resume(waits_for, result, None),
                lambda failure: self._resume(waits_for, None, failure.value),
            )

    def _resume(self, waited: Any, value: Any, error: BaseException | None) -> None:
        # It may have been cancelled meanwhile, and even wait for something else by now.
        if self._waits_for is waited:
            self._waits_for = None
            self._step(value, error)


def spawn(coroutine: Coroutine[Any, Any, None], failed: Failed) -> Task:
    """Run ``coroutine`` now, as far as it gets; ``failed`` is called with what escapes it, `Cancelled` excepted."""
    return Task(coroutine, failed)
