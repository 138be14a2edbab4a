"""Calls between phones, message by message."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Response
from tests.server.world import DOMAIN, World, call


class Calls(SynchronousTestCase):
    """Common ground: alice and bob are registered."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())


class CallTests(Calls):
    """Two browsers call each other."""

    def test_invite_is_forwarded(self) -> None:
        """100 at once; the callee gets Via, Max-Forwards less one, two Record-Routes and no credentials of ours."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.assertEqual([100], self.alice.statuses())
        self.assertEqual(self.bob.contact, arrived.uri.text)
        self.assertEqual(68, arrived.max_forwards)
        self.assertEqual(2, len(arrived.vias))
        self.assertEqual(2, len(arrived.values("Record-Route")))
        self.assertFalse(arrived.has("Proxy-Authorization"))

    def test_whole_call(self) -> None:
        """INVITE, 180, 200, ACK, BYE from the caller, 200; afterwards nothing is left but what absorbs repetitions."""
        dialog, _ = call(self.alice, self.bob)
        dialog.send("BYE")
        [bye] = self.bob.requests("BYE")
        self.assertFalse(bye.has("Route"))
        self.bob.answer(bye, 200)
        self.assertEqual([200], self.alice.statuses())
        self.assertEqual(1, len([line for _, line in self.world.log.lines if "ended by" in line]))
        self.world.clock.advance(33)
        self.assertEqual(0, self.world.element.core.transactions.count)

    def test_bye_of_the_callee(self) -> None:
        """The callee hangs up, whatever From it has."""
        _, dialog = call(self.alice, self.bob)
        dialog.send("BYE")
        [bye] = self.alice.requests("BYE")
        self.alice.answer(bye, 200)
        self.assertEqual([200], self.bob.statuses())

    def test_refused(self) -> None:
        """486 reaches the caller; the proxy acknowledges it itself and absorbs the caller's ACK."""
        invite = self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 486)
        self.assertEqual(1, len(self.bob.requests("ACK")))
        [_, refused] = self.alice.take()
        self.assertEqual(486, refused.status)
        self.alice.acknowledge(invite, refused)
        self.assertEqual([], self.bob.take())

    def test_cancel(self) -> None:
        """CANCEL reaches the ringing callee with its Reason, and the caller gets 200 and 487."""
        invite = self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.alice.take()
        self.alice.cancel(invite, Reason="SIP;cause=600")
        [cancel] = self.bob.requests("CANCEL")
        self.assertEqual("SIP;cause=600", cancel.get("Reason"))
        self.bob.answer(cancel, 200)
        self.bob.answer(arrived, 487)
        self.assertEqual([200, 487], self.alice.statuses())

    def test_a17_cancel_from_another_flow(self) -> None:
        """A17: the same branch from another connection is 481 and cancels nothing."""
        invite = self.alice.invite(self.bob.aor)
        self.bob.take()
        mallory = self.world.phone("carol")
        mallory.cancel(invite)
        self.assertEqual([481], mallory.statuses())
        self.assertEqual([], self.bob.take())

    def test_unknown_and_absent(self) -> None:
        """Nobody of that name is 404, a user who is not there is 480."""
        self.alice.invite(f"sip:nobody@{DOMAIN}")
        self.assertEqual([100, 404], self.alice.statuses())
        self.alice.invite(f"sip:carol@{DOMAIN}")
        self.assertEqual([100, 480], self.alice.statuses())

    def test_no_answer(self) -> None:
        """Timer C: CANCEL to the callee, 408 to the caller."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.alice.take()
        self.world.clock.pump([1] * 182)
        self.assertEqual(1, len(self.bob.requests("CANCEL")))
        self.bob.answer(arrived, 487)
        self.assertEqual([408], self.alice.statuses())

    def test_message(self) -> None:
        """MESSAGE goes through without Record-Route, and its 200 comes back."""
        request = self.alice.build("MESSAGE", self.bob.aor)
        request.body = b"x" * 30_000
        self.alice.ask(request)
        [arrived] = self.bob.requests("MESSAGE")
        self.assertEqual(request.body, arrived.body)
        self.assertFalse(arrived.has("Record-Route"))
        self.bob.answer(arrived, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_retransmission_is_absorbed(self) -> None:
        """An INVITE that comes again is answered from the transaction and rings nobody twice."""
        invite = self.alice.invite(self.bob.aor)
        self.bob.take()
        self.alice.take()
        self.alice.send(invite)
        self.assertEqual([100], self.alice.statuses())
        self.assertEqual([], self.bob.take())

    def test_reinvite_from_both_sides(self) -> None:
        """Hold: re-INVITEs find their way in both directions."""
        mine, theirs = call(self.alice, self.bob)
        mine.send("INVITE")
        [arrived] = self.bob.requests("INVITE")
        self.assertFalse(arrived.has("Record-Route"))
        self.bob.answer(arrived, 200)
        self.assertEqual([100, 200], self.alice.statuses())
        theirs.send("INVITE")
        [arrived] = self.alice.requests("INVITE")
        self.alice.answer(arrived, 488)
        self.assertEqual([100, 488], self.bob.statuses())


class ForkTests(Calls):
    """The same user in two browsers."""

    def setUp(self) -> None:
        super().setUp()
        self.bob2 = self.world.registered("bob")

    def test_one_answers_the_other_stops(self) -> None:
        """Both ring; when one answers the other gets CANCEL with the reason that makes it no missed call."""
        self.alice.invite(self.bob.aor)
        [first] = self.bob.requests("INVITE")
        [second] = self.bob2.requests("INVITE")
        self.bob.answer(first, 180)
        self.bob2.answer(second, 180)
        self.bob.answer(first, 200)
        [cancel] = self.bob2.requests("CANCEL")
        self.assertIn("Call completed elsewhere", cancel.get("Reason"))
        self.bob2.answer(second, 487)
        self.assertEqual([100, 180, 180, 200], self.alice.statuses())

    def test_6xx_ends_all(self) -> None:
        """603 stops the others and is the answer."""
        self.alice.invite(self.bob.aor)
        [first] = self.bob.requests("INVITE")
        [second] = self.bob2.requests("INVITE")
        self.bob2.answer(second, 180)
        self.bob.answer(first, 603)
        self.assertEqual(1, len(self.bob2.requests("CANCEL")))
        self.bob2.answer(second, 487)
        self.assertEqual([100, 180, 603], self.alice.statuses())

    def test_best_of_refusals(self) -> None:
        """A dead device's 480 does not hide that the other one is busy."""
        self.alice.invite(self.bob.aor)
        [first] = self.bob.requests("INVITE")
        [second] = self.bob2.requests("INVITE")
        self.bob.answer(first, 480)
        self.bob2.answer(second, 486)
        self.assertEqual([100, 486], self.alice.statuses())

    def test_one_flow_dies_while_ringing(self) -> None:
        """The other one goes on ringing."""
        self.alice.invite(self.bob.aor)
        [second] = self.bob2.requests("INVITE")
        self.world.lose(self.bob.flow)
        self.bob2.answer(second, 200)
        self.assertEqual([100, 200], self.alice.statuses())


