"""Our own URIs in Record-Route."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.flow_id import unpack_hop
from oversip_tw.outbound.token import Tokens
from oversip_tw.proxy.record_route import RecordRoutes, own_uri, wants_record_route
from oversip_tw.sip.message import Request
from oversip_tw.testing import MemoryFlow, MemoryListener


def request(method: str, uri: str = "sip:bob@example.com", tag: str = "") -> Request:
    return Request.build(
        method,
        uri,
        [
            ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"),
            ("From", "<sip:a@example.com>;tag=1"),
            ("To", f"<sip:bob@example.com>{tag and ';tag=' + tag}"),
            ("Call-ID", "c"),
            ("CSeq", f"1 {method}"),
        ],
    )


class RecordRouteTests(SynchronousTestCase):
    """RFC 3261 §16.6 step 4, RFC 5658."""

    def setUp(self) -> None:
        self.tokens = Tokens([b"k" * 32], "1")
        self.routes = RecordRoutes(self.tokens)
        self.udp = MemoryListener("udp", "192.0.2.1")
        self.hop = MemoryFlow("udp", ("192.0.2.7", 5060), self.udp)
        self.other = MemoryFlow("udp", ("192.0.2.8", 5080), self.udp)
        self.browser = MemoryFlow("wss")

    def test_who_wants_one(self) -> None:
        """INVITE, SUBSCRIBE and REFER that open a dialog, and every NOTIFY."""
        for method, opens, within in (
            ("INVITE", True, False), ("SUBSCRIBE", True, False), ("REFER", True, False), ("NOTIFY", True, True),
            ("MESSAGE", False, False), ("OPTIONS", False, False), ("BYE", False, False),
        ):  # fmt: skip
            self.assertEqual(opens, wants_record_route(request(method)), method)
            self.assertEqual(within, wants_record_route(request(method, tag="x")), method)

    def test_uris(self) -> None:
        """The transport is named; under sips it is the one beneath TLS (RFC 5630)."""
        tls = MemoryFlow("tls")
        for flow, scheme, ending in (
            (self.hop, "sip", "transport=udp"),
            (tls, "sip", "transport=tls"),
            (tls, "sips", "transport=tcp"),
            (self.browser, "sip", "transport=ws"),
            (self.browser, "sips", "transport=ws"),
        ):
            uri = own_uri(flow, "token", scheme)
            self.assertTrue(uri.startswith(f"<{scheme}:token@{flow.listener.sent_by};"))
            self.assertTrue(uri.endswith(f";{ending};lr>"))

    def written(self, *arguments: object, uri: str = "sip:bob@example.com") -> list[bytes]:
        """The flow ids in the tokens, topmost first."""
        message = request("INVITE", uri)
        self.routes.write(message, *arguments)  # type: ignore[arg-type]
        users = [value.partition(":")[2].partition("@")[0] for value in message.values("Record-Route")]
        return [self.tokens.read_record_route(user, "c", "1", "2").flow_id for user in users]

    def test_one_between_hops_of_one_listener(self) -> None:
        """One, and its token names the side it came by."""
        [only] = self.written(self.hop, b"", self.other, b"", False, False)
        self.assertEqual(("192.0.2.7", 5060), (unpack_hop(only).address, unpack_hop(only).port))

    def test_two_as_soon_as_a_client_is_in_it(self) -> None:
        """The side it leaves by on top."""
        leaves, came = self.written(self.browser, b"12345678", self.hop, b"", True, False)
        self.assertEqual(self.browser.id, came)
        self.assertEqual("192.0.2.7", unpack_hop(leaves).address)
        self.assertEqual(2, len(self.written(self.hop, b"", self.browser, b"", False, True)))

    def test_two_where_listeners_differ(self) -> None:
        """From UDP to TCP, between hops."""
        tcp = MemoryFlow("tcp", ("192.0.2.8", 5060), accepted=False)
        self.assertEqual(2, len(self.written(self.hop, b"", tcp, b"", False, False)))
