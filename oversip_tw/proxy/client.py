"""Sending requests from user code, and hearing what becomes of them: what `Proxy` and `Uac` have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from oversip_tw.interfaces import Target
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.settings import Profile
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.status import phrase

#: names that need not stand in the configuration
BUILT_IN = ("default", "users", "in_dialog", "core")

Done = Awaitable[None] | None
OnResponse = Callable[[Response], Done]
OnError = Callable[["Failure"], Done]
OnNothing = Callable[[], Done]
OnTarget = Callable[[Attempt], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nobody answered: what we would say, and the reason in one word (`oversip_tw.sip.codes`)."""

    status: int
    reason: str
    code: str


class Client:
    """Callbacks and the profile of one request. Each ``on_...`` may be used as a decorator, before the request is sent.

    Callbacks are plain or ``async`` (those of `on_target` plain alone); several for one event are called one after
    another, and the events of one request never overtake each other. What they raise is logged, except SIPError: at a
    final event it becomes the answer. Each has 5 s.
    """

    def __init__(self, core: Core, profile: str | None = None) -> None:
        """``profile``: the name of a `[[profile]]`; None: the one that fits. Raises ValueError if there is none."""
        if profile is not None and profile not in BUILT_IN and profile not in core.settings.profiles:
            raise ValueError(f"no profile is named {profile!r}")
        self.core = core
        self._profile = profile
        #: where the request is sent just now
        self.target: Target | None = None
        #: the request
        self.request: Request | None = None
        self._provisional: list[OnResponse] = []
        self._success: list[OnResponse] = []
        self._failure: list[OnResponse] = []
        self._error: list[OnError] = []
        self._cancelled: list[OnNothing] = []
        self._timeout: list[OnNothing] = []
        self._target: list[OnTarget] = []
        self._events: deque[tuple[list[Callable[[], Done]], Callable[[SIPError | None], None]]] = deque()
        self._busy = False

    # -- what may be asked for

    def on_provisional(self, callback: OnResponse) -> OnResponse:
        """Call ``callback(response)`` for each 1xx above 100."""
        self._provisional.append(callback)
        return callback

    def on_success(self, callback: OnResponse) -> OnResponse:
        """Call ``callback(response)`` for a 2xx."""
        self._success.append(callback)
        return callback

    def on_failure(self, callback: OnResponse) -> OnResponse:
        """Call ``callback(response)`` for the best of the answers of 300 and above, when no target is left."""
        self._failure.append(callback)
        return callback

    def on_error(self, callback: OnError) -> OnError:
        """Call ``callback(failure: Failure)`` when nobody answered: no such name, no connection, no time left, ..."""
        self._error.append(callback)
        return callback

    def on_cancelled(self, callback: OnNothing) -> OnNothing:
        """Call ``callback()`` when the caller gives up."""
        self._cancelled.append(callback)
        return callback

    def on_timeout(self, callback: OnNothing) -> OnNothing:
        """Call ``callback()`` when an INVITE has rung too long (Timer C); the caller hears 408 afterwards."""
        self._timeout.append(callback)
        return callback

    def on_target(self, callback: OnTarget) -> OnTarget:
        """Call ``callback(attempt: Attempt)`` before a copy of the request leaves to one target."""
        self._target.append(callback)
        return callback

    def clear_callbacks(self) -> None:
        """Forget all callbacks."""
        for callbacks in self._all():
            callbacks.clear()

    def _all(self) -> tuple[list[object], ...]:
        return (  # type: ignore[return-value]  # they are only cleared and counted
            self._provisional, self._success, self._failure, self._error, self._cancelled, self._timeout, self._target,
        )  # fmt: skip

    @property
    def watches(self) -> bool:
        """There is a callback."""
        return any(self._all())

    @property
    def profile(self) -> Profile | None:
        """What was named, as it stands in the configuration now."""
        return None if self._profile is None else self.core.settings.named(self._profile)

    # -- Watcher

    def targeted(self, attempt: Attempt) -> None:
        """A copy is about to leave."""
        self.target = attempt.target
        for callback in self._target:
            try:
                callback(attempt)
            except SIPError:
                raise
            except Exception as error:
                self.core.broke(error, attempt.request)
                raise SIPError(500) from error

    def provisional(self, response: Response, go_on: GoOn) -> None:
        """A 1xx came."""
        self._tell([partial(callback, response) for callback in self._provisional], lambda _: go_on())

    def success(self, response: Response, go_on: GoOn) -> None:
        """A 2xx came."""
        self._tell([partial(callback, response) for callback in self._success], lambda _: go_on())

    def ended(self, outcome: Outcome, go_on: GoOn) -> None:
        """No branch is left."""
        response = outcome.response
        calls: list[Callable[[], Done]]
        if response is None:
            failure = Failure(outcome.status, outcome.reason or phrase(outcome.status), outcome.code)
            calls = [partial(callback, failure) for callback in self._error]
        else:
            callbacks = self._success if 200 <= outcome.status < 300 else self._failure
            calls = [partial(callback, response) for callback in callbacks]
        self._tell(calls, lambda error: self._conclude(outcome, go_on, error))

    def _conclude(self, outcome: Outcome, go_on: GoOn, error: SIPError | None) -> None:
        """All callbacks of a final event have been called; ``error`` is what one of them would answer instead."""
        go_on()

    def rang_too_long(self) -> None:
        """Timer C has fired."""
        self._tell(list(self._timeout), lambda _: None)

    def cancelled(self) -> None:
        """The caller gave up."""
        self._tell(list(self._cancelled), lambda _: None)

    # -- one event after another

    def _tell(self, calls: list[Callable[[], Done]], then: Callable[[SIPError | None], None]) -> None:
        if not calls and not self._busy:
            then(None)
            return
        self._events.append((calls, then))
        if not self._busy:
            self.core.spawn(self._work(), self.core.unexpected)

    async def _work(self) -> None:
        self._busy = True
        try:
            while self._events:
                calls, then = self._events.popleft()
                then(await self._call(calls))
        finally:
            self._busy = False

    async def _call(self, calls: list[Callable[[], Done]]) -> SIPError | None:
        answer: SIPError | None = None
        for call in calls:
            try:
                await self.core.run(call)
            except SIPError as error:
                answer = error
            except Exception as error:
                if self.request is not None:
                    self.core.broke(error, self.request)
        return answer
