"""One line of log per call: who, whom, how it ended, how long."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from oversip_tw.interfaces import Clock, Log
from oversip_tw.sip.message import Request, Response

#: calls remembered at one time; the oldest is forgotten, its end then goes without a duration
MOST_CALLS = 50_000


@dataclass(slots=True)
class _Call:
    caller: str
    callee: str
    started: float
    answered: float | None = None


class Calls:
    """The calls that passed here, from INVITE to BYE."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._calls: OrderedDict[str, _Call] = OrderedDict()

    @property
    def count(self) -> int:
        """How many calls ring or are up, as far as we have seen."""
        return len(self._calls)

    def invited(self, request: Request) -> None:
        """A first INVITE goes out."""
        if len(self._calls) >= MOST_CALLS:
            self._calls.popitem(last=False)
        self._calls[request.call_id] = _Call(request.from_.uri.aor, request.uri.aor, self._clock.seconds())

    def answered(self, request: Request, response: Response) -> None:
        """The first 2xx to an INVITE."""
        call = self._calls.get(request.call_id)
        if call is not None and call.answered is None:
            call.answered = self._clock.seconds()

    def refused(self, request: Request, status: int) -> None:
        """A final response other than 2xx to an INVITE. One in dialog ends nothing."""
        if request.to_tag is None and (call := self._calls.pop(request.call_id, None)) is not None:
            self._log.info(
                "call from {caller} to {callee} ended with {status} after {seconds:.1f} s of ringing",
                caller=call.caller,
                callee=call.callee,
                status=status,
                seconds=self._clock.seconds() - call.started,
            )

    def ended(self, request: Request) -> None:
        """A BYE passes."""
        call = self._calls.pop(request.call_id, None)
        if call is not None and call.answered is not None:
            self._log.info(
                "call from {caller} to {callee} ended by {who} after {seconds:.1f} s",
                caller=call.caller,
                callee=call.callee,
                who=request.from_.uri.aor,
                seconds=self._clock.seconds() - call.answered,
            )
