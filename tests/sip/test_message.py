"""RFC 3261 §7: requests and responses."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import fields
from oversip_tw.sip.errors import ParseError, SIPError, trail
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import parse
from oversip_tw.sip.status import phrase
from oversip_tw.sip.uri import Uri
from oversip_tw.sip.via import Via
from tests.sip.samples import BYE, INVITE, OK, wire


def with_line(line: str) -> bytes:
    """INVITE with one more line."""
    return INVITE.replace(b"\r\nSupported", f"\r\n{line}\r\nSupported".encode())


class Requests(SynchronousTestCase):
    def test_typed_values(self) -> None:
        """Everything by name."""
        request = parse(INVITE)
        self.assertEqual((request.method, request.uri.text), ("INVITE", "sip:bob@example.com"))
        self.assertEqual((request.via.host, request.via.rport), ("192.0.2.1", ""))
        self.assertEqual((request.from_.display_name, request.from_tag, request.to_tag), ("Alice", "1928301774", None))
        self.assertEqual(
            (request.call_id, request.cseq, request.cseq_method), ("a84b4c76e66710@192.0.2.1", 314159, "INVITE")
        )
        self.assertEqual((request.max_forwards, request.content_length, request.body), (70, 4, b"v=0\n"))
        self.assertEqual((request.in_dialog, parse(BYE).in_dialog), (False, True))
        self.assertEqual(parse(BYE).routes[0].uri.host, "proxy.example.com")
        self.assertEqual(repr(request), "<Request 'INVITE sip:bob@example.com SIP/2.0'>")

    def test_contacts(self) -> None:
        """Values, the star, and what is neither."""
        request = parse(INVITE)
        self.assertEqual([contact.uri.text for contact in request.contacts], ["sip:alice@192.0.2.1:5070;ob"])
        self.assertFalse(request.contact_star)
        request.set("Contact", "*")
        self.assertEqual((request.contact_star, request.contacts), (True, []))
        request.append("m", "<sip:a@b>;expires=0")
        self.assertEqual((request.contact_star, len(request.contacts)), (True, 1))

    def test_R9_empty_contact(self) -> None:
        """R9: a Contact without value is an error for whoever reads it."""
        for value in ("", ","):
            request = parse(with_line(f"m: {value}"))
            self.assertRaises(ParseError, getattr, request, "contacts")

    def test_p10_expires(self) -> None:
        """P10: a number below 2**32, or as if it were not there."""
        for text, seconds in (
            ("0", 0),
            ("3600", 3600),
            ("4294967295", 2**32 - 1),
            ("4294967296", None),
            ("-1", None),
            ("x", None),
        ):
            self.assertEqual(parse(with_line(f"Expires: {text}")).expires, seconds)
        self.assertIsNone(parse(INVITE).expires)

    def test_assigning(self) -> None:
        """Request-URI, Max-Forwards and body."""
        request = parse(INVITE)
        request.uri = "sip:x@192.0.2.9"
        self.assertEqual(request.uri, Uri.parse("sip:x@192.0.2.9"))
        request.uri = Uri.parse("sip:y@192.0.2.9")
        request.max_forwards = 69
        request.body = b"longer"
        self.assertEqual((request.max_forwards, request.content_length, request.body), (69, 6, b"longer"))
        expected = INVITE.replace(b"sip:bob@example.com SIP", b"sip:y@192.0.2.9 SIP").replace(b": 70", b": 69")
        self.assertEqual(request.to_bytes(), expected.replace(b"Length: 4", b"Length: 6").replace(b"v=0\n", b"longer"))
        self.assertRaises(ParseError, setattr, request, "uri", "sip:a b")

    def test_max_forwards_may_be_missing(self) -> None:
        """Then it is added."""
        request = parse(INVITE.replace(b"Max-Forwards: 70\r\n", b""))
        self.assertIsNone(request.max_forwards)
        request.max_forwards = 70
        self.assertEqual(parse(request.to_bytes()).max_forwards, 70)

    def test_build(self) -> None:
        """A request of ours; it says how long its body is, whatever was given."""
        request = Request.build(
            "OPTIONS", "sip:a@b", [("Via", "SIP/2.0/UDP h"), ("l", "99"), ("CSeq", "1 OPTIONS")], b"xyz"
        )
        self.assertEqual(
            request.to_bytes(),
            b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 OPTIONS\r\nContent-Length: 3\r\n\r\nxyz",
        )
        self.assertEqual((request.uri, request.cseq, request.content_length), (Uri.parse("sip:a@b"), 1, 3))
        self.assertEqual(Request.build("A", request.uri, []).uri, request.uri)
        self.assertRaises(ValueError, Request.build, "A B", "sip:a@b", [])
        self.assertRaises(ValueError, Request.build, "A", "sip:a@b", [("X", "\n")])
        self.assertRaises(ParseError, Request.build, "A", "b", [])

    def test_uri_of_what_was_built(self) -> None:
        """It is read from the start line when nobody did so yet."""
        request = parse(INVITE)
        request._uri = None
        self.assertEqual(request.uri.text, "sip:bob@example.com")


class Answers(SynchronousTestCase):
    def test_response(self) -> None:
        """§8.2.6.2: Via, From, To, Call-ID and CSeq as they stand, and a tag in the To."""
        response = parse(INVITE).response(180, to_tag="ours", headers=[("Contact", "<sip:b@c>")])
        self.assertEqual((response.status, response.reason, response.to_tag), (180, "Ringing", "ours"))
        self.assertEqual(
            response.to_bytes(),
            wire(
                "SIP/2.0 180 Ringing",
                "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK776asdhds",
                'From: "Alice" <sip:alice@example.com>;tag=1928301774',
                "To: <sip:bob@example.com>;tag=ours",
                "Call-ID: a84b4c76e66710@192.0.2.1",
                "CSeq: 314159 INVITE",
                "Contact: <sip:b@c>",
                "Content-Length: 0",
            ),
        )
        self.assertEqual(response.cseq_method, "INVITE")

    def test_response_to_an_edited_request(self) -> None:
        """Fields of ours are answered like those that came."""
        request = parse(INVITE)
        request.prepend("Via", "SIP/2.0/UDP top;branch=z9hG4bKt")
        request.append("Via", "SIP/2.0/UDP last;branch=z9hG4bKl")
        request.set("Call-ID", "other")
        response = parse(request.response(404, "Nobody").to_bytes())
        self.assertEqual([via.host for via in response.vias], ["top", "192.0.2.1", "last"])
        self.assertEqual((response.call_id, response.reason, response.to_tag), ("other", "Nobody", None))

    def test_to_tag(self) -> None:
        """Never a second one, and none in a 100."""
        self.assertEqual(parse(BYE).response(481, to_tag="x").to_tag, "b")
        self.assertIsNone(parse(INVITE).response(100, to_tag="x").to_tag)

    def test_pop_via(self) -> None:
        """The topmost Via goes, wherever it stands; False when it was the last one."""
        two = parse(with_line("Via: SIP/2.0/TCP second.example.com;branch=z9hG4bK2"))
        first = two.via
        self.assertTrue(two.pop_via())
        self.assertNotEqual(two.via, first)
        self.assertFalse(two.pop_via())
        one_line = parse(INVITE)
        one_line.set("Via", f"{first}, SIP/2.0/UDP b.example.com;branch=z9hG4bK3, SIP/2.0/UDP c;branch=z9hG4bK4")
        self.assertEqual((one_line.pop_via(), one_line.via.host), (True, "b.example.com"))
        pushed = parse(INVITE)
        pushed.push_via(Via.parse("SIP/2.0/UDP ours.example.com;branch=z9hG4bK5"))
        self.assertEqual((pushed.via.host, pushed.pop_via(), pushed.via), ("ours.example.com", True, first))
        mixed = parse(with_line("Via: SIP/2.0/TCP second.example.com;branch=z9hG4bK2"))
        lines = mixed._layout.vias
        mixed._lines[lines[1]] = None
        self.assertFalse(mixed.pop_via())

    def test_timestamp(self) -> None:
        """§8.2.6.1: a 100 returns it, others do not."""
        request = parse(with_line("Timestamp: 54"))
        self.assertEqual((request.response(100).get("Timestamp"), request.response(200).get("Timestamp")), ("54", None))

    def test_build(self) -> None:
        """A response of ours, with the phrase that belongs to the status."""
        response = Response.build(487, "", [("Via", "SIP/2.0/UDP h")])
        self.assertEqual(
            response.to_bytes(), b"SIP/2.0 487 Request Terminated\r\nVia: SIP/2.0/UDP h\r\nContent-Length: 0\r\n\r\n"
        )

    def test_p7_reason(self) -> None:
        """P7: neither a reason nor a header of an answer breaks the line."""
        self.assertRaises(ValueError, Response.build, 200, "OK\r\nX: y", [])
        self.assertRaises(ValueError, Response.build, 99, "", [])
        self.assertRaises(ValueError, parse(INVITE).response, 200, "\n")
        self.assertRaises(ValueError, parse(INVITE).response, 200, "", None, [("X", "\r")])

    def test_copy(self) -> None:
        """Another response with the same lines."""
        response = parse(OK)
        copy = response.copy()
        copy.remove_first("Via")
        self.assertEqual((len(copy.vias), len(response.vias), copy.status, copy.reason), (2, 3, 200, "OK"))
        self.assertEqual(response.to_bytes(), OK)


class Errors(SynchronousTestCase):
    def test_phrases(self) -> None:
        """Each status has one, unknown ones that of their class."""
        self.assertEqual([phrase(status) for status in (404, 299, 499, 999)], ["Not Found", "OK", "Bad Request", ""])
        error = SIPError(503, headers=[("Retry-After", "5")])
        self.assertEqual((error.reason, error.headers), ("Service Unavailable", (("Retry-After", "5"),)))

    def test_trail(self) -> None:
        """Where an error was raised, the innermost place first."""
        error = self.assertRaises(ParseError, Uri.parse, "")
        self.assertTrue(trail(error).startswith("sip/uri.py:"))


class Fields(SynchronousTestCase):
    def test_memory_is_bounded(self) -> None:
        """Content-Length values are remembered up to a number; CSeq values are not, whatever they are."""
        for value in range(fields._MEMO + 10):
            fields.read_content_length(f"{value}")
        self.assertLessEqual(len(fields._lengths), fields._MEMO)
        self.assertEqual(fields.read_cseq("1 " + "A" * 100), (1, "A" * 100))

    def test_first_of(self) -> None:
        """Of a list without members there is no first one."""
        self.assertEqual((fields.first_of("a"), fields.first_of(" a , b")), ("a", "a"))
        self.assertRaises(ParseError, fields.first_of, ",")
