"""Routes, strict routers, circles and places where nothing may go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.outbound.flow_id import pack_udp
from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import MemoryFlow, MemoryListener
from tests.server.world import CORE, DOMAIN, Phone, World, call

PEER_DOMAIN = "peer.example.net"


class Routing(SynchronousTestCase):
    """alice and bob are registered, a core is the next hop for its domain."""

    def setUp(self) -> None:
        self.world = World(next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse(f"sip:{CORE}:5080"),)),))
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")
        self.core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())


class StrictRouterTests(Routing):
    """Elements of RFC 2543 (§16.4, §16.6 step 6, §16.12.1)."""

    def test_behind_us(self) -> None:
        """A next Route without lr: it becomes the R-URI, and the remote target the last Route."""
        mine, _ = call(self.alice, self.bob)
        invite = self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        arrived.prepend("Record-Route", f"<sip:strict@{CORE}:5080>")
        self.core.answer(arrived, 200, Contact=f"<sip:dave@{CORE}:5099>")
        dialog = self.alice.dialog(invite, self.alice.take()[-1])
        dialog.target = f"sip:dave@{CORE}:5099"
        for method in ("ACK", "BYE"):
            dialog.send(method)
            [came] = self.core.requests(method)
            self.assertEqual(f"sip:strict@{CORE}:5080", came.uri.text)
            self.assertEqual([f"<sip:dave@{CORE}:5099>"], came.values("Route"))
        self.assertIsNotNone(mine)

    def test_before_us(self) -> None:
        """Our Record-Route as R-URI and the target behind all Routes: both are put back where they belong."""
        _, theirs = call(self.alice, self.bob)
        request = theirs.build("INFO")
        routes = request.values("Route")
        request.remove("Route")
        for route in (*routes[1:], f"<{request.uri}>"):
            request.append("Route", route)
        request.uri = Uri.parse(routes[0].strip("<>"))
        self.bob.send(request)
        [arrived] = self.alice.requests("INFO")
        self.assertEqual(self.alice.contact, arrived.uri.text)
        self.assertFalse(arrived.has("Route"))

    def test_R2_forged_by_a_strict_router(self) -> None:
        """R2: a token as R-URI is verified like any other."""
        _, theirs = call(self.alice, self.bob)
        request = theirs.build("INFO")
        forged = request.values("Route")[0].strip("<>").replace("ovr", "ovrA", 1)
        request.remove("Route")
        request.append("Route", f"<{request.uri}>")
        request.uri = Uri.parse(forged)
        self.bob.send(request)
        self.assertEqual([403], self.bob.statuses())


class ClaimedContactTests(Routing):
    """A Contact that is somebody else's address."""

    def test_user_of_a_peer(self) -> None:
        """Whoever registers it gets none of the calls to the peer."""
        for uri in (f"sip:1@{PEER_DOMAIN}", f"sip:1@{CORE}:5080"):
            self.assertEqual(200, self.bob.register(Contact=f"<{uri}>").status)
            self.alice.invite(f"sip:1@{PEER_DOMAIN}")
            self.assertEqual(1, len(self.core.requests("INVITE")))
            self.assertEqual([], self.bob.requests("INVITE"))


