"""Several ways for one request: side by side, one after another, and who wins (RFC 3261 §16.7)."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups
from oversip_tw.transaction.users import GONE
from tests.server.world import CORE, DOMAIN, Phone, World

PEER_DOMAIN = "peer.example.net"
OTHER_CORE = "127.0.0.3"


class Forking(SynchronousTestCase):
    """alice calls bob, who has several phones."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 250)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def bob(self, q: str = "1.0", transport: str = "ws") -> Phone:
        """One more phone of bob's."""
        phone = self.world.phone("bob", transport)
        contact = f'<{phone.contact}>;+sip.instance="<{phone.instance}>";q={q};expires=600'
        self.assertEqual(200, phone.register(Contact=contact).status)
        return phone


class SerialTests(Forking):
    """Groups of falling q."""

    def test_the_next_group_rings_when_the_first_has_ended(self) -> None:
        """q=1.0 first; only when that refuses q=0.5, and so on; the best answer counts."""
        low, high, middle = self.bob("0.1"), self.bob("1.0"), self.bob("0.5")
        self.alice.invite(high.aor)
        for phone, others in ((high, (low, middle)), (middle, (low,)), (low, ())):
            [arrived] = phone.requests("INVITE")
            for other in others:
                self.assertEqual([], other.requests("INVITE"))
            phone.answer(arrived, {high: 480, middle: 486, low: 480}[phone])
        self.assertEqual([100, 486], self.alice.statuses())

    def test_cancel_stops_the_row(self) -> None:
        """After a CANCEL no further group is tried."""
        high, low = self.bob("1.0"), self.bob("0.5")
        invite = self.alice.invite(high.aor)
        [arrived] = high.requests("INVITE")
        high.answer(arrived, 180)
        self.alice.cancel(invite)
        high.answer(arrived, 487)
        self.assertEqual([100, 180, 200, 487], self.alice.statuses())
        self.assertEqual([], low.take())

    def test_6xx_stops_the_row(self) -> None:
        """603 of the first: nobody else rings."""
        high, low = self.bob("1.0"), self.bob("0.5")
        self.alice.invite(high.aor)
        high.answer(high.requests("INVITE")[0], 603)
        self.assertEqual([100, 603], self.alice.statuses())
        self.assertEqual([], low.take())

    def test_lost_flow_in_the_first_group(self) -> None:
        """The first phone's connection breaks, and it does not come back: the next one rings."""
        high, low = self.bob("1.0"), self.bob("0.5")
        self.alice.invite(high.aor)
        self.world.lose(high.flow)
        self.world.clock.pump([1] * 9)
        low.answer(low.requests("INVITE")[0], 200)
        self.assertEqual([100, 200], self.alice.statuses())

    def test_q_of_a_binding_that_leads_on(self) -> None:
        """A binding of low q that leads to another user: her phones come last, whatever q they have themselves."""
        carol = self.world.registered("carol")
        bob = self.bob("0.5")
        away = self.world.phone("bob", "udp")
        away.register(Contact=f"<sip:carol@{DOMAIN}>;q=0.1")
        self.alice.invite(bob.aor)
        self.assertEqual([], carol.requests("INVITE"))
        bob.answer(bob.requests("INVITE")[0], 480)
        [arrived] = carol.requests("INVITE")
        self.assertEqual(67, arrived.max_forwards)
        carol.answer(arrived, 200)

    def test_a_row_of_dead_ends(self) -> None:
        """Ten groups that all end at once make no deep stack, and the answer is one."""
        phone = self.world.phone("bob")
        contacts = ", ".join(f"<sip:bob@{DOMAIN};x={number}>;q=0.{number}" for number in range(10))
        self.assertEqual(200, phone.register(Contact=contacts).status)
        self.alice.invite(f"sip:bob@{DOMAIN}")
        self.assertEqual(1, len([status for status in self.alice.statuses() if status >= 200]))


