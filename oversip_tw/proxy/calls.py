"""One line of log per call: who, whom, how it ended, how long."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from oversip_tw.interfaces import Clock, Log
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri

#: calls remembered at one time; the oldest is said to go on when there are more
MOST_CALLS = 50_000
#: seconds after which a call whose end nobody has seen counts no longer for the limit of its domain
UNSEEN_END = 4 * 3600.0

_REFUSED = "call from {caller} to {callee} ended with {how} after {seconds:.1f} s of ringing"
_ENDED = "call from {caller} to {callee} ended by {who} after {seconds:.1f} s"
_FORGOTTEN = "call from {caller} to {callee} goes on unseen after {seconds:.1f} s"


class _Call:
    __slots__ = ("answered", "callee", "caller", "domains", "started")

    def __init__(self, caller: str, callee: str, started: float) -> None:
        self.caller = caller
        self.callee = callee
        self.started = started
        self.answered: float | None = None
        #: those with a limit that it counts for
        self.domains: tuple[str, ...] = ()


class Calls:
    """The calls that passed here, from INVITE to BYE. A call is known by its Call-ID and the tag of its caller."""

    def __init__(self, clock: Clock, log: Log, limits: Mapping[str, int] | None = None) -> None:
        """``limits``: how many calls there may be at a time, by domain of caller or callee."""
        self._clock = clock
        self._log = log
        self._limits = dict(limits or {})
        #: some domain has a limit: ask `admits`
        self.limited = bool(self._limits)
        #: calls by domain that has one
        self._counts = dict.fromkeys(self._limits, 0)
        #: the domains of the call that `admits` has let in
        self._admitted: tuple[str, ...] = ()
        self._calls: OrderedDict[tuple[str, str | None], _Call] = OrderedDict()

    @property
    def count(self) -> int:
        """How many calls ring or are up, as far as we have seen."""
        return len(self._calls)

    def admits(self, request: Request, callee: str) -> bool:
        """Whether a first INVITE, for the user ``callee`` (`Uri.aor`), is within the limits; to be asked right before
        `invited`. One that comes by again is."""
        if (request.call_id, request.from_tag) in self._calls:
            return True
        named = {request.from_.uri.host, Uri.parse(callee).host}
        self._admitted = tuple(sorted(named.intersection(self._limits)))
        full = [domain for domain in self._admitted if self._counts[domain] >= self._limits[domain]]
        if full:
            self._forget_old()
        return all(self._counts[domain] < self._limits[domain] for domain in full)

    def _forget_old(self) -> None:
        now = self._clock.seconds()
        while self._calls and next(iter(self._calls.values())).started + UNSEEN_END <= now:
            self._forget()

    def _forget(self) -> None:
        self._say(_FORGOTTEN, self._calls.popitem(last=False)[1])

    def invited(self, request: Request) -> None:
        """A first INVITE was let in. One that comes by again, through another proxy, is the same call."""
        key = (request.call_id, request.from_tag)
        if key not in self._calls:
            if len(self._calls) >= MOST_CALLS:
                self._forget()
            call = self._calls[key] = _Call(request.from_.uri.aor, request.uri.aor, self._clock.seconds())
            if self.limited:
                call.domains = self._admitted
                for domain in call.domains:
                    self._counts[domain] += 1

    def answered(self, request: Request, response: Response) -> None:
        """A 2xx to an INVITE; the first one counts."""
        call = self._calls.get((request.call_id, request.from_tag))
        if call is not None and call.answered is None:
            call.answered = self._clock.seconds()

    def refused(self, request: Request, how: str) -> None:
        """A first INVITE came to nothing; ``how``: the status, or that the caller is gone. One in dialog ends none."""
        if request.to_tag is None:
            call = self._calls.pop((request.call_id, request.from_tag), None)
            if call is not None:
                self._say(_REFUSED, call, how=how)

    def ended(self, request: Request) -> None:
        """A BYE passes, from either side."""
        call = self._calls.pop((request.call_id, request.from_tag), None)
        if call is None:
            call = self._calls.pop((request.call_id, request.to_tag), None)
        if call is not None:
            self._say(_ENDED, call, who=request.from_.uri.aor)

    def _say(self, line: str, call: _Call, **fields: str) -> None:
        """It is over, as far as we can tell."""
        for domain in call.domains:
            self._counts[domain] -= 1
        since = call.started if call.answered is None else call.answered
        seconds = self._clock.seconds() - since
        self._log.info(line, caller=call.caller, callee=call.callee, seconds=seconds, **fields)
