"""Checks 6 to 9, 11, 12 and 14: calls through the edge, their dialogs, and addresses that are not what they seem."""

from __future__ import annotations

from oversip_tw.sip.message import Request
from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase, Routed
from tests.server.world import CORE, Dialog, Phone

METHODS = ("INVITE", "PRACK", "INFO", "UPDATE", "REFER", "MESSAGE", "NOTIFY", "BYE")


class Calls(EdgeCase):
    """Setting up calls from the core."""

    def called(self, phone: Phone) -> tuple[Request, Request]:
        """The core calls ``phone``: the INVITE as sent and as it arrived."""
        invite = self.core.towards(phone)
        self.core.send(invite)
        return invite, self.arrived(phone)

    def established(self, phone: Phone) -> tuple[Dialog, Dialog]:
        """A call that ``phone`` answered: the core's side and the phone's."""
        invite, arrived = self.called(phone)
        phone.answer(arrived, 200)
        accepted = self.final(self.core)
        theirs = self.core.dialog(invite, accepted)
        theirs.send("ACK")
        self.arrived(phone, "ACK")
        mine = phone.dialog(arrived, accepted, callee=True)
        mine.target = f"sip:desk@{CORE}:5080"
        return theirs, mine

    def inside(self, sender: Dialog, receiver: Phone, method: str) -> Request:
        """A request inside the dialog, that has to arrive without Route and is answered 200."""
        sender.send(method)
        arrived = self.arrived(receiver, method)
        self.assertEqual([], arrived.values("Route"))
        receiver.answer(arrived, 200)
        self.assertEqual(200, self.final(sender.phone).status)
        if method == "INVITE":
            sender.send("ACK")
            self.arrived(receiver, "ACK")
        return arrived

    def both_ways(self, theirs: Dialog, mine: Dialog) -> None:
        """Every method from both sides; the BYE of the core comes before that of the phone."""
        for method in METHODS:
            self.assertEqual(mine.phone.contact, str(self.inside(theirs, mine.phone, method).uri))
            self.assertEqual(mine.target, str(self.inside(mine, theirs.phone, method).uri))


class ByPathTests(Calls):
    """6 and 8: the core gives the Path back as Route."""

    def test_06_invite_by_path(self) -> None:
        """The core hears 100; the phone gets the INVITE without Route and with a WebSocket Via on top; 180 and 200 go
        back with the Record-Routes as they were.

        These are always two, as OverSIP's were: the phone's side on top, each of ours with a token that opens this call
        alone (`rules`: OverSIP's were the flow itself).
        """
        alice = self.world.through("alice")
        invite, arrived = self.called(alice)
        self.assertEqual([100], self.core.statuses())
        self.assertEqual([], arrived.values("Route"))
        self.assertEqual(("WS", "127.0.0.1:8080"), (arrived.via.transport, arrived.via.sent_by))
        self.assertEqual(alice.contact, str(arrived.uri))
        self.assertEqual(68, arrived.max_forwards)
        phone_side, core_side = arrived.values("Record-Route")
        self.assertRegex(phone_side, r"^<sip:[\w-]{20,}@127\.0\.0\.1:8080;transport=ws;lr>$")
        self.assertRegex(core_side, r"^<sip:[\w-]{20,}@127\.0\.0\.1:5060;transport=udp;lr>$")
        token = self.core.registered[alice.aor].values("Path")[1].partition("@")[0]
        self.assertNotIn(token, phone_side)
        for status in (180, 183, 200):
            alice.answer(arrived, status)
            [answer] = self.responses(self.core)
            self.assertEqual(status, answer.status)
            self.assertEqual([phone_side, core_side], answer.values("Record-Route"))
            self.assertEqual([invite.via.branch], [via.branch for via in answer.vias])

    def test_08_both_ways_after_a_call_by_path(self) -> None:
        """ACK, re-INVITE, PRACK, INFO, UPDATE, REFER, MESSAGE, NOTIFY and BYE from both sides, our Routes taken off."""
        self.both_ways(*self.established(self.world.through("alice")))

    def test_08_both_ways_over_udp(self) -> None:
        """The same with a phone on UDP: there, too, requests go by the flow."""
        self.both_ways(*self.established(self.world.through("alice", "udp")))

    def test_08_both_ways_after_a_call_of_the_phone(self) -> None:
        """The same when the phone has called: our two Record-Routes then lie the other way round."""
        alice = self.world.through("alice")
        invite = alice.build("INVITE", "sip:desk@example.com")
        alice.send(invite)
        arrived = self.arrived(self.core)
        core_side, phone_side = arrived.values("Record-Route")
        self.assertIn("@127.0.0.1:5060;transport=udp", core_side)
        self.assertIn("@127.0.0.1:8080;transport=ws", phone_side)
        self.core.answer(arrived, 200)
        accepted = self.final(alice)
        mine, theirs = alice.dialog(invite, accepted), self.core.dialog(arrived, accepted, callee=True)
        mine.send("ACK")
        self.arrived(self.core, "ACK")
        self.both_ways(theirs, mine)


