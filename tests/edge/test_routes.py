"""Who may go where through an edge."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.sip.message import Request
from tests.edge.behind import EdgeWorld
from tests.server.world import CORE, DOMAIN, Phone

TRUNK = "127.0.0.8"


class RouteTests(SynchronousTestCase):
    """One edge, one core, a trunk."""

    def setUp(self) -> None:
        self.world = EdgeWorld(trusted=(TrustedSource((TRUNK,), Role.TRUNK),))
        self.core = self.world.core

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def reaches_core(self, phone: Phone, request: Request) -> bool:
        phone.take()
        phone.send(request)
        return len(self.core.requests(request.method)) == 1

    def test_route_to_the_core(self) -> None:
        """A phone may write the core's own name as Route; it arrives there."""
        alice = self.world.phone("alice")
        request = alice.build("MESSAGE", f"sip:desk@{DOMAIN}", Route=f"<sip:{CORE}:5080;lr>")
        alice.send(request)
        [arrived] = self.core.requests("MESSAGE")
        self.assertEqual([f"<sip:{CORE}:5080;lr>"], arrived.values("Route"))

    def test_R1_route_elsewhere(self) -> None:
        """R1: any other is refused, behind one to the core too."""
        alice = self.world.phone("alice")
        for route in ("<sip:victim.test;lr>", f"<sip:{CORE}:5080;lr>, <sip:victim.test;lr>", f"<sip:{CORE}:5999;lr>"):
            request = alice.build("INVITE", f"sip:desk@{DOMAIN}", Route=route)
            self.assertFalse(self.reaches_core(alice, request), route)
            self.assertEqual([403], alice.statuses())

    def test_route_to_us(self) -> None:
        """Our own address as Route, as phones with an outbound proxy write it, is taken off."""
        alice = self.world.phone("alice", "udp")
        alice.send(alice.build("MESSAGE", f"sip:desk@{DOMAIN}", Route="<sip:127.0.0.1:5060;lr>"))
        [arrived] = self.core.requests("MESSAGE")
        self.assertFalse(arrived.has("Route"))

    def test_service_route(self) -> None:
        """RFC 3608: what the core gave to this flow, and to no other; gone with the registration's next answer."""
        alice, bob = self.world.phone("alice"), self.world.through("bob")
        service = "<sip:orig@scscf.test;lr>"
        arrived, _ = self.core.receives_register(alice)
        self.core.accept(arrived, ("Service-Route", service))
        self.assertEqual([service], alice.take()[-1].values("Service-Route"))
        self.assertTrue(self.reaches_core(alice, alice.build("MESSAGE", f"sip:d@{DOMAIN}", Route=service)))
        self.assertFalse(self.reaches_core(bob, bob.build("MESSAGE", f"sip:d@{DOMAIN}", Route=service)))
        self.assertEqual([403], bob.statuses())
        self.core.register(alice)
        self.assertFalse(self.reaches_core(alice, alice.build("MESSAGE", f"sip:d@{DOMAIN}", Route=service)))

    def test_foreign_domain(self) -> None:
        """Whatever a phone asks for is the core's affair."""
        alice = self.world.phone("alice")
        self.assertTrue(self.reaches_core(alice, alice.build("MESSAGE", "sip:x@elsewhere.example")))
        self.assertTrue(self.reaches_core(alice, alice.build("FROBNICATE", f"sip:x@{DOMAIN}")))

    def test_ourselves(self) -> None:
        """OPTIONS 200, anything else 404."""
        alice = self.world.phone("alice")
        alice.send(alice.build("OPTIONS", "sip:127.0.0.1:5060"))
        self.assertEqual([200], alice.statuses())
        alice.send(alice.build("MESSAGE", "sip:127.0.0.1:5060"))
        [refused] = alice.take()
        self.assertEqual((404, "Ok, I'm here"), (refused.status, refused.reason))

    def test_service_routes_of_two_users(self) -> None:
        """On one connection each has its own; it ends with the registration."""
        alice = self.world.phone("alice")
        bob = Phone(self.world, "bob", alice.flow)
        for phone in (alice, bob):
            arrived, _ = self.core.receives_register(phone)
            self.core.accept(arrived, ("Service-Route", f"<sip:{phone.user}@scscf.test;lr>"))
        for phone in (alice, bob):
            route = f"<sip:{phone.user}@scscf.test;lr>"
            self.assertTrue(self.reaches_core(phone, phone.build("MESSAGE", f"sip:d@{DOMAIN}", Route=route)))
            self.core.register(phone, expires=0)
            self.assertFalse(self.reaches_core(phone, phone.build("MESSAGE", f"sip:d@{DOMAIN}", Route=route)))
        self.assertEqual({}, self.world.element.logic.edge._service_routes)

    def test_a11_in_dialog_without_our_route(self) -> None:
        """A11: 403, and an ACK nothing."""
        alice = self.world.through("alice")
        for method, statuses in (("BYE", [403]), ("ACK", [])):
            request = alice.build(method, f"sip:desk@{DOMAIN}", To=f"<sip:desk@{DOMAIN}>;tag=x")
            self.assertFalse(self.reaches_core(alice, request))
            self.assertEqual(statuses, alice.statuses())

    def test_forged_token(self) -> None:
        """A Path token that is altered, or comes from anybody but a trusted hop: 403, and nothing leaves."""
        alice = self.world.through("alice")
        good = self.core.towards(alice)
        outer, inner = good.values("Route")
        bad = inner.replace("@", "A@", 1)
        for sender, route in ((self.core, bad), (self.world.phone("mallory", "udp"), inner)):
            request = sender.build("INVITE", alice.contact)
            for value in (outer, route):
                request.append("Route", value)
            sender.take()
            sender.send(request)
            self.assertEqual([], alice.requests("INVITE"))
            self.assertEqual([403], sender.statuses())

    def test_core_sends_out(self) -> None:
        """What the core sends to nobody of ours goes where it says."""
        self.core.send(self.core.build("MESSAGE", "sip:x@127.0.0.9:5070"))
        self.assertEqual(1, len(Phone(self.world, "x", self.world.udp_flow(("127.0.0.9", 5070))).requests("MESSAGE")))

    def test_f2_unknown_source(self) -> None:
        """F2: what the core refuses goes once to a UDP source that nobody knows, and as ever to a phone of ours."""
        for phone, times in ((self.world.phone("zoe", "udp"), 1), (self.world.through("alice", "udp"), 4)):
            phone.send(phone.build("INVITE", f"sip:desk@{DOMAIN}"))
            [arrived] = self.core.requests("INVITE")
            self.core.answer(arrived, 407, Proxy_Authenticate='Digest realm="pbx", nonce="1"')
            self.world.clock.pump([0.1] * 40)
            self.assertEqual([407] * times, [status for status in phone.statuses() if status > 100])

    def test_trunk(self) -> None:
        """A trusted trunk reaches the core, without Path and without identity of ours."""
        trunk = Phone(self.world, "trunk", self.world.udp_flow((TRUNK, 5060)))
        who = {"P_Asserted_Identity": "<sip:+49301@trunk.example>"}
        trunk.send(trunk.build("INVITE", f"sip:desk@{DOMAIN}", **who))
        [arrived] = self.core.requests("INVITE")
        self.assertEqual("<sip:+49301@trunk.example>", arrived.get("P-Asserted-Identity"))

    def test_contact_of_a_phone(self) -> None:
        """SIP.js refers to the remote Contact in an attended transfer: the core is asked for that user."""
        alice, bob = self.world.through("alice"), self.world.through("bob")
        alice.send(alice.build("INVITE", bob.contact))
        [arrived] = self.core.requests("INVITE")
        self.assertEqual(bob.aor, str(arrived.uri))
        self.assertEqual([], bob.requests("INVITE"))

    def claims(self, contact: str) -> Phone:
        """A user of the core who has registered ``contact``."""
        mallory = self.world.phone("mallory")
        self.core.register(mallory, Contact=f"<{contact}>;expires=600")
        return mallory

    def test_contact_of_somebody_else(self) -> None:
        """Whoever registers another user's address, or the core's, as Contact gets none of the calls to it."""
        alice = self.world.through("alice")
        for uri in (f"sip:desk@{DOMAIN}", "sip:desk@other.example", f"sip:desk@{CORE}:5080", "sip:desk@8.8.8.8"):
            self.claims(uri)
            alice.send(alice.build("INVITE", uri))
            [arrived] = self.core.requests("INVITE")
            self.assertEqual(uri, str(arrived.uri))

    def test_contact_with_a_public_address(self) -> None:
        """It is believed of a phone that comes from there."""
        alice, flow = self.world.through("alice"), self.world.connect("tcp", ("8.8.8.8", 40000))
        bob = Phone(self.world, "bob", flow)
        self.core.register(bob, Contact="<sip:bob@8.8.8.8:40000>;expires=600")
        alice.send(alice.build("INVITE", "sip:bob@8.8.8.8:40000"))
        [arrived] = self.core.requests("INVITE")
        self.assertEqual(bob.aor, str(arrived.uri))

    def test_core_sends_to_a_trunk(self) -> None:
        """A phone with the Contact of somebody at a trunk gets nothing of what the core sends there."""
        trunk = Phone(self.world, "trunk", self.world.udp_flow((TRUNK, 5060)))
        for uri, route in (
            (f"sip:1@{TRUNK}", ""),
            (f"sip:2@{DOMAIN}", f"<sip:127.0.0.1;lr>, <sip:{TRUNK};lr>"),
            ("sip:3@h.invalid", f"<sip:127.0.0.1;lr>, <sip:{TRUNK};lr>"),
        ):
            mallory = self.claims(uri)
            mallory.take()
            self.core.send(self.core.build("MESSAGE", uri, Route=route))
            self.assertEqual(([], 1), (mallory.take(), len(trunk.requests("MESSAGE"))), uri)

    def test_dialog_of_a_trunk(self) -> None:
        """Nor does a phone get the requests of a trunk within its call, by claiming the Contact of who it talks to."""
        trunk = Phone(self.world, "trunk", self.world.udp_flow((TRUNK, 5060)))
        mallory = self.claims(self.core.contact)
        mallory.take()
        trunk.send(trunk.build("INVITE", f"sip:desk@{DOMAIN}"))
        [arrived] = self.core.requests("INVITE")
        self.core.answer(arrived, 200)
        answer = trunk.take()[-1]
        for method in ("ACK", "BYE"):
            request = trunk.build(method, self.core.contact, To=answer.get("To") or "", Call_ID=arrived.call_id)
            for route in arrived.values("Record-Route"):
                request.append("Route", route)
            trunk.send(request)
            self.assertEqual(([], 1), (mallory.take(), len(self.core.requests(method))), method)

    def test_core_names_the_contact(self) -> None:
        """A core that gives no Path back, but the very Contact: its phone is known."""
        bob = self.world.through("bob")
        self.core.send(self.core.build("MESSAGE", bob.contact))
        self.assertEqual(1, len(bob.requests("MESSAGE")))

    def test_max_forwards(self) -> None:
        """One less; 70 where there was none; never above the bound that is configured."""
        for given, cap, expected in (("70", 0, 69), ("", 0, 70), ("70", 10, 10), ("5", 10, 4), ("", 10, 10)):
            world = EdgeWorld(max_forwards_cap=cap)
            alice = world.phone("alice")
            alice.send(alice.build("MESSAGE", f"sip:d@{DOMAIN}", Max_Forwards=given))
            [arrived] = world.core.requests("MESSAGE")
            self.assertEqual(expected, arrived.max_forwards, (given, cap))
