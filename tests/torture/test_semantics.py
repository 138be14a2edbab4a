"""RFC 4475 §3.2 to §3.4: right by syntax, mostly, and trouble all the same."""

from oversip_tw.sip.credentials import Credentials
from tests.torture.messages import RFC4475
from tests.torture.verdicts import LOST, Torture, outcomes


class Semantics(Torture):
    def test_badbranch(self) -> None:
        """A branch that is the magic cookie alone: 400."""
        self.refused("badbranch", 400)

    def test_insuf(self) -> None:
        """No Call-ID, From and To: 400 without them."""
        self.refused("insuf", 400)
        (error,) = outcomes(RFC4475["insuf"], "datagram")
        answer = error.request.response(400, "", "tag")
        self.assertEqual(answer.headers.keys(), {"Via", "CSeq", "Content-Length"})

    def test_unkscm(self) -> None:
        """A scheme that nobody knows is read; refusing it is validation's affair (416)."""
        uri = self.request("unkscm").uri
        self.assertEqual((uri.scheme, uri.opaque, uri.is_sip), ("nobodyknowsthisscheme", "totallyopaquecontent", False))

    def test_novelsc(self) -> None:
        """A known scheme that is not SIP's: read as well."""
        self.assertEqual(self.request("novelsc").uri.scheme, "soap.beep")

    def test_unksm2(self) -> None:
        """Such URIs in From, To and Contact."""
        request = self.request("unksm2")
        self.assertEqual((request.to.uri.scheme, request.from_.uri.scheme), ("isbn", "http"))
        self.assertEqual(request.contacts[0].uri.opaque, "John_Smith")

    def test_bext01(self) -> None:
        """Extensions required of us can be told from those required of the other end."""
        request = self.request("bext01")
        self.assertEqual(request.values("Proxy-Require"), ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"])

    def test_invut(self) -> None:
        """A body of a type nobody knows passes."""
        self.assertEqual(self.request("invut").get("c"), "application/unknownformat")

    def test_regaut01(self) -> None:
        """Credentials of an unknown scheme can be read as such."""
        credentials = Credentials.parse(self.request("regaut01").headers["Authorization"])
        self.assertEqual((credentials.scheme, credentials.is_digest), ("NoOneKnowsThisScheme", False))

    def test_multi01(self) -> None:
        """P5: everything twice: 400."""
        self.refused("multi01", 400)

    def test_mcl01(self) -> None:
        """P2: two Content-Length: 400, and a stream is lost."""
        self.refused("mcl01", 400, stream=LOST)

    def test_bcast(self) -> None:
        """The next Via of a response is the broadcast address: read; not sending there is the proxy's affair."""
        response = self.response("bcast")
        response.remove_first("Via")
        self.assertEqual(response.via.host, "255.255.255.255")

    def test_zeromf(self) -> None:
        """Max-Forwards 0 is read; 483 is validation's affair."""
        self.assertEqual(self.request("zeromf").max_forwards, 0)

    def test_cparam01(self) -> None:
        """Without <>, a parameter belongs to the Contact."""
        (contact,) = self.request("cparam01").contacts
        self.assertEqual((contact.params, contact.uri.params), ((("unknownparam", None),), ()))

    def test_cparam02(self) -> None:
        """Within <>, it belongs to the URI."""
        (contact,) = self.request("cparam02").contacts
        self.assertEqual((contact.params, contact.uri.params), ((), (("unknownparam", None),)))

    def test_regescrt(self) -> None:
        """A Contact with a header in its URI: kept; the header part can be cut off."""
        (contact,) = self.request("regescrt").contacts
        self.assertEqual(contact.uri.headers, "Route=%3Csip:sip.example.com%3E")
        self.assertEqual(contact.uri.replace(headers="").text, "sip:user@example.com")

    def test_sdp01(self) -> None:
        """An Accept that nobody can satisfy passes."""
        self.assertEqual(self.request("sdp01").get("Accept"), "text/nobodyKnowsThis")

    def test_inv2543(self) -> None:
        """RFC 2543: no branch, tag, Max-Forwards and Content-Length. A stream cannot do without the last."""
        for framing in ("datagram", "websocket"):
            (request,) = outcomes(RFC4475["inv2543"], framing)
            self.assertEqual((request.max_forwards, request.via.branch, request.from_tag), (None, None, None))
            head, body = RFC4475["inv2543"].split(b"\r\n\r\n")
            length = b"\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.assertEqual(request.to_bytes(), head + length + body, framing)
        self.refused_as("inv2543", 400, "stream", LOST)