class ByContactTests(Calls):
    """7 and 8: the core knows the phone by `;ov-ob` alone."""

    def setUp(self) -> None:
        self.use(EdgeWorld(profile=PROXY_OUT, return_by="param"))

    def test_07_invite_by_ov_ob(self) -> None:
        """The phone's R-URI is its own Contact, without `ov-ob`; its 486 gets an ACK from us, and goes to the core."""
        alice = self.world.through("alice")
        invite, arrived = self.called(alice)
        self.assertIn(";ov-ob=", str(invite.uri))
        self.assertFalse(invite.has("Route"))
        self.assertEqual(alice.contact, str(arrived.uri))
        self.assertEqual(2, len(arrived.values("Record-Route")))
        alice.answer(arrived, 486)
        ack = self.arrived(alice, "ACK")
        self.assertEqual((arrived.via.branch, 1), (ack.via.branch, len(ack.vias)))
        self.assertEqual(f"t{alice.number}", ack.to_tag)
        self.assertTrue(ack.has("Max-Forwards"))
        self.assertEqual([100, 486], self.core.statuses())

    def test_07_ov_ob_among_other_parameters(self) -> None:
        """A core that moves the parameter to the front still reaches the phone by its own Contact."""
        alice = self.world.through("alice")
        invite = self.core.towards(alice)
        uri = str(invite.uri)
        address, _, params = uri.partition(";")
        others, _, token = params.partition("ov-ob=")
        again = self.core.build("INVITE", f"{address};ov-ob={token};{others.rstrip(';')}")
        self.core.send(again)
        self.assertEqual(alice.contact, str(self.arrived(alice).uri))

    def test_08_both_ways_after_a_call_by_ov_ob(self) -> None:
        """Every method from both sides; the core's R-URI is the Contact of the 200 then."""
        self.both_ways(*self.established(self.world.through("alice")))


class DeadFlowTests(Calls):
    """9: the phone's socket is closed."""

    def test_09_dead_flow(self) -> None:
        """100 and 430 at once to a trusted hop, which is what the core is; an ACK goes nowhere and gets nothing."""
        for world in (self.world, EdgeWorld(profile=PROXY_OUT, return_by="param")):
            self.use(world)
            alice = world.through("alice")
            world.lose(alice.flow)
            self.core.send(self.core.towards(alice))
            trying, failed = self.responses(self.core)
            self.assertEqual((100, 430, "Flow Failed"), (trying.status, failed.status, failed.reason))
            self.core.send(self.core.towards(alice, "ACK"))
            self.assertEqual([], self.core.take())

    def test_09_towards_a_phone(self) -> None:
        """430 is for trusted hops alone: a phone (here one that user code lets call another) hears 480."""
        hooks = Routed()
        self.use(EdgeWorld(hooks=hooks, profile=PROXY_OUT))
        alice, bob = self.world.through("alice"), self.world.phone("bob")
        hooks.to = f"sip:{CORE}:5080"
        bob.send(bob.build("INVITE", alice.aor))
        self.core.answer(self.arrived(self.core), 430)
        self.assertEqual([100, 480], bob.statuses())

    def test_09_hook_sees_why(self) -> None:
        """User code hears `flow_failed`."""
        hooks = Routed()
        self.use(EdgeWorld(hooks=hooks, profile=PROXY_OUT))
        alice = self.world.through("alice")
        self.world.lose(alice.flow)
        self.core.send(self.core.towards(alice))
        self.assertEqual([100, 430], self.core.statuses())
        self.assertEqual(["error 430 flow_failed"], hooks.heard)