class LostFlowTests(Calls):
    """Connections break in every moment."""

    def test_ringing_callee_is_lost(self) -> None:
        """T10: the branch is 480 unless it is back in 8 s."""
        self.alice.invite(self.bob.aor)
        self.bob.answer(self.bob.requests("INVITE")[0], 180)
        self.world.lose(self.bob.flow)
        self.world.clock.pump([1] * 7)
        self.assertEqual([100, 180], self.alice.statuses())
        self.world.clock.pump([1] * 2)
        self.assertEqual([480], self.alice.statuses())

    def test_caller_is_lost(self) -> None:
        """T10: the callee stops ringing, unless the caller is back in 8 s."""
        self.alice.invite(self.bob.aor)
        self.bob.answer(self.bob.requests("INVITE")[0], 180)
        self.world.lose(self.alice.flow)
        self.world.clock.pump([1] * 7)
        self.assertEqual([], self.bob.requests("CANCEL"))
        self.world.clock.pump([1] * 2)
        self.assertEqual(1, len(self.bob.requests("CANCEL")))

    def test_bye_waits_for_the_browser_to_come_back(self) -> None:
        """Carry-over: the callee reconnects and registers; the BYE that waited arrives on the new socket."""
        dialog, _ = call(self.alice, self.bob)
        self.world.lose(self.bob.flow)
        dialog.send("BYE")
        self.world.clock.advance(5)
        self.bob.flow = self.world.connect()
        self.bob.register_quietly = True
        self.bob.send(self.bob.build("REGISTER", f"sip:{DOMAIN}", To=f"<{self.bob.aor}>"))
        [challenge] = self.bob.take()
        self.assertIsInstance(challenge, Response)
        contact = f'<{self.bob.contact}>;reg-id=1;+sip.instance="<{self.bob.instance}>"'
        register = self.bob.build(
            "REGISTER", f"sip:{DOMAIN}", To=f"<{self.bob.aor}>", Contact=contact, Supported="outbound"
        )
        self.bob.send(self.bob.authorized(register, challenge))
        [bye] = self.bob.requests("BYE")
        self.bob.answer(bye, 200)
        self.assertIn(200, self.alice.statuses())

    def test_reconnected_browser_hangs_up(self) -> None:
        """Carry-over: a browser that came back sends its BYE on the new socket, with the old Routes."""
        _, theirs = call(self.alice, self.bob)
        self.world.lose(self.bob.flow)
        self.bob.flow = self.world.connect()
        self.bob.register()
        theirs.send("BYE")
        [bye] = self.alice.requests("BYE")
        self.alice.answer(bye, 200)
        self.assertEqual([200], self.bob.statuses())

    def test_nobody_comes_back(self) -> None:
        """A re-INVITE waits 8 s and is 480 then; never 408."""
        dialog, _ = call(self.alice, self.bob)
        self.world.lose(self.bob.flow)
        dialog.send("INVITE")
        self.assertEqual([100], self.alice.statuses())
        self.world.clock.pump([1] * 9)
        self.assertEqual([480], self.alice.statuses())


