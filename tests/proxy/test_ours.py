"""What is ours."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.ours import Ours
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import MemoryListener


class OursTests(SynchronousTestCase):
    """Two domains, an alias, three listeners."""

    def setUp(self) -> None:
        self.ours = Ours(("Example.com", "second.example"), ("proxy.example.net",))
        self.ours.listens(MemoryListener("udp", "192.0.2.1", 5060))
        self.ours.listens(MemoryListener("tls", "2001:db8::1", 5061, sent_by="sip.example.com"))
        self.ours.listens(MemoryListener("ws", "10.0.0.1", 8080, sent_by="edge.example.com:443"))

    def owns(self, text: str) -> bool:
        return self.ours.owns(Uri.parse(text))

    def test_by_name(self) -> None:
        """A domain or alias without port, or with one of ours."""
        for text in ("sip:a@example.com", "sip:a@EXAMPLE.com:5060", "sips:a@second.example", "sip:proxy.example.net",
                     "sip:a@example.com:8080"):  # fmt: skip
            self.assertTrue(self.owns(text), text)
        for text in ("sip:a@example.com:5099", "sip:a@example.org", "sip:a@sub.example.com", "tel:+1"):
            self.assertFalse(self.owns(text), text)

    def test_by_address(self) -> None:
        """Address and port of a listener, bound or advertised; without a port that of the transport."""
        for text in ("sip:192.0.2.1", "sip:192.0.2.1:5060", "sip:[2001:db8::1]:5061", "sips:[2001:db8::1]",
                     "sip:10.0.0.1:8080", "sip:edge.example.com:443", "sips:sip.example.com"):  # fmt: skip
            self.assertTrue(self.owns(text), text)
        for text in ("sip:192.0.2.1:5070", "sip:[2001:db8::1]", "sip:10.0.0.1", "sip:edge.example.com"):
            self.assertFalse(self.owns(text), text)

    def test_everywhere(self) -> None:
        """A listener on all addresses of a family is reached by each address of this machine, on its port alone."""
        ours = Ours(("example.com",), is_local=lambda address: address in ("192.0.2.7", "2001:db8::7", "10.0.0.7"))
        ours.listens(MemoryListener("udp", "0.0.0.0", 5070, sent_by="192.0.2.7:5070"))
        ours.listens(MemoryListener("tcp", "::", 5080, sent_by="[2001:db8::7]:5080"))
        for text in ("sip:a@10.0.0.7:5070", "sip:192.0.2.7:5070;transport=tcp", "sip:[2001:db8::7]:5080"):
            self.assertTrue(ours.owns(Uri.parse(text)), text)
        for text in ("sip:10.0.0.7", "sip:10.0.0.8:5070", "sip:10.0.0.7:5080", "sip:[2001:db8::7]:5070", "sip:b:5070"):
            self.assertFalse(ours.owns(Uri.parse(text)), text)
        self.assertTrue(ours.listens_at("10.0.0.7", 5070))
        self.assertFalse(ours.listens_at("10.0.0.8", 5070))

    def test_user(self) -> None:
        """A user at one of our addresses is one of our first domain."""
        for text, aor in (
            ("sip:a@192.0.2.1:5060", "sip:a@example.com"),
            ("sip:a@proxy.example.net", "sip:a@example.com"),
            ("sips:a@second.example:5061", "sip:a@second.example"),
        ):
            self.assertEqual(aor, self.ours.user(Uri.parse(text)))

    def test_where_we_listen(self) -> None:
        """What would come back to us."""
        self.assertTrue(self.ours.listens_at("192.0.2.1", 5060))
        self.assertTrue(self.ours.listens_at("2001:db8::1", 5061))
        self.assertFalse(self.ours.listens_at("192.0.2.1", 5061))
        self.assertFalse(self.ours.listens_at("192.0.2.2", 5060))

    def test_sent_by(self) -> None:
        """What our own Via headers name, with the port they mean."""
        self.assertEqual({"192.0.2.1:5060", "sip.example.com:5061", "edge.example.com:443"}, self.ours.sent_bys)
