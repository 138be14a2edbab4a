"""What user code changes in a request is on the wire; what its sender hears bears its own From and To."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from oversip_tw.hooks import Arrival, Attempt, Hooks, Proxy, Uri
from oversip_tw.logic import EdgeLogic
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response
from tests.edge.behind import EdgeWorld
from tests.edge.scripted import DESK, ScriptedEdge
from tests.server.world import DOMAIN, World

CALLER = '"Number Four" <sip:4@numbers.example>'
CALLEE = "<sip:desk@elsewhere.example>"


class Editing(EdgeLogic):
    """Changes a request in every way."""

    refuses = False
    waits: Deferred[None] | None = None

    async def on_request(self, arrival: Arrival) -> None:
        request = arrival.request
        if request.method in ("INVITE", "MESSAGE", "BYE") and not arrival.core:
            tag = f";tag={request.to_tag}" if request.to_tag else ""
            request.set("From", f"{CALLER};tag={request.from_tag}")
            request.set("To", CALLEE + tag)
            if not arrival.in_dialog:
                request.uri = Uri.parse("sip:desk@elsewhere.example")
            request.set("X-Added", "yes")
            request.remove("X-Removed")
            request.body = b"twice as long" * 2
        if self.waits is not None:
            await self.waits
        if self.refuses:
            raise SIPError(488)
        super().on_request(arrival)


class EditingTests(ScriptedEdge):
    """alice calls the desk through such an edge."""

    def setUp(self) -> None:
        super().setUp()
        self.editing = Editing()
        self.world.element.use_hooks(self.editing)

    def check(self, answer: Response, tag: str | None) -> None:
        """Her own From, and the To that she wrote, with the tag of who answers."""
        self.assertEqual(f"<{self.alice.aor}>;tag=f{self.alice.number}", answer.get("From"))
        self.assertEqual(f"<{DESK}>" + (f";tag={tag}" if tag else ""), answer.get("To"))

    def test_on_the_wire(self) -> None:
        """R-URI, From with display name and user, To, headers, body with its right Content-Length."""
        self.sends("MESSAGE", X_Removed="1", Content_Type="text/plain")
        arrived = self.arrived(method="MESSAGE")
        self.assertEqual("sip:desk@elsewhere.example", str(arrived.uri))
        self.assertEqual(f"{CALLER};tag=f{self.alice.number}", arrived.get("From"))
        self.assertEqual(CALLEE, arrived.get("To"))
        self.assertEqual(("yes", None), (arrived.get("X-Added"), arrived.get("X-Removed")))
        self.assertEqual((b"twice as long" * 2, "26"), (arrived.body, arrived.get("Content-Length")))
        self.core.answer(arrived, 200)
        [answer] = self.answers()
        self.check(answer, f"t{self.core.number}")

    def test_every_answer(self) -> None:
        """100, provisional and final ones, and those within the dialog."""
        invite = self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 183)
        self.core.answer(arrived, 200)
        trying, progress, accepted = [each for each in self.alice.take() if isinstance(each, Response)]
        self.check(trying, None)
        for answer in (progress, accepted):
            self.check(answer, f"t{self.core.number}")
        dialog = self.alice.dialog(invite, accepted)
        dialog.send("ACK")
        self.assertEqual(1, len(self.core.requests("ACK")))
        dialog.send("BYE")
        bye = self.arrived(method="BYE")
        self.assertEqual(f"{CALLEE};tag=t{self.core.number}", bye.get("To"))
        self.core.answer(bye, 200)
        [answer] = self.answers()
        self.check(answer, f"t{self.core.number}")

    def test_refusal_of_the_hook(self) -> None:
        """What is raised after the change."""
        self.editing.refuses = True
        self.sends()
        [answer] = self.answers()
        self.assertEqual(488, answer.status)
        self.check(answer, answer.to_tag)
        self.assertIsNotNone(answer.to_tag)

    def test_cancelled(self) -> None:
        """487, while the hook waits and while it rings."""
        self.editing.waits = Deferred()
        invite = self.sends()
        self.alice.cancel(invite)
        answer = self.answers()[-1]
        self.assertEqual(487, answer.status)
        self.check(answer, answer.to_tag)
        self.editing.waits = None
        invite = self.sends()
        arrived = self.arrived()
        self.core.answer(arrived, 180)
        self.alice.cancel(invite)
        self.core.answer(arrived, 487)
        self.check(self.answers()[-1], f"t{self.core.number}")

    def test_timeout(self) -> None:
        """408 after silence."""
        self.sends()
        self.world.clock.pump([0.5] * 70)
        [answer] = self.answers()
        self.assertEqual(408, answer.status)
        self.check(answer, answer.to_tag)

    def test_slow_answer(self) -> None:
        """The 100 to a request that takes long (RFC 4320)."""
        self.sends("MESSAGE")
        arrived = self.arrived(method="MESSAGE")
        self.world.clock.pump([0.5] * 11)
        [trying] = [each for each in self.alice.take() if isinstance(each, Response)]
        self.assertEqual(100, trying.status)
        self.check(trying, None)
        self.core.answer(arrived, 200)

    def test_core_reply(self) -> None:
        """An answer by `Core.reply`, with body and headers; in a dialog the To tag stays single."""

        class Answering(Editing):
            async def on_request(self, arrival: Arrival) -> None:
                arrival.request.set("From", CALLER)
                arrival.request.set("To", CALLEE)
                self.core.reply(arrival, 200, headers=[("Content-Type", "text/plain")], body=b"hello")

        self.world.element.use_hooks(Answering())
        self.sends("MESSAGE")
        [answer] = self.answers()
        self.assertEqual((b"hello", "5"), (answer.body, answer.get("Content-Length")))
        self.check(answer, answer.to_tag)

    def test_changed_for_one_target(self) -> None:
        """What `on_target` changes is undone as well."""

        class ForOne(EdgeLogic):
            def to_core(self, arrival: Arrival) -> None:
                proxy = Proxy(self.core)

                @proxy.on_target
                def targeted(attempt: Attempt) -> None:
                    attempt.request.set("From", f"{CALLER};tag={attempt.request.from_tag}")

                proxy.route(arrival, self.edge.core)

        self.world.element.use_hooks(ForOne())
        self.sends()
        arrived = self.arrived()
        self.assertEqual(f"{CALLER};tag=f{self.alice.number}", arrived.get("From"))
        self.core.answer(arrived, 486)
        self.check(self.answers()[-1], f"t{self.core.number}")


class OwnAnswersTests(ScriptedEdge):
    """`Core.reply` elsewhere than in on_request."""

    def test_provisional_first(self) -> None:
        """A 183 of ours, then the request goes on."""

        def script(arrival: Arrival) -> None:
            self.logic.core.reply(arrival, 183)
            Proxy(self.logic.core).route(arrival, self.logic.edge.core)

        self.logic.script = script
        self.sends()
        self.refuses(486)
        self.assertEqual([183, 486], self.statuses())

    def test_in_dialog(self) -> None:
        """One To tag, not two."""

        class Refusing(EdgeLogic):
            def on_request(self, arrival: Arrival) -> None:
                self.core.reply(arrival, 403)

        invite = self.sends()
        self.core.answer(self.arrived(), 200)
        dialog = self.alice.dialog(invite, self.answers()[-1])
        dialog.send("ACK")
        self.world.element.use_hooks(Refusing())
        dialog.send("INFO")
        [answer] = self.answers()
        self.assertEqual((403, 1), (answer.status, (answer.get("To") or "").count(";tag=")))

    def test_wrong_use(self) -> None:
        """A reason that is none is a ValueError: 500, and the reason goes nowhere."""
        self.errors = 1
        self.logic.script = lambda arrival: self.logic.core.reply(arrival, 480, "a\r\nb")
        self.sends()
        [answer] = self.answers()
        self.assertEqual(500, answer.status)

    def test_register(self) -> None:
        """on_register answers or routes by itself: nothing is bound."""

        class Elsewhere(Hooks):
            def on_register(self, arrival: Arrival) -> None:
                self.core.reply(arrival, 302, headers=[("Contact", "<sip:other.example>")])

        world = World(hooks=Elsewhere())
        alice = world.phone("alice")
        self.assertEqual(302, alice.register().status)
        self.assertEqual([], list(world.element.core.location.by_flow(alice.flow.id)))

    def test_targets(self) -> None:
        """on_targets answers by itself: nothing leaves."""

        class Closed(Hooks):
            def on_targets(self, arrival: Arrival, targets: object) -> None:
                self.core.reply(arrival, 480)

        world = World(hooks=Closed())
        alice, bob = world.registered("alice"), world.registered("bob")
        alice.invite(f"sip:bob@{DOMAIN}")
        self.assertEqual([100, 480], alice.statuses())
        self.assertEqual([], bob.requests("INVITE"))


class VariablesTests(ScriptedEdge):
    """`Flow.variables`."""

    def test_each_connection_has_its_own(self) -> None:
        """What on_connect puts there is seen in every request of that connection and of no other; UDP has none."""
        seen: list[object] = []

        class Tenants(EdgeLogic):
            def on_request(self, arrival: Arrival) -> None:
                seen.append(arrival.flow.variables.get("tenant"))
                arrival.flow.variables["count"] = len(seen)
                super().on_request(arrival)

        world = EdgeWorld(hooks=Tenants())
        alice, bob, carol = world.phone("alice"), world.phone("bob"), world.phone("carol", "udp")
        alice.flow.variables["tenant"], bob.flow.variables["tenant"] = "red", "blue"
        for phone in (alice, bob, alice, carol):
            phone.send(phone.build("MESSAGE", DESK))
        self.assertEqual(["red", "blue", "red", None], seen)
        self.assertEqual({"tenant": "red", "count": 3}, alice.flow.variables)
        for request in world.core.requests("MESSAGE"):
            world.core.answer(request, 200)
