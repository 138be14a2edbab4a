"""Calls that go elsewhere because a rule of the called user says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.hooks import Arrival, Hooks
from oversip_tw.proxy.settings import NextHop
from oversip_tw.proxy.user_rules import Rules
from oversip_tw.proxy.way import Way
from oversip_tw.sip.message import Response
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, DOMAIN, Phone, World

ALICE, BOB, CAROL = (f"sip:{name}@{DOMAIN}" for name in ("alice", "bob", "carol"))
TRUNK_DOMAIN = "voicemail.example.net"
BOX = f"sip:box@{TRUNK_DOMAIN}"
#: bob, as a URI parameter has it
TARGET = f"sip:bob%40{DOMAIN}"
TRUNK = NextHop(frozenset({TRUNK_DOMAIN}), (Uri.parse(f"sip:{CORE}:5060"),))


class RulesCase(SynchronousTestCase):
    """alice calls bob, who has rules."""

    options: dict[str, Any] = {"next_hops": (TRUNK,)}
    hooks: Hooks | None = None

    def setUp(self) -> None:
        self.world = World(hooks=self.hooks, **self.options)
        self.rules = self.world.element.core.rules
        self.alice = self.world.registered("alice")
        self.trunk = Phone(self.world, "box", self.world.udp_flow((CORE, 5060)))

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 250)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def rule(self, aor: str = BOB, **rules: Any) -> None:
        self.rules.store(aor, Rules(**rules))

    def finals(self) -> list[int]:
        return [status for status in self.alice.statuses() if status >= 200]


class WhenTests(RulesCase):
    """What makes a call go elsewhere, and what does not."""

    def test_unregistered(self) -> None:
        """No binding: the target has the call at once."""
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        self.alice.invite(BOB)
        [arrived] = carol.requests("INVITE")
        self.assertEqual(BOB, arrived.to.uri.text)
        carol.answer(arrived, 200)
        self.assertEqual([200], self.finals())

    def test_busy(self) -> None:
        """486 and 600: the caller hears nothing of them; ACK and BYE find the one who has picked up."""
        self.rule(forward_busy=CAROL)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        for status in (486, 600):
            invite = self.alice.invite(BOB)
            bob.answer(bob.requests("INVITE")[0], status)
            [arrived] = carol.requests("INVITE")
            carol.answer(arrived, 180)
            carol.answer(arrived, 200)
            answers = self.alice.take()
            self.assertEqual([100, 181, 180, 200], [answer.status for answer in answers])  # type: ignore[union-attr]
            dialog = self.alice.dialog(invite, answers[-1])  # type: ignore[arg-type]
            for method in ("ACK", "BYE"):
                dialog.send(method)
                self.assertEqual(1, len(carol.requests(method)))

    def test_own_number(self) -> None:
        """Who calls oneself, to hear one's voicemail, is busy, though the phone calls it a loop; others' 482 passes."""
        self.rule(ALICE, forward_busy=BOX)
        self.alice.invite(ALICE)
        self.alice.answer(self.alice.requests("INVITE")[0], 482)
        self.trunk.answer(self.trunk.requests("INVITE")[0], 200)
        self.assertEqual([200], self.finals())
        bob = self.world.registered("bob")
        bob.invite(ALICE)
        self.alice.answer(self.alice.requests("INVITE")[0], 482)
        self.assertEqual(482, bob.statuses()[-1])
        self.assertEqual([], self.trunk.requests("INVITE"))

    def test_by_outbound_proxy(self) -> None:
        """A phone that names us as its outbound proxy is a caller like any other."""
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        for route in ("<sip:127.0.0.1:5060;lr>", "<sip:127.0.0.1:8080;transport=ws;lr>"):
            self.alice.invite(BOB, Route=route)
            carol.answer(carol.requests("INVITE")[0], 200)
            self.assertEqual([200], self.finals())

    def test_181(self) -> None:
        """The caller hears of each forward, one who wants only what can be repeated (RFC 3262) excepted."""
        self.rule(forward_busy=CAROL)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        for require, told in (("", [100, 181]), ("100rel", [100])):
            self.alice.invite(BOB, Require=require)
            bob.answer(bob.requests("INVITE")[0], 486)
            answers = [each for each in self.alice.take() if isinstance(each, Response)]
            self.assertEqual(told, [answer.status for answer in answers])
            if len(answers) > 1:
                self.assertTrue(answers[1].to_tag)
                self.assertIsNone(answers[1].get("History-Info"))  # it did not ask
            carol.answer(carol.requests("INVITE")[0], 200)

    def test_no_answer(self) -> None:
        """After ring_timeout the phones stop ringing and the target rings."""
        self.rule(forward_no_answer=CAROL, ring_timeout=12.0)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        bob.answer(rings, 180)
        self.world.clock.advance(11.9)
        self.assertEqual([], carol.requests("INVITE"))
        self.world.clock.pump([0.1] * 3)
        [_] = bob.requests("CANCEL")
        bob.answer(rings, 487)
        [arrived] = carol.requests("INVITE")
        carol.answer(arrived, 200)
        self.assertEqual([200], self.finals())

    def test_no_answer_by_default(self) -> None:
        """Where nobody says how long, it is 25 s; a phone's own 480 or 408 is no answer either."""
        self.rule(forward_no_answer=CAROL)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        bob.answer(rings, 180)
        self.world.clock.pump([1] * 24)
        self.assertEqual([], carol.requests("INVITE"))
        self.world.clock.pump([1] * 2)
        bob.answer(rings, 487)
        carol.answer(carol.requests("INVITE")[0], 200)
        for status in (480, 408):
            self.alice.invite(BOB)
            bob.answer(bob.requests("INVITE")[0], status)
            carol.answer(carol.requests("INVITE")[0], 200)

    def test_ring_timeout_alone(self) -> None:
        """It rings no longer than that; the caller hears 480 and why."""
        self.rule(ring_timeout=5.0)
        bob = self.world.registered("bob")
        self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        bob.answer(rings, 180)
        self.world.clock.pump([1] * 6)
        bob.answer(rings, 487)
        answer = self.alice.take()[-1]
        assert isinstance(answer, Response)
        self.assertEqual(480, answer.status)
        self.assertIn("cause=19", answer.get("Reason") or "")

    def test_lost_phone(self) -> None:
        """The only phone's connection breaks before it rings, and does not come back: as if it had not been there."""
        self.rule(forward_unregistered=CAROL)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        self.alice.invite(BOB)
        self.world.lose(bob.flow)
        self.world.clock.pump([1] * 9)
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual([200], self.finals())

    def test_phone_lost_while_it_rings(self) -> None:
        """It rang, and does not come back: nobody has answered, whoever calls."""
        self.rule(forward_no_answer=CAROL)
        carol = self.world.registered("carol")
        source = "<sip:x@peer.example.net>;tag=x"
        for caller, more in ((self.alice, {}), (self.trunk, {"From": source})):
            bob = self.world.registered("bob")
            caller.ask(caller.build("INVITE", BOB, **more))
            bob.answer(bob.requests("INVITE")[0], 180)
            self.world.lose(bob.flow)
            self.world.clock.pump([1] * 9)
            carol.answer(carol.requests("INVITE")[0], 200)
            self.assertEqual(200, caller.statuses()[-1])

    def test_silent_phone(self) -> None:
        """A UDP phone that is gone without a word: the rule for no answer serves as well."""
        self.rule(forward_no_answer=CAROL, ring_timeout=60.0)
        self.world.registered("bob", "udp")
        carol = self.world.registered("carol")
        self.alice.invite(BOB)
        self.world.clock.pump([0.5] * 66)
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual([200], self.finals())

    def test_other_answers_pass(self) -> None:
        """603, 488, 403: the user has said no, or the phone cannot; that is for the caller."""
        self.rule(forward_busy=CAROL, forward_no_answer=CAROL, forward_unregistered=CAROL)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        for status in (603, 488, 403):
            self.alice.invite(BOB)
            bob.answer(bob.requests("INVITE")[0], status)
            self.assertEqual([status], self.finals())
        self.assertEqual([], carol.take())

    def test_only_what_is_ruled(self) -> None:
        """Each case has its own target, and none means none."""
        self.rule(forward_unregistered=CAROL)
        bob = self.world.registered("bob")
        self.world.registered("carol")
        for status in (486, 480):
            self.alice.invite(BOB)
            bob.answer(bob.requests("INVITE")[0], status)
            self.assertEqual([status], self.finals())

    def test_calls_alone(self) -> None:
        """A MESSAGE is not forwarded, and neither is a call to one phone by its GRUU."""
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        self.alice.ask(self.alice.build("MESSAGE", BOB))
        self.assertEqual([480], self.finals())
        self.alice.invite(f"{BOB};gr=urn:uuid:00000000-0000-4000-8000-000000009999")
        self.assertEqual([480], self.finals())
        self.assertEqual([], carol.take())

    def test_the_whole_outcome(self) -> None:
        """Two phones: one is busy, the other rings on; only when both have ended the rule has its turn."""
        self.rule(forward_busy=CAROL)
        first, second = self.world.registered("bob"), self.world.registered("bob")
        carol = self.world.registered("carol")
        self.alice.invite(BOB)
        [one], [two] = first.requests("INVITE"), second.requests("INVITE")
        first.answer(one, 486)
        second.answer(two, 180)
        self.assertEqual([], carol.take())
        second.answer(two, 408)
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual([200], self.finals())


