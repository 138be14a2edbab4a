"""What comes in, and what it must not be."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import Framing, answerable, parse
from tests.sip.samples import BYE, INVITE, OK, wire

_HEAD, _, _BODY = INVITE.partition(b"\r\n\r\n")
_MARK = b"\r\nSupported: replaces, timer"


def with_lines(*lines: bytes) -> bytes:
    """INVITE with more lines in its midst."""
    return INVITE.replace(_MARK, b"".join(b"\r\n" + line for line in lines) + _MARK)


class Parser(SynchronousTestCase):
    def refused(
        self, data: bytes, status: int = 400, *, framing: Framing = "datagram", limits: Limits | None = None
    ) -> Request:
        """Refused with ``status``, and answerable."""
        error = self.assertRaises(ParseError, parse, data, limits or Limits(), framing)
        self.assertEqual(error.status, status, error.reason)
        self.assertIsNotNone(error.request, error.reason)
        self.assertTrue(error.request.response(status, error.reason, "t").to_bytes())
        return error.request

    def dropped(self, data: bytes, framing: Framing = "datagram", limits: Limits | None = None) -> None:
        """Refused without an answer."""
        self.assertIsNone(self.assertRaises(ParseError, parse, data, limits or Limits(), framing).request)


class Frames(Parser):
    def test_line_ends_before_the_start_line(self) -> None:
        """§7.5: they mean nothing."""
        self.assertEqual(parse(b"\r\n\r\n" + INVITE).to_bytes(), INVITE)

    def test_nothing(self) -> None:
        """Empty, line ends alone, noise."""
        for data in (
            b"",
            b"\r\n",
            b"\r\n\r\n",
            b"\r\n\r\n\r\n",
            b"\0\0",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\r\n\r\n",
        ):
            for framing in ("datagram", "stream", "websocket"):
                self.dropped(data, framing)

    def test_body_of_a_datagram(self) -> None:
        """As long as Content-Length says; all of it without one, which is then added; never longer than it is."""
        self.assertEqual(parse(INVITE + b"more").to_bytes(), INVITE)
        request = parse(INVITE.replace(b"\r\nContent-Length: 4", b"") + b"more")
        self.assertEqual((request.body, request.content_length), (b"v=0\nmore", 8))
        self.assertTrue(request.to_bytes().endswith(b"\r\nContent-Length: 8\r\n\r\nv=0\nmore"))
        self.refused(INVITE[:-1])

    def test_a_datagram_without_empty_line(self) -> None:
        """Its end may stand for that, but not in the midst of a line."""
        self.assertEqual(parse(BYE[:-2]).to_bytes(), BYE)
        self.refused(BYE[:-4])
        self.dropped(BYE[:60])
        self.refused(_HEAD + b"\r\n")

    def test_p3_body_on_a_stream(self) -> None:
        """P3: there it has the length it says, and it says one."""
        self.assertEqual(parse(INVITE, framing="stream").to_bytes(), INVITE)
        self.refused(INVITE + b"x", framing="stream")
        self.refused(INVITE.replace(b"Content-Length", b"X-Length"), framing="stream")
        self.dropped(INVITE[:60], "stream")

    def test_p13_one_message_in_a_websocket_message(self) -> None:
        """P13: line ends behind it are nothing, noise is refused, a second message or half a one not even answered."""
        self.assertEqual(parse(INVITE + b"\r\n\r\n", framing="websocket").to_bytes(), INVITE)
        self.assertEqual(parse(INVITE.replace(b"\r\nContent-Length: 4", b""), framing="websocket").body, b"v=0\n")
        self.refused(INVITE + b"noise", framing="websocket")
        self.refused(INVITE[:-1], framing="websocket")
        for data in (INVITE + INVITE, INVITE + b"\r\n" + OK, OK + b"x", INVITE[:100], b""):
            self.dropped(data, "websocket")

    def test_p1_sizes(self) -> None:
        """P1: the head, the message and each line have an end."""
        long = with_lines(*[b"X: " + b"x" * 8000] * 2)
        self.refused(long + b" " * 400, limits=Limits(head=16000))
        self.refused(with_lines(b"X: " + b"x" * 8190))
        self.assertEqual(parse(with_lines(b"X: " + b"x" * 8189, b"Y: " + b"y" * 100)).get("Y"), "y" * 100)
        self.refused(INVITE, 513, limits=Limits(message=len(INVITE) - 1))
        self.refused(b"INVITE " + INVITE[7:].replace(_MARK, b"\r\nX: y" * 3000))
        self.dropped(OK[:-2] + b"X: y\r\n" * 3000 + b"\r\n")


class StartLines(Parser):
    def test_methods(self) -> None:
        """Any token, in any case; nothing else."""
        odd = INVITE.replace(b"INVITE", b"invite")
        self.assertEqual(parse(odd).method, "invite")
        for method in (b"IN(VITE", b"", b"INVIT\xc9"):
            self.dropped(INVITE.replace(b"INVITE", method, 1))

    def test_versions(self) -> None:
        """SIP/2.0 in capitals or not, others 505, and what is no version 400."""
        data = INVITE.replace(b"com SIP/2.0", b"com sip/2.0")
        self.assertEqual(parse(data).to_bytes(), data)
        self.refused(INVITE.replace(b"com SIP/2.0", b"com SIP/3.1"), 505)
        self.refused(INVITE.replace(b"com SIP/2.0", b"com HTTP/1.1"))
        self.dropped(OK.replace(b"SIP/2.0 200", b"SIP/3.0 200"))

    def test_p9_request_uri(self) -> None:
        """P9: 414 for a long one; no headers in it."""
        self.refused(INVITE.replace(b"sip:bob@example.com SIP", b"sip:" + b"b" * 2040 + b"@c.de SIP"), 414)
        self.refused(INVITE.replace(b"example.com SIP", b"example.com?a=b SIP"))
        self.refused(INVITE.replace(b"sip:bob@example.com SIP", b"bob SIP"))

    def test_p10_status(self) -> None:
        """P10: three digits from 100 to 699, or the response is dropped."""
        for status in (b"042", b"1000", b"20", b"700", b"2x0", b"+20", b"\xd9\xa2\xd9\xa0\xd9\xa0"):
            self.dropped(OK.replace(b"200", status))
        self.assertEqual(parse(OK.replace(b"200 OK", b"699 ")).reason, "")

    def test_status_without_the_space_behind_it(self) -> None:
        """The space before an empty reason is missing: it is read, and leaves as the grammar wants it."""
        for framing in ("datagram", "stream", "websocket"):
            response = parse(OK.replace(b"200 OK", b"200"), framing=framing)
            self.assertEqual((response.status, response.reason), (200, ""))
            self.assertTrue(response.to_bytes().startswith(b"SIP/2.0 200 \r\n"))
        for line in (b"SIP/2.0 20", b"SIP/2.0 2000", b"SIP/2.0 2 0", b"SIP/2.0    "):
            self.assertRaises(ParseError, parse, OK.replace(b"SIP/2.0 200 OK", line))

    def test_uri_of_a_damaged_request(self) -> None:
        """What is refused has a URI all the same, perhaps one that is none."""
        self.assertEqual(self.refused(INVITE.replace(b"sip:bob@", b"sip:b ob@")).uri.text, "sip:b")
        self.assertEqual(self.refused(b"INVITE" + INVITE[INVITE.index(b"\r\n") :]).uri.text, "")
        self.assertEqual(self.refused(BYE.replace(b"SIP/2.0\r", b"SIP/9.0\r", 1), 505).uri.host, "192.0.2.4")


class Headers(Parser):
    def test_p4_names(self) -> None:
        """P4: a space or tab before the colon, and no other octet that a token has not."""
        self.assertEqual(parse(with_lines(b"Subject \t: x")).get("s"), "x")
        for line in (
            b"Sub\x0bject: x",
            b"Subject\0: x",
            b"Subject\xc2\x85: x",
            b"Subject\xa0: x",
            b": x",
            b"Subject",
            b"Sub ject: x",
        ):
            self.refused(with_lines(line))

    def test_p4_names_that_hide(self) -> None:
        """P4: a name that only looks like another is not that one."""
        self.assertEqual(len(parse(with_lines(b"R%6Fute: <sip:x>", b"Route-: <sip:x>")).routes), 0)
        for line in (b"Route\xc2\xa0: <sip:x>", b"\xef\xbb\xbfRoute: <sip:x>", b"Ro\xc5\xbfute: x"):
            self.refused(with_lines(line))

    def test_p5_duplicates(self) -> None:
        """P5: what may stand once stands once, in whatever spelling."""
        for line in (
            b"t: <sip:x@y>",
            b"FROM: <sip:x@y>;tag=1",
            b"i: x",
            b"cseq: 1 INVITE",
            b"max-forwards: 5",
            b"l: 4",
        ):
            self.refused(with_lines(line))

    def test_missing(self) -> None:
        """What must stand there; without Via or CSeq nobody can be answered."""
        for name in (b"From", b"To", b"Call-ID"):
            self.refused(INVITE.replace(b"\r\n" + name + b":", b"\r\nX:"))
        for name in (b"Via", b"CSeq"):
            self.dropped(INVITE.replace(b"\r\n" + name + b":", b"\r\nX:"))

    def test_p6_line_ends_and_nul(self) -> None:
        """P6: bare CR, bare LF and NUL in the head, wherever they stand."""
        for octet in (b"\r", b"\n", b"\0"):
            for old in (
                b"Supported: ",
                b"replaces, timer",
                b"INVITE sip",
                b"bob@example.com SIP",
                b"Content-Length: 4",
                b"\r\nTo",
            ):
                for new in (old + octet, octet + old, old[:3] + octet + old[3:]):
                    for framing in ("datagram", "websocket"):
                        with self.assertRaises(ParseError, msg=new):
                            parse(INVITE.replace(old, new, 1), framing=framing)
        for data in (
            with_lines(b"X: a\n b"),
            with_lines(b"X: a\r b"),
            with_lines(b"X: a\r\n b\n"),
            with_lines(b"X: a\r\r\n b"),
        ):
            self.refused(data)
        self.refused(with_lines(b"Subject: x\nContent-Length: 0"))

    def test_p6_nul_in_quotes(self) -> None:
        """P6: a quoted pair may be NUL (intmeth); a NUL in quotes that is none, or outside, may not."""
        self.assertEqual(parse(with_lines(b'X: "a\\\0"')).get("X"), '"a\\\0"')
        self.refused(with_lines(b'X: "a\0"'))
        self.refused(with_lines(b'X: "a" \\\0'))
        self.refused(with_lines(b'X: a\r\n "\0"'))

    def test_p8_counts(self) -> None:
        """P8: so many header fields, Via, Route and Contact, in lines or behind commas, and no more."""
        self.assertEqual(len(list(parse(with_lines(*[b"X-%d: y" % n for n in range(118)])).headers)), 128)
        self.refused(with_lines(*[b"X-%d: y" % n for n in range(119)]))
        via, route, contact = b"Via: SIP/2.0/UDP h", b"Route: <sip:h>", b"m: <sip:h>"
        self.assertEqual(len(parse(with_lines(*[via] * 69)).vias), 70)
        self.refused(with_lines(*[via] * 70))
        self.assertEqual(len(parse(with_lines(*[route] * 20)).routes), 20)
        self.refused(with_lines(*[route] * 21))
        self.refused(with_lines(route + b", <sip:h>" * 20))
        self.assertEqual(len(parse(with_lines(*[contact] * 9)).contacts), 10)
        self.refused(with_lines(*[contact] * 10), 403)
        self.refused(with_lines(contact + b", <sip:h>" * 9), 403)
        self.refused(with_lines(via + b", SIP/2.0/UDP h" * 69))
        # Commas within quotes separate nothing.
        self.assertEqual(len(parse(with_lines(b'm: "' + b"," * 20 + b'" <sip:h>')).contacts), 2)
        self.refused(INVITE, limits=Limits(contacts=0), status=403)

    def test_p8_lines_beyond_reading(self) -> None:
        """P8, P11: thousands of lines are refused by their number; what is said of them is read from the first ones."""
        for lines in ([b"X: y"] * 3000, [b"X: y"] + [b" z"] * 3000, [b"X: y\n"] * 3000):
            with self.assertRaises(ParseError) as caught:
                parse(with_lines(*lines))
            self.assertEqual(caught.exception.status, 400)
            request = caught.exception.request
            self.assertEqual(request.call_id, parse(INVITE).call_id)
            self.assertLess(len(request.get_all("X")), 600)

    def test_p10_numbers(self) -> None:
        """P10: CSeq below 2**31, Max-Forwards up to 255, all in ASCII digits."""
        for number in (b"2147483648", b"-1", b"", b"1x", b"\xd9\xa1", b"9" * 5000):
            self.refused(INVITE.replace(b"314159", number))
        self.assertEqual(parse(INVITE.replace(b"314159", b"2147483647")).cseq, 2**31 - 1)
        for number in (b"256", b"-1", b"", b"\xc2\xb2", b"7 0"):
            self.refused(INVITE.replace(b"Forwards: 70", b"Forwards: " + number))

    def test_p2_content_length(self) -> None:
        """P2: one number that fits, and nothing else."""
        for number in (
            b"99999999999",
            b"2147483648",
            b"9223372036854775808",
            b"+4",
            b"0x4",
            b"4,4",
            b"",
            b"-4",
            b"4 4",
            b"9" * 5000,
        ):
            for framing in ("datagram", "stream", "websocket"):
                self.refused(INVITE.replace(b"Length: 4", b"Length: " + number), framing=framing)

    def test_other_fields(self) -> None:
        """Via, branch, From, To, Call-ID, CSeq as the grammar has them."""
        for old, new in (
            (b"192.0.2.1:5070;rport", b"192.0.2.1:5070;;rport"),
            (b"z9hG4bK776asdhds", b"Z9HG4BK"),
            (b"<sip:alice@example.com>;tag", b"<sip:alice@example.com;tag"),
            (b"<sip:bob@example.com>\r", b"<sip:b ob@example.com>\r"),
            (b"a84b4c76e66710@", b"a84b@4c76@"),
            (b"314159 INVITE", b"314159"),
            (b"314159 INVITE", b"314159 ACK"),
        ):
            self.refused(INVITE.replace(old, new, 1))
        self.refused(INVITE.replace(b"INVITE sip", b"JUMP sip"), 501)
        self.dropped(INVITE.replace(b"SIP/2.0/UDP", b"SIP/2.0"))
        self.dropped(OK.replace(b"tag=b", b"tag=b;tag=c"))

    def test_p15_hosts_in_via(self) -> None:
        """P15: a host that is none in a Via or a URI is 400 or dropped, and no exception."""
        for host in (b".1", b"[.1]", b"x" * 254, b"b\xc3\xbccher.example", b"[::1", b"1.2.3"):
            for old in (b"192.0.2.1:5070;rport", b"example.com SIP", b"example.com>;tag"):
                error = self.assertRaises(
                    ParseError, parse, INVITE.replace(old, host + old[11 if b"SIP" in old or b">" in old else 9 :])
                )
                self.assertEqual(error.status, 400)

    def test_folded_fields(self) -> None:
        """§7.3.1: fields of several lines are read as one and leave as they came."""
        data = (
            INVITE.replace(b"To: ", b"To:\r\n\t ")
            .replace(b"314159 INVITE", b"314159\r\n INVITE")
            .replace(b"Length: 4", b"Length:\r\n 4")
        )
        for framing in ("datagram", "stream", "websocket"):
            request = parse(data, framing=framing)
            self.assertEqual((request.cseq, request.to.uri.host), (314159, "example.com"))
            self.assertEqual(request.to_bytes(), data)
        self.refused(INVITE.replace(b"\r\nVia: ", b"\r\n Via: SIP/2.0/UDP h\r\nVia: "))


class Answerable(SynchronousTestCase):
    def test_a_via_that_cannot_be_split(self) -> None:
        """What is damaged is left out of the Via, so that whoever answers can write into it."""
        for via in ('SIP/2.0/UDP h;branch=z9;x="a, SIP/2.0/UDP i', "SIP/2.0/UDP h;branch=z9;;, SIP/2.0/UDP i"):
            request = answerable(wire("BYE sip:a SIP/2.0", f"Via: {via}", "CSeq: x")[:-4])
            self.assertEqual((request.via.host, request.via.branch), ("h", "z9"))
            request.replace_first("Via", request.via.replace_params(received="192.0.2.1").text)
            self.assertEqual(request.via.received, "192.0.2.1")

    def test_typed_values_never_raise(self) -> None:
        """Whatever is wrong with them."""
        request = answerable(
            wire("BYE ? SIP/2.0", "v: SIP/2.0/UDP h", "CSeq: x", 'From: ";tag=y', "Max-Forwards: z")[:-4]
        )
        self.assertEqual((request.from_tag, request.to_tag, request.call_id, request.cseq), ("y", None, "", 0))
        self.assertEqual((request.max_forwards, request.uri.text, request.content_length), (None, "?", 0))
        answer = request.response(400, "", "t")
        self.assertEqual(list(answer.headers), ["Via", "From", "CSeq", "Content-Length"])

    def test_nobody_to_answer(self) -> None:
        """Responses, noise, and what has no Via or CSeq."""
        for data in (
            b"",
            b"\r\n",
            b"? x",
            OK,
            b"BYE sip:a SIP/2.0\r\nVia: x\r\nCSeq: 1 BYE",
            b"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h",
        ):
            self.assertIsNone(answerable(data))
