"""Load at a given rate, and what it cost the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .clients import Client
from .cost import Cost
from .wires import Loop

#: starts one piece of work; calls back with the status that ended it
Job = Callable[[Callable[[int], None]], None]


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    done: int
    failed: int
    seconds: float
    cost: Cost

    @property
    def microseconds(self) -> float:
        """CPU of the server for each piece of work."""
        return self.cost.seconds * 1e6 / max(self.done, 1)


def offer(loop: Loop, session: int, jobs: Sequence[Job], rate: float, seconds: float) -> Result:
    """Begin ``rate`` jobs a second for so long, round robin; wait for the last of them; count the server's CPU."""
    ended = {"done": 0, "failed": 0}

    def heard(status: int) -> None:
        ended["done" if 200 <= status < 300 else "failed"] += 1

    total = int(rate * seconds)
    before, began = Cost.of(session), time.monotonic()
    begun = 0
    while begun < total:
        now = time.monotonic()
        while begun < total and began + begun / rate <= now:
            jobs[begun % len(jobs)](heard)
            begun += 1
        loop.turn(began + begun / rate - time.monotonic())
    deadline = time.monotonic() + 5
    while ended["done"] + ended["failed"] < total and time.monotonic() < deadline:
        loop.turn(0.1)
    cost = Cost.of(session) - before
    missing = total - ended["done"] - ended["failed"]
    return Result(ended["done"], ended["failed"] + missing, time.monotonic() - began, cost)


def idle(loop: Loop, session: int, seconds: float) -> Cost:
    """Nothing but what the server asks for (pings are answered), for so long."""
    before, end = Cost.of(session), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        loop.turn(left)
    return Cost.of(session) - before


def registrations(clients: Sequence[Client]) -> list[Job]:
    """Each client registers again and again."""
    return [client.register for client in clients]


def calls(callers: Sequence[Client], callees: Sequence[Client]) -> list[Job]:
    """Each caller calls its callee."""

    def job(caller: Client, callee: Client) -> Job:
        return lambda done: caller.call(callee, done)

    return [job(caller, callee) for caller, callee in zip(callers, callees, strict=True)]
