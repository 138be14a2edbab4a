"""What a listener calls itself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport import route
from oversip_tw.transport.listener import BoundListener, ListenError, ListenerSpec, sent_by
from oversip_tw.transport.route import is_local, source_address, source_towards


class SentByTests(SynchronousTestCase):
    """Via's sent-by."""

    def test_bound_address(self) -> None:
        """Without anything advertised it is the bound address and the real port, IPv6 in brackets."""
        listener = BoundListener(ListenerSpec("udp", "192.0.2.1", 0))
        listener.bound(5080)
        self.assertEqual((listener.port, listener.sent_by, listener.ipv6), (5080, "192.0.2.1:5080", False))
        listener = BoundListener(ListenerSpec("udp", "2001:db8::1", 5060))
        self.assertEqual((listener.sent_by, listener.ipv6), ("[2001:db8::1]:5060", True))
        self.assertIn("[2001:db8::1]:5060", repr(listener))

    def test_advertised(self) -> None:
        """A name or public address takes its place, with its own port or the bound one."""
        for advertised, said in (
            ("sip.example.org", "sip.example.org:5060"),
            ("sip.example.org:15060", "sip.example.org:15060"),
            ("203.0.113.1", "203.0.113.1:5060"),
            ("2001:db8::5", "[2001:db8::5]:5060"),
            ("[2001:db8::5]", "[2001:db8::5]:5060"),
            ("[2001:db8::5]:15060", "[2001:db8::5]:15060"),
        ):
            spec = ListenerSpec("tcp", "10.0.0.1", 5060, advertised=advertised)
            self.assertEqual(BoundListener(spec).sent_by, said)
            self.assertEqual(sent_by(advertised, 5060), said)

    def test_every_address(self) -> None:
        """A listener on all addresses says the one that leads out, for "0.0.0.0:5060" is no place to answer to."""
        for address in ("0.0.0.0", "::"):
            said = BoundListener(ListenerSpec("udp", address, 5060)).sent_by
            self.assertFalse(said.startswith(("0.0.0.0", "[::]")), said)
            self.assertTrue(said.endswith(":5060"))

    def test_no_way_out(self) -> None:
        """On a machine without network that is the loopback address."""
        self.patch(route, "source_towards", lambda address: "")
        self.assertEqual([source_address(4), source_address(6)], ["127.0.0.1", "::1"])

    def test_loopback_route(self) -> None:
        """The kernel's own answer for a loopback peer is the loopback address; nonsense has no route."""
        self.assertEqual(source_towards("127.0.0.1"), "127.0.0.1")
        self.assertTrue(is_local("127.0.0.1"))
        self.assertFalse(is_local("192.0.2.1"))
        self.assertFalse(is_local("0.0.0.0"))
        self.assertEqual(source_towards("300.0.0.1"), "")

    def test_error_text(self) -> None:
        """What cannot be opened is named in one line."""
        self.assertEqual(
            str(ListenError(ListenerSpec("tls", "::1", 5061), "Address already in use")),
            "cannot listen on tls [::1]:5061: Address already in use",
        )