class RaceTests(Forking):
    """Answers that cross."""

    def test_two_answer_at_once(self) -> None:
        """Both 2xx reach the caller, whose business it is to end one; each is acknowledged to its own phone."""
        first, second = self.bob(), self.bob()
        invite = self.alice.invite(first.aor)
        arrived = [phone.requests("INVITE")[0] for phone in (first, second)]
        first.answer(arrived[0], 200)
        second.answer(arrived[1], 200)
        answers = self.alice.take()
        self.assertEqual([100, 200, 200], [answer.status for answer in answers])
        for phone, answer in ((first, answers[1]), (second, answers[2])):
            phone.take()
            dialog = self.alice.dialog(invite, answer)
            dialog.send("ACK")
            self.assertEqual(1, len(phone.requests("ACK")))

    def test_200_crosses_the_cancel(self) -> None:
        """The callee answers while CANCEL is under way: its 2xx wins and reaches the caller."""
        bob = self.bob()
        invite = self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 180)
        self.alice.cancel(invite)
        bob.answer(arrived, 200)
        self.assertEqual([100, 180, 200, 200], self.alice.statuses())

    def test_cancel_before_any_answer_of_the_callee(self) -> None:
        """The CANCEL waits for the first provisional answer (§9.1)."""
        bob = self.bob()
        invite = self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        self.alice.cancel(invite, Reason="SIP;cause=600")
        self.assertEqual([], bob.requests("CANCEL"))
        bob.answer(arrived, 180)
        [cancel] = bob.requests("CANCEL")
        self.assertEqual("SIP;cause=600", cancel.get("Reason"))
        bob.answer(arrived, 487)
        self.assertIn(487, self.alice.statuses())

    def test_cancel_that_nobody_answers(self) -> None:
        """The callee rings and then says nothing more, not even to CANCEL: the caller hears 487 within 64*T1."""
        bob = self.bob(transport="udp")
        invite = self.alice.invite(bob.aor)
        bob.answer(bob.requests("INVITE")[0], 180)
        self.alice.cancel(invite)
        self.world.clock.pump([1] * 34)
        self.assertEqual([100, 180, 200, 487], self.alice.statuses())

    def test_repeated_200(self) -> None:
        """The callee repeats its 2xx until it has the ACK: each one is passed on."""
        bob = self.bob()
        self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        for _ in range(3):
            bob.answer(arrived, 200)
        self.assertEqual([100, 200, 200, 200], self.alice.statuses())

    def test_R4_identity_in_a_repeated_200(self) -> None:
        """R4: a phone asserts no identity, not in a 2xx that it repeats either; one that goes no further is dropped."""
        bob = self.bob()
        self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        for _ in range(2):
            bob.answer(arrived, 200, P_Asserted_Identity="<sip:mallory@example.org>")
        answers = self.alice.take()
        self.assertEqual([100, 200, 200], [answer.status for answer in answers])
        self.assertFalse(any(answer.has("P-Asserted-Identity") for answer in answers))
        lonely = arrived.response(200, to_tag="lonely")
        lonely.set("Via", arrived.via.text)
        bob.send(lonely)
        self.assertEqual([], self.alice.take())
        self.assertEqual([], self.world.errors())

    def test_answered_transactions_keep_little(self) -> None:
        """Once it is answered, a call's transactions hold neither its requests nor its ways, and still end in time."""
        bob = self.bob(transport="udp")
        self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 200)
        transactions = self.world.element.core.transactions
        standing = [*transactions._servers.values(), *transactions._clients.values()]
        standing = [each for each in standing if "INVITE" in each.key]
        self.assertEqual(2, len(standing))
        self.assertTrue(all(each.request is GONE for each in standing))
        self.world.clock.advance(33)
        self.assertEqual({}, self.world.left())

    def test_timer_c_crosses_200(self) -> None:
        """Timer C has just cancelled, the callee answered before that: the call stands."""
        bob = self.bob()
        self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 180)
        self.world.clock.pump([1] * 180 + [0.1] * 12)
        self.assertEqual(1, len(bob.requests("CANCEL")))
        bob.answer(arrived, 200)
        self.assertEqual([100, 180, 200], self.alice.statuses())

    def test_timer_c_ends_at_a_silent_callee(self) -> None:
        """Nothing comes back for the CANCEL: the caller hears 408 all the same, and a late 487 goes no further."""
        bob = self.bob()
        self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 180)
        self.world.clock.pump([1] * 180 + [0.1] * 20)
        self.assertEqual(1, len(bob.requests("CANCEL")))
        [_, _, refused] = self.alice.take()
        self.assertEqual((408, "INVITE Timeout"), (refused.status, refused.reason))
        bob.answer(arrived, 487)
        self.assertEqual([], self.alice.take())

    def test_timer_c_begins_anew_with_each_answer(self) -> None:
        """A 183 each two minutes keeps it ringing; a 100 would not."""
        bob = self.bob()
        self.alice.invite(bob.aor)
        [arrived] = bob.requests("INVITE")
        for _ in range(3):
            bob.answer(arrived, 183)
            self.world.clock.pump([1] * 120)
        self.assertEqual([], bob.requests("CANCEL"))
        bob.answer(arrived, 486)

    def test_late_answers_after_the_final_one(self) -> None:
        """180 after 200 of another branch is not passed on."""
        first, second = self.bob(), self.bob()
        self.alice.invite(first.aor)
        arrived = [phone.requests("INVITE")[0] for phone in (first, second)]
        first.answer(arrived[0], 200)
        second.answer(arrived[1], 180)
        self.assertEqual([100, 200], self.alice.statuses())
        self.assertEqual(1, len(second.requests("CANCEL")))
        second.answer(arrived[1], 487)


