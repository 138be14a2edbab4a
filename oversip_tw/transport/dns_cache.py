"""Answers of name servers, kept and shared, and used beyond their time while no name server answers (RFC 8767)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from oversip_tw.interfaces import Clock, LookupFailed
from oversip_tw.promise import Promise, spawn

#: answers kept; when there are more, the one that was not used for longest goes
CACHE_SIZE = 4096
#: seconds that an answer is kept at most, whatever its TTL says
LONGEST = 3600.0
#: seconds that an answer is still used after its time, while name servers do not answer
STALE = 3600.0
#: seconds to wait for a name server while there is an old answer (RFC 8767 §5: 1.8 s at most); once it has failed, 0
PATIENCE = 1.0
#: seconds that a question is not asked again after it failed (RFC 9520 §3.2: 1 s at least)
FAILURE = 2.0

#: type of the records, name in small letters
Key = tuple[int, str]
#: puts the question: the records, and how many seconds they are good for; raises LookupFailed
Ask = Callable[[], Awaitable[tuple[Sequence[Any], float]]]


class _Answer:
    __slots__ = ("expires", "records", "refused")

    def __init__(self, records: Sequence[Any], expires: float) -> None:
        self.records = records
        self.expires = expires
        #: name servers failed to give it again
        self.refused = False


class Answers:
    """What name servers said. One question is on its way once, however many wait for it."""

    __slots__ = ("_asked", "_clock", "_failed", "_known", "_mute")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: the longest unused one first
        self._known: dict[Key, _Answer] = {}
        #: questions on their way, and since when
        self._asked: dict[Key, tuple[Promise[Sequence[Any]], float]] = {}
        #: questions that failed, and when they may be asked again; in that order
        self._failed: dict[Key, float] = {}
        #: the last one that was waited for was waited for in vain
        self._mute = False

    def __len__(self) -> int:
        return len(self._known)

    def good_for(self, key: Key) -> float:
        """Seconds that the answer need not be asked for again; 0: there is none, or it is old."""
        known = self._known.get(key)
        return 0.0 if known is None else max(known.expires - self._clock.seconds(), 0.0)

    async def get(self, key: Key, ask: Ask) -> Sequence[Any]:
        """What is known, else what ``ask`` says. Raises LookupFailed."""
        now = self._clock.seconds()
        known = self._known.get(key)
        if known is not None:
            if known.expires > now:
                self._known[key] = self._known.pop(key)
                return known.records
            if known.expires + STALE <= now:
                del self._known[key]
                known = None
        if key not in self._asked and self._failed.get(key, 0.0) > now:
            if known is None:
                raise LookupFailed("it failed a moment ago")
            return known.records
        asked, since = self._asked.get(key) or self._begin(key, ask, now)
        if known is None:
            return await asked
        # Who finds the name servers mute does not wait for them; that they are back shows by the answer on its way.
        patience = 0.0 if known.refused or self._mute else since + PATIENCE - now
        return await self._sooner(known, asked, patience)

    async def _sooner(self, known: _Answer, asked: Promise[Sequence[Any]], patience: float) -> Sequence[Any]:
        """The new answer if it comes within ``patience`` seconds, else the old one."""
        if not asked.done and patience > 0:
            enough: Promise[None] = Promise()
            timer = self._clock.callLater(patience, enough.resolve, None)
            asked.when_done(lambda: enough.resolve(None))
            try:
                await enough
            finally:
                if timer.active():
                    timer.cancel()
            self._mute = not asked.done
        if not asked.done:
            return known.records
        try:
            return await asked
        except LookupFailed:
            return known.records

    def _begin(self, key: Key, ask: Ask, now: float) -> tuple[Promise[Sequence[Any]], float]:
        answer: Promise[Sequence[Any]] = Promise()

        async def question() -> None:
            records, ttl = await ask()
            self._keep(key, _Answer(records, self._clock.seconds() + min(ttl, LONGEST)))
            self._asked.pop(key, None)
            answer.resolve(records)

        def failed(error: BaseException) -> None:
            self._asked.pop(key, None)
            self._remember_failure(key)
            answer.fail(error)

        self._asked[key] = answer, now
        # A task of its own: whoever gives up waiting must not take the answer from others and from the cache.
        spawn(question(), failed)
        return answer, now

    def _keep(self, key: Key, answer: _Answer) -> None:
        self._mute = False
        self._failed.pop(key, None)
        self._known.pop(key, None)
        self._known[key] = answer
        if len(self._known) > CACHE_SIZE:
            del self._known[next(iter(self._known))]

    def _remember_failure(self, key: Key) -> None:
        now = self._clock.seconds()
        known = self._known.get(key)
        if known is not None:
            known.refused = True
        self._failed.pop(key, None)
        self._failed[key] = now + FAILURE
        while self._failed:
            oldest = next(iter(self._failed))
            if self._failed[oldest] > now and len(self._failed) <= CACHE_SIZE:
                break
            del self._failed[oldest]
