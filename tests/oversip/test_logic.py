"""Checks 15 to 18: what is decided about each request before it goes anywhere."""

from __future__ import annotations

from oversip_tw.sip.message import Request
from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import PROXY_OUT, EdgeCase
from tests.server.world import CORE, Phone

DESK = "sip:desk@example.com"


class Sending(EdgeCase):
    """A phone on a WebSocket sends requests to the core."""

    def setUp(self) -> None:
        super().setUp()
        self.phone = self.world.phone("alice")

    def refused(self, status: int, reason: str, method: str, uri: str = DESK, **headers: str) -> None:
        """That answer at once, once, with one tag in To, and nothing for the core."""
        self.phone.send(self.phone.build(method, uri, **headers))
        [answer] = [each for each in self.responses(self.phone) if each.status != 100]
        self.assertEqual((status, reason), (answer.status, answer.reason))
        self.assertEqual(1, (answer.get("To") or "").count(";tag="))
        self.assertEqual([], self.core.take())

    def passes(self, method: str, uri: str = DESK, **headers: str) -> Request:
        self.phone.send(self.phone.build(method, uri, **headers))
        return self.arrived(self.core, method)


class MaxForwardsTests(Sending):
    """15."""

    def test_15_none_left(self) -> None:
        """0: 483, for every method, without user code asking for it. An ACK is dropped. Ours shows no Server header,
        which OverSIP's did: nobody is told what runs here."""
        for method in ("INVITE", "MESSAGE", "OPTIONS", "FOO"):
            self.refused(483, "Too Many Hops", method, Max_Forwards="0")
        self.phone.send(self.phone.build("ACK", DESK, Max_Forwards="0"))
        self.assertEqual([], self.phone.take())
        self.assertEqual([], self.core.take())

    def test_15_counted(self) -> None:
        """One less at each hop, 70 where there was none: clamped only where that is configured."""
        for came, leaves in (("", 70), ("70", 69), ("11", 10), ("10", 9), ("5", 4), ("1", 0)):
            self.assertEqual(leaves, self.passes("MESSAGE", Max_Forwards=came).max_forwards)

    def test_15_cap(self) -> None:
        """`max_forwards_cap = 10`, as the import from OverSIP writes it: never more than that."""
        self.use(EdgeWorld(profile=PROXY_OUT, max_forwards_cap=10))
        self.phone = self.world.phone("alice")
        for came, leaves in (("", 10), ("70", 10), ("11", 10), ("10", 9), ("5", 4)):
            self.assertEqual(leaves, self.passes("MESSAGE", Max_Forwards=came).max_forwards)


class LoopTests(Sending):
    """16: the core sends a request of ours back to us."""

    def comes_back(self, request: Request) -> None:
        self.core.take()
        self.core.send(request)

    def test_16_unchanged(self) -> None:
        """The very same: 482."""
        arrived = self.passes("MESSAGE")
        self.comes_back(arrived)
        [answer] = self.responses(self.core)
        self.assertEqual((482, "Loop Detected"), (answer.status, answer.reason))

    def test_16_with_a_foreign_via(self) -> None:
        """By way of another proxy, whose Via is on top (OverSIP looked at the top one alone): 482."""
        arrived = self.passes("INVITE")
        arrived.prepend("Via", f"SIP/2.0/UDP {CORE}:5080;branch=z9hG4bKother")
        arrived.max_forwards = (arrived.max_forwards or 0) - 1
        self.comes_back(arrived)
        self.assertEqual([482], self.core.statuses())

    def test_16_spiral(self) -> None:
        """With another R-URI, here that of a phone of ours, it passes."""
        bob = self.world.through("bob")
        arrived = self.passes("MESSAGE")
        arrived.prepend("Via", f"SIP/2.0/UDP {CORE}:5080;branch=z9hG4bKother")
        arrived.uri = self.core.towards(bob, "MESSAGE").uri
        for path in self.core.registered[bob.aor].values("Path"):
            arrived.append("Route", path)
        self.comes_back(arrived)
        self.arrived(bob, "MESSAGE")


