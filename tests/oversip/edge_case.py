"""What the checks start from: OverSIP's shipped settings on an edge in memory, and user code around a `Proxy`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Arrival, Failure, Hooks, Proxy, Response
from oversip_tw.proxy.settings import Profile
from oversip_tw.sip.message import Request
from oversip_tw.transaction.timers import Timers
from tests.edge.behind import Core, EdgeWorld
from tests.server.world import Phone

#: `proxy_out` of the sample: timers B and F of 6 s, C of 60 s
PROXY_OUT = Profile(timers=Timers(b=6.0, f=6.0), timer_c=60.0)


class EdgeCase(SynchronousTestCase):
    """One edge with OverSIP's profile towards the core, and one core on UDP."""

    def setUp(self) -> None:
        self.use(EdgeWorld(profile=PROXY_OUT))

    def use(self, world: EdgeWorld) -> EdgeWorld:
        """Let ``world`` be the one of this test."""
        self.world: EdgeWorld = world
        self.core: Core = world.core
        return world

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def advance(self, seconds: float) -> None:
        """Time goes by, in steps of a tenth of a second."""
        self.world.clock.pump([0.1] * round(seconds * 10))

    def responses(self, phone: Phone) -> list[Response]:
        """The responses that have come to ``phone`` since the last look."""
        return [message for message in phone.take() if isinstance(message, Response)]

    def final(self, phone: Phone) -> Response:
        """The last of them, which has to be final."""
        *_, last = self.responses(phone)
        self.assertGreaterEqual(last.status, 200)
        return last

    def arrived(self, at: Phone, method: str = "INVITE") -> Request:
        """The one request of ``method`` that has come to ``at``."""
        [request] = at.requests(method)
        return request


class Routed(Hooks):
    """User code that sends each INVITE (and MESSAGE) to ``to`` by a Proxy of its own and keeps what it hears."""

    def __init__(self, to: Any = None, profile: str | None = None) -> None:
        self.to = to
        self.profile = profile
        self.heard: list[str] = []

    def on_request(self, arrival: Arrival) -> None:
        if arrival.request.method not in ("INVITE", "MESSAGE") or arrival.in_dialog:
            return
        proxy = Proxy(self.core, self.profile)
        proxy.on_provisional(lambda response: self.heard.append(f"provisional {response.status}"))
        proxy.on_success(lambda response: self.heard.append(f"success {response.status}"))
        proxy.on_failure(lambda response: self.heard.append(f"failure {response.status}"))
        proxy.on_cancelled(lambda: self.heard.append("cancelled"))
        proxy.on_timeout(lambda: self.heard.append("timeout"))
        proxy.on_error(self.failed)
        self.prepare(proxy, arrival)
        proxy.route(arrival, self.to)

    def prepare(self, proxy: Proxy, arrival: Arrival) -> None:
        """Whatever else a test wants of the Proxy."""

    def failed(self, failure: Failure) -> None:
        self.heard.append(f"error {failure.status} {failure.code}")