class DirectionTests(Routing):
    """Which side a request goes to, by our Record-Routes."""

    def test_twice_through_us(self) -> None:
        """alice - we - core - we - bob, and the core leaves no Record-Route: four of ours in a row, both ways."""
        invite = self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        arrived.uri = self.bob.aor
        arrived.prepend("Via", f"SIP/2.0/UDP {CORE}:5080;branch=z9hG4bKcore1;rport")
        self.core.send(arrived)
        [rings] = self.bob.requests("INVITE")
        self.assertEqual(4, len(rings.values("Record-Route")))
        self.bob.answer(rings, 200)
        [answer] = [each for each in self.core.take() if getattr(each, "status", 0) == 200]
        answer.remove_first("Via")
        self.core.send(answer)
        accepted = self.alice.take()[-1]
        self.assertEqual(200, accepted.status)
        mine = self.alice.dialog(invite, accepted)
        theirs = self.bob.dialog(rings, accepted, callee=True)
        mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))
        theirs.send("BYE")
        self.assertEqual(1, len(self.alice.requests("BYE")))

    def test_core_between(self) -> None:
        """The same with a Record-Route of the core in between: the request goes to it first."""
        invite = self.alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = self.core.requests("INVITE")
        arrived.prepend("Record-Route", f"<sip:{CORE}:5080;lr>")
        self.core.answer(arrived, 200, Contact="<sip:x@198.51.100.9:5060>")
        mine = self.alice.dialog(invite, self.alice.take()[-1])
        mine.target = "sip:x@198.51.100.9:5060"
        mine.send("BYE")
        [bye] = self.core.requests("BYE")
        self.assertEqual([f"<sip:{CORE}:5080;lr>"], bye.values("Route"))

    def test_single_route_of_the_arriving_side(self) -> None:
        """A phone that keeps only its own side's Route: the target's Contact or GRUU tells the way; else 403."""
        mine, _ = call(self.alice, self.bob)
        mine.routes = mine.routes[:1]
        mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))
        mine.target = f"{self.bob.aor};gr={self.bob.instance}"
        mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))
        self.alice.take()
        mine.target = "sip:victim@198.51.100.7:5060"
        mine.send("INFO")
        self.assertEqual([403], self.alice.statuses())
        mine.target = f"sip:carol@{DOMAIN};gr=urn:uuid:none"
        mine.send("INFO")
        self.assertEqual([480], self.alice.statuses())

    def test_single_route_of_the_other_side(self) -> None:
        """A phone that keeps only the other side's Route gets there."""
        mine, _ = call(self.alice, self.bob)
        mine.routes = mine.routes[1:]
        mine.send("INFO")
        self.assertEqual(1, len(self.bob.requests("INFO")))

    def test_preloaded_outbound_proxy_in_a_dialog(self) -> None:
        """Phones that put their outbound proxy before the route set: it bears no token and says nothing."""
        mine, _ = call(self.alice, self.bob)
        mine.routes.insert(0, "<sip:127.0.0.1:5060;lr>")
        mine.send("BYE")
        self.assertEqual(1, len(self.bob.requests("BYE")))

    def test_preloaded_outbound_proxy(self) -> None:
        """The same out of dialog, in INVITE and REGISTER."""
        self.assertEqual(200, self.alice.register(Route=f"<sip:{DOMAIN};lr>").status)
        self.alice.invite(self.bob.aor, Route="<sip:127.0.0.1:5060;transport=udp;lr>")
        [arrived] = self.bob.requests("INVITE")
        self.assertFalse(arrived.has("Route"))

    def test_trusted_source_without_a_route(self) -> None:
        """A core that lost our Record-Route: the Contact of a binding still tells the way, for ACK as well."""
        self.core.send(self.core.build("INVITE", self.alice.aor, From="<sip:dave@peer.example.net>;tag=1"))
        [arrived] = self.alice.requests("INVITE")
        self.alice.answer(arrived, 200)
        dialog = self.core.dialog(arrived, self.core.take()[-1])
        dialog.routes = []
        for method in ("ACK", "INFO", "BYE"):
            dialog.send(method)
            self.assertEqual(1, len(self.alice.requests(method)), method)
        dialog.target = f"{self.alice.aor};gr=urn:uuid:none"
        self.core.take()
        dialog.send("ACK")
        dialog.send("INFO")
        self.assertEqual([480], self.core.statuses())

    def test_R2_every_bit_of_a_token(self) -> None:
        """R2, figure 24: no single changed bit of either token is let through, and nothing leaves."""
        mine, _ = call(self.alice, self.bob)
        route = mine.routes[-1]
        user = route.partition(":")[2].partition("@")[0]
        for position in range(len(user)):
            for bit in range(7):
                changed = chr(ord(user[position]) ^ 1 << bit)
                if not changed.isalnum() and changed not in "-_":
                    continue
                mine.routes[-1] = route.replace(user, user[:position] + changed + user[position + 1 :])
                mine.send("INFO")
        self.assertEqual({403}, set(self.alice.statuses()))
        self.assertEqual([], self.bob.take())


class BoundsTests(SynchronousTestCase):
    """R5: where a client's URI must not lead, even with outbound = "open"."""

    def setUp(self) -> None:
        self.world = World(outbound="open")
        self.alice = self.world.registered("alice")

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def test_R5_local_addresses(self) -> None:
        """This host, this network, groups and our own listener: 403, and nothing is sent."""
        for host in ("0.0.0.0", "127.0.0.9", "[::1]", "[::]", "169.254.1.1", "[fe80::1]", "224.0.0.1", "[ff02::1]",
                     "10.0.0.1", "[::ffff:127.0.0.1]", "255.255.255.255"):  # fmt: skip
            self.alice.invite(f"sip:x@{host}:5070")
            self.assertEqual([100, 403], self.alice.statuses(), host)
        self.assertEqual([], [flow for flow in self.world._udp_flows.values() if flow.sent])

    def test_open_relay_where_it_is_wanted(self) -> None:
        """A public address is dialled."""
        self.alice.invite("sip:x@198.51.100.7:5070")
        self.assertEqual([100, 403], self.alice.statuses())
        self.alice.invite("sip:x@8.8.8.8:5070")
        self.assertEqual(1, len(self.world.udp_flow(("8.8.8.8", 5070)).take()))

    def test_invalid_is_never_looked_up(self) -> None:
        """Hosts under .invalid and WebSocket URIs are not dialled."""
        for uri in ("sip:x@abc.invalid", "sip:x@far.example.org;transport=ws"):
            self.alice.invite(uri)
            self.assertEqual([100, 478], self.alice.statuses(), uri)
        self.assertEqual([], self.world.lookups.asked)

    def test_no_circle_to_ourselves(self) -> None:
        """A next hop that is our own listener is a circle: 482, not seventy copies."""
        world = World(next_hops=(NextHop(frozenset({"*"}), (Uri.parse("sip:127.0.0.1:5060"),)),))
        alice = world.registered("alice")
        alice.invite("sip:x@far.example.org")
        self.assertEqual([100, 482], alice.statuses())


