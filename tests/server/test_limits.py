"""What is refused, how little it costs, and what goes on while it is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, DOMAIN, Phone, World, call


class StatelessTests(SynchronousTestCase):
    """Answers without a transaction."""

    def setUp(self) -> None:
        self.world = World()
        self.stranger = self.world.phone("alice", "udp")

    def test_f2_amplification(self) -> None:
        """F2: each refusal is one datagram of at most 1.5 times the request, for the shortest requests phones send."""
        for method, uri, headers in (
            ("INVITE", f"sip:bob@{DOMAIN}", {}),
            ("REGISTER", f"sip:{DOMAIN}", {"To": f"<{self.stranger.aor}>"}),
            ("OPTIONS", f"sip:{DOMAIN}", {}),
            ("MESSAGE", f"sip:bob@{DOMAIN}", {"Content_Type": "text/plain", "User_Agent": "a phone"}),
            ("INVITE", f"sip:bob@{DOMAIN}", {"Route": "<sip:x.example;lr>"}),
        ):
            request = self.stranger.build(method, uri, **headers)
            self.stranger.send(request)
            [answer] = self.stranger.flow.take()
            self.assertLessEqual(len(answer), 1.5 * len(request.to_bytes()), f"{method}: {answer!r}")

    def test_f2_tiny_requests(self) -> None:
        """F2: what is shorter than any phone's request is answered too, once, by the challenge or the bare status."""
        tiny = (
            b"v:SIP/2.0/UDP h;branch=z9hG4bKx\r\nf:<sip:a@example.com>;tag=1\r\nt:<sip:b@example.com>\r\n"
            b"i:1\r\nCSeq:1 %(method)b\r\n\r\n"
        )
        for start, method in ((b"sip:b@example.com", b"MESSAGE"), (b"sip:example.com", b"OPTIONS")):
            self.stranger.flow.receive(method + b" " + start + b" SIP/2.0\r\n" + tiny % {b"method": method})
        challenge, bare = self.stranger.take()
        self.assertEqual((407, True), (challenge.status, challenge.has("Proxy-Authenticate")))
        self.assertEqual((200, False), (bare.status, bare.has("Allow")))

    def test_f2_acks_end_here(self) -> None:
        """F2: the ACK to a stateless refusal is recognised by its To tag, and one with a changed tag is none."""
        invite = self.stranger.build("INVITE", f"sip:bob@{DOMAIN}")
        self.stranger.send(invite)
        [refused] = self.stranger.take()
        self.stranger.acknowledge(invite, refused)
        self.assertEqual([], self.stranger.take())
        self.assertTrue((refused.to_tag or "").startswith("sl-"))
        self.assertEqual({}, self.world.left())

    def test_a4_one_answer_for_known_and_unknown(self) -> None:
        """A4: INVITE and OPTIONS to known and unknown users differ in nothing that their own text does not explain."""
        for method in ("INVITE", "OPTIONS", "MESSAGE"):
            shapes = set()
            for user in ("bob", "zzz"):
                self.stranger.send(self.stranger.build(method, f"sip:{user}@{DOMAIN}"))
                [answer] = self.stranger.take()
                shapes.add((answer.status, answer.reason, tuple(answer.names())))
            self.assertEqual(1, len(shapes), method)

    def test_f3_pings_are_limited(self) -> None:
        """F3: 16 OPTIONS in 2 s are answered, then there is silence; users with credentials are not touched."""
        for _ in range(20):
            self.stranger.send(self.stranger.build("OPTIONS", f"sip:{DOMAIN}"))
        self.assertEqual([200] * 16, self.stranger.statuses())

    def test_f18_strays(self) -> None:
        """F18: responses and ACKs that belong to nothing are dropped, a CANCEL is 481."""
        request = self.stranger.build("MESSAGE", f"sip:bob@{DOMAIN}")
        self.stranger.send(request.response(200, to_tag="x"))
        self.stranger.send(self.stranger.build("ACK", f"sip:bob@{DOMAIN}"))
        self.assertEqual([], self.stranger.take())
        self.stranger.send(self.stranger.build("CANCEL", f"sip:bob@{DOMAIN}"))
        self.assertEqual([481], self.stranger.statuses())
        self.assertEqual(1, self.world.element.counters.strays)
        self.assertEqual({}, self.world.left())

    def test_unreadable(self) -> None:
        """What is no SIP: dropped on UDP, close 4000 on a WebSocket; a bad response closes nothing."""
        self.stranger.flow.receive(b"hello\r\n\r\n")
        self.assertEqual([], self.stranger.take())
        browser = self.world.connect()
        browser.receive(b"SIP/2.0 4294967301 too big\r\nVia: SIP/2.0/WS x.invalid\r\n\r\n")
        self.assertFalse(browser.closed)
        browser.receive(b"hello")
        self.assertEqual(4000, browser.close_code)
        self.assertEqual(3, self.world.element.counters.unreadable)

    def test_bad_request_on_a_websocket(self) -> None:
        """An answerable bad request: 400, and the connection stays."""
        browser = self.world.phone("alice")
        browser.flow.receive(
            browser.build("OPTIONS", f"sip:{DOMAIN}").to_bytes().replace(b"Max-Forwards: 69", b"Max-Forwards: many")
        )
        self.assertEqual([400], browser.statuses())
        self.assertFalse(browser.flow.closed)
        self.assertEqual([], self.world.errors())


