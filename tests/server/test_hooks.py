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
from tests.server.world import DOMAIN, Phone, World, call


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


class Slow(Hooks):
    """Each hook waits until it is told to go on."""

    def __init__(self) -> None:
        self.waits: list[Deferred[None]] = []
        self.seen: list[str] = []

    async def wait(self, what: str) -> None:
        self.seen.append(what)
        waits: Deferred[None] = Deferred()
        self.waits.append(waits)
        await waits

    async def on_request(self, arrival: Arrival) -> None:
        await self.wait(f"{arrival.request.method} {arrival.request.get('Subject') or ''}".strip())

    async def on_register(self, arrival: Arrival) -> None:
        await self.wait(f"REGISTER {arrival.request.cseq}")

    async def on_targets(self, arrival: Arrival, targets: list[list[Way]]) -> None:
        await self.wait("targets")

    async def on_response(self, response: Response, request: Request) -> None:
        await self.wait(f"{response.status}")

    def go_on(self, times: int = 1) -> None:
        for _ in range(times):
            self.waits.pop(0).callback(None)


class OrderTests(SynchronousTestCase):
    """Messages of one Call-ID enter hooks in the order in which they came."""

    def setUp(self) -> None:
        self.hooks = Slow()
        self.world = World(hooks=self.hooks)
        self.alice, self.bob = self.world.phone("alice"), self.world.phone("bob")
        for phone in (self.alice, self.bob):
            phone.ask(self.registration(phone))
            self.hooks.go_on()
            self.assertEqual([200], phone.statuses())
        self.hooks.seen.clear()

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 80)
        self.assertEqual({}, self.world.left())

    def registration(self, phone: Phone, **headers: str) -> Request:
        contact = f"<{phone.contact}>;expires=600"
        return phone.build("REGISTER", f"sip:{DOMAIN}", To=f"<{phone.aor}>", Contact=contact, **headers)

    def test_registers(self) -> None:
        """The second REGISTER is looked at when the first has been carried out; neither comes too late for its CSeq."""
        for _ in range(2):
            self.alice.ask(self.registration(self.alice, Call_ID="one"))
        self.assertEqual(1, len(self.hooks.seen))
        self.hooks.go_on()
        self.assertEqual([200], self.alice.statuses())
        self.hooks.go_on()
        self.assertEqual([200], self.alice.statuses())

    def test_whole_call(self) -> None:
        """on_request, on_targets, and each response one after another."""
        self.alice.invite(self.bob.aor)
        self.assertEqual(["INVITE"], self.hooks.seen)
        self.hooks.go_on(2)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.bob.answer(arrived, 200)
        self.assertEqual(["INVITE", "targets", "180"], self.hooks.seen)
        self.hooks.go_on()
        self.assertEqual([100, 180], self.alice.statuses())
        self.hooks.go_on()
        self.assertEqual([200], self.alice.statuses())

    def test_many_wait_without_a_deep_stack(self) -> None:
        """A hundred of one Call-ID wait for a hook; one more is 503; all go on in order."""
        for number in range(102):
            self.alice.ask(self.alice.build("MESSAGE", self.bob.aor, Call_ID="same", Subject=str(number)))
            if number < 101:
                self.alice.take()
        self.assertIn(503, self.alice.statuses())
        self.hooks.on_request = self.hooks.on_targets = lambda *arguments: None  # type: ignore[method-assign,assignment]
        self.hooks.go_on()
        arrived = [request.get("Subject") for request in self.bob.requests("MESSAGE")]
        self.assertEqual([str(number) for number in range(101)], arrived)
        self.assertEqual([], self.world.errors())

    def test_cancel_while_others_wait(self) -> None:
        """A cancelled request leaves the row; those behind it move up."""
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor, Call_ID="same", Subject="1"))
        invite = self.alice.invite(self.bob.aor, Call_ID="same")
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor, Call_ID="same", Subject="3"))
        self.alice.take()
        self.alice.cancel(invite)
        self.assertEqual([200, 487], self.alice.statuses())
        self.hooks.go_on(4)
        self.assertEqual(["1", "3"], [request.get("Subject") for request in self.bob.requests("MESSAGE")])
        self.assertEqual(["MESSAGE 1", "targets", "MESSAGE 3", "targets"], self.hooks.seen)

    def test_closed_flow_while_waiting_for_its_turn(self) -> None:
        """The caller is gone: what waited is dropped, nothing leaves."""
        for _ in range(3):
            self.alice.ask(self.alice.build("MESSAGE", self.bob.aor, Call_ID="same"))
        self.world.lose(self.alice.flow)
        self.assertEqual([], self.bob.take())
        self.assertEqual([], self.world.errors())


class PlainTests(SynchronousTestCase):
    """Plain methods may return what they like."""

    def test_value_of_a_plain_hook(self) -> None:
        """A list that on_request returns is not waited for."""

        class Returns(Hooks):
            def on_request(self, arrival: Arrival) -> None:
                return [arrival]  # type: ignore[return-value]

        world = World(hooks=Returns())
        alice, bob = world.registered("alice"), world.registered("bob")
        call(alice, bob)[0].send("BYE")
        self.assertEqual(1, len(bob.requests("BYE")))

    def test_on_response_that_breaks(self) -> None:
        """K15: a final response whose hook breaks is a 500; a provisional one is left out; one line of log each."""

        class Breaks(Hooks):
            def on_response(self, response: Response, request: Request) -> None:
                raise ZeroDivisionError

        world = World(hooks=Breaks())
        alice, bob = world.registered("alice"), world.registered("bob")
        alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 180)
        bob.answer(arrived, 486)
        self.assertEqual([100, 500], alice.statuses())
        self.assertEqual(2, len(world.errors()))

    def test_refusal_that_is_none(self) -> None:
        """A reason of two lines cannot be said: 500, and a line of log."""

        class Breaks(Hooks):
            def on_request(self, arrival: Arrival) -> None:
                raise SIPError(488, "Not\r\nHere")

        world = World(hooks=Breaks())
        alice, bob = world.registered("alice"), world.registered("bob")
        alice.invite(bob.aor)
        self.assertEqual([100, 500], alice.statuses())
        self.assertEqual(1, len(world.errors()))

    def test_hook_changes_the_target(self) -> None:
        """on_request may send a call elsewhere by another R-URI."""

        class Elsewhere(Hooks):
            def on_request(self, arrival: Arrival) -> None:
                arrival.request.uri = f"sip:carol@{DOMAIN}"  # type: ignore[assignment]

        world = World(hooks=Elsewhere())
        alice, carol = world.registered("alice"), world.registered("carol")
        alice.invite(f"sip:bob@{DOMAIN}")
        self.assertEqual(1, len(carol.requests("INVITE")))
