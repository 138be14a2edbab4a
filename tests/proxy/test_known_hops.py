"""Configured next hops are known again by their address."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Target
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.core import MOST_HOPS
from oversip_tw.proxy.settings import Profile
from oversip_tw.proxy.way import Way
from oversip_tw.sip.uri import Uri
from tests.edge.behind import EdgeWorld
from tests.server.world import DOMAIN


class KnownHopsTests(SynchronousTestCase):
    """A core over TLS that writes its address, not its name, into Record-Route."""

    def setUp(self) -> None:
        self.world = EdgeWorld()
        self.core = self.world.element.core
        self.profile = Profile(down_for=7.0)
        self.named = Target("tls", "127.0.0.2", 5061, "pbx.test", "core")

    def found(self, uri: str) -> Target:
        way = Way(Uri.parse(f"sip:x@{DOMAIN}"), next_hops=(Uri.parse(uri),), named_by_us=True)
        phone = self.world.phone("alice")
        request = phone.build("BYE", f"sip:x@{DOMAIN}")
        arrival = Arrival(request, phone.flow, trusted=False, unchallenged=False, client=True, in_dialog=True)
        [target] = self.core.targets_at_once(way, arrival) or ()
        return target

    def test_by_its_address(self) -> None:
        """It has to prove the name it is configured by, by its own settings, and has its own profile."""
        self.assertEqual("127.0.0.2", self.found("sip:127.0.0.2:5061;transport=tls").name)
        self.core.remember_hop(self.named, self.profile)
        found = self.found("sip:127.0.0.2:5061;transport=tls")
        self.assertEqual(self.named, found)
        self.assertIs(self.profile, self.core.profile_of(found))

    def test_others(self) -> None:
        """Another port is another peer."""
        self.core.remember_hop(self.named, self.profile)
        other = self.found("sip:127.0.0.2:5099;transport=tls")
        self.assertEqual("127.0.0.2", other.name)
        self.assertIsNone(self.core.profile_of(other))

    def test_bounded(self) -> None:
        """However many there are."""
        for port in range(1, MOST_HOPS + 10):
            self.core.remember_hop(Target("udp", "127.0.0.2", port), self.profile)
        self.assertLessEqual(len(self.core.hops), MOST_HOPS)