class RestartTests(Calls):
    """11: another process with the same keys takes over in mid-call."""

    def after_a_restart(self, phone: Phone, name: str = "127.0.0.1:5060") -> None:
        """A new edge where the old one was: nothing is left but the keys, and the flows of UDP by their nature."""
        core, after = self.core, advertised(name)
        for each in (core, phone):
            each.flow, each.world = after.udp_flow(each.flow.peer), after
        after.core = core
        self.use(after)

    def call(self, world: EdgeWorld) -> tuple[Dialog, Dialog]:
        self.use(world)
        return self.established(world.through("alice", "udp"))

    def test_11_restart(self) -> None:
        """The BYE of either side, and requests before it, are known as ours by our Record-Route and arrive."""
        for first in (0, 1):
            dialogs = self.call(EdgeWorld(profile=PROXY_OUT))
            self.after_a_restart(dialogs[1].phone)
            for sender, receiver in (dialogs, dialogs[::-1]):
                self.inside(sender, receiver.phone, "INFO")
            self.inside(dialogs[first], dialogs[1 - first].phone, "BYE")

    def test_11_restart_with_an_advertised_name(self) -> None:
        """So they are when our Record-Routes show an advertised address or name."""
        for name in ("203.0.113.5:5060", "edge.example.org:5060"):
            theirs, mine = self.call(advertised(name))
            self.assertIn(f"@{name};", theirs.routes[0])
            self.after_a_restart(mine.phone, name)
            self.inside(theirs, mine.phone, "INFO")
            self.inside(mine, theirs.phone, "BYE")


def advertised(name: str) -> EdgeWorld:
    """An edge whose UDP listener shows ``name``, as ``host:port``."""
    world = EdgeWorld(profile=PROXY_OUT)
    world.udp.sent_by = name
    world.element.listens(world.udp)
    return world


class NatTests(Calls):
    """12: a phone on UDP behind a NAT, that does not say rport."""

    def test_12_nat(self) -> None:
        """Answers go to the port it came from, and so do later requests of the core, by Path and by Record-Route."""
        alice = self.world.phone("alice", "udp")
        inner = f"sip:alice@192.168.1.5:{alice.flow.peer[1]}"
        via = "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK"
        contact = f"<{inner}>;expires=600"
        arrived, sent = self.core.receives_register(alice, Via=f"{via}1", Contact=contact)
        self.core.accept(arrived)
        answer = self.final(alice)
        self.assertEqual(f"{via}1;received={alice.flow.peer[0]}", str(answer.via))
        self.assertEqual(sent.call_id, answer.call_id)
        self.core.send(self.core.towards(alice, "MESSAGE"))
        self.assertEqual(inner, str(self.arrived(alice, "MESSAGE").uri))
        invite = alice.build("INVITE", "sip:desk@example.com", Via=f"{via}2", Contact=f"<{inner}>")
        alice.send(invite)
        arrived = self.arrived(self.core)
        self.core.answer(arrived, 180)
        self.core.answer(arrived, 200)
        self.assertEqual([100, 180, 200], alice.statuses())
        accepted = arrived.response(200, to_tag=f"t{self.core.number}")
        for route in arrived.values("Record-Route"):
            accepted.append("Record-Route", route)
        theirs = self.core.dialog(arrived, accepted, callee=True)
        theirs.send("BYE")
        bye = self.arrived(alice, "BYE")
        self.assertEqual(inner, str(bye.uri))


class AdvertisedTests(Calls):
    """14: an address that is not that of the socket."""

    PUBLIC = "203.0.113.5:5060"

    def setUp(self) -> None:
        self.use(advertised(self.PUBLIC))

    def test_14_advertised_address(self) -> None:
        """Via, Path and Record-Route show it, and the socket stays where it was."""
        alice = self.world.phone("alice", "udp")
        arrived, _ = self.core.receives_register(alice)
        self.assertEqual(self.PUBLIC, arrived.via.sent_by)
        for path in arrived.values("Path"):
            self.assertRegex(path, r"^<sip:([\w-]+@)?203\.0\.113\.5:5060;transport=udp;lr(;ob)?>$")
        self.assertEqual(("127.0.0.1", 5060), alice.flow.local)
        self.core.accept(arrived)
        alice.take()
        _, arrived = self.called(alice)
        for route in arrived.values("Record-Route"):
            self.assertIn(f"@{self.PUBLIC};", route)
        self.both_ways(*self.established(alice))

    def test_14_counts_as_myself(self) -> None:
        """A request for it, and a Route that names it, are for us: the Route is taken off, OPTIONS is answered.

        To OPTIONS the answer is 200, where OverSIP's script said 404.
        """
        alice = self.world.through("alice")
        alice.send(alice.build("OPTIONS", f"sip:{self.PUBLIC}"))
        self.assertEqual([200], alice.statuses())
        alice.send(alice.build("MESSAGE", f"sip:{self.PUBLIC}"))
        self.assertEqual(404, self.final(alice).status)
        alice.send(alice.build("MESSAGE", "sip:desk@example.com", Route=f"<sip:{self.PUBLIC};lr>"))
        self.assertFalse(self.arrived(self.core, "MESSAGE").has("Route"))