class OverloadTests(SynchronousTestCase):
    """K1: the table of transactions is full."""

    def setUp(self) -> None:
        self.world = World(transactions=7)
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def test_k1_calls_go_on(self) -> None:
        """New requests get 503 with Retry-After, statelessly; those of a dialog pass; later all is well again."""
        mine, _ = call(self.alice, self.bob)
        waiting = [self.alice.ask(self.alice.build("MESSAGE", self.bob.aor)) for _ in range(3)]
        self.alice.take()
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        [refused] = self.alice.take()
        self.assertEqual(503, refused.status)
        self.assertTrue(refused.has("Retry-After"))
        self.bob.take()
        mine.send("BYE")
        [bye] = self.bob.requests("BYE")
        self.bob.answer(bye, 200)
        self.assertEqual([200], self.alice.statuses())
        self.world.clock.pump([1] * 70)
        self.alice.take()
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        self.assertEqual(1, len(self.bob.requests("MESSAGE")))
        self.assertEqual(3, len(waiting))
        self.assertEqual([], self.world.errors())


class DrainTests(SynchronousTestCase):
    """The process is about to end."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def test_k12_no_new_work(self) -> None:
        """K12: 503 with Retry-After for new work; a dialog, a CANCEL and a ringing call go on to their end."""
        mine, _ = call(self.alice, self.bob)
        invite = self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.alice.take()
        self.world.element.draining = True
        for method in ("INVITE", "MESSAGE", "REGISTER"):
            self.alice.send(self.alice.build(method, self.bob.aor))
            [refused] = self.alice.take()
            self.assertEqual((503, "32"), (refused.status, refused.get("Retry-After")), method)
        mine.send("BYE")
        self.assertEqual(1, len(self.bob.requests("BYE")))
        self.alice.cancel(invite)
        self.bob.answer(arrived, 487)
        self.assertIn(487, self.alice.statuses())

    def test_k12_dialogs_of_a_core_without_routes(self) -> None:
        """K12: in-dialog requests of a trusted source pass even where it lost our Routes."""
        core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))
        self.world.element.draining = True
        core.send(core.build("BYE", self.alice.contact, To=f"<{self.alice.aor}>;tag=x"))
        self.assertEqual(1, len(self.alice.requests("BYE")))


class MaxForwardsTests(SynchronousTestCase):
    """RFC 3261 §16.3 step 3 and §16.6 step 3."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def test_less_one(self) -> None:
        """One less; 70 where there was none; the last one still arrives."""
        for given, left in (("69", 68), ("1", 0), ("", 70)):
            self.alice.invite(self.bob.aor, Max_Forwards=given)
            [arrived] = self.bob.requests("INVITE")
            self.assertEqual(left, arrived.max_forwards)

    def test_none_left(self) -> None:
        """0: 483 to requests, silence to an ACK, an OPTIONS to us is answered, a REGISTER ends here anyway."""
        self.alice.send(self.alice.build("MESSAGE", self.bob.aor, Max_Forwards="0"))
        self.assertEqual([483], self.alice.statuses())
        self.alice.send(self.alice.build("OPTIONS", f"sip:{DOMAIN}", Max_Forwards="0"))
        self.assertEqual([200], self.alice.statuses())
        self.assertEqual(200, self.alice.register(Max_Forwards="0").status)
        mine, _ = call(self.alice, self.bob)
        mine.send("ACK", Max_Forwards="0")
        self.assertEqual([], self.bob.take())


