"""Time that no clock step disturbs."""

from __future__ import annotations

import time
from typing import Any

from twisted.python.runtime import seconds as wall_clock


def monotonic(reactor: Any) -> Any:
    """``reactor``, measuring time by the monotonic clock from now on.

    Twisted's reactors keep their timers by the wall clock: when NTP or an operator sets it, timers fire early, or hours
    late. Calls that are waiting already keep their remaining time. Reactors with a clock of their own (asyncio's is
    monotonic) stay as they are. To be called before the reactor runs.
    """
    if getattr(reactor, "seconds", None) is not wall_clock:
        return reactor
    waiting = [(call, call.getTime() - wall_clock()) for call in reactor.getDelayedCalls()]
    reactor.seconds = time.monotonic
    for call, remaining in waiting:
        # A call asks its own clock, so that `reset` counts from there.
        call.seconds = time.monotonic
        call.reset(max(0.0, remaining))
    return reactor
