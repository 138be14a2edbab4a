"""Calls from and to trusted peers: a core, a trunk, a provider."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.uri import Uri
from tests.server.world import CORE, DOMAIN, Phone, World, call

PEER_DOMAIN = "peer.example.net"


class Peers(SynchronousTestCase):
    """alice is registered; a core lives on 127.0.0.2 and is the next hop for its domain."""

    def setUp(self) -> None:
        self.world = World(
            next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse(f"sip:{CORE}:5080"),)),),
            trusted=(TrustedSource((CORE, "127.0.0.3"), Role.CORE),),
        )
        self.alice = self.world.registered("alice")
        self.core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())


class PeerTests(Peers):
    """What may be done by and to them."""

    def test_core_calls_a_user(self) -> None:
        """A trusted source is not challenged, whatever its From."""
        self.core.send(self.core.build("INVITE", self.alice.aor, From="<sip:dave@peer.example.net>;tag=1"))
        [arrived] = self.alice.requests("INVITE")
        self.assertEqual(2, len(arrived.values("Record-Route")))

    def test_user_calls_by_the_next_hop(self) -> None:
        """A domain of a [[route]] goes to its next hop, with the R-URI untouched and a UDP Via with rport."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        self.assertEqual(f"sip:dave@{PEER_DOMAIN}", arrived.uri.text)
        self.assertEqual("UDP", arrived.via.transport)
        self.assertEqual("", arrived.via.rport)
        self.core.answer(arrived, 200)
        self.assertEqual([100, 200], self.alice.statuses())

    def test_dialog_with_the_core_both_ways(self) -> None:
        """ACK and BYE from both sides, each by our two Record-Routes."""
        invite = self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        self.core.answer(arrived, 200, Contact=f"<sip:dave@{CORE}:5080>")
        accepted = self.alice.take()[-1]
        mine = self.alice.dialog(invite, accepted)
        theirs = self.core.dialog(arrived, accepted, callee=True)
        mine.target = f"sip:dave@{CORE}:5080"
        mine.send("ACK")
        self.assertEqual(1, len(self.core.requests("ACK")))
        theirs.send("INFO")
        [info] = self.alice.requests("INFO")
        self.alice.answer(info, 200)
        self.assertEqual([200], self.core.statuses())
        mine.send("BYE")
        [bye] = self.core.requests("BYE")
        self.assertFalse(bye.has("Route"))
        self.core.answer(bye, 200)
        self.assertEqual([200], self.alice.statuses())

    def test_R5_client_aims_its_dialog_elsewhere(self) -> None:
        """R5: the token of the core's side lets a client reach the core, not whatever address it writes."""
        invite = self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        self.core.answer(arrived, 200, Contact=f"<sip:dave@{CORE}:5080>")
        mine = self.alice.dialog(invite, self.alice.take()[-1])
        mine.target = "sip:victim@127.0.0.9:5070"
        mine.send("MESSAGE")
        self.assertEqual([403], self.alice.statuses())
        self.assertEqual([], self.world.udp_flow(("127.0.0.9", 5070)).take())

    def test_single_record_route_between_hops(self) -> None:
        """Two hops on one listener: one Record-Route, and BYEs from both sides still arrive."""
        other = Phone(self.world, "eve", self.world.udp_flow(("127.0.0.3", 5090)))
        invite = other.build("INVITE", f"sip:dave@{PEER_DOMAIN}", From="<sip:eve@x.example>;tag=e",
                             Contact="<sip:eve@127.0.0.3:5090>")  # fmt: skip
        other.send(invite)
        [arrived] = self.core.requests("INVITE")
        self.assertEqual(1, len(arrived.values("Record-Route")))
        self.core.answer(arrived, 200, Contact=f"<sip:dave@{CORE}:5080>")
        accepted = other.take()[-1]
        theirs = self.core.dialog(arrived, accepted, callee=True)
        theirs.target = "sip:eve@127.0.0.3:5090"
        theirs.send("BYE")
        self.assertEqual(1, len(other.requests("BYE")))
        mine = other.dialog(invite, accepted)
        mine.target = f"sip:dave@{CORE}:5080"
        mine.send("BYE")
        self.assertEqual(1, len(self.core.requests("BYE")))

    def test_k14_unreachable_next_hop(self) -> None:
        """K14: ICMP says that nobody listens: 503 at once, with Retry-After."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        self.alice.take()
        self.world.element.unreachable((CORE, 5080))
        [refused] = self.alice.take()
        self.assertEqual(503, refused.status)
        self.assertTrue(refused.has("Retry-After"))

    def test_silent_next_hop(self) -> None:
        """Timer B: 408 for an INVITE, silence for anything else (RFC 4320)."""
        self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        self.alice.ask(self.alice.build("MESSAGE", f"sip:dave@{PEER_DOMAIN}"))
        self.alice.take()
        self.world.clock.pump([1] * 40)
        self.assertEqual([100, 408], sorted(self.alice.statuses()))

    def test_200_of_a_phone_that_is_not_registered_here(self) -> None:
        """480 for strangers under inbound = "open", known user or not."""
        world = World(inbound="open")
        stranger = world.phone("zoe", "udp")
        for user in ("alice", "nobody"):
            stranger.send(stranger.build("INVITE", f"sip:{user}@{DOMAIN}", From="<sip:z@elsewhere.example>;tag=1"))
            self.assertEqual([100, 480], stranger.statuses(), user)

    def test_stranger_is_403(self) -> None:
        """A From that is not ours, from an untrusted source: 403 for known and unknown alike."""
        stranger = self.world.phone("zoe", "udp")
        for user in ("alice", "nobody"):
            stranger.send(stranger.build("INVITE", f"sip:{user}@{DOMAIN}", From="<sip:z@elsewhere.example>;tag=1"))
            self.assertEqual([403], stranger.statuses(), user)


class UdpPhoneTests(SynchronousTestCase):
    """A UDP phone among browsers."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob", "udp", instance=False)

    def test_calls_both_ways(self) -> None:
        """Browser to UDP phone and back, with in-dialog requests from both sides."""
        for caller, callee in ((self.alice, self.bob), (self.bob, self.alice)):
            mine, theirs = call(caller, callee)
            theirs.send("INFO")
            self.assertEqual(1, len(caller.requests("INFO")))
            mine.send("BYE")
            self.assertEqual(1, len(callee.requests("BYE")))

    def test_phone_moves_to_another_port(self) -> None:
        """NAT rebinding: after the REGISTER from a new source the dialog's requests follow at once."""
        mine, _ = call(self.alice, self.bob)
        contact = self.bob.contact
        old, self.bob.flow = self.bob.flow, self.world.udp_flow(("127.0.0.1", 7777))
        self.bob.register(Contact=f"<{contact}>;expires=600")
        mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))
        self.assertEqual([], old.take())

    def test_R6_answers_without_rport(self) -> None:
        """R6: to sent-by's port when its host is the source, else to where the datagram came from."""
        request = self.bob.build("OPTIONS", f"sip:{DOMAIN}", Via="SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKx1")
        self.bob.send(request)
        self.assertEqual(1, len(self.world.udp_flow(("127.0.0.1", 7000)).take()))
        request = self.bob.build("OPTIONS", f"sip:{DOMAIN}", Via="SIP/2.0/UDP 10.9.9.9:7000;branch=z9hG4bKx2")
        self.bob.send(request)
        [answer] = self.bob.take()
        self.assertEqual("127.0.0.1", answer.via.received)


