"""RFC 4475 §3.1.2: wrong by syntax."""

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.grammar import split_list
from oversip_tw.sip.via import Via
from tests.torture.messages import RFC4475
from tests.torture.verdicts import LOST, WAITS, Torture, outcomes


class Invalid(Torture):
    def test_badinv01(self) -> None:
        """Separators without parameters: 400, sent where the readable part of the Via says."""
        self.refused("badinv01", 400)
        (error,) = outcomes(RFC4475["badinv01"], "datagram")
        self.assertEqual(error.request.via, Via.parse("SIP/2.0/UDP 192.0.2.15"))

    def test_clerr(self) -> None:
        """Content-Length beyond the datagram: 400. A stream waits for the rest."""
        self.refused_as("clerr", 400, "datagram")
        self.refused_as("clerr", 400, "websocket")
        self.assertEqual(outcomes(RFC4475["clerr"], "stream"), [WAITS])

    def test_ncl(self) -> None:
        """A negative Content-Length: 400, and a stream is lost."""
        self.refused("ncl", 400, stream=LOST)

    def test_scalar02(self) -> None:
        """A CSeq that no 32 bits hold: 400."""
        self.refused("scalar02", 400)

    def test_scalarlg(self) -> None:
        """The same in a response: dropped."""
        self.dropped("scalarlg")

    def test_quotbal(self) -> None:
        """A quote without end: 400."""
        self.refused("quotbal", 400)

    def test_ltgtruri(self) -> None:
        """A Request-URI in <>: 400."""
        self.refused("ltgtruri", 400)

    def test_lwsruri(self) -> None:
        """White space in the Request-URI: 400."""
        self.refused("lwsruri", 400)

    def test_lwsstart(self) -> None:
        """More than one space in the request line: 400."""
        self.refused("lwsstart", 400)

    def test_trws(self) -> None:
        """White space behind the request line: 400."""
        self.refused("trws", 400)

    def test_escruri(self) -> None:
        """Headers in the Request-URI: 400, and no Route is made of them."""
        self.refused("escruri", 400)

    def test_baddate(self) -> None:
        """A Date that is not GMT is no affair of a proxy."""
        self.assertEqual(self.request("baddate").get("Date"), "Fri, 01 Jan 2010 16:00:00 EST")

    def test_regbadct(self) -> None:
        """A Contact with "?" needs <>: 400 for whoever reads it."""
        with self.assertRaises(ParseError) as caught:
            self.accepted("regbadct").contacts  # noqa: B018 - reading it is the test
        self.assertEqual(caught.exception.status, 400)

    def test_badaspec(self) -> None:
        """White space within <>: 400."""
        self.refused("badaspec", 400)

    def test_baddn(self) -> None:
        """A comma in a display name without quotes: 400; and the empty line is missing: a stream waits for it."""
        self.refused_as("baddn", 400, "datagram")
        (error,) = outcomes(RFC4475["baddn"], "websocket")
        self.assertIsNone(error.request)
        self.assertEqual(outcomes(RFC4475["baddn"], "stream"), [WAITS])

    def test_badvers(self) -> None:
        """SIP/7.0: 505."""
        self.refused("badvers", 505)

    def test_mismatch01(self) -> None:
        """CSeq names another method: 400."""
        self.refused("mismatch01", 400)

    def test_mismatch02(self) -> None:
        """So does this one, in a request of a method nobody knows: 501."""
        self.refused("mismatch02", 501)

    def test_bigcode(self) -> None:
        """A status of ten digits: dropped."""
        self.dropped("bigcode")

    def test_lists_that_cannot_be_split(self) -> None:
        """A quote without end spoils a list; the error says so."""
        self.assertRaises(ParseError, split_list, '"Mr. J. User <sip:j.user@example.com>, <sip:b@example.com>')
