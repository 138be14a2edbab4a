"""In-dialog requests and connections that break: what follows the browser to its new one, what waits, what fails."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.message import Response
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, DOMAIN, Dialog, Phone, World, call


class CarryOver(SynchronousTestCase):
    """alice and bob are in a call, both by WebSocket."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")
        self.mine, self.theirs = call(self.alice, self.bob)

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 70)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def seconds(self, number: int) -> None:
        self.world.clock.pump([1] * number)


class ResumeTests(CarryOver):
    """The wait for a browser that lost its connection."""

    def test_bye_waits_31_seconds(self) -> None:
        """A BYE is held nearly as long as its client waits for an answer; then 480, never 408."""
        self.world.lose(self.bob.flow)
        self.mine.send("BYE")
        self.seconds(30)
        self.assertEqual([100], self.alice.statuses())
        self.seconds(2)
        self.assertEqual([480], self.alice.statuses())

    def test_other_requests_wait_8_seconds(self) -> None:
        """re-INVITE, INFO and UPDATE wait 8 s."""
        self.world.lose(self.bob.flow)
        for method in ("INVITE", "INFO", "UPDATE"):
            self.mine.send(method)
        self.seconds(7)
        self.assertNotIn(480, self.alice.statuses())
        self.seconds(2)
        self.assertEqual([480, 480, 480], self.alice.statuses())

    def test_all_that_waited_goes_in_order(self) -> None:
        """What waited arrives on the new connection in the order in which it came."""
        self.world.lose(self.bob.flow)
        for method in ("INFO", "UPDATE", "BYE"):
            self.mine.send(method)
        self.world.comes_back(self.bob)
        came = [message.method for message in self.bob.take() if not isinstance(message, Response)]
        self.assertEqual(["INFO", "UPDATE", "BYE"], came)

    def test_sent_and_unanswered_is_sent_again(self) -> None:
        """A request that was sent when the connection closed goes again, with a new branch; its answer is passed on."""
        self.mine.send("INFO")
        [first] = self.bob.requests("INFO")
        self.world.lose(self.bob.flow)
        self.assertEqual([], self.alice.statuses())
        self.world.comes_back(self.bob)
        [second] = self.bob.requests("INFO")
        self.assertNotEqual(first.via.branch, second.via.branch)
        self.assertEqual(first.cseq, second.cseq)
        self.bob.answer(second, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_process_is_about_to_end(self) -> None:
        """Nobody can come back then: what waits fails at once, and does not keep the process for half a minute."""
        self.world.lose(self.bob.flow)
        self.mine.send("BYE")
        self.assertEqual([], self.alice.statuses())
        self.world.element.draining = True
        self.assertEqual([480], self.alice.statuses())
        self.assertTrue(self.world.element.core.transactions.idle)

    def test_cancel_of_a_waiting_reinvite(self) -> None:
        """A re-INVITE that waits can be cancelled: 200, 487, and nothing arrives later."""
        self.world.lose(self.bob.flow)
        invite = self.mine.send("INVITE")
        self.alice.cancel(invite)
        self.assertEqual([100, 200, 487], self.alice.statuses())
        self.world.comes_back(self.bob)
        self.assertEqual([], self.bob.requests("INVITE"))

    def test_ack_waits_and_only_the_newest_goes(self) -> None:
        """Of ACKs with one Call-ID and CSeq the newest waits."""
        self.mine.send("INVITE")
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 200)
        self.world.lose(self.bob.flow)
        self.mine.send("ACK", Subject="old")
        self.mine.send("ACK", Subject="new")
        self.assertEqual({"waits": 1}, {name: n for name, n in self.world.left().items() if name == "waits"})
        self.world.comes_back(self.bob)
        self.assertEqual(["new"], [ack.get("Subject") for ack in self.bob.requests("ACK")])

    def test_ack_that_nobody_fetches_is_dropped(self) -> None:
        """After its time an ACK goes without a word."""
        self.world.lose(self.bob.flow)
        self.mine.send("ACK")
        self.seconds(9)
        self.assertEqual([], self.alice.take())
        self.assertEqual(0, self.world.element.core.waiting.count)

    def test_ack_of_a_caller_who_reconnected(self) -> None:
        """The caller's ACK to a 2xx comes on its new connection: it is let through by its Routes."""
        self.mine.send("INVITE")
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 200)
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.mine.send("ACK")
        self.assertEqual(1, len(self.bob.requests("ACK")))

    def test_no_wait_without_a_binding(self) -> None:
        """A caller that had no binding on its connection cannot come back: 480 at once."""
        guest = self.world.phone("carol")
        invite = guest.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 200)
        accepted = guest.take()[-1]
        self.world.lose(guest.flow)
        self.bob.take()
        self.bob.dialog(arrived, accepted, callee=True).send("INFO")
        self.assertEqual([480], self.bob.statuses())
        self.assertIsNotNone(invite)

    def test_caller_of_a_reinvite_is_lost(self) -> None:
        """A re-INVITE whose caller stays away is CANCELled: a 2xx to it would never be acknowledged."""
        self.mine.send("INVITE")
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.world.lose(self.alice.flow)
        self.assertEqual([], self.bob.requests("CANCEL"))
        self.seconds(9)
        [cancel] = self.bob.requests("CANCEL")
        self.bob.answer(cancel, 200)
        self.bob.answer(arrived, 487)

    def test_bye_goes_on_without_its_sender(self) -> None:
        """A BYE whose sender is gone still waits for the other side and arrives there."""
        self.world.lose(self.bob.flow)
        self.mine.send("BYE")
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.bob)
        [bye] = self.bob.requests("BYE")
        self.bob.answer(bye, 200)


