"""Check 30, the process: user code that breaks, other user code while calls are up, and the end in order."""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Hooks
from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase

DESK = "sip:desk@example.com"


class Breaks(Hooks):
    """Has a defect."""

    def on_request(self, arrival: Arrival) -> None:
        raise ValueError("secret of the house")


class Refuses(Hooks):
    """Says in each request that it was here."""

    def on_request(self, arrival: Arrival) -> None:
        arrival.request.set("X-Logic", "new")


class OperationTests(EdgeCase):
    """30: signals are for the process (tests.system); this is what they bring about."""

    def test_30_hook_that_breaks(self) -> None:
        """500 with no body and no word of the exception (OverSIP sent its text to the peer); it stands in the log."""
        self.use(EdgeWorld(hooks=Breaks(), profile=PROXY_OUT))
        phone = self.world.phone("alice")
        for method in ("INVITE", "MESSAGE", "REGISTER"):
            phone.send(phone.build(method, DESK))
            answer = self.final(phone)
            self.assertEqual((500, b""), (answer.status, answer.body))
            self.assertNotIn(b"secret", answer.to_bytes())
        self.assertEqual([], self.core.take())
        self.assertEqual(3, len(self.world.errors()))
        self.assertIn("secret of the house", self.world.errors()[0])
        self.world.log.lines.clear()

    def test_30_other_logic_in_mid_call(self) -> None:
        """HUP puts other user code in the place of the old: the flow stays, and the call goes on, under the new one."""
        alice = self.world.through("alice")
        invite = alice.build("INVITE", DESK)
        alice.send(invite)
        arrived = self.arrived(self.core)
        self.world.element.use_hooks(Refuses())
        self.core.answer(arrived, 200)
        mine = alice.dialog(invite, self.final(alice))
        mine.send("ACK")
        self.arrived(self.core, "ACK")
        mine.send("BYE")
        self.assertEqual("new", self.arrived(self.core, "BYE").get("X-Logic"))
        self.core.send(self.core.towards(alice, "MESSAGE"))
        self.assertEqual("new", self.arrived(alice, "MESSAGE").get("X-Logic"))

    def test_30_drain(self) -> None:
        """TERM: new calls are refused with 503 and Retry-After, those that are up go on, their BYE too (OverSIP left
        at once)."""
        alice = self.world.through("alice")
        invite = alice.build("INVITE", DESK)
        alice.send(invite)
        arrived = self.arrived(self.core)
        self.world.element.draining = True
        self.core.answer(arrived, 200)
        mine = alice.dialog(invite, self.final(alice))
        mine.send("ACK")
        self.arrived(self.core, "ACK")
        alice.send(alice.build("INVITE", DESK))
        refused = self.final(alice)
        self.assertEqual((503, True), (refused.status, refused.has("Retry-After")))
        mine.send("BYE")
        self.core.answer(self.arrived(self.core, "BYE"), 200)
        self.assertEqual([200], alice.statuses())
