"""RFC 4475 §3.1.1: odd, but right."""

from oversip_tw.sip.message import Request
from tests.torture.messages import RFC4475
from tests.torture.verdicts import LOST, WAITS, Torture, outcomes


class Valid(Torture):
    def test_wsinv(self) -> None:
        """Folding, white space everywhere, leading zeros and unknown things: read right, left as they are."""
        request = self.request("wsinv")
        self.assertEqual((request.cseq, request.cseq_method, request.max_forwards), (9, "INVITE", 68))
        self.assertEqual(request.to_tag, "1918181833n")
        self.assertEqual(request.from_.display_name, 'J Rosenberg \\"')
        self.assertEqual(request.from_tag, "98asjd8")
        self.assertEqual([via.transport for via in request.vias], ["UDP", "TCP", "UDP"])
        self.assertEqual([via.branch for via in request.vias], ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"])
        self.assertFalse(request.via.has_magic_cookie)
        self.assertEqual(request.get("Subject"), "")
        self.assertEqual(request.get("NewFangledHeader"), "newfangled value continued newfangled value")
        (contact,) = request.contacts
        self.assertEqual(contact.display_name, 'Quoted string ""')
        self.assertEqual((contact.param("newparam"), contact.param("secondparam")), ("newvalue", ""))
        self.assertEqual(contact.param("q"), "0.33")
        self.assertEqual(request.routes[0].uri.param("unknownwith"), "value")
        request.max_forwards = 67
        self.assertEqual(
            request.to_bytes(), RFC4475["wsinv"].replace(b"MaX-fOrWaRdS: 0068", b"MaX-fOrWaRdS: 67"), "67 and no more"
        )

    def test_intmeth(self) -> None:
        """Every character that a token, a user part, a quoted string or a Call-ID may hold."""
        request = self.request("intmeth")
        self.assertEqual(request.method, "!interesting-Method0123456789_*+`.%indeed'~")
        self.assertEqual(request.uri.host, "example.com")
        self.assertEqual(request.uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        self.assertEqual(request.to.display_name, "BEL:\x07 NUL:\x00 DEL:\x7f")
        self.assertEqual(request.from_.display_name, "token1~` token2'+_ token3*%!.-")
        self.assertEqual(request.from_.param("fromparam''~+*_!.-%"), "работающий")
        self.assertEqual(request.get("extensionHeader-!.%*+_`'~"), "\ufeff大停電")

    def test_esc01(self) -> None:
        """Escapes are compared by what they mean and forwarded as they came; an escaped sips: is a user part."""
        request = self.request("esc01")
        self.assertEqual(request.uri.user, "sips%3Auser%40example.com")
        self.assertEqual(request.uri.host, "example.net")
        self.assertEqual(request.to.uri.aor, "sip:user@example.com")
        self.assertEqual(request.contacts[0].uri.user, "cal%6Cer")

    def test_escnull(self) -> None:
        """An escaped NUL ends nothing: the two Contacts differ."""
        first, second = self.request("escnull").contacts
        self.assertEqual((first.uri.aor, second.uri.aor), ("sip:%00@host5.example.com", "sip:%00%00@host5.example.com"))
        self.assertFalse(first.uri.equivalent(second.uri))

    def test_esc02(self) -> None:
        """No escapes in methods and header names: RE%47IST%45R is no REGISTER and C%6Fntact no Contact."""
        request = self.request("esc02")
        self.assertEqual(request.method, "RE%47IST%45R")
        self.assertEqual(request.to.display_name, "%Z%45")
        self.assertEqual([contact.uri.user for contact in request.contacts], ["alias1", "alias3"])

    def test_lwsdisp(self) -> None:
        """A display name may touch the "<"."""
        self.assertEqual(self.request("lwsdisp").from_.display_name, "caller")

    def test_longreq(self) -> None:
        """Everything long, 34 Via in all spellings: below every limit."""
        request = self.request("longreq")
        self.assertEqual(len(request.vias), 34)
        self.assertEqual(request.via.host, "sip33.example.com")
        self.assertIsNone(request.via.branch)
        self.assertEqual(len(request.to.uri.params), 3)

    def test_dblreq(self) -> None:
        """A datagram ends with its Content-Length; a stream has two messages; a WebSocket may not hold two."""
        (message,) = outcomes(RFC4475["dblreq"], "datagram")
        self.assertIsInstance(message, Request)
        self.assertEqual((message.method, message.body), ("REGISTER", b""))
        first, second, error, end = outcomes(RFC4475["dblreq"], "stream")
        self.assertEqual([first.method, second.method], ["REGISTER", "INVITE"])
        # The second body is one octet longer than it says: what follows is no SIP, and nobody to answer.
        self.assertIsNone(error.request)
        self.assertEqual(end, LOST)
        (error,) = outcomes(RFC4475["dblreq"], "websocket")
        self.assertIsNone(error.request)

    def test_semiuri(self) -> None:
        """A ";" before the "@" belongs to the user."""
        request = self.request("semiuri")
        self.assertEqual((request.uri.user, request.uri.params), ("user;par=u%40example.net", ()))
        self.assertEqual(len(request.values("Accept")), 6)

    def test_transports(self) -> None:
        """Transports that nobody knows stand in Via."""
        found = [via.transport for via in self.request("transports").vias]
        self.assertEqual(found, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"])

    def test_mpart01(self) -> None:
        """A binary body passes as it is."""
        request = self.request("mpart01")
        self.assertEqual(len(request.body), 553)
        self.assertIn(b"\x82", request.body)
        self.assertEqual(request.via.rport, "")

    def test_unreason(self) -> None:
        """A reason phrase in UTF-8."""
        self.assertEqual(self.response("unreason").reason[:20], "= 2**3 * 5**2 но сто")

    def test_noreason(self) -> None:
        """An empty reason phrase."""
        response = self.response("noreason")
        self.assertEqual((response.status, response.reason), (100, ""))

    def test_nothing_waits(self) -> None:
        """Each valid message is whole on a stream."""
        for name in ("wsinv", "intmeth", "longreq", "dblreq", "mpart01"):
            self.assertNotIn(WAITS, outcomes(RFC4475[name], "stream"), name)