class DomainTests(RulesCase):
    """What a domain says holds for its users that say nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.rules.configure({BOB: Rules(forward_busy="")}, {DOMAIN: Rules(CAROL, CAROL, CAROL, 10.0)})
        self.carol = self.world.registered("carol")

    def test_default(self) -> None:
        """Each rule for itself: "" switches one off."""
        self.alice.invite(BOB)
        self.carol.answer(self.carol.requests("INVITE")[0], 200)
        bob = self.world.registered("bob")
        self.alice.take()
        self.alice.invite(BOB)
        bob.answer(bob.requests("INVITE")[0], 486)
        self.assertEqual([486], self.finals())

    def test_the_store_goes_first(self) -> None:
        """What was set at run time goes before the configuration, and can be taken back."""
        bob = self.world.registered("bob")
        self.rule(forward_busy=CAROL)
        self.alice.invite(BOB)
        bob.answer(bob.requests("INVITE")[0], 486)
        self.carol.answer(self.carol.requests("INVITE")[0], 200)
        self.rule()
        self.alice.take()
        self.alice.invite(BOB)
        bob.answer(bob.requests("INVITE")[0], 486)
        self.assertEqual([486], self.finals())

    def test_nobody_of_that_name(self) -> None:
        """A domain's rule makes no user of a name that is none."""
        self.alice.invite(f"sip:nobody@{DOMAIN}")
        self.assertEqual([404], self.finals())
        self.assertEqual([], self.carol.take())

    def test_A4_strangers_are_not_told(self) -> None:
        """Under inbound = "open" a name that is none is 480, rules or not."""
        world = World(inbound="open")
        world.element.core.rules.configure({}, {DOMAIN: Rules(forward_unregistered=CAROL)})
        stranger = Phone(world, "eve", world.udp_flow(("198.51.100.9", 5060)))
        stranger.send(stranger.build("INVITE", f"sip:nobody@{DOMAIN}", From="<sip:eve@else.example>;tag=e"))
        self.assertEqual(480, stranger.statuses()[-1])


