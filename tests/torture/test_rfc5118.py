"""RFC 5118: IPv6 addresses."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.message import Request
from tests.torture.messages import RFC5118
from tests.torture.verdicts import outcomes


class IPv6(SynchronousTestCase):
    def accepted(self, name: str) -> Request:
        for framing in ("datagram", "websocket", "stream"):
            (message,) = outcomes(RFC5118[name], framing)
            self.assertIsInstance(message, Request, f"{framing}: {message!r}")
            self.assertEqual(message.to_bytes(), RFC5118[name], framing)
        return message

    def test_ipv6_good(self) -> None:
        """An IPv6 reference as Request-URI, in Via and Contact."""
        request = self.accepted("ipv6_good")
        self.assertEqual((request.uri.host, request.uri.port), ("2001:db8::10", None))
        self.assertEqual((request.via.host, request.via.sent_by), ("2001:db8::9:1", "[2001:db8::9:1]:5060"))
        self.assertEqual(request.contacts[0].uri.host, "2001:db8::1")

    def test_ipv6_bad(self) -> None:
        """Without brackets: 400."""
        for framing in ("datagram", "websocket", "stream"):
            (error,) = outcomes(RFC5118["ipv6_bad"], framing)
            self.assertIsInstance(error, ParseError)
            self.assertEqual(error.status, 400)
            self.assertIsNotNone(error.request)

    def test_port_ambiguous(self) -> None:
        """What looks like a port within the brackets is none."""
        uri = self.accepted("port_ambiguous").uri
        self.assertEqual((uri.host, uri.port), ("2001:db8::10:5070", None))

    def test_port_unambiguous(self) -> None:
        """A port stands behind the brackets."""
        uri = self.accepted("port_unambiguous").uri
        self.assertEqual((uri.host, uri.port), ("2001:db8::10", 5070))

    def test_via_received_with_and_without_brackets(self) -> None:
        """Both forms of received name the same address."""
        for name in ("via_received_param_with_delim", "via_received_param_no_delim"):
            self.assertEqual(self.accepted(name).via.received, "2001:db8::9:255", name)

    def test_ipv6_in_sdp(self) -> None:
        """Bodies are not looked at."""
        self.assertIn(b"c=IN IP6 2001:db8::20\r\n", self.accepted("ipv6_in_sdp").body)

    def test_mult_ip_in_header(self) -> None:
        """IPv4 and IPv6 in one stack of Via."""
        vias = self.accepted("mult_ip_in_header").vias
        self.assertEqual(
            [via.sent_by for via in vias], ["[2001:db8::9:1]:6050", "192.0.2.1:5060", "[2001:db8::9:255]:5060"]
        )

    def test_mult_ip_in_sdp(self) -> None:
        """IPv4 and IPv6 in one body."""
        self.assertIn(b"c=IN IP4 192.0.2.1\r\n", self.accepted("mult_ip_in_sdp").body)

    def test_ipv4_mapped_ipv6(self) -> None:
        """An IPv4 address in the clothes of an IPv6 one, always written alike."""
        self.assertEqual(self.accepted("ipv4_mapped_ipv6").contacts[0].uri.host, "::ffff:192.0.2.10")

    def test_ipv6_bug_abnf_3_colons(self) -> None:
        """The third colon comes from a slip in RFC 3261's grammar; it changes nothing."""
        three = self.accepted("ipv6_bug_abnf_3_colons").uri
        two = self.accepted("ipv6_correct_abnf_2_colons").uri
        self.assertEqual(three.host, two.host)
        self.assertTrue(three.equivalent(two))
