"""Calls that are being set up and connections that break: a pending INVITE goes on where its client comes back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, Phone, World, call


class Ringing(SynchronousTestCase):
    """alice and bob, both by WebSocket; in most tests she calls him and his phone rings."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def tearDown(self) -> None:
        self.seconds(75)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def seconds(self, number: int) -> None:
        self.world.clock.pump([1] * number)

    def ring(self, status: int = 180) -> Request:
        """alice calls; what came to bob, answered with ``status`` (0: not at all)."""
        self.invite = self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        if status:
            self.bob.answer(arrived, status)
        return arrived

    def moved_out(self, phone: Phone) -> None:
        """``phone`` registers by a new connection while the old one looks open."""
        phone.flow = self.world.connect()
        phone.register(keep=True)

    def answered(self, arrived: Request) -> None:
        """bob picks up and alice hears it, acknowledges it and hangs up."""
        accepted = self.bob.answer(arrived, 200)
        *_, heard = [each for each in self.alice.take() if isinstance(each, Response)]
        self.assertEqual(200, heard.status)
        dialog = self.alice.dialog(self.invite, accepted)
        dialog.send("ACK")
        self.assertEqual(1, len(self.bob.requests("ACK")))
        dialog.send("BYE")
        self.bob.answer(self.bob.requests("BYE")[0], 200)
        self.assertEqual([200], self.alice.statuses())


class CalleeTests(Ringing):
    """The phone that rings loses its connection."""

    def test_rings_on(self) -> None:
        """It is sent the same INVITE on its new connection; the caller hears nothing but a longer ring."""
        first = self.ring()
        self.assertEqual([100, 180], self.alice.statuses())
        self.world.lose(self.bob.flow)
        self.seconds(5)
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        # SIP.js keeps the transaction, and answers an INVITE with another branch 482
        self.assertEqual(first.to_bytes(), again.to_bytes())
        self.assertEqual([], self.alice.statuses())
        self.bob.answer(again, 180)
        self.assertEqual([180], self.alice.statuses())
        self.answered(again)

    def test_before_it_rang(self) -> None:
        """The INVITE may have been lost with the connection: the same."""
        self.ring(0)
        self.world.lose(self.bob.flow)
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        self.bob.answer(again, 180)
        self.answered(again)

    def test_answers_before_it_registers(self) -> None:
        """SIP.js picks up by its new connection before its REGISTER: the answer counts, the ACK follows it."""
        arrived = self.ring()
        self.world.lose(self.bob.flow)
        self.bob.flow = self.world.connect()
        accepted = self.bob.answer(arrived, 200)
        self.assertEqual([100, 180, 200], self.alice.statuses())
        self.alice.dialog(self.invite, accepted).send("ACK")
        self.bob.register(keep=True)
        self.assertEqual(["ACK"], [each.method for each in self.bob.take() if isinstance(each, Request)])

    def test_refuses_before_it_registers(self) -> None:
        """The same with a refusal."""
        arrived = self.ring()
        self.world.lose(self.bob.flow)
        self.bob.flow = self.world.connect()
        self.bob.answer(arrived, 486)
        self.assertEqual([100, 180, 486], self.alice.statuses())
        self.bob.register(keep=True)
        self.assertEqual([], self.bob.requests("INVITE"))

    def test_refuses_when_it_is_back(self) -> None:
        """486 on the new connection is acknowledged there."""
        self.ring()
        self.world.lose(self.bob.flow)
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        self.bob.answer(again, 486)
        self.assertEqual(1, len(self.bob.requests("ACK")))
        self.assertEqual([100, 180, 486], self.alice.statuses())

    def test_stays_away(self) -> None:
        """480 after 8 s, and no INVITE for who comes later."""
        self.ring()
        self.world.lose(self.bob.flow)
        self.seconds(9)
        self.assertEqual([100, 180, 480], self.alice.statuses())
        self.world.comes_back(self.bob)
        self.assertEqual([], self.bob.requests("INVITE"))

    def test_says_nothing_when_it_is_back(self) -> None:
        """Timer B runs again: 480, as for any phone that says nothing."""
        self.ring()
        self.world.lose(self.bob.flow)
        self.world.comes_back(self.bob)
        self.seconds(33)
        self.assertEqual([100, 180, 408], self.alice.statuses())

    def test_lost_twice(self) -> None:
        """It loses its new connection too: the same again."""
        self.ring()
        for _ in range(2):
            self.world.lose(self.bob.flow)
            self.seconds(6)
            self.world.comes_back(self.bob)
            [again] = self.bob.requests("INVITE")
        self.answered(again)

    def test_another_phone_of_the_user(self) -> None:
        """Another instance that registers meanwhile takes nothing over."""
        self.ring()
        self.world.lose(self.bob.flow)
        other = self.world.registered("bob")
        self.assertEqual([], other.take())
        self.seconds(9)
        self.assertEqual([100, 180, 480], self.alice.statuses())

    def test_started_anew(self) -> None:
        """A page that was loaded anew has another Contact: it is asked there, by a request of its own."""
        first = self.ring()
        self.world.lose(self.bob.flow)
        self.bob.host = "reloaded.invalid"
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        self.assertEqual("reloaded.invalid", again.uri.host)
        self.assertNotEqual(first.via.branch, again.via.branch)
        self.bob.answer(again, 180)
        self.answered(again)

    def test_old_connection_looks_open(self) -> None:
        """From Wi-Fi to mobile: it rings on the new one at once."""
        first = self.ring()
        old = self.bob.flow
        self.moved_out(self.bob)
        [again] = self.bob.requests("INVITE")
        self.assertEqual(first.to_bytes(), again.to_bytes())
        self.assertEqual(1, old.pings)
        self.world.lose(old)
        self.bob.answer(again, 180)
        self.answered(again)

    def test_another_user_on_the_same_connection(self) -> None:
        """Only what is for the binding that moved goes along."""
        carol = Phone(self.world, "carol", self.bob.flow)
        carol.register()
        self.alice.invite(carol.aor)
        [theirs] = self.bob.requests("INVITE")
        self.ring()
        self.moved_out(self.bob)
        self.assertEqual([self.invite.call_id], [each.call_id for each in self.bob.requests("INVITE")])
        carol.answer(theirs, 486)
        self.assertEqual(1, len(carol.requests("ACK")))

    def test_secure_call_to_an_insecure_connection(self) -> None:
        """A sips call does not follow its callee to a connection without TLS."""
        self.bob.flow = self.world.connect("wss")
        self.bob.flow.secure = True
        self.bob.register()
        self.alice.flow = self.world.connect("wss")
        self.alice.flow.secure = True
        self.alice.register()
        self.alice.invite(self.bob.aor.replace("sip:", "sips:"), To=f"<{self.bob.aor}>")
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.world.lose(self.bob.flow)
        self.bob.flow = self.world.connect()
        self.bob.register(keep=True)
        self.assertEqual([], self.bob.requests("INVITE"))
        self.assertEqual([100, 180, 480], self.alice.statuses())