class UserAtAddressTests(SynchronousTestCase):
    """R-URIs that name us by address."""

    def test_user_at_our_address(self) -> None:
        """sip:bob@127.0.0.1:5060, as simple phones dial: a user of our first domain."""
        world = World()
        alice, bob = world.registered("alice"), world.registered("bob")
        alice.invite("sip:bob@127.0.0.1:5060")
        self.assertEqual(1, len(bob.requests("INVITE")))
        for user, status in (("carol", 480), ("nobody", 404)):
            alice.take()
            alice.invite(f"sip:{user}@127.0.0.1")
            self.assertEqual([100, status], alice.statuses())

    def test_nobody_at_all(self) -> None:
        """A request to ourselves without user is 404, an OPTIONS 200."""
        world = World()
        alice = world.registered("alice")
        alice.invite(f"sip:{DOMAIN}")
        self.assertEqual([100, 404], alice.statuses())

    def test_tel(self) -> None:
        """A tel URI is not routed: 416."""
        alice = World().registered("alice")
        alice.send(alice.build("INVITE", "tel:+493012345"))
        self.assertEqual([416], alice.statuses())


class Ipv6Tests(SynchronousTestCase):
    """Peers with IPv6 addresses."""

    def test_udp_phone(self) -> None:
        """received without brackets, rport, and the answer to sent-by's port where there is no rport."""
        world = World()
        listener = MemoryListener("udp", "::1", 5060)
        world.element.listens(listener)
        flows = {port: MemoryFlow("udp", ("::1", port), listener, receiver=world.element) for port in (6000, 7000)}
        world.flows._udp.insert(0, lambda local, peer: flows.get(peer[1]) if ":" in peer[0] else None)
        phone = Phone(world, "alice", flows[6000])
        options = phone.build("OPTIONS", f"sip:{DOMAIN}", Via="SIP/2.0/UDP [::1]:7000;branch=z9hG4bK1;rport")
        phone.send(options)
        [answer] = phone.take()
        self.assertEqual(("::1", "6000"), (answer.via.received, answer.via.rport))
        phone.send(phone.build("OPTIONS", f"sip:{DOMAIN}", Via="SIP/2.0/UDP [0:0::1]:7000;branch=z9hG4bK2"))
        self.assertEqual([], phone.take())
        self.assertEqual(1, len(flows[7000].take()))

    def test_link_local_zone(self) -> None:
        """The zone of a link-local peer means nothing to it and stays here."""
        world = World()
        listener = MemoryListener("udp", "fe80::2%eth0", 5060)
        flow = MemoryFlow("udp", ("fe80::1%eth0", 6000), listener, receiver=world.element)
        phone = Phone(world, "alice", flow)
        phone.send(phone.build("OPTIONS", f"sip:{DOMAIN}", Via="SIP/2.0/UDP [fe80::1]:6000;branch=z9hG4bK1;rport"))
        [answer] = phone.take()
        self.assertEqual("fe80::1", answer.via.received)

    def test_next_hop(self) -> None:
        """A call to a peer at an IPv6 address and back: Via and Record-Route are in brackets."""
        listener = MemoryListener("udp", "::1", 5060)
        world = World(
            next_hops=(NextHop(frozenset({PEER_DOMAIN}), (Uri.parse("sip:[::2]:5080"),)),),
            trusted=(TrustedSource(("::2",), Role.CORE),),
        )
        world.element.listens(listener)
        peer = ("::2", 5080)
        flow = MemoryFlow("udp", peer, listener, id=pack_udp(("::1", 5060), peer), receiver=world.element)
        self.patch(world, "udp_flow", lambda peer: flow)
        alice, core = world.registered("alice"), Phone(world, "dave", flow)
        invite = alice.invite(f"sip:dave@{PEER_DOMAIN}")
        [arrived] = core.requests("INVITE")
        self.assertEqual("[::1]:5060", arrived.via.sent_by)
        self.assertIn("@[::1]:5060;", arrived.values("Record-Route")[0])
        core.answer(arrived, 200, Contact="<sip:dave@[::2]:5080>")
        accepted = alice.take()[-1]
        mine = alice.dialog(invite, accepted)
        mine.target = "sip:dave@[::2]:5080"
        mine.send("BYE")
        self.assertEqual(1, len(core.requests("BYE")))
        core.dialog(arrived, accepted, callee=True).send("BYE")
        self.assertEqual(1, len(alice.requests("BYE")))