class BestAnswerTests(Forking):
    """What is made of several refusals."""

    def ends(self, *statuses: int, method: str = "INVITE", **headers: str) -> list[int]:
        """The final answers that alice gets when bob's phones answer so."""
        phones = [self.bob() for _ in statuses]
        self.alice.take()
        request = self.alice.build(method, phones[0].aor)
        self.alice.ask(request)
        for phone, status in zip(phones, statuses, strict=True):
            [arrived] = phone.requests(method)
            phone.answer(arrived, status, **headers)
        return [status for status in self.alice.statuses() if status >= 200]

    def test_lowest_class(self) -> None:
        """4xx before 5xx, 3xx before 4xx."""
        self.assertEqual([404], self.ends(500, 404))

    def test_helpful(self) -> None:
        """415 says more than 486."""
        self.assertEqual([415], self.ends(486, 415))

    def test_R11_503(self) -> None:
        """503 becomes 500."""
        self.assertEqual([500], self.ends(503, 503))

    def test_a16_challenges(self) -> None:
        """A16: no phone asks for our users' credentials."""
        self.assertEqual([403], self.ends(401, 407, Proxy_Authenticate='Digest realm="x", nonce="y"'))

    def test_message_to_several(self) -> None:
        """A MESSAGE goes to all; the first 200 is the answer, and no CANCEL is sent."""
        self.assertEqual([200], self.ends(480, 200, method="MESSAGE"))

    def test_R4_identity_in_a_refusal(self) -> None:
        """R4: a phone asserts no identity, not in a refusal either."""
        phone = self.bob()
        self.alice.invite(phone.aor)
        [arrived] = phone.requests("INVITE")
        phone.answer(arrived, 180, P_Asserted_Identity="<sip:boss@example.com>")
        phone.answer(arrived, 486, P_Asserted_Identity="<sip:boss@example.com>")
        for answer in self.alice.take():
            self.assertFalse(answer.has("P-Asserted-Identity"))

    def test_silence_of_some(self) -> None:
        """MESSAGE: one phone is silent, the other absent: 480 goes out, and no 408 ever (RFC 4320)."""
        first, second = self.bob(transport="udp"), self.bob()
        self.alice.ask(self.alice.build("MESSAGE", first.aor))
        second.answer(second.requests("MESSAGE")[0], 480)
        self.world.clock.pump([1] * 34)
        self.assertEqual([100, 480], self.alice.statuses())


