"""User code at work."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from tests.server.world import World


class Recorder(Hooks):
    """Waits, refuses or breaks as it is told."""

    def __init__(self) -> None:
        self.wait: Deferred[None] | None = None
        self.error: Exception | None = None
        self.seen: list[str] = []

    async def on_request(self, arrival: Arrival) -> None:
        self.seen.append(f"{arrival.request.method} {arrival.user}")
        if self.wait is not None:
            waits, self.wait = self.wait, None
            await waits
        if self.error is not None:
            raise self.error
        arrival.request.set("X-Seen", "yes")

    def on_register(self, arrival: Arrival) -> None:
        self.seen.append(f"REGISTER {arrival.user}")

    def on_targets(self, arrival: Arrival, targets: list[list[Way]]) -> None:
        if arrival.request.has("X-Nobody"):
            targets.clear()

    def on_response(self, response: Response, request: Request) -> None:
        response.set("X-Passed", "yes")

    def on_disconnect(self, flow: Flow) -> None:
        self.seen.append("gone")


class HookTests(SynchronousTestCase):
    """One element with a Recorder."""

    def setUp(self) -> None:
        self.hooks = Recorder()
        self.world = World(hooks=self.hooks)
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def arrived(self) -> list[Request]:
        return self.bob.requests("INVITE")

    def test_request_and_response_are_changed(self) -> None:
        """What hooks write is on the wire; they see the proven user."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.arrived()
        self.assertEqual("yes", arrived.get("X-Seen"))
        self.assertIn(f"INVITE {self.alice.aor}", self.hooks.seen)
        self.assertIn(f"REGISTER {self.bob.aor}", self.hooks.seen)
        self.bob.answer(arrived, 486)
        self.assertEqual("yes", self.alice.take()[-1].get("X-Passed"))

    def test_refusal(self) -> None:
        """A SIPError is the answer."""
        self.hooks.error = SIPError(603, "Not Today")
        self.alice.invite(self.bob.aor)
        refused = self.alice.take()[-1]
        self.assertEqual((603, "Not Today"), (refused.status, refused.reason))

    def test_k15_defect(self) -> None:
        """K15: any other exception is a 500 for that request alone, and one line of log without a traceback outside."""
        self.hooks.error = ZeroDivisionError("secret")
        self.alice.invite(self.bob.aor)
        refused = self.alice.take()[-1]
        self.assertEqual(500, refused.status)
        self.assertNotIn(b"secret", refused.to_bytes())
        self.assertEqual(1, len(self.world.errors()))
        self.hooks.error = None
        self.alice.invite(self.bob.aor)
        self.assertEqual(1, len(self.arrived()))

    def test_k15_hook_that_never_answers(self) -> None:
        """K15: 500 after 5 s."""
        self.hooks.wait = Deferred()
        self.alice.invite(self.bob.aor)
        self.assertEqual([100], self.alice.statuses())
        self.world.clock.pump([1] * 6)
        self.assertEqual([500], self.alice.statuses())

    def test_cancel_while_a_hook_waits(self) -> None:
        """CANCEL ends the wait: 200 and 487, and nothing leaves."""
        self.hooks.wait = waits = Deferred()
        invite = self.alice.invite(self.bob.aor)
        self.alice.cancel(invite)
        self.assertEqual([100, 200, 487], self.alice.statuses())
        waits.addErrback(lambda failure: None)
        self.assertEqual([], self.arrived())
        self.assertEqual([], self.world.errors())

    def test_closed_flow_while_a_hook_waits(self) -> None:
        """The caller is gone: nothing leaves."""
        self.hooks.wait = waits = Deferred()
        self.alice.invite(self.bob.aor)
        self.world.lose(self.alice.flow)
        waits.addErrback(lambda failure: None)
        self.assertEqual([], self.arrived())
        self.assertIn("gone", self.hooks.seen)

    def test_order_within_a_call(self) -> None:
        """Messages of one Call-ID go one after another: the second waits for the first."""
        self.hooks.wait = waits = Deferred()
        first = self.alice.build("MESSAGE", self.bob.aor, Call_ID="same", Subject="1")
        self.alice.ask(first)
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor, Call_ID="same", Subject="2"))
        self.assertEqual([], self.bob.requests("MESSAGE"))
        waits.callback(None)
        self.assertEqual(["1", "2"], [request.get("Subject") for request in self.bob.requests("MESSAGE")])

    def test_no_targets(self) -> None:
        """An emptied list of targets is 480."""
        self.alice.invite(self.bob.aor, X_Nobody="1")
        self.assertEqual([100, 480], self.alice.statuses())
