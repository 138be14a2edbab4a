"""What somebody who has proven nothing gets: one answer, and nothing of it stays."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.server.world import CORE, DOMAIN, Phone, World


class StrangerTests(SynchronousTestCase):
    """A UDP source that nobody knows."""

    def setUp(self) -> None:
        self.world = World()
        self.bob = self.world.registered("bob")
        self.stranger = self.world.phone("mallory", "udp")

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())
        self.assertEqual([], self.bob.take())

    def test_a11_f2_route_without_token(self) -> None:
        """A11, F2: a To tag and a Route to us, but no token: one 403, no transaction, no Timer G; ACK is dropped."""
        for route in ("<sip:127.0.0.1:5060;lr>", f"<sip:{DOMAIN};lr>", "<sip:anything@127.0.0.1:5060;lr>"):
            for method, expected in (("INVITE", [403]), ("BYE", [403]), ("MESSAGE", [403]), ("ACK", [])):
                before = self.world.element.core.transactions.count
                self.stranger.send(self.stranger.build(method, self.bob.aor, To=f"<{self.bob.aor}>;tag=x", Route=route))
                self.assertEqual(expected, self.stranger.statuses(), (method, route))
                self.assertEqual(before, self.world.element.core.transactions.count)
                self.world.clock.pump([0.5] * 4)
                self.assertEqual([], self.stranger.take())


class AckTests(SynchronousTestCase):
    """ACKs to refusals that left no state."""

    def test_f2_ack_of_a_trusted_source(self) -> None:
        """F2: an ACK with the To tag of a stateless refusal ends here, also from a hop whose other ACKs pass."""
        world = World()
        bob = world.registered("bob")
        core = Phone(world, "dave", world.udp_flow((CORE, 5080)))
        invite = core.build("INVITE", bob.contact, From="<sip:dave@peer.example>;tag=d", Max_Forwards="0")
        core.send(invite)
        [refused] = core.take()
        self.assertEqual(483, refused.status)
        core.acknowledge(invite, refused)
        self.assertEqual([], bob.take())
        refused.set("To", f"<{bob.contact}>;tag=of-a-2xx")
        core.acknowledge(invite, refused)
        self.assertEqual(["ACK"], [ack.method for ack in bob.take()])


class TwoMatchesTests(SynchronousTestCase):
    def test_contact_of_two_bindings(self) -> None:
        """An R-URI that two users have registered as their Contact is 404: nobody guesses whom it means."""
        world = World()
        alice = world.registered("alice")
        same = "<sip:desk@desk.invalid;transport=ws>"
        phones = [world.phone(user, instance=False) for user in ("bob", "carol")]
        for phone in phones:
            self.assertEqual(200, phone.register(Contact=same).status)
        alice.invite("sip:desk@desk.invalid")
        self.assertEqual([100, 404], alice.statuses())
        self.assertEqual([[], []], [phone.take() for phone in phones])