class IdentityTests(SynchronousTestCase):
    """P-Asserted-Identity (RFC 3325): from clients never, from trusted hops as their caller wishes."""

    def setUp(self) -> None:
        self.world = World(next_hops=(NextHop(frozenset({"peer.example.net"}), (Uri.parse(f"sip:{CORE}:5080"),)),))
        self.alice = self.world.registered("alice")
        self.core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))
        self.identity = {"P_Asserted_Identity": "<sip:dave@peer.example.net>"}

    def invited(self, **headers: str) -> Request:
        self.core.send(self.core.build("INVITE", self.alice.aor, From="<sip:d@peer.example.net>;tag=1", **headers))
        [arrived] = self.alice.requests("INVITE")
        return arrived

    def test_from_trusted(self) -> None:
        """A core's identity reaches the phone, unless its caller wants privacy."""
        self.assertTrue(self.invited(**self.identity).has("P-Asserted-Identity"))
        for privacy in ("id", "header; id;critical", "ID"):
            self.assertFalse(self.invited(Privacy=privacy, **self.identity).has("P-Asserted-Identity"))
        self.assertTrue(self.invited(Privacy="none", **self.identity).has("P-Asserted-Identity"))

    def test_to_trusted(self) -> None:
        """Between trusted hops it passes with privacy too; from a client it never does."""
        self.core.send(self.core.build("INVITE", "sip:eve@peer.example.net", Privacy="id", **self.identity))
        [spiral] = self.core.requests("INVITE")
        self.assertTrue(spiral.has("P-Asserted-Identity"))
        self.alice.invite("sip:eve@peer.example.net", Privacy="id", **self.identity)
        self.assertFalse(self.core.requests("INVITE")[0].has("P-Asserted-Identity"))

    def test_a14_credentials(self) -> None:
        """A14: our realm's credentials and every Bearer stay here, in dialog too; those for others pass."""
        bob = self.world.registered("bob")
        mine, _ = call(self.alice, bob)
        mine.send("INFO", Authorization="Bearer secret", Proxy_Authorization='Digest realm="elsewhere", nonce="x"')
        [info] = bob.requests("INFO")
        self.assertFalse(info.has("Authorization"))
        self.assertTrue(info.has("Proxy-Authorization"))
        mine.send("INFO", Authorization=f'Digest username="alice", realm="{DOMAIN}", nonce="x"')
        [info] = bob.requests("INFO")
        self.assertFalse(info.has("Authorization"))


class OpenInboundTests(SynchronousTestCase):
    """inbound = "open": callers from elsewhere are hops, not clients."""

    def setUp(self) -> None:
        self.world = World(inbound="open")
        self.alice = self.world.registered("alice")
        self.zoe = self.world.phone("zoe", "udp")

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def test_call_and_both_byes(self) -> None:
        """The stranger's call arrives; its dialog goes by its Contact, but only to the address it came from."""
        invite = self.zoe.build("INVITE", self.alice.aor, From="<sip:zoe@elsewhere.example>;tag=z")
        self.zoe.send(invite)
        self.zoe.send(invite)
        [arrived] = self.alice.requests("INVITE")
        self.alice.answer(arrived, 200)
        accepted = self.zoe.take()[-1]
        mine, theirs = self.zoe.dialog(invite, accepted), self.alice.dialog(arrived, accepted, callee=True)
        mine.send("ACK")
        self.assertEqual(1, len(self.alice.requests("ACK")))
        theirs.send("INFO")
        self.assertEqual(1, len(self.zoe.requests("INFO")))
        theirs.target = "sip:victim@127.0.0.9:5070"
        self.alice.take()
        theirs.send("INFO")
        self.assertEqual([403], self.alice.statuses())
        mine.send("BYE")
        self.assertEqual(1, len(self.alice.requests("BYE")))

    def test_R3_no_relay(self) -> None:
        """R3: strangers call our users and nobody else."""
        self.zoe.send(self.zoe.build("INVITE", "sip:x@third.example", From="<sip:zoe@elsewhere.example>;tag=z"))
        self.assertEqual([403], self.zoe.statuses())

    def test_R4_identity(self) -> None:
        """R4: a stranger asserts nothing."""
        self.zoe.send(
            self.zoe.build(
                "INVITE",
                self.alice.aor,
                From="<sip:zoe@elsewhere.example>;tag=z",
                P_Asserted_Identity="<sip:boss@example.com>",
            )
        )
        self.assertFalse(self.alice.requests("INVITE")[0].has("P-Asserted-Identity"))

    def test_browser_of_a_stranger(self) -> None:
        """On a WebSocket nobody can be dialled: it stays a flow, and its dialog comes back on it."""
        zoe = self.world.phone("zoe")
        invite = zoe.build("INVITE", self.alice.aor, From="<sip:zoe@elsewhere.example>;tag=z")
        zoe.send(invite)
        [arrived] = self.alice.requests("INVITE")
        self.alice.answer(arrived, 200)
        accepted = zoe.take()[-1]
        self.alice.dialog(arrived, accepted, callee=True).send("BYE")
        self.assertEqual(1, len(zoe.requests("BYE")))
