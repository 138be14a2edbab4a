"""The lines of a message and their edits."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import head, names
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.message import Message, Request
from oversip_tw.sip.parser import parse
from tests.sip.samples import BYE, INVITE, OK, wire

_ROUTES = ["<sip:token", "<sip:other", "<sip:third", ""]


def lines(message: Message) -> list[str]:
    return message.to_bytes().partition(b"\r\n\r\n")[0].decode().split("\r\n")


class Reading(SynchronousTestCase):
    def test_names_are_alike(self) -> None:
        """Long and compact, in any case."""
        request = parse(BYE)
        for name in ("From", "f", "F", "FROM"):
            self.assertEqual(request.get(name), "<sip:alice@example.com>;tag=a")
        self.assertIsNone(request.get("Subject"))
        self.assertEqual(request.values("Route")[2], "<sip:third.example.net;lr>")
        self.assertEqual(len(request.get_all("Route")), 2)

    def test_headers(self) -> None:
        """The view: reading, asking, walking."""
        request = parse(BYE)
        headers = request.headers
        self.assertEqual(headers["t"], "<sip:bob@example.com>;tag=b")
        self.assertRaises(KeyError, headers.__getitem__, "Subject")
        self.assertTrue("v" in headers and "Subject" not in headers and 5 not in headers)
        expected = ["Via", "Route", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length"]
        self.assertEqual((list(headers), len(headers)), (expected, 8))
        self.assertEqual(headers.all("route"), request.get_all("Route"))
        self.assertIn("'Call-ID': 'call'", repr(headers))

    def test_headers_change_the_message(self) -> None:
        """The view: writing and removing."""
        request = parse(BYE)
        request.headers["Subject"] = "a"
        request.headers["s"] = "b"
        request.headers.add("Subject", "c")
        self.assertEqual(request.get_all("Subject"), ["b", "c"])
        self.assertEqual(list(request.headers)[-1], "Subject")
        del request.headers["s"]
        self.assertFalse(request.has("Subject"))
        self.assertRaises(KeyError, request.headers.__delitem__, "Subject")

    def test_names_spelled_as_usual(self) -> None:
        """Whatever the spelling on the wire."""
        request = parse(INVITE)
        request.prepend("x-mine", "1")
        request.append("WWW-AUTHENTICATE", "2")
        self.assertEqual(next(iter(request.headers)), "X-Mine")
        self.assertEqual(list(request.headers)[-1], "WWW-Authenticate")


class Editing(SynchronousTestCase):
    def test_set(self) -> None:
        """In the place of the first, and the others go; at the end if there is none."""
        request = parse(BYE)
        request.set("ROUTE", "<sip:new>")
        self.assertEqual(request.get_all("Route"), ["<sip:new>"])
        self.assertEqual(lines(request)[2], "Route: <sip:new>")
        request.set("Subject", "x")
        self.assertEqual(lines(request)[-1], "Subject: x")
        request.set("Subject", "y")
        self.assertEqual(lines(request)[-1], "Subject: y")

    def test_set_where_all_kinds_of_fields_stand(self) -> None:
        """Above, as it came, and below: the topmost stays."""
        for edits in (("prepend", "append"), ("prepend", "prepend"), ("append", "append"), ("append",), ("prepend",)):
            request = parse(BYE)
            for edit in edits:
                getattr(request, edit)("Route", edit)
                getattr(request, edit)("X-Other", edit)
            request.set("Route", "<sip:one>")
            self.assertEqual(request.get_all("Route"), ["<sip:one>"])
            self.assertEqual(len(request.get_all("X-Other")), len(edits))

    def test_set_after_the_first_field_went(self) -> None:
        """The place is that of the first field that is left."""
        request = parse(BYE)
        request.prepend("A", "1")
        request.remove_first("Route")
        request.remove_first("Route")
        request.set("Route", "<sip:x>")
        self.assertEqual(lines(request)[3], "Route: <sip:x>")

    def test_prepend(self) -> None:
        """Above all others, the newest on top."""
        request = parse(INVITE)
        request.prepend("Record-Route", "<sip:a>")
        request.prepend("Via", "SIP/2.0/UDP new;branch=z9hG4bKn")
        self.assertEqual(lines(request)[1:3], ["Via: SIP/2.0/UDP new;branch=z9hG4bKn", "Record-Route: <sip:a>"])
        self.assertEqual((request.via.host, len(request.vias)), ("new", 2))

    def test_remove_first(self) -> None:
        """Value by value, commas or not, wherever the fields stand."""
        request = parse(BYE)
        request.prepend("Route", "<sip:top>")
        request.append("Route", "<sip:last>")
        found = []
        while (value := request.remove_first("Route")) is not None:
            found.append(value)
            self.assertEqual(len(found) + len(request.routes), 5)
        self.assertEqual(
            [value[:10] for value in found], ["<sip:top>", "<sip:token", "<sip:other", "<sip:third", "<sip:last>"]
        )
        self.assertEqual(found[1], "<sip:token@proxy.example.com;lr>")
        self.assertFalse(request.has("Route"))

    def test_fields_of_ours_beside_others(self) -> None:
        """Above and below may stand several names: each edit finds its own."""
        request = parse(BYE)
        for name in ("A", "B"):
            request.prepend(name, "1")
            request.append(f"{name}-Below", "1")
        self.assertEqual((request.get("A"), request.get("B-Below"), request.get("C")), ("1", "1", None))
        request.replace_first("A", "2")
        request.replace_first("B-Below", "2")
        request.set("A", "3")
        request.set("B-Below", "3")
        self.assertEqual((request.get_all("A"), request.get_all("B-Below")), (["3"], ["3"]))
        self.assertEqual((request.remove_first("A"), request.remove_first("B-Below")), ("3", "3"))
        self.assertEqual([(request.remove_first("Route") or "")[:10] for _ in range(4)], _ROUTES)
        self.assertFalse(request.has("A"))
        self.assertEqual((request.get("B"), request.get("A-Below")), ("1", "1"))
        request.append("Route", "<sip:new>")
        self.assertEqual(request.remove_first("Route"), "<sip:new>")

    def test_remove_first_of_an_odd_list(self) -> None:
        """Empty members are no values."""
        request = parse(INVITE.replace(b"\r\nTo:", b"\r\nRoute: ,<sip:a>,\r\nRoute: ,\r\nTo:"))
        self.assertEqual([request.remove_first("Route"), request.remove_first("Route")], ["<sip:a>", ""])
        self.assertIsNone(request.remove_first("Route"))

    def test_replace_first(self) -> None:
        """The first value alone; added if there is none."""
        request = parse(OK)
        request.replace_first("Via", "SIP/2.0/UDP x;branch=z9hG4bKx")
        self.assertEqual([via.host for via in request.vias], ["x", "x.invalid", "192.0.2.1"])
        request.prepend("Via", "SIP/2.0/UDP y")
        request.replace_first("v", "SIP/2.0/UDP z")
        self.assertEqual((request.via.host, len(request.vias)), ("z", 4))
        request.replace_first("Subject", "a")
        request.replace_first("Subject", "b, c")
        self.assertEqual(lines(request)[-1], "Subject: b, c")

    def test_remove(self) -> None:
        """All of a name."""
        request = parse(BYE)
        request.prepend("Route", "<sip:a>")
        request.append("Route", "<sip:b>")
        request.remove("Route")
        self.assertEqual((request.get_all("Route"), request.routes, request.get("Route")), ([], [], None))
        request.remove("Route")

    def test_typed_values_follow(self) -> None:
        """What has been read is read again after an edit."""
        request = parse(BYE)
        request.set("From", "<sip:x@y>;tag=n")
        request.set("t", "<sip:z@y>")
        request.set("Call-ID", "new")
        request.set("CSeq", "7 INFO")
        request.set("Max-Forwards", "9")
        request.set("Content-Length", "3")
        self.assertEqual((request.from_tag, request.to_tag, request.call_id), ("n", None, "new"))
        self.assertEqual((request.cseq, request.max_forwards, request.content_length), (7, 9, 3))
        request.set("CSeq", "8 INFO")
        self.assertEqual((request.cseq_method, request.cseq), ("INFO", 8))
        request.remove("Max-Forwards")
        request.remove("Content-Length")
        self.assertEqual((request.max_forwards, request.content_length), (None, None))
        for name in ("From", "To", "Call-ID", "CSeq", "Via"):
            request.remove(name)
        for name in ("from_", "to", "call_id", "cseq", "via"):
            self.assertRaises(ParseError, getattr, request, name)

    def test_p7_one_field_stays_one_field(self) -> None:
        """P7: names that are no tokens and values with line ends are refused, and nothing changes."""
        request = parse(INVITE)
        self.assertIsNone(request.get("X:"))  # asking for a name makes it no better
        for name, value in (
            ("X", "a\r\nRoute: b"),
            ("X", "a\n"),
            ("X", "\r"),
            ("X:", "a"),
            ("", "a"),
            ("X Y", "a"),
            ("Ü", "a"),
        ):
            for edit in (request.set, request.prepend, request.append, request.replace_first):
                self.assertRaises(ValueError, edit, name, value)
        self.assertEqual(request.to_bytes(), INVITE)

    def test_copy_of_emptied_lists(self) -> None:
        """A copy shares nothing, not even a list that became empty."""
        request = parse(INVITE)
        request.append("X", "1")
        request.prepend("Y", "1")
        request.remove("X")
        request.remove("Y")
        copy = request.copy()
        request.append("X", "2")
        request.prepend("Y", "2")
        self.assertEqual(copy.to_bytes(), INVITE)

    def test_octets_that_are_no_utf_8(self) -> None:
        """They pass through reading and copying from one header to another."""
        data = wire(
            *INVITE.decode().split("\r\n\r\n")[0].split("\r\n")[:-1], "Subject: \udcff\udc80x", "Content-Length: 0"
        )
        request = parse(data)
        self.assertEqual(request.to_bytes(), data)
        request.set("X", request.headers["Subject"])
        self.assertTrue(request.to_bytes().endswith(b"\r\nX: \xff\x80x\r\n\r\n"))


class Names(SynchronousTestCase):
    def test_memory_is_bounded(self) -> None:
        """Spellings are remembered up to a number and a length; all have their key all the same."""
        for number in range(names._MEMO + 10):
            self.assertEqual(names.key(f"X-{number}"), f"x-{number}")
        self.assertLessEqual(len(names._keys), names._MEMO)
        self.assertEqual(names.key("X" * 100), "x" * 100)
        self.assertNotIn("X" * 100, names._keys)
        for number in range(names._MEMO + 10):
            names.checked_key(f"X-{number}")
        self.assertLessEqual(len(names._legal), names._MEMO)
        self.assertIsInstance(parse(INVITE), Request)


class Options(SynchronousTestCase):
    def request(self, *fields: tuple[str, str]) -> Request:
        return Request.build("REGISTER", "sip:a", fields)

    def test_tags(self) -> None:
        """Option tags of one line, of several, of none, and of one that was edited; asked again they are the same."""
        for _ in range(2):
            self.assertEqual(self.request(("Supported", "path, gruu,outbound")).options("supported"),
                             {"path", "gruu", "outbound"})  # fmt: skip
            self.assertEqual(self.request(("Supported", "a"), ("k", "b, c")).options("supported"), {"a", "b", "c"})
            self.assertEqual(self.request(("Supported", "")).options("supported"), frozenset())
            self.assertEqual(self.request().options("supported"), frozenset())
        request = self.request(("Supported", "a"))
        request.append("Supported", "b")
        self.assertEqual(request.options("supported"), {"a", "b"})

    def test_only_line(self) -> None:
        """The line as it came, unless there are more of its name, or it is folded or gone."""
        request = self.request(("Subject", "x"), ("To", "y"), ("t", "z"))
        self.assertEqual(request.only_line("subject"), "Subject: x")
        self.assertEqual((request.only_line("to"), request.only_line("via")), (None, None))
        request.remove("Subject")
        self.assertIsNone(request.only_line("subject"))
        folded = parse(INVITE.replace(b"\r\n\r\n", b"\r\nSubject: x\r\n y\r\n\r\n", 1))
        self.assertIsNone(folded.only_line("subject"))

    def test_memory_is_bounded(self) -> None:
        """Lines are remembered up to a number and a length."""
        for number in range(head._OPTIONS + 10):
            self.assertEqual(self.request(("Supported", f"x{number}")).options("supported"), {f"x{number}"})
        self.assertLessEqual(len(head._options), head._OPTIONS)
        before = len(head._options)
        self.assertEqual(self.request(("Supported", "x" * 500)).options("supported"), {"x" * 500})
        self.assertEqual(len(head._options), before)