class SupersededTests(CarryOver):
    """A browser that came back while its old connection still looks open."""

    def test_requests_follow_at_once(self) -> None:
        """As soon as the binding is refreshed on another flow, requests go there; the old one is pinged."""
        old = self.bob.flow
        self.world.comes_back(self.bob)
        self.assertEqual(1, old.pings)
        self.mine.send("BYE")
        self.assertEqual(1, len(self.bob.requests("BYE")))
        self.assertFalse(old.closed)

    def test_what_the_old_one_swallowed(self) -> None:
        """What was sent into the dead connection goes again as soon as he is back, with the same branch: one who has
        got it, and whose answer was lost, repeats that."""
        for method in ("INFO", "BYE"):
            old = self.bob.flow
            self.mine.send(method)
            [lost] = self.bob.requests(method)
            self.world.comes_back(self.bob)
            [again] = self.bob.requests(method)
            self.assertEqual(lost.to_bytes(), again.to_bytes())
            self.world.lose(old)
            self.assertEqual([], self.bob.requests(method))
            self.bob.answer(again, 200)
            self.assertEqual([200], self.alice.statuses())

    def test_a_reinvite_that_the_old_one_swallowed(self) -> None:
        """It goes again too, and so does the CANCEL of one."""
        invite = self.mine.send("INVITE")
        [lost] = self.bob.requests("INVITE")
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        self.assertEqual(lost.to_bytes(), again.to_bytes())
        self.bob.answer(again, 100)
        self.alice.cancel(invite)
        for _ in range(2):
            [cancel] = self.bob.requests("CANCEL")
            self.world.comes_back(self.bob)
        self.bob.answer(cancel, 200)
        self.bob.answer(again, 487)
        self.assertEqual([100, 200, 487], self.alice.statuses())

    def test_a_message_that_the_old_one_swallowed(self) -> None:
        """Out of a dialog the same."""
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        [lost] = self.bob.requests("MESSAGE")
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("MESSAGE")
        self.assertEqual(lost.to_bytes(), again.to_bytes())
        self.bob.answer(again, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_of_another_user_on_the_old_one(self) -> None:
        """What was sent to somebody else there stays there."""
        carol = Phone(self.world, "carol", self.bob.flow)
        self.assertEqual(200, carol.register().status)
        self.alice.ask(self.alice.build("MESSAGE", carol.aor))
        [_] = carol.requests("MESSAGE")
        self.world.comes_back(self.bob)
        self.assertEqual([], self.bob.requests("MESSAGE"))

    def test_another_phone_of_the_user_takes_nothing_over(self) -> None:
        """A second browser of bob's is another instance: the dialog stays with the first."""
        other = self.world.registered("bob")
        self.mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))
        self.assertEqual([], other.take())

    def test_unregistered_in_the_middle(self) -> None:
        """A browser that unregisters keeps its calls, as long as its connection lasts."""
        self.bob.register(expires=0)
        self.mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))
        self.theirs.send("BYE")
        self.assertEqual(1, len(self.alice.requests("BYE")))

    def test_carry_over_after_the_binding_ended(self) -> None:
        """The binding's name outlives it: a browser whose binding went with its connection is found again."""
        self.world.lose(self.bob.flow)
        self.seconds(600)
        self.world.comes_back(self.bob)
        self.mine.send("BYE")
        self.assertEqual(1, len(self.bob.requests("BYE")))


