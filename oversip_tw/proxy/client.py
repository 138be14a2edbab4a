"""Sending requests from user code, and hearing what becomes of them: what `Proxy` and `Uac` have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from oversip_tw.interfaces import Target
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.settings import Profile
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.proxy.way import Way
from oversip_tw.sip import codes
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

# what is decorated stays what it is
ResponseCallback = TypeVar("ResponseCallback", bound=OnResponse)
ErrorCallback = TypeVar("ErrorCallback", bound=OnError)
Callback = TypeVar("Callback", bound=OnNothing)
TargetCallback = TypeVar("TargetCallback", bound=OnTarget)

#: hears that all callbacks of an event have been called, and of the last SIPError that one of them raised
_Then = Callable[[SIPError | None], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nobody answered: what we would say, and why in one word (`oversip_tw.sip.codes`; "": it has none)."""

    status: int
    reason: str
    code: str


class Client:
    """Callbacks and the profile of one request. Each ``on_...`` may be used as a decorator, before the request is sent.

    Callbacks are plain or ``async`` (those of `on_target` plain alone); several for one event are called one after
    another, and the events of one request never overtake each other. Each has 5 s. What they raise is logged, and the
    event goes on as if they had not been there, except SIPError at a final event: it becomes the answer.
    """

    def __init__(self, core: Core, profile: str | None = None) -> None:
        """``profile``: the name of a `[[profile]]`; None: the one that fits. Raises ValueError if there is none."""
        if profile is not None and profile not in BUILT_IN and profile not in core.settings.profiles:
            raise ValueError(f"no profile is named {profile!r}")
        self.core = core
        #: where a copy of the request was sent last
        self.target: Target | None = None
        #: the request
        self.request: Request | None = None
        self._profile = profile
        self._provisional: tuple[OnResponse, ...] = ()
        self._success: tuple[OnResponse, ...] = ()
        self._failure: tuple[OnResponse, ...] = ()
        self._error: tuple[OnError, ...] = ()
        self._cancelled: tuple[OnNothing, ...] = ()
        self._timeout: tuple[OnNothing, ...] = ()
        self._target: tuple[OnTarget, ...] = ()
        #: events that wait for the callbacks of an earlier one; None: there never were any
        self._events: deque[tuple[Sequence[Callable[[], Done]], _Then]] | None = None
        #: a callback is at work
        self._busy = False

    # -- what may be asked for

    def on_provisional(self, callback: ResponseCallback) -> ResponseCallback:
        """Call ``callback(response)`` for each 1xx above 100."""
        self._provisional = (*self._provisional, callback)
        return callback

    def on_success(self, callback: ResponseCallback) -> ResponseCallback:
        """Call ``callback(response)`` for a 2xx. To an INVITE there may be several, one for each To tag, and each comes
        again as long as its ACK is on its way."""
        self._success = (*self._success, callback)
        return callback

    def on_failure(self, callback: ResponseCallback) -> ResponseCallback:
        """Call ``callback(response)`` for the best of the answers of 300 and above, when no target is left."""
        self._failure = (*self._failure, callback)
        return callback

    def on_error(self, callback: ErrorCallback) -> ErrorCallback:
        """Call ``callback(failure: Failure)`` when nobody answered: no such name, no connection, no time left, ...; a
        503, which no caller is to hear, counts as that too."""
        self._error = (*self._error, callback)
        return callback

    def on_cancelled(self, callback: Callback) -> Callback:
        """Call ``callback()`` when the caller of an INVITE gives up, or its connection is gone. No failure follows."""
        self._cancelled = (*self._cancelled, callback)
        return callback

    def on_timeout(self, callback: Callback) -> Callback:
        """Call ``callback()`` when an INVITE has rung too long (Timer C); `on_error` with invite_timeout follows."""
        self._timeout = (*self._timeout, callback)
        return callback

    def on_target(self, callback: TargetCallback) -> TargetCallback:
        """Call ``callback(attempt: Attempt)`` before a copy of the request leaves to one target."""
        self._target = (*self._target, callback)
        return callback

    def clear_callbacks(self) -> None:
        """Forget all callbacks."""
        self._provisional = self._success = self._failure = ()
        self._error, self._cancelled, self._timeout, self._target = (), (), (), ()

    def _adopt(self, other: Client) -> None:
        """Have the callbacks of ``other``."""
        self._provisional, self._success, self._failure = other._provisional, other._success, other._failure
        self._error, self._cancelled, self._timeout = other._error, other._cancelled, other._timeout
        self._target = other._target

    @property
    def watches(self) -> bool:
        """There is a callback."""
        return bool(
            self._provisional or self._success or self._failure or self._error or self._cancelled or self._timeout
            or self._target
        )  # fmt: skip

    @property
    def profile(self) -> Profile | None:
        """What was named, as it stands in the configuration now."""
        return None if self._profile is None else self.core.settings.named(self._profile)

    def _by_profile(self, groups: Sequence[Sequence[Way]]) -> Sequence[Sequence[Way]]:
        """``groups``, each way by the profile that was named."""
        profile = self.profile
        if profile is not None:
            for first in (way for group in groups for way in group):
                for way in (first, *first.others):
                    way.profile = profile
        return groups

    # -- Watcher

    def targeted(self, attempt: Attempt) -> None:
        """A copy is about to leave."""
        self.target = attempt.target
        for callback in self._target:
            try:
                callback(attempt)
            except SIPError as error:
                code = error.code or codes.DESTINATION_ABORTED
                raise SIPError(error.status, error.reason, error.headers, code=code) from None
            except Exception as defect:
                self.core.broke(defect, attempt.request)
                raise SIPError(500, code=codes.DESTINATION_ABORTED) from defect

    def provisional(self, response: Response, go_on: GoOn) -> None:
        """A 1xx came."""
        calls = [partial(callback, response) for callback in self._provisional]
        self._tell(calls, lambda error: self._go(go_on, error))

    def success(self, response: Response, go_on: GoOn) -> None:
        """A 2xx came."""
        calls = [partial(callback, response) for callback in self._success]
        self._tell(calls, lambda error: self._go(go_on, error))

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
        self._tell(calls, lambda error: self._conclude(go_on, error))

    def _conclude(self, go_on: GoOn, error: SIPError | None) -> None:
        """All callbacks of a final event have been called; ``error`` is what one of them would answer instead."""
        self._go(go_on, error)

    def _go(self, go_on: GoOn, error: SIPError | None) -> None:
        """``error`` cannot become an answer here."""
        if error is not None:
            self._raised(error)
        go_on()

    def rang_too_long(self) -> None:
        """Timer C has fired."""
        self._tell(self._timeout, lambda error: self._go(_nothing, error))

    def cancelled(self) -> None:
        """The caller gave up."""
        self._tell(self._cancelled, lambda error: self._go(_nothing, error))

    # -- one event after another

    def _tell(self, calls: Sequence[Callable[[], Done]], then: _Then) -> None:
        if self._events is None:
            if not calls:
                then(None)
                return
            self._events = deque()
        elif not calls and not self._busy:
            then(None)
            return
        self._events.append((calls, then))
        if not self._busy:
            self.core.spawn(self._work(self._events), self.core.unexpected)

    async def _work(self, events: deque[tuple[Sequence[Callable[[], Done]], _Then]]) -> None:
        self._busy = True
        try:
            while events:
                calls, then = events.popleft()
                try:
                    then(await self._call(calls))
                except Exception as error:  # what waits behind it must not wait for ever
                    self._raised(error)
        finally:
            self._busy = False

    async def _call(self, calls: Sequence[Callable[[], Done]]) -> SIPError | None:
        answer: SIPError | None = None
        for call in calls:
            try:
                await self.core.run(call)
            except SIPError as error:
                answer = error
            except Exception as defect:
                self._raised(defect)
        return answer

    def _raised(self, error: Exception) -> None:
        if self.request is None:
            self.core.unexpected(error)
        else:
            self.core.broke(error, self.request)


def _nothing() -> None:
    """There is nothing to go on with."""