class PolicyTests(Sending):
    """17: OverSIP's sample script, and what we do instead."""

    WITHOUT_ROUTE = "forbidden in-dialog request without top Route pointing to us"

    def test_17_in_dialog_without_route(self) -> None:
        """403 with OverSIP's phrase and one To tag (it wrote two); an ACK gets nothing."""
        for route in ("", "<sip:other.example;lr>"):
            to = {"To": f"<{DESK}>;tag=z", "Route": route}
            for method in ("BYE", "INVITE", "INFO"):
                self.refused(403, self.WITHOUT_ROUTE, method, **to)
            self.phone.send(self.phone.build("ACK", DESK, **to))
            self.assertEqual([], self.phone.take())

    def test_17_preloaded_route(self) -> None:
        """A Route to somebody else: 403. One to the core is allowed, and one of ours is simply taken off."""
        for route in ("<sip:other.example;lr>", "<sip:127.0.0.1:5060;lr>, <sip:other.example;lr>"):
            self.refused(403, "Pre-loaded Route not allowed", "INVITE", Route=route)
            self.phone.send(self.phone.build("ACK", DESK, Route=route))
            self.assertEqual([], self.phone.take())
        self.assertFalse(self.passes("MESSAGE", Route="<sip:127.0.0.1:5060;lr>").has("Route"))
        self.passes("MESSAGE", Route=f"<sip:{CORE}:5080;lr>")

    def test_17_myself(self) -> None:
        """R-URI is the edge, by each of its addresses: 404 with OverSIP's phrase, but 200 for OPTIONS."""
        for uri in ("sip:127.0.0.1:5060", "sip:127.0.0.1", "sip:127.0.0.1:8080;transport=ws"):
            for method in ("INVITE", "MESSAGE", "SUBSCRIBE"):
                self.refused(404, "Ok, I'm here", method, uri)
            self.phone.send(self.phone.build("OPTIONS", uri))
            self.assertEqual([200], self.phone.statuses())

    def test_17_local_domain(self) -> None:
        """R-URI is a domain of the edge, in any case: the same."""
        self.use(EdgeWorld(profile=PROXY_OUT, aliases=("edge.example.org",)))
        self.phone = self.world.phone("alice")
        for uri in ("sip:edge.example.org", "sip:EDGE.Example.ORG:5060"):
            self.refused(404, "Ok, I'm here", "MESSAGE", uri)
            self.phone.send(self.phone.build("OPTIONS", uri))
            self.assertEqual([200], self.phone.statuses())

    def test_17_methods(self) -> None:
        """INFO out of dialog, and methods that nobody knows, are the core's to judge (OverSIP: 501)."""
        for method in ("INFO", "UPDATE", "NOTIFY", "PRACK", "BYE", "FOO", "options"):
            self.assertEqual(method, self.passes(method).method)


class AssertionTests(EdgeCase):
    """18: P-Asserted-Identity."""

    CLAIMS = {
        "P_Asserted_Identity": "<sip:boss@example.com>",
        "P_Preferred_Identity": "<sip:boss@example.com>",
    }

    def asserted(self, phone: Phone, **headers: str) -> str | None:
        """What the core sees of a MESSAGE that claims to be the boss's."""
        phone.send(phone.build("MESSAGE", DESK, **(self.CLAIMS | headers)))
        arrived = self.arrived(self.core, "MESSAGE")
        self.assertFalse(arrived.has("P-Preferred-Identity"))
        return arrived.get("P-Asserted-Identity")

    def test_18_before_and_after_the_200(self) -> None:
        """Before any 200 to a REGISTER the claim is removed; after it the truth stands there, whatever is claimed."""
        alice = self.world.phone("alice")
        self.assertIsNone(self.asserted(alice))
        self.core.register(alice)
        self.assertEqual(f"<{alice.aor}>", self.asserted(alice))

    def test_18_only_with_that_from(self) -> None:
        """Another From on that connection, and that From on another connection: removed.

        OverSIP compared the letters of the URI. The user's name and domain count here: a port is no other user."""
        alice = self.world.through("alice")
        self.assertIsNone(self.asserted(alice, From="<sip:bob@example.com>;tag=1"))
        self.assertIsNone(self.asserted(alice, From="<sip:alice@example.org>;tag=1"))
        self.assertIsNone(self.asserted(self.world.phone("alice")))

    def test_18_end(self) -> None:
        """A 403 to a later REGISTER, or a 401 that says that the credentials are wrong, ends it.

        The 401 to a REGISTER without credentials does not, where OverSIP's did: JsSIP sends each one so at first.
        """
        wrong = 'Digest username="alice", realm="pbx", nonce="n", uri="sip:example.com", response="0"'
        for status, credentials, ends in ((401, "", False), (401, wrong, True), (403, "", True)):
            alice = self.world.through("alice")
            arrived, _ = self.core.receives_register(alice, Authorization=credentials)
            self.core.answer(arrived, status, WWW_Authenticate='Digest realm="pbx", nonce="n2"')
            alice.take()
            self.assertEqual(None if ends else f"<{alice.aor}>", self.asserted(alice), (status, credentials))

    def test_18_never_over_udp(self) -> None:
        """A UDP source proves nothing."""
        self.assertIsNone(self.asserted(self.world.through("alice", "udp")))
