"""What somebody who has proven nothing gets: one answer, and nothing of it stays."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.server.world import DOMAIN, World


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