class WithoutInstanceTests(SynchronousTestCase):
    """SIP.js: no reg-id, no instance; AoR and Contact are the binding's name."""

    def test_same_contact_on_a_new_connection(self) -> None:
        """It registers the same Contact again, and the dialog follows."""
        world = World()
        alice = world.registered("alice", instance=False)
        bob = world.registered("bob", instance=False)
        mine, theirs = call(alice, bob)
        for phone in (alice, bob):
            world.lose(phone.flow)
            world.comes_back(phone)
        mine.send("INFO")
        self.assertEqual(1, len(bob.requests("INFO")))
        theirs.send("BYE")
        self.assertEqual(1, len(alice.requests("BYE")))


class UdpTests(SynchronousTestCase):
    """UDP flows are values: they never close, but nobody may listen there."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob", "udp", instance=False)

    def test_k14_in_dialog_to_a_phone_that_is_gone(self) -> None:
        """K14: ICMP for each try must not become a loop: the request waits for a REGISTER, then 480."""
        mine, _ = call(self.alice, self.bob)
        self.bob.take()
        mine.send("INFO")
        for _ in range(5):
            self.world.element.unreachable(self.bob.flow.peer)
        self.assertEqual(1, len(self.bob.requests("INFO")))
        self.world.clock.pump([1] * 9)
        self.assertEqual([480], self.alice.statuses()[-1:])

    def test_k14_phone_restarts(self) -> None:
        """K14: it registers again from the same port: what waited is sent there."""
        mine, _ = call(self.alice, self.bob)
        mine.send("BYE")
        self.world.element.unreachable(self.bob.flow.peer)
        self.bob.take()
        self.bob.register(keep=True)
        [bye] = self.bob.requests("BYE")
        self.bob.answer(bye, 200)
        self.assertEqual([200], self.alice.statuses()[-1:])

    def test_k14_out_of_dialog(self) -> None:
        """K14: a first INVITE to it is 480 at once."""
        self.alice.invite(self.bob.aor)
        self.world.element.unreachable(self.bob.flow.peer)
        self.assertEqual([100, 480], self.alice.statuses())


class TrustedHopTests(SynchronousTestCase):
    """430 leaves only towards a trusted hop; it is told which flow is dead and can try another."""

    def setUp(self) -> None:
        self.world = World(next_hops=(NextHop(frozenset({"peer.example.net"}), (Uri.parse(f"sip:{CORE}:5080"),)),))
        self.alice = self.world.registered("alice")
        self.core = Phone(self.world, "carol", self.world.udp_flow((CORE, 5080)))

    def dialog(self) -> Dialog:
        self.core.send(self.core.build("INVITE", self.alice.aor, From="<sip:carol@peer.example.net>;tag=1"))
        [arrived] = self.alice.requests("INVITE")
        self.alice.answer(arrived, 200)
        [*_, accepted] = self.core.take()
        return self.core.dialog(arrived, accepted)

    def test_in_dialog(self) -> None:
        """Nobody comes back: 430 to the core."""
        dialog = self.dialog()
        self.world.lose(self.alice.flow)
        dialog.send("INFO")
        self.world.clock.pump([1] * 9)
        self.assertEqual(430, self.core.statuses()[-1])

    def test_R2_path_token_of_a_dead_flow(self) -> None:
        """A Path of ours that the core gives back names a flow that is gone: 430, at once for what comes later."""
        token = self.world.element.core.tokens.path(self.alice.flow.id, b"12345678")
        route = f"<sip:{token}@127.0.0.1:5060;lr>"
        self.core.send(self.core.build("INVITE", self.alice.aor, Route=route))
        [arrived] = self.alice.requests("INVITE")
        self.assertFalse(arrived.has("Route"))
        self.world.lose(self.alice.flow)
        self.world.clock.pump([1] * 9)
        self.assertEqual(430, self.core.statuses()[-1])
        self.core.send(self.core.build("MESSAGE", self.alice.aor, Route=route))
        self.assertEqual([430], self.core.statuses())

    def test_R2_path_token_of_a_client(self) -> None:
        """The same from a client is 403: path tokens count from trusted hops alone."""
        bob = self.world.registered("bob")
        token = self.world.element.core.tokens.path(self.alice.flow.id)
        bob.send(bob.build("MESSAGE", self.alice.aor, Route=f"<sip:{token}@{DOMAIN};lr>"))
        self.assertEqual([403], bob.statuses())
        self.assertEqual([], self.alice.take())