class OutOfDialogTargetTests(SynchronousTestCase):
    """R-URIs that are not an AoR."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def test_gruu(self) -> None:
        """A GRUU goes to its instance alone."""
        other = self.world.registered("bob")
        self.alice.invite(f"{self.bob.aor};gr={self.bob.instance}")
        self.assertEqual(1, len(self.bob.requests("INVITE")))
        self.assertEqual([], other.requests("INVITE"))

    def test_contact_of_a_binding(self) -> None:
        """SIP.js's attended transfer names the remote Contact: it goes to that binding, ob and transport ignored."""
        self.alice.invite(self.bob.contact.replace(";transport=ws", ";transport=ws;ob"))
        [arrived] = self.bob.requests("INVITE")
        self.assertEqual(2, len(arrived.values("Record-Route")))

    def test_t5_sips_needs_a_secure_flow(self) -> None:
        """T5: sips toward a plain WebSocket is 480 with a Warning, never downgraded."""
        self.alice.invite(f"sips:bob@{DOMAIN}", From=f"<{self.alice.aor}>;tag=s")
        self.assertEqual([], self.bob.requests("INVITE"))
        self.assertIn(480, self.alice.statuses())


class LoopTests(SynchronousTestCase):
    """RFC 5393."""

    def test_f14_bindings_that_point_back_at_us(self) -> None:
        """F14: two users whose Contacts are each other: 482, and nothing leaves."""
        world = World()
        alice = world.registered("alice")
        for user in ("bob", "carol"):
            phone = world.phone(user, instance=False)
            contacts = f"<sip:bob@{DOMAIN}>, <sip:carol@{DOMAIN}>"
            self.assertEqual(200, phone.register(Contact=contacts).status)
        alice.invite(f"sip:bob@{DOMAIN}")
        self.assertEqual([100, 482], alice.statuses())
        self.assertEqual(1, len(world.element.core.transactions._servers))

    def test_482_when_it_comes_back_unchanged(self) -> None:
        """Our own request, back from the next hop: 482. Changed on its way, a spiral passes."""
        world = World(next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse(f"sip:{CORE}:5080"),)),))
        core = Phone(world, "dave", world.udp_flow((CORE, 5080)))
        alice = world.registered("alice")
        alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = core.requests("INVITE")
        arrived.prepend("Via", f"SIP/2.0/UDP {CORE}:5080;branch=z9hG4bKback")
        core.send(arrived)
        self.assertEqual([482], core.statuses())
        spiral = arrived.copy()
        spiral.uri = f"sip:erin@{PEER_DOMAIN}"
        spiral.replace_first("Via", f"SIP/2.0/UDP {CORE}:5080;branch=z9hG4bKspiral")
        core.send(spiral)
        self.assertEqual(1, len(core.requests("INVITE")))

    def test_breadth(self) -> None:
        """Max-Breadth is set, shared out, and too little of it means one after another; none left is 440."""
        world = World()
        alice = world.registered("alice")
        first, second = world.registered("bob"), world.registered("bob")
        alice.invite(f"sip:bob@{DOMAIN}")
        self.assertEqual(["30", "30"], [p.requests("INVITE")[0].get("Max-Breadth") for p in (first, second)])
        alice.invite(f"sip:bob@{DOMAIN}", Max_Breadth="1")
        arrived = first.requests("INVITE") + second.requests("INVITE")
        self.assertEqual(["1"], [request.get("Max-Breadth") for request in arrived])
        alice.take()
        alice.invite(f"sip:bob@{DOMAIN}", Max_Breadth="0")
        self.assertEqual([440], alice.statuses())
