"""An edge whose logic does with phones' requests what a test says, and keeps what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Arrival, Attempt, Failure, Proxy
from oversip_tw.logic import EdgeLogic
from oversip_tw.sip.message import Request, Response
from tests.edge.behind import CORE_URI, Core, EdgeWorld
from tests.server.world import DOMAIN, Phone

SECOND = "127.0.0.3"
SECOND_URI = f"sip:{SECOND}:5080"
DESK = f"sip:desk@{DOMAIN}"


class Scripted(EdgeLogic):
    """``script`` routes what a phone sends to the core; without one it goes there."""

    def __init__(self) -> None:
        self.script: Callable[[Arrival], object] | None = None
        self.seen: list[Any] = []

    def to_core(self, arrival: Arrival) -> None:
        if self.script is None:
            super().to_core(arrival)
        else:
            self.script(arrival)

    def watched(self, arrival: Arrival, profile: str | None = None) -> Proxy:
        """A Proxy for ``arrival`` that writes down every event: a status, a code or a word."""
        proxy = Proxy(self.core, profile)

        @proxy.on_target
        def targeted(attempt: Attempt) -> None:
            self.seen.append(f"to {attempt.target.address}")

        @proxy.on_provisional
        @proxy.on_success
        @proxy.on_failure
        def answered(response: Response) -> None:
            self.seen.append(response.status)

        @proxy.on_error
        def failed(failure: Failure) -> None:
            self.seen.append((failure.status, failure.reason, failure.code))

        proxy.on_cancelled(lambda: self.seen.append("cancelled"))
        proxy.on_timeout(lambda: self.seen.append("timeout"))
        return proxy


class ScriptedEdge(SynchronousTestCase):
    """alice has registered at the core, and there is a second place to send requests to."""

    options: dict[str, Any] = {}
    #: lines of log at the level of errors that a test may leave
    errors = 0

    def setUp(self) -> None:
        self.logic = Scripted()
        self.world = EdgeWorld(hooks=self.logic, **self.options)
        self.core = self.world.core
        self.second = Core(self.world, (SECOND, 5080))
        self.alice = self.world.through("alice")

    def tearDown(self) -> None:
        self.assertEqual(self.errors, len(self.world.errors()), self.world.errors())
        self.world.clock.pump([1] * 120)
        assert self.world.element.watch is not None
        self.world.element.watch.stop()
        self.assertEqual({}, self.world.left())

    @property
    def seen(self) -> list[Any]:
        return self.logic.seen

    def sends(self, method: str = "INVITE", uri: str = DESK, **headers: str) -> Request:
        """alice sends a request; as it was sent."""
        request = self.alice.build(method, uri, **headers)
        self.alice.take()
        self.alice.send(request)
        return request

    def arrived(self, where: Phone | None = None, method: str = "INVITE") -> Request:
        """The one request that has come to the core, or to ``where``, however often it was repeated."""
        came = (where or self.core).requests(method)
        self.assertEqual(1, len({request.via.branch for request in came}), came)
        return came[0]

    def refuses(self, status: int, where: Phone | None = None, **headers: str) -> Request:
        """What arrived there is refused so; as it had arrived."""
        request = self.arrived(where)
        (where or self.core).answer(request, status, **headers)
        return request

    def answers(self) -> list[Response]:
        """What alice has heard, 100 excepted."""
        return [each for each in self.alice.take() if isinstance(each, Response) and each.status != 100]

    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers()]


__all__ = ["CORE_URI", "DESK", "SECOND", "SECOND_URI", "Scripted", "ScriptedEdge"]
