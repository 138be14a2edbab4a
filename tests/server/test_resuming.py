"""Calls that are being set up and connections that break: a pending INVITE goes on where its client comes back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.waiting import Settings
from oversip_tw.proxy.settings import NextHop
from oversip_tw.proxy.user_rules import Rules
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
        """A page that was loaded anew has another Contact: it is asked by that name. The branch stays, for a phone that
        only changed its address knows it."""
        first = self.ring()
        self.world.lose(self.bob.flow)
        self.bob.host = "reloaded.invalid"
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        self.assertEqual("reloaded.invalid", again.uri.host)
        self.assertEqual(first.via.branch, again.via.branch)
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

    def test_comes_back_while_it_is_cancelled(self) -> None:
        """The other phone has picked up; this one has not heard the CANCEL on its old connection, which looks open. Its
        REGISTER is answered, and the CANCEL repeated."""
        for transport in ("ws", "udp"):
            alice, here = self.world.registered("alice"), self.world.registered("carol")
            away = self.world.registered("carol", transport)
            alice.invite(here.aor)
            rings, other = here.requests("INVITE")[0], away.requests("INVITE")[0]
            away.answer(other, 180)
            here.answer(rings, 200)
            [cancel] = away.requests("CANCEL")
            if transport == "udp":
                away.answer(cancel, 200)  # and the 487 is lost
                away.flow = self.world.udp_flow(("127.0.0.1", 7777))
            else:
                away.flow = self.world.connect()
            self.assertEqual(200, away.register(keep=True).status)
            [again] = away.requests("CANCEL")
            self.assertIn("cause=200", again.get("Reason") or "")
            away.answer(again, 200)
            away.answer(other, 487)

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


class CancelTests(Ringing):
    """The caller gives up while the phone that rang is away."""

    def setUp(self) -> None:
        super().setUp()
        self.arrived = self.ring()
        self.world.lose(self.bob.flow)
        self.alice.take()
        self.alice.cancel(self.invite)

    def test_caller_need_not_wait(self) -> None:
        """200 and 487 at once; the phone is told when it is back, for SIP.js rings on."""
        self.assertEqual([200, 487], self.alice.statuses())
        self.world.comes_back(self.bob)
        came = [each for each in self.bob.take() if isinstance(each, Request)]
        self.assertEqual(["CANCEL"], [each.method for each in came])
        self.assertEqual(self.arrived.via.branch, came[0].via.branch)
        self.bob.answer(came[0], 200)
        self.bob.answer(self.arrived, 487)
        self.assertEqual(["ACK"], [each.method for each in self.bob.take() if isinstance(each, Request)])

    def test_phone_that_knows_nothing_of_it(self) -> None:
        """JsSIP answers that CANCEL 481: so be it."""
        self.world.comes_back(self.bob)
        [cancel] = self.bob.requests("CANCEL")
        self.bob.answer(cancel, 481)
        self.assertEqual([200, 487], self.alice.statuses())

    def test_phone_that_was_started_anew(self) -> None:
        """One with another Contact is told so too, and rings no more than before."""
        self.bob.host = "reloaded.invalid"
        self.world.comes_back(self.bob)
        [cancel] = self.bob.take()
        assert isinstance(cancel, Request)
        self.assertEqual(("CANCEL", "reloaded.invalid"), (cancel.method, cancel.uri.host))
        self.bob.answer(cancel, 481)

    def test_picks_up_all_the_same(self) -> None:
        """It has picked up before it hears of the CANCEL: nobody is there any more, so we hang up."""
        self.bob.flow = self.world.connect()
        self.bob.answer(self.arrived, 200)
        self.bob.register(keep=True)
        ack, bye = (each for each in self.bob.take() if isinstance(each, Request))
        self.assertEqual(("ACK", "BYE"), (ack.method, bye.method))
        self.bob.answer(bye, 200)
        self.assertEqual([200, 487], self.alice.statuses())

    def test_stays_away(self) -> None:
        """Nothing is left of it."""
        self.seconds(9)
        self.assertEqual(0, self.world.element.core.waiting.count)
        self.world.comes_back(self.bob)
        self.assertEqual([], self.bob.take())


class ForkTests(Ringing):
    """Two phones of bob ring."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.world.registered("bob")
        self.invite = self.alice.invite(self.bob.aor)
        [self.here] = self.bob.requests("INVITE")
        [self.there] = self.other.requests("INVITE")
        self.bob.answer(self.here, 180)
        self.other.answer(self.there, 180)
        self.world.lose(self.bob.flow)
        self.alice.take()

    def test_other_phone_picks_up(self) -> None:
        """The other phone is not touched by it; the one that is away stops ringing when it is back."""
        self.other.answer(self.there, 200)
        self.assertEqual([200], self.alice.statuses())
        self.world.comes_back(self.bob)
        [cancel] = self.bob.requests("CANCEL")
        self.assertIn("Call completed elsewhere", cancel.get("Reason") or "")
        self.bob.answer(cancel, 200)
        self.bob.answer(self.here, 487)

    def test_other_phone_refuses(self) -> None:
        """Its refusal waits for what the one that is away will say."""
        self.other.answer(self.there, 486)
        self.assertEqual([], self.alice.statuses())
        self.world.comes_back(self.bob)
        [again] = self.bob.requests("INVITE")
        self.bob.answer(again, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_stays_away(self) -> None:
        """The best of what there is."""
        self.other.answer(self.there, 486)
        self.seconds(9)
        self.assertEqual([486], self.alice.statuses())


class CallerTests(Ringing):
    """The caller loses its connection while it rings at bob's."""

    def info(self, status: int) -> None:
        """The question whether alice knows of the call, and her answer."""
        came = self.alice.take()
        [info] = [each for each in came if isinstance(each, Request)]
        self.assertEqual(("INFO", "0 INFO", b""), (info.method, info.get("CSeq"), info.body))
        self.assertEqual((self.invite.call_id, self.invite.from_tag), (info.call_id, info.to_tag))
        self.alice._kept = [each for each in came if each is not info]
        self.alice.answer(info, status)

    def test_rings_on(self) -> None:
        """SIP.js keeps the call: it is told again what it may have missed, and how the call ends."""
        arrived = self.ring()
        self.alice.take()
        self.world.lose(self.alice.flow)
        self.seconds(5)
        self.assertEqual([], self.bob.take())
        self.world.comes_back(self.alice)
        self.info(415)
        self.assertEqual([180], self.alice.statuses())
        self.answered(arrived)

    def test_before_it_rang(self) -> None:
        """It is asked as soon as there is a dialog to ask about."""
        arrived = self.ring(0)
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.assertEqual([100], self.alice.statuses())
        self.bob.answer(arrived, 180)
        self.info(200)
        self.assertEqual([180], self.alice.statuses())
        self.answered(arrived)

    def test_picked_up_meanwhile(self) -> None:
        """The 200 waits for the caller."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        accepted = self.bob.answer(arrived, 200)
        self.alice.take()
        self.world.comes_back(self.alice)
        self.info(200)
        self.assertEqual([200], self.alice.statuses())
        dialog = self.alice.dialog(self.invite, accepted)
        dialog.send("ACK")
        self.assertEqual(1, len(self.bob.requests("ACK")))
        self.seconds(40)
        self.assertEqual([], self.bob.take())

    def test_answer_lost_with_the_connection(self) -> None:
        """The 200 left into a connection that was dead: the one that the callee repeats finds the new one. Nothing is
        asked of a caller whose call has its answer."""
        arrived = self.ring()
        accepted = self.bob.answer(arrived, 200)
        self.alice.take()
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.assertEqual([], self.alice.take())
        self.bob.send(accepted)
        self.assertEqual([200], self.alice.statuses())
        dialog = self.alice.dialog(self.invite, accepted)
        dialog.send("ACK")
        self.assertEqual(1, len(self.bob.requests("ACK")))

    def answer_lost(self, hooked: bool) -> Response:
        """bob's 200 has left into alice's dead connection, and he gets no ACK."""
        if hooked:  # then a watcher hears of all answers
            self.world.element.core.rules.store(self.bob.aor, Rules(forward_busy="sip:x@example.com"))
        arrived = self.ring()
        accepted = self.bob.answer(arrived, 200)
        self.alice.take()
        self.bob.take()
        return accepted

    def test_answer_lost_and_forgotten(self) -> None:
        """JsSIP knows nothing of the call any more when it is back: the callee, who repeats his 200, is hung up. By a
        new connection alone, too, while the old one looks open."""
        for hooked in (False, True):
            for silent in (False, True):
                accepted = self.answer_lost(hooked)
                if silent:
                    self.moved_out(self.alice)
                else:
                    self.world.lose(self.alice.flow)
                    self.world.comes_back(self.alice)
                self.assertEqual([], self.alice.take())
                self.bob.send(accepted)
                came = self.alice.take()
                [heard] = [each for each in came if isinstance(each, Response)]
                self.assertEqual(200, heard.status)
                [question] = [each for each in came if isinstance(each, Request)]
                self.assertEqual(("INFO", heard.to_tag), (question.method, question.from_tag))
                self.assertEqual(self.alice.contact, str(question.uri))
                self.bob.send(accepted)
                self.assertEqual([200], self.alice.statuses())  # and nothing is asked twice
                self.alice.answer(question, 481)
                self.hung_up(accepted)

    def test_answer_lost_and_known(self) -> None:
        """SIP.js acknowledges the repeated 200, and says that it knows the call."""
        for hooked in (False, True):
            accepted = self.answer_lost(hooked)
            self.world.lose(self.alice.flow)
            self.world.comes_back(self.alice)
            self.bob.send(accepted)
            [question] = self.alice.requests("INFO")
            self.alice.answer(question, 200)
            dialog = self.alice.dialog(self.invite, accepted)
            dialog.send("ACK")
            self.assertEqual(["ACK"], [each.method for each in self.bob.take() if isinstance(each, Request)])
            dialog.send("BYE")
            self.bob.answer(self.bob.requests("BYE")[0], 200)
            self.alice.take()

    def test_answer_lost_and_stays_away(self) -> None:
        """After 8 s the callee, who still repeats his 200, is hung up."""
        for hooked in (False, True):
            accepted = self.answer_lost(hooked)
            self.world.lose(self.alice.flow)
            self.bob.send(accepted)
            self.seconds(9)
            self.assertEqual([], self.bob.take())
            self.bob.send(accepted)
            self.hung_up(accepted)
            self.world.comes_back(self.alice)
            self.alice.take()

    def test_refused_meanwhile(self) -> None:
        """So does a refusal; the ACK on the new connection ends there."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.bob.answer(arrived, 486)
        self.bob.take()
        self.alice.take()
        self.world.comes_back(self.alice)
        [refusal] = [each for each in self.alice.take() if isinstance(each, Response)]
        self.assertEqual(486, refusal.status)
        self.alice.acknowledge(self.invite, refusal)
        self.assertEqual([], self.bob.take())
        self.assertEqual(0, self.world.element.core.transactions.count)

    def test_forgotten(self) -> None:
        """JsSIP gave the call up when its connection closed: the callee stops ringing as soon as that is known."""
        for status in (481, 404):
            arrived = self.ring()
            self.world.lose(self.alice.flow)
            self.world.comes_back(self.alice)
            self.info(status)
            [cancel] = self.bob.requests("CANCEL")
            self.bob.answer(cancel, 200)
            self.bob.answer(arrived, 487)

    def test_no_dialog_to_ask_about(self) -> None:
        """A 180 without Contact makes none: SIP.js would answer 481 to a question about it, and is not asked before it
        has heard of one."""
        arrived = self.ring(0)
        self.bob.send(arrived.response(180, to_tag="t"))
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.assertEqual([180], self.alice.statuses())
        self.bob.answer(arrived, 183)
        came = self.alice.take()
        self.assertEqual([183], [each.status for each in came if isinstance(each, Response)])
        [question] = [each for each in came if isinstance(each, Request)]
        self.assertEqual("INFO", question.method)
        self.alice.answer(question, 200)
        self.answered(arrived)

    def test_forgotten_and_forwarded_meanwhile(self) -> None:
        """While she is away her call goes on to carol, who picks up: she is asked about that dialog, and carol is hung
        up if she knows nothing."""
        carol = self.world.registered("carol")
        self.world.element.core.rules.store(self.bob.aor, Rules(forward_no_answer=carol.aor, ring_timeout=2.0))
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.seconds(4)
        self.bob.answer(arrived, 487)
        [forwarded] = carol.requests("INVITE")
        carol.answer(forwarded, 200)
        self.world.comes_back(self.alice)
        [question] = self.alice.requests("INFO")
        self.alice.answer(question, 481)
        came = carol.take()
        self.assertEqual(["ACK", "BYE"], [each.method for each in came if isinstance(each, Request)])
        carol.answer(came[-1], 200)  # type: ignore[arg-type]

    def test_forgotten_and_picked_up_meanwhile(self) -> None:
        """The callee picked up for nobody: we hang up, or it would wait for an ACK for half a minute."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.bob.answer(arrived, 200)
        self.world.comes_back(self.alice)
        self.info(481)
        self.hung_up(arrived)

    def test_forgotten_and_picked_up_a_moment_later(self) -> None:
        """The same while the question is on its way, and after the CANCEL."""
        for first in ("200", "481"):
            arrived = self.ring()
            self.world.lose(self.alice.flow)
            self.world.comes_back(self.alice)
            [info] = [each for each in self.alice.take() if isinstance(each, Request)]
            if first == "200":
                self.bob.answer(arrived, 200)
                self.alice.answer(info, 481)
            else:
                self.alice.answer(info, 481)
                self.bob.answer(self.bob.requests("CANCEL")[0], 200)
                self.bob.answer(arrived, 200)
            self.hung_up(arrived)

    def hung_up(self, arrived: Request | Response) -> None:
        """bob is sent ACK and BYE within the dialog that his 200 made."""
        ack, bye = (each for each in self.bob.take() if isinstance(each, Request))
        self.assertEqual(("ACK", "BYE"), (ack.method, bye.method))
        self.assertEqual((arrived.cseq, arrived.cseq + 1), (ack.cseq, bye.cseq))
        for each in (ack, bye):
            self.assertEqual((arrived.from_tag, f"t{self.bob.number}"), (each.from_tag, each.to_tag))
            self.assertEqual(arrived.call_id, each.call_id)
            self.assertEqual(self.bob.contact, each.uri.text)
            self.assertFalse(each.has("Route"))
        self.bob.answer(bye, 200)

    def test_says_nothing_to_the_question(self) -> None:
        """Who says nothing is believed to know, also when its connection breaks again."""
        arrived = self.ring()
        for _ in range(2):
            self.world.lose(self.alice.flow)
            self.world.comes_back(self.alice)
        self.seconds(35)
        self.alice.take()
        self.answered(arrived)

    def test_stays_away(self) -> None:
        """CANCEL after 8 s."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.seconds(9)
        [cancel] = self.bob.requests("CANCEL")
        self.bob.answer(cancel, 200)
        self.bob.answer(arrived, 487)
        self.world.comes_back(self.alice)
        self.assertEqual([], self.alice.take())

    def test_stays_away_and_picked_up_meanwhile(self) -> None:
        """The callee does not sit in a call with nobody: we hang up after 8 s."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.bob.answer(arrived, 200)
        self.assertEqual([], self.bob.take())
        self.seconds(9)
        self.hung_up(arrived)

    def test_call_that_is_up_is_not_ended(self) -> None:
        """Nobody hangs up a call that had its answer before the connection broke."""
        call(self.alice, self.bob)
        self.world.lose(self.alice.flow)
        self.seconds(9)
        self.world.comes_back(self.alice)
        self.assertEqual([], [each for each in self.alice.take() + self.bob.take() if isinstance(each, Request)])

    def test_old_connection_looks_open(self) -> None:
        """From Wi-Fi to mobile: the answers go to the new one at once."""
        arrived = self.ring()
        self.moved_out(self.alice)
        self.info(200)
        self.answered(arrived)

    def test_cancel_on_the_new_connection(self) -> None:
        """It belongs to the call, once the same phone has registered there."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.alice.take()
        self.world.comes_back(self.alice)
        self.alice.take()
        self.alice.cancel(self.invite)
        self.assertEqual([200], self.alice.statuses())
        [cancel] = self.bob.requests("CANCEL")
        self.bob.answer(cancel, 200)
        self.bob.answer(arrived, 487)
        self.assertEqual([487], self.alice.statuses())

    def test_A17_cancel_by_somebody_else(self) -> None:
        """A17: not before that, nor by another phone of the same user, nor by another user: 481."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        again = self.world.connect()
        strangers = [Phone(self.world, "alice", again)]
        strangers += [self.world.registered(user) for user in ("alice", "bob", "carol")]
        for stranger in strangers:
            stranger.take()
            stranger.cancel(self.invite)
            self.assertEqual([481], stranger.statuses())
        self.assertEqual([], self.bob.take())
        self.world.comes_back(self.alice)
        for stranger in strangers:
            stranger.cancel(self.invite)
            self.assertEqual([481], stranger.statuses())
        self.info(200)
        self.answered(arrived)

    def test_invite_again(self) -> None:
        """The INVITE repeated on the new connection is absorbed, and what was said last is said again."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.info(200)
        self.alice.take()
        self.alice.send(self.invite)
        self.assertEqual([180], self.alice.statuses())
        self.assertEqual([], self.bob.take())
        self.answered(arrived)

    def test_without_contact(self) -> None:
        """Nobody can be asked who left no Contact."""
        self.invite = self.alice.invite(self.bob.aor, Contact="")
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.world.lose(self.alice.flow)
        self.alice.take()
        self.world.comes_back(self.alice)
        self.assertEqual([180], [each.status for each in self.alice.take() if isinstance(each, Response)])
        self.bob.answer(arrived, 486)

    def test_both(self) -> None:
        """Both lose their connections and are back."""
        self.ring()
        self.alice.take()
        for phone in (self.alice, self.bob):
            self.world.lose(phone.flow)
        for phone in (self.bob, self.alice):
            self.world.comes_back(phone)
        self.info(200)
        [again] = self.bob.requests("INVITE")
        self.answered(again)

    def test_branch_in_use_on_the_new_connection(self) -> None:
        """Browsers make short branches: a request that has taken the place of the old one there keeps it."""
        arrived = self.ring()
        self.world.lose(self.alice.flow)
        self.alice.flow = self.world.connect()
        again = self.alice.build("INVITE", "sip:carol@example.com", Via=str(self.invite.via))
        self.alice.send(again)  # 407
        challenge = self.alice.take()[-1]
        assert isinstance(challenge, Response)
        self.alice.acknowledge(again, challenge)
        clash = self.alice.authorized(again, challenge)
        clash.set("Via", str(self.invite.via))
        self.world.registered("carol")
        self.alice.send(clash)
        self.alice.register(keep=True)
        [cancel] = self.bob.requests("CANCEL")
        self.bob.answer(cancel, 200)
        self.bob.answer(arrived, 487)


class UdpTests(Ringing):
    """Phones on UDP, which has no connections to lose: one is found under another address."""

    def setUp(self) -> None:
        super().setUp()
        self.phone = self.world.registered("carol", "udp")

    def moves(self) -> None:
        self.phone.flow = self.world.udp_flow(("127.0.0.9", 7000))
        self.phone.register(keep=True)

    def test_caller(self) -> None:
        """Answers go to the new address, and its CANCEL comes from there."""
        for cancels in (False, True):
            invite = self.phone.invite(self.bob.aor)
            [arrived] = self.bob.requests("INVITE")
            self.bob.answer(arrived, 180)
            self.moves()
            [info] = [each for each in self.phone.take() if isinstance(each, Request)]
            self.phone.answer(info, 415)
            if cancels:
                self.phone.cancel(invite)
                self.bob.answer(self.bob.requests("CANCEL")[0], 200)
                self.bob.answer(arrived, 487)
                self.assertEqual([200, 487], self.phone.statuses())
            else:
                self.bob.answer(arrived, 200)
                self.assertEqual([200], self.phone.statuses())
            self.phone.flow = self.world.udp_flow(("127.0.0.1", 7001))
            self.phone.register()

    def test_callee(self) -> None:
        """A CANCEL goes to the new address."""
        invite = self.alice.invite(self.phone.aor)
        [arrived] = self.phone.requests("INVITE")
        self.phone.answer(arrived, 180)
        self.moves()
        [again] = self.phone.requests("INVITE")
        self.assertEqual(arrived.via.branch, again.via.branch)
        self.phone.answer(again, 180)
        self.alice.cancel(invite)
        [cancel] = self.phone.requests("CANCEL")
        self.phone.answer(cancel, 200)
        self.phone.answer(again, 487)
        self.assertEqual([100, 180, 180, 200, 487], self.alice.statuses())


class OtherRequestTests(Ringing):
    """What is no INVITE and waits for its answer when its sender loses its connection."""

    def test_message(self) -> None:
        """The answer is told on the new connection."""
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        [message] = self.bob.requests("MESSAGE")
        for meanwhile in (True, False):
            self.world.lose(self.alice.flow)
            if meanwhile:
                self.bob.answer(message, 200)
                self.alice.take()
            self.world.comes_back(self.alice)
            self.assertEqual([200] if meanwhile else [], self.alice.statuses())
            self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
            [message] = self.bob.requests("MESSAGE")
        self.bob.answer(message, 200)

    def test_bye(self) -> None:
        """Within a dialog the same."""
        mine, _ = call(self.alice, self.bob)
        mine.send("BYE")
        [bye] = self.bob.requests("BYE")
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.alice.take()
        self.bob.answer(bye, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_stays_away(self) -> None:
        """Nobody hears it, and nothing is left."""
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        [message] = self.bob.requests("MESSAGE")
        self.world.lose(self.alice.flow)
        self.seconds(9)
        self.bob.answer(message, 200)
        self.assertEqual([], self.alice.take())

    def test_reinvite(self) -> None:
        """A re-INVITE goes on; nobody is asked about a dialog that stands."""
        mine, _ = call(self.alice, self.bob)
        mine.send("INVITE")
        [arrived] = self.bob.requests("INVITE")
        self.world.lose(self.alice.flow)
        self.world.comes_back(self.alice)
        self.bob.answer(arrived, 200)
        came = self.alice.take()
        self.assertEqual([], [each for each in came if isinstance(each, Request)])
        self.assertEqual(200, [each.status for each in came if isinstance(each, Response)][-1])
        mine.send("ACK")


class HopTests(SynchronousTestCase):
    """One side of the call is a trusted hop."""

    def setUp(self) -> None:
        hop = NextHop(frozenset({"peer.example.net"}), (Uri.parse(f"sip:{CORE}:5080"),))
        self.world = World(next_hops=(hop,))
        self.alice = self.world.registered("alice")
        self.core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 75)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def calls_alice(self) -> None:
        self.core.send(self.core.build("INVITE", self.alice.aor, From="<sip:dave@peer.example.net>;tag=1"))
        [arrived] = self.alice.requests("INVITE")
        self.alice.answer(arrived, 180)
        self.world.lose(self.alice.flow)

    def test_callee_stays_away(self) -> None:
        """430 to the hop, after 8 s."""
        self.calls_alice()
        self.assertEqual([100, 180], self.core.statuses())
        self.world.clock.pump([1] * 9)
        self.assertEqual([430], self.core.statuses()[:1])

    def test_callee_comes_back(self) -> None:
        """It rings on."""
        self.calls_alice()
        self.world.comes_back(self.alice)
        [again] = self.alice.requests("INVITE")
        self.alice.answer(again, 200)
        self.assertEqual([100, 180, 200], self.core.statuses())

    def test_hang_up_through_proxies(self) -> None:
        """The callee is behind proxies that recorded themselves: ACK and BYE go by them, and not by us."""
        self.alice.invite("sip:dave@peer.example.net")
        [arrived] = self.core.requests("INVITE")
        self.world.lose(self.alice.flow)
        recorded = ["<sip:p2.example.net;lr>", "<sip:p1.example.net;lr>", *arrived.values("Record-Route")]
        response = arrived.response(200, to_tag="t", headers=[("Record-Route", each) for each in recorded])
        response.append("Contact", "<sip:dave@192.0.2.9>")
        self.core.send(response)
        self.world.clock.pump([1] * 9)
        ack, bye = (each for each in self.core.take()[-2:] if isinstance(each, Request))
        for each in (ack, bye):
            self.assertEqual("sip:dave@192.0.2.9", each.uri.text)
            self.assertEqual(["<sip:p1.example.net;lr>", "<sip:p2.example.net;lr>"], each.values("Route"))
        self.core.answer(bye, 200)


class NothingWaitsTests(SynchronousTestCase):
    """Who has no name cannot come back."""

    def test_caller_without_binding(self) -> None:
        """A caller that never registered: CANCEL at once."""
        world = World()
        bob, carol = world.registered("bob"), world.phone("carol")
        carol.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 180)
        world.lose(carol.flow)
        [cancel] = bob.requests("CANCEL")
        bob.answer(cancel, 200)
        bob.answer(arrived, 487)
        self.assertEqual({}, world.left())

    def test_answer_crosses_its_ack(self) -> None:
        """resume = 0: a 200 that comes once more, while its ACK is on its way, ends nobody's call."""
        world = World(told={"waiting": Settings(resume=0.0)})
        alice, bob = world.registered("alice"), world.registered("bob")
        invite = alice.invite(bob.aor)
        accepted = bob.answer(bob.requests("INVITE")[0], 200)
        alice.dialog(invite, accepted).send("ACK")
        world.lose(alice.flow)
        bob.send(accepted)
        self.assertEqual(["ACK"], [each.method for each in bob.take() if isinstance(each, Request)])