class RefusalTests(Calls):
    """What must not pass."""

    def test_a10_every_method_is_challenged(self) -> None:
        """A10: INVITE, MESSAGE, SUBSCRIBE, PUBLISH, REFER, INFO and what nobody knows alike."""
        for method in ("INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "INFO", "NEWMETHOD"):
            self.alice.send(self.alice.build(method, self.bob.aor))
            self.assertEqual([407], self.alice.statuses(), method)
        self.assertEqual([], self.bob.take())

    def test_f2_refusals_are_stateless(self) -> None:
        """F2: one 407, no repetition, no table entry, and the ACK to it goes nowhere."""
        phone = self.world.phone("alice", "udp")
        invite = phone.build("INVITE", self.bob.aor)
        phone.send(invite)
        [refused] = phone.take()
        self.world.clock.pump([0.5] * 10)
        phone.acknowledge(invite, refused)
        self.assertEqual([], phone.take())
        self.assertEqual([], self.bob.take())

    def test_a9_from_of_another(self) -> None:
        """A9: right credentials and somebody else's From are 403."""
        self.alice.invite(self.bob.aor, From=f"<sip:carol@{DOMAIN}>;tag=x")
        self.assertEqual([403], self.alice.statuses())

    def test_a11_invented_to_tag(self) -> None:
        """A11: in dialog only with a token of ours; an ACK is dropped."""
        self.alice.send(self.alice.build("BYE", self.bob.aor, To=f"<{self.bob.aor}>;tag=invented"))
        self.assertEqual([403], self.alice.statuses())
        self.alice.send(self.alice.build("ACK", self.bob.aor, To=f"<{self.bob.aor}>;tag=invented"))
        self.assertEqual([], self.alice.take())
        self.assertEqual([], self.bob.take())

    def test_R1_preloaded_route(self) -> None:
        """R1: a client does not name the way."""
        self.alice.send(self.alice.build("INVITE", self.bob.aor, Route="<sip:third.example;lr>"))
        self.assertEqual([403], self.alice.statuses())

    def test_R2_token_of_another_dialog(self) -> None:
        """R2: a token learnt from one call opens nothing else, and a flipped bit opens nothing at all."""
        dialog, _ = call(self.alice, self.bob)
        stolen = dialog.build("MESSAGE", Call_ID="another-call")
        self.alice.send(stolen)
        self.assertEqual([403], self.alice.statuses())
        dialog.routes[-1] = dialog.routes[-1].replace("ovr", "ovrA", 1)
        dialog.send("BYE")
        self.assertEqual([403], self.alice.statuses())
        self.assertEqual([], self.bob.take())

    def test_R3_foreign_domain(self) -> None:
        """R3: no relay, not even for users."""
        self.alice.invite("sip:someone@elsewhere.example")
        self.assertIn(403, self.alice.statuses())

    def test_R4_asserted_identity_of_a_client(self) -> None:
        """R4: what only a trusted hop may say is removed, in odd spelling too."""
        self.alice.invite(self.bob.aor, P_Asserted_Identity="<sip:boss@example.com>")
        [arrived] = self.bob.requests("INVITE")
        self.assertFalse(arrived.has("P-Asserted-Identity"))

    def test_a16_challenge_of_a_phone(self) -> None:
        """A16: a 401 of the callee becomes 403."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 401, WWW_Authenticate='Digest realm="x", nonce="y"')
        self.assertEqual([100, 403], self.alice.statuses())

    def test_R11_503_of_a_phone(self) -> None:
        """R11: 503 becomes 500."""
        self.alice.invite(self.bob.aor)
        self.bob.answer(self.bob.requests("INVITE")[0], 503)
        self.assertEqual([100, 500], self.alice.statuses())

    def test_options_to_ourselves(self) -> None:
        """OPTIONS without user is answered 200 to anybody."""
        stranger = self.world.phone("carol")
        stranger.send(stranger.build("OPTIONS", f"sip:{DOMAIN}", From="<sip:probe@nowhere.example>;tag=1"))
        self.assertEqual([200], stranger.statuses())

    def test_483_and_416_and_420(self) -> None:
        """Validation (RFC 3261 §16.3)."""
        self.alice.send(self.alice.build("INVITE", self.bob.aor, Max_Forwards="0"))
        self.alice.send(self.alice.build("INVITE", "mailto:bob@example.com"))
        self.alice.send(self.alice.build("INVITE", self.bob.aor, Proxy_Require="nothing, more"))
        answers = self.alice.take()
        self.assertEqual([483, 416, 420], [answer.status for answer in answers])
        self.assertEqual("nothing, more", answers[2].get("Unsupported"))