class LoopTests(RulesCase):
    """Rules that lead in circles, or far."""

    def test_two_for_each_other(self) -> None:
        """bob's calls go to carol and carol's to bob: each rings once, and the caller hears what the first said."""
        self.rule(forward_busy=CAROL)
        self.rule(CAROL, forward_busy=BOB)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        self.alice.invite(BOB)
        for phone in (bob, carol):
            [arrived] = phone.requests("INVITE")
            phone.answer(arrived, 486)
        self.assertEqual([486], self.finals())
        self.assertEqual([], bob.requests("INVITE"))

    def test_nobody_in_the_circle(self) -> None:
        """All of them are unregistered: 480."""
        self.rule(forward_unregistered=CAROL)
        self.rule(CAROL, forward_unregistered=BOB)
        self.alice.invite(BOB)
        self.assertEqual([480], self.finals())

    def test_oneself(self) -> None:
        """A rule that leads to its own user leads nowhere."""
        self.rule(forward_unregistered=f"{BOB};user=ip")
        self.alice.invite(BOB)
        self.assertEqual([480], self.finals())

    def test_chain(self) -> None:
        """Five times is enough."""
        for number in range(9):
            self.rule(f"sip:n{number}@{DOMAIN}", forward_unregistered=f"sip:n{number + 1}@{DOMAIN}")
        self.rule(f"sip:n5@{DOMAIN}", forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        self.alice.invite(f"sip:n0@{DOMAIN}")
        self.assertEqual([404], self.finals())  # what it would be without rules
        self.assertEqual([], carol.take())
        self.alice.invite(f"sip:n1@{DOMAIN}")
        [arrived] = carol.requests("INVITE")
        self.assertEqual(6, len(arrived.values("History-Info")))
        carol.answer(arrived, 200)

    def test_forwards_elsewhere_count(self) -> None:
        """What a trusted hop has forwarded already is counted with ours; a client's word is not."""
        entries = [f"<{BOB}>;index=1"]
        entries += [f"<sip:x{n}@peer.example.net;cause=486>;index=1{'.1' * n}" for n in range(1, 5)]
        entries.append(f"<{BOB};cause=486>;index=1.1.1.1.1.1")
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        history = ", ".join(entries)
        source = "<sip:x@peer.example.net>;tag=x"
        self.trunk.send(self.trunk.build("INVITE", BOB, From=source, History_Info=history))
        self.assertEqual(480, self.trunk.statuses()[-1])
        self.assertEqual([], carol.take())
        self.alice.invite(BOB, History_Info=history)
        [arrived] = carol.requests("INVITE")
        self.assertEqual(2, len(arrived.values("History-Info")))
        carol.answer(arrived, 200)


class ForeignTests(RulesCase):
    """Targets that are not ours."""

    def test_by_route(self) -> None:
        """A [[route]] takes it there, with the whole history; a trusted hop's own entries come first."""
        self.rule(forward_busy=BOX)
        bob = self.world.registered("bob")
        self.alice.invite(BOB)
        bob.answer(bob.requests("INVITE")[0], 486)
        [arrived] = self.trunk.requests("INVITE")
        self.assertEqual(f"{BOX};target={TARGET};cause=486", arrived.uri.text)
        self.assertEqual(
            [f"<{BOB}?Reason=SIP%3Bcause%3D486>;index=1", f"<{BOX};target={TARGET};cause=486>;index=1.1;mp=1"],
            arrived.values("History-Info"),
        )
        self.assertEqual([f"<{BOB}>;reason=user-busy;counter=1"], arrived.get_all("Diversion"))
        self.trunk.answer(arrived, 200)

    def test_no_way_there(self) -> None:
        """Neither [[route]] nor outbound = "open": the caller hears what the phone said, and the log says why."""
        self.rule(forward_busy="sip:x@elsewhere.example")
        bob = self.world.registered("bob")
        self.alice.invite(BOB)
        bob.answer(bob.requests("INVITE")[0], 486)
        self.assertEqual([486], self.finals())
        self.assertTrue(any("is not forwarded" in text for _, text in self.world.log.lines))

    def test_secure(self) -> None:
        """A call by sips stays one: what is not secure is no way for it."""
        self.rule(forward_unregistered=BOX)
        alice = self.world.registered("alice", "ws")
        alice.invite(BOB.replace("sip:", "sips:"))
        self.assertEqual([], self.trunk.requests("INVITE"))


class HistoryTests(RulesCase):
    """History-Info, RFC 7044."""

    def test_chain(self) -> None:
        """bob does not answer, carol is not there: each step has its entry, cause and reason."""
        self.rule(forward_no_answer=CAROL, ring_timeout=5.0)
        self.rule(CAROL, forward_unregistered=BOX)
        bob = self.world.registered("bob")
        self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        self.assertIsNone(rings.get("History-Info"))
        bob.answer(rings, 180)
        self.world.clock.pump([1] * 6)
        bob.answer(rings, 487)
        arrived, *_ = self.trunk.requests("INVITE")
        self.assertEqual(
            [
                f"<{BOB}?Reason=SIP%3Bcause%3D408>;index=1",
                f"<{CAROL};cause=408?Reason=SIP%3Bcause%3D480>;index=1.1;mp=1",
                f"<{BOX};target=sip:carol%40{DOMAIN};cause=404>;index=1.1.1;mp=1.1",
            ],
            arrived.values("History-Info"),
        )
        self.trunk.answer(arrived, 200)

    def test_diversion(self) -> None:
        """For servers alone, newest on top. What a phone wrote is dropped, what a trusted hop wrote stays below. What
        is private leaves for trusted hops only."""
        self.rule(forward_no_answer=CAROL, ring_timeout=5.0)
        self.rule(CAROL, forward_unregistered=BOX)
        foreign = NextHop(frozenset({"box.example.org"}), (Uri.parse("sip:127.0.0.9:5060"),))
        self.world.element.core.use(replace(self.world.element.core.settings, next_hops=(TRUNK, foreign)))
        stranger = Phone(self.world, "box", self.world.udp_flow(("127.0.0.9", 5060)))
        bob = self.world.registered("bob")
        mine = [f"<{CAROL}>;reason=unavailable;counter=1", f"<{BOB}>;reason=no-answer;counter=1"]
        for box, phone in ((BOX, self.trunk), ("sip:box@box.example.org", stranger)):
            self.rule(CAROL, forward_unregistered=box)
            for caller, privacy in ((self.alice, ""), (self.alice, "history"), (self.trunk, "")):
                source = {} if caller is self.alice else {"From": "<sip:x@peer.example.net>;tag=x"}
                caller.ask(caller.build("INVITE", BOB, Diversion="<sip:sales@x.example>", Privacy=privacy, **source))
                [rings] = bob.requests("INVITE")
                self.assertEqual(["<sip:sales@x.example>"], rings.get_all("Diversion"))
                bob.answer(rings, 180)
                self.world.clock.pump([1] * 6)
                bob.answer(rings, 487)
                arrived = phone.requests("INVITE")[0]
                expected = [] if privacy and phone is stranger else mine
                theirs = ["<sip:sales@x.example>"] if caller is self.trunk else []
                self.assertEqual(expected + theirs, arrived.get_all("Diversion"))
                phone.answer(arrived, 486)
                caller.take()
                bob.take()

    def test_diversion_is_not_for_phones(self) -> None:
        """They know it from History-Info."""
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        self.alice.invite(BOB)
        [arrived] = carol.requests("INVITE")
        self.assertIsNone(arrived.get("Diversion"))
        carol.answer(arrived, 200)

    def test_what_a_trusted_hop_said(self) -> None:
        """Its entries stay as they are, ours follow; an unreadable one makes all of them worthless."""
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        first = "<sip:sales@peer.example.net?Reason=SIP%3Bcause%3D302>;index=1;np=1"
        for value, expected in (
            (f"{first}, <{BOB};cause=302>;index=1.1;mp=1", ["1", "1.1", "1.1.1"]),
            (first, ["1", "1.1", "1.1.1"]),
            ("<sip:sales@peer.example.net>;index=x", ["1", "1.1"]),
            ("<sip:sales@peer.example.net>", ["1", "1.1"]),
            ("<tel:+15551234>;index=1", ["1", "1.1", "1.1.1"]),
            ("<<", ["1", "1.1"]),
            (", ".join(f"<{BOB}>;index={n}" for n in range(40)), ["1", "1.1"]),
        ):
            request = self.trunk.build("INVITE", BOB, From="<sip:x@peer.example.net>;tag=x", History_Info=value)
            self.trunk.send(request)
            [arrived] = carol.requests("INVITE")
            entries = arrived.values("History-Info")
            self.assertEqual(expected, [entry.split(";index=")[1].split(";")[0] for entry in entries])
            if len(entries) == 3 and "sales" in value:
                self.assertEqual(first, entries[0])
            carol.answer(arrived, 486)
            self.trunk.take()

    def test_privacy(self) -> None:
        """Privacy: history: only a trusted hop learns names; the others see that there was something."""
        self.rule(forward_unregistered=CAROL)
        self.rule(CAROL, forward_busy=BOX)
        carol = self.world.registered("carol")
        self.alice.invite(BOB, Privacy="history")
        [arrived] = carol.requests("INVITE")
        self.assertEqual(
            [
                "<sip:anonymous@anonymous.invalid>;index=1",
                "<sip:anonymous@anonymous.invalid>;index=1.1;mp=1",
            ],
            arrived.values("History-Info"),
        )
        carol.answer(arrived, 486)
        [arrived] = self.trunk.requests("INVITE")
        self.assertIn(BOB, arrived.values("History-Info")[0])
        self.assertEqual(f"{BOX};cause=486", arrived.uri.text)
        self.trunk.answer(arrived, 200)

    def test_odd_name(self) -> None:
        """What a user's name may hold and a parameter may not is escaped there."""
        self.rule(f"sip:a;b=c,d?e@{DOMAIN}", forward_unregistered=BOX)
        self.alice.invite(f"sip:a;b=c,d?e@{DOMAIN}")
        [arrived] = self.trunk.requests("INVITE")
        self.assertEqual(f"{BOX};target=sip:a%3Bb%3Dc%2Cd%3Fe%40{DOMAIN};cause=404", arrived.uri.text)
        self.trunk.answer(arrived, 200)

    def test_target_of_the_operator(self) -> None:
        """Where the rule names the mailbox itself, that stays, and its cause too."""
        self.rule(forward_unregistered=f"{BOX};target=sip:all%40x;cause=302")
        self.alice.invite(BOB)
        [arrived] = self.trunk.requests("INVITE")
        self.assertEqual(f"{BOX};target=sip:all%40x;cause=302", arrived.uri.text)
        self.trunk.answer(arrived, 200)

    def test_privacy_of_one_entry(self) -> None:
        """An entry that a trusted hop has marked as private is shown to trusted hops alone; the others stay."""
        self.rule(forward_unregistered=CAROL)
        self.rule(CAROL, forward_busy=BOX)
        carol = self.world.registered("carol")
        first = "<sip:sales@peer.example.net?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1"
        source = "<sip:x@peer.example.net>;tag=x"
        self.trunk.send(self.trunk.build("INVITE", BOB, From=source, History_Info=first))
        [arrived] = carol.requests("INVITE")
        hidden, shown, _ = arrived.values("History-Info")
        self.assertEqual("<sip:anonymous@anonymous.invalid>;index=1", hidden)
        self.assertIn(BOB, shown)
        carol.answer(arrived, 486)
        [arrived] = self.trunk.requests("INVITE")
        self.assertEqual(first, arrived.values("History-Info")[0])
        self.trunk.answer(arrived, 200)

    def told(self, phone: Phone) -> list[list[str]]:
        """The index of each entry, of each answer above 100."""
        answers = [each for each in phone.take() if isinstance(each, Response) and each.status > 100]
        entries = [answer.values("History-Info") if answer.has("History-Info") else [] for answer in answers]
        return [[entry.split(";index=")[1].split(";")[0] for entry in each] for each in entries]

    def test_answers(self) -> None:
        """A caller that says histinfo reads in each answer where its call is, and so does a trusted hop that wrote
        History-Info; nobody is told anything while no rule was followed."""
        self.rule(forward_busy=CAROL)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        self.alice.invite(BOB, Supported="histinfo")
        rings = bob.requests("INVITE")[0]
        bob.answer(rings, 180)
        self.assertEqual([[]], self.told(self.alice))
        bob.answer(rings, 486)
        [arrived] = carol.requests("INVITE")
        carol.answer(arrived, 180)
        carol.answer(arrived, 200)
        self.assertEqual([["1", "1.1"]] * 3, self.told(self.alice))
        self.alice.invite(BOB, Supported="histinfo")
        bob.answer(bob.requests("INVITE")[0], 486)
        carol.answer(carol.requests("INVITE")[0], 603)
        self.assertEqual([["1", "1.1"]] * 2, self.told(self.alice))
        source = "<sip:x@peer.example.net>;tag=x"
        self.trunk.send(self.trunk.build("INVITE", BOB, From=source, History_Info=f"<{BOB}>;index=1"))
        bob.answer(bob.requests("INVITE")[0], 486)
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual([["1", "1.1"]] * 2, self.told(self.trunk))

    def test_answers_to_a_stranger(self) -> None:
        """Where our users are is not told to strangers."""
        world = World(inbound="open")
        world.element.core.rules.store(BOB, Rules(forward_unregistered=CAROL))
        carol = world.registered("carol")
        stranger = Phone(world, "eve", world.udp_flow(("198.51.100.9", 5060)))
        source = "<sip:eve@else.example>;tag=e"
        stranger.send(stranger.build("INVITE", BOB, From=source, Supported="histinfo"))
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual([[], []], self.told(stranger))


class EarlyDialogTests(RulesCase):
    """199 (RFC 6228)."""

    def test_199(self) -> None:
        """Who understands it hears that the early dialog with the first phone is over; others hear nothing of it."""
        self.rule(forward_busy=CAROL, forward_no_answer=CAROL, ring_timeout=5.0)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        for supported, told in (("199", [199]), ("", [])):
            for status, cause in ((486, "486"), (0, "408")):
                self.alice.invite(BOB, Supported=supported)
                [rings] = bob.requests("INVITE")
                bob.answer(rings, 180)
                self.alice.take()
                if not status:
                    self.world.clock.pump([1] * 6)
                early = [answer for answer in self.alice.take() if isinstance(answer, Response)]
                bob.answer(rings, status or 487)
                early += [answer for answer in self.alice.take() if isinstance(answer, Response)]
                self.assertEqual([*told, 181], [answer.status for answer in early])
                for answer in early[:-1]:
                    self.assertEqual(f"t{bob.number}", answer.to_tag)
                    self.assertIn(f"cause={cause}", answer.get("Reason") or "")
                carol.answer(carol.requests("INVITE")[0], 603)
                bob.take()


class RaceTests(RulesCase):
    """CANCEL and answers at any step."""

    def setUp(self) -> None:
        super().setUp()
        self.rule(forward_busy=CAROL, forward_no_answer=CAROL, forward_unregistered=CAROL, ring_timeout=5.0)

    def test_cancel_while_the_target_rings(self) -> None:
        """It stops, the caller has its 487."""
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        invite = self.alice.invite(BOB)
        bob.answer(bob.requests("INVITE")[0], 486)
        [arrived] = carol.requests("INVITE")
        carol.answer(arrived, 180)
        self.alice.cancel(invite)
        [_] = carol.requests("CANCEL")
        carol.answer(arrived, 487)
        self.assertEqual([200, 487], self.finals())

    def test_cancel_before(self) -> None:
        """A call that was cancelled goes nowhere, whatever its phone says then."""
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        invite = self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        bob.answer(rings, 180)
        self.alice.cancel(invite)
        bob.answer(rings, 486)
        self.world.clock.pump([1] * 10)
        self.assertEqual([], carol.take())
        self.assertEqual([200, 486], self.finals())

    def test_picked_up_as_time_ran_out(self) -> None:
        """bob's 200 crosses the CANCEL: it counts, and carol stops ringing."""
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        invite = self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        bob.answer(rings, 180)
        self.world.clock.pump([1] * 6)
        [arrived] = carol.requests("INVITE")
        carol.answer(arrived, 180)
        bob.answer(rings, 200)
        [_] = carol.requests("CANCEL")
        carol.answer(arrived, 487)
        answer = self.alice.take()[-1]
        assert isinstance(answer, Response)
        self.assertEqual(200, answer.status)
        bob.take()
        self.alice.dialog(invite, answer).send("ACK")
        self.assertEqual(1, len(bob.requests("ACK")))

    def test_caller_gone(self) -> None:
        """The caller's connection breaks while it rings, for good: no rule is followed."""
        self.rule(forward_no_answer=CAROL, ring_timeout=20.0)
        bob, carol = self.world.registered("bob"), self.world.registered("carol")
        self.alice.invite(BOB)
        [rings] = bob.requests("INVITE")
        bob.answer(rings, 180)
        self.world.lose(self.alice.flow)
        self.world.clock.pump([1] * 9)
        [_] = bob.requests("CANCEL")
        bob.answer(rings, 487)
        self.world.clock.pump([1] * 20)
        self.assertEqual([], carol.take())


class Targets(Hooks):
    """Nobody but carol is ever called."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_targets(self, arrival: Arrival, targets: list[list[Way]]) -> None:
        self.seen.append(arrival.request.uri.aor)
        if arrival.request.uri.user == "bob":
            targets.clear()


class HookTests(RulesCase):
    """User code and rules."""

    def setUp(self) -> None:
        self.hooks = Targets()
        super().setUp()

    def test_on_targets_is_asked_for_each(self) -> None:
        """What a hook empties is nobody there; the target of the rule is shown to it too."""
        assert isinstance(self.hooks, Targets)
        self.rule(forward_unregistered=CAROL)
        carol = self.world.registered("carol")
        self.world.registered("bob")
        self.alice.invite(BOB)
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual([BOB, CAROL], self.hooks.seen)


class TrustedCase(SynchronousTestCase):
    """The voicemail is a peer by address."""

    def test_trunk_calls_in(self) -> None:
        """A trunk's call to a user who has gone home is forwarded as anybody's."""
        world = World(trusted=(TrustedSource((CORE,), Role.TRUNK),))
        world.element.core.rules.store(BOB, Rules(forward_unregistered=CAROL))
        carol = world.registered("carol")
        trunk = Phone(world, "x", world.udp_flow((CORE, 5060)))
        trunk.send(trunk.build("INVITE", BOB, From="<sip:x@peer.example.net>;tag=x"))
        carol.answer(carol.requests("INVITE")[0], 200)
        self.assertEqual(200, trunk.statuses()[-1])
        world.clock.pump([1] * 40)
        self.assertEqual([], world.errors())