class FailoverTests(SynchronousTestCase):
    """A next hop with two addresses (RFC 3263 §4.3)."""

    def setUp(self) -> None:
        self.world = World(
            next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse(f"sip:{PEER_DOMAIN}:5080"),)),),
            trusted=(TrustedSource((CORE, OTHER_CORE), Role.CORE),),
            lookups=FakeLookups(a={PEER_DOMAIN: [CORE, OTHER_CORE]}),
        )
        self.alice = self.world.registered("alice")
        self.first = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))
        self.second = Phone(self.world, "dave", self.world.udp_flow((OTHER_CORE, 5080)))

    def tearDown(self) -> None:
        self.world.clock.pump([1] * 250)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def test_k14_unreachable(self) -> None:
        """K14: ICMP: the next address at once."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        self.world.element.unreachable((CORE, 5080))
        self.second.answer(self.second.requests("INVITE")[0], 200)
        self.assertEqual([100, 200], self.alice.statuses())

    def test_503(self) -> None:
        """503: the next address; when all say so, 500 goes out (R11)."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        self.first.answer(self.first.requests("INVITE")[0], 503)
        self.second.answer(self.second.requests("INVITE")[0], 503)
        self.assertEqual([100, 500], self.alice.statuses())

    def test_silence(self) -> None:
        """4 s without a sign of life: the next one."""
        self.alice.ask(self.alice.build("MESSAGE", f"sip:dave@{PEER_DOMAIN}"))
        self.world.clock.pump([1] * 5)
        self.second.answer(self.second.requests("MESSAGE")[0], 200)
        self.assertIn(200, self.alice.statuses())

    def test_late_200_of_a_target_given_up(self) -> None:
        """The first one was only slow: its 2xx passes, and the second, which rings by now, is cancelled."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [slow] = self.first.requests("INVITE")
        self.world.clock.pump([1] * 5)
        quick = self.second.requests("INVITE")[0]
        self.second.answer(quick, 180)
        self.first.answer(slow, 200)
        self.assertEqual(1, len(self.second.requests("CANCEL")))
        self.second.answer(quick, 487)
        self.assertEqual([100, 180, 200], self.alice.statuses())

    def test_late_180_of_a_target_given_up(self) -> None:
        """It is cancelled, and its 180 goes no further."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [slow] = self.first.requests("INVITE")
        self.world.clock.pump([1] * 5)
        self.first.take()
        self.first.answer(slow, 180)
        self.assertEqual(1, len(self.first.requests("CANCEL")))
        self.first.answer(slow, 487)
        self.second.answer(self.second.requests("INVITE")[0], 200)
        self.assertEqual([100, 200], self.alice.statuses())

    def test_connection_refused(self) -> None:
        """TCP that cannot be made: the next address."""
        world = self.world
        world.lookups.a_records["tcp.example.net"] = [CORE, OTHER_CORE]
        hop = NextHop(frozenset({"*"}), (Uri.parse("sip:tcp.example.net:5080;transport=tcp"),))
        world.element.core.settings = replace(world.element.core.settings, next_hops=(hop,))
        world.connecting = True
        self.alice.invite("sip:dave@far.example.net")
        [flow] = world.dialled.values()
        world.lose(flow)
        later = [each for each in world.dialled.values() if not each.closed]
        self.assertEqual(1, len(later))
        self.assertEqual(1, len(later[0].take()))
        world.lose(later[0])
        self.assertIn(503, self.alice.statuses())
