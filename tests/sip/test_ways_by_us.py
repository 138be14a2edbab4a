"""What the proxy does to each message that passes: a Via of ours goes above or in place of another."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import layout as module
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse
from oversip_tw.sip.uri import Uri
from oversip_tw.sip.via import Via


def request(vias: str = "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\n") -> Request:
    """A request with these Via lines."""
    message = parse(
        (
            f"OPTIONS sip:b.example SIP/2.0\r\n{vias}Max-Forwards: 70\r\nFrom: <sip:a@a.example>;tag=1\r\n"
            "To: <sip:b.example>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


class OurVia(SynchronousTestCase):
    """RFC 3261 §16.6 step 8 and §18.2.1."""

    def test_push(self) -> None:
        """A Via that is pushed stands above the others, in the message and in its octets."""
        message = request()
        ours = Via.build("UDP", "us.example", "z9hG4bKus")
        message.push_via(ours)
        self.assertIs(message.via, ours)
        again = parse(message.to_bytes())
        self.assertEqual([via.host for via in again.vias], ["us.example", "a.example"])

    def test_push_above_others(self) -> None:
        """It stands above what was added before; one that is no line is refused."""
        message = request()
        message.prepend("Record-Route", "<sip:us.example;lr>")
        message.push_via(Via.build("UDP", "us.example", "z9hG4bKus"))
        self.assertEqual(message.names()[:2], ["Via", "Record-Route"])
        for end in ("\r", "\n"):
            self.assertRaises(ValueError, message.push_via, message.via.replace_params(received=f"1{end}X: y"))
        self.assertEqual(len(parse(message.to_bytes()).vias), 2)

    def test_replace(self) -> None:
        """A Via takes the place of the topmost one, whether that has a line of its own or shares one."""
        for vias in (
            "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP z.example;branch=z9hG4bK0\r\n",
            "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1, SIP/2.0/UDP z.example;branch=z9hG4bK0\r\n",
        ):
            message = request(vias)
            seen = message.via.replace_params(received="192.0.2.1")
            message.replace_via(seen)
            self.assertIs(message.via, seen)
            again = parse(message.to_bytes())
            self.assertEqual([via.host for via in again.vias], ["a.example", "z.example"])
            self.assertEqual(again.via.received, "192.0.2.1")

    def test_with_branch(self) -> None:
        """The Via of a listener with the branch of a request is what building it from its parts gives."""
        bare = Via.parse("SIP/2.0/UDP us.example:5060")
        for rport in (True, False):
            made = bare.with_branch("z9hG4bKus", rport)
            built = Via.build("UDP", "us.example:5060", "z9hG4bKus", rport)
            self.assertEqual(made.text, built.text)
            self.assertEqual((made.branch, made.rport, made.sent_by), (built.branch, built.rport, built.sent_by))


class Answers(SynchronousTestCase):
    """RFC 3261 §8.2.6.2."""

    def test_line_that_is_gone(self) -> None:
        """A response to a request that lost one of the lines it would take over still has the others."""
        message = request(
            "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP z.example;branch=z9hG4bK0\r\n"
        )
        message.remove_first("Via")
        response = message.response(200, to_tag="2")
        again = parse(response.to_bytes())
        self.assertEqual([via.host for via in again.vias], ["z.example"])
        self.assertEqual(again.to_tag, "2")


    def test_other_headers(self) -> None:
        """Headers that are added stand where they are looked up, however many sets of names there were."""
        message = request()
        for number in [*range(module._ANSWERS + 3), 0]:
            for _ in range(2):
                answer = message.response(200, headers=[(f"X-{number}", f"{number}"), ("Server", "us")])
                again = parse(answer.to_bytes())
                for each in (answer, again):
                    self.assertEqual((each.get(f"X-{number}"), each.get("Server")), (f"{number}", "us"))
                    self.assertEqual((each.content_length, each.to.text), (0, "<sip:b.example>"))
        self.assertLessEqual(len(message._layout.answers), module._ANSWERS)

    def test_headers_that_are_none(self) -> None:
        """A name that is no token and a value of two lines are refused, each time, edited or not."""
        message = request()
        for _ in range(2):
            for name, value in (("X Y", ""), ("X:", ""), ("", ""), ("X", "a\nb"), ("X", "a\rb")):
                self.assertRaises(ValueError, message.response, 200, headers=[(name, value)])
            message.append("Subject", "x")


class Questions(SynchronousTestCase):
    """`Head.may_have` and `Head.has_one`, which are asked of every message."""

    def test_may_have(self) -> None:
        """One question for many headers; what was added counts as much as what came."""
        rare = frozenset({"route", "proxy-require"})
        message = request()
        self.assertFalse(message.may_have(rare))
        self.assertTrue(message.may_have(rare | {"via"}))
        message.append("Subject", "x")
        self.assertFalse(message.may_have(rare))
        message.prepend("Route", "<sip:us.example;lr>")
        self.assertTrue(message.may_have(rare))

    def test_first_alone(self) -> None:
        """The first value of lines with one value each, one after another; what is otherwise is for those who look
        closer."""
        via = "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\n"
        via += "Route: <sip:a.example;lr>\r\nRoute:  <sip:b.example;lr> \r\n"
        message = request(f"{via}Route: <sip:c>, <sip:d>\r\n")
        for expected in ("<sip:a.example;lr>", "<sip:b.example;lr>"):
            self.assertEqual(message.first_alone("Route"), expected)
            message.remove_first("Route")
        self.assertIsNone(message.first_alone("Route"))
        self.assertIsNone(message.first_alone("Subject"))

    def test_has_one(self) -> None:
        """One field with one value, untouched; anything else is for those who look closer."""
        self.assertTrue(request().has_one("v"))
        self.assertFalse(request().has_one("Route"))
        two = "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1"
        self.assertFalse(request(f"{two}\r\n{two}\r\n").has_one("Via"))
        self.assertFalse(request(f"{two},SIP/2.0/UDP b.example\r\n").has_one("Via"))
        message = request()
        message.remove("Max-Forwards")
        self.assertFalse(message.has_one("Max-Forwards"))
        message.append("Subject", "x")
        self.assertFalse(message.has_one("Via"))


class Hops(SynchronousTestCase):
    """`Request.max_forwards`, read again after an edit."""

    def test_after_an_edit(self) -> None:
        """What was set as text is read; what was removed is not there."""
        message = request()
        message.set("Max-Forwards", "7")
        self.assertEqual(message.max_forwards, 7)
        message.max_forwards = None
        self.assertIsNone(message.max_forwards)


class Names(SynchronousTestCase):
    """`Uri.aor`."""

    def test_asked_twice(self) -> None:
        """The second answer is the first one."""
        uri = Uri.parse("sip:Al%69ce@EXAMPLE.org:5060;transport=tcp")
        self.assertIs(uri.aor, uri.aor)
        self.assertEqual(uri.aor, "sip:Alice@example.org")
