"""The short ways for what is plain, in C or in Python, against the long way, and against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fuzz.mutation import mutate
from fuzz.seeds import MESSAGES
from oversip_tw.sip import address, fields, parser, scan, uri, via
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse

VIAS = ("SIP/2.0/UDP known;rport;branch=z9hG4bK1", "SIP/2.0/UDP known;received=::1;branch=z9hG4bK2;rport=5;x")
ADDRESSES = (
    '"A, b" <sip:a@example.org>;tag=1',
    "Al  ice <sip:a@example.org;lr>;tag=a.b",
    "<sip:example.org>",
    "<tel:1>",
)
URIS = (
    "sip:a.b-c+1@h-1.example.org:5060",
    "sip:example.org.",
    "sip:a;b?c@192.0.2.1",
    "sip:a-b_c@a--b:1",
    "sip:-a@-b.-c",
)
ADDRESSES_WITH_PARAMS = (
    '<sip:x@y.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:1-2>";expires=600',
    '"A, b" <sip:a@b>;q=0.5;x="";y',
    "Al ice <tel:1>;tag=1;tag=2",
    "<sip:a>;" + ";".join(f"p{number}=x" for number in range(16)),
    "<sip:a>;" + ";".join(f"p{number}" for number in range(17)),
    "<sip:a>;x=;y",
    "<sip:a>;x;",
)
URIS_WITH_PARAMS = (
    "sip:x1@y-2.invalid;transport=ws;ob",
    "sip:h:5060;lr",
    "sip:a@b;gr=urn:uuid:1-2;x=[::1]/&+$",
    "sip:a@b;x=;y",
    "sip:a@b;x;x",
    "sip:a@b",
    "sip:a@b;" + ";".join(f"p{number}" for number in range(17)),
)
VIA_STARTS = (
    "SIP/2.0/WS x.invalid;branch=z9hG4bK1",
    "SIP/2.0/UDP h-1:5060;rport",
    "SIP/2.0/TLS a@b;x",
    "SIP/2.0/UDP h:99999;x",
)
CSEQS = ("1 INVITE", "999999999 A.b", "0000000001 BYE", "1  BYE", "1 ", " 1 BYE", "-1 BYE", "\u0661 BYE")
CALL_IDS = ("a84b4c76e66710@192.0.2.1", "call", "(<x>)@[y]", "\u00e9", "@", "a@", "a@b@c", "")


def outcome(data: bytes) -> object:
    """All that reading a message gives."""
    try:
        message = parse(data)
    except ParseError as error:
        return error.status, error.reason
    found: list[object] = [type(message), message.to_bytes(), message.via.params, message.via.text, message.call_id]
    for each in (message.from_, message.to):
        found += [each.display_name, each.uri.text, each.params, each.tag, each.text]
    found += [message.cseq, message.cseq_method, message.content_length, message.names()]
    if isinstance(message, Request):
        found += [message.uri.text, message.max_forwards]
    return found


def texts(seeds: tuple[str, ...], count: int) -> Iterator[str]:
    """Those, and what becomes of them when they are damaged."""
    yield from seeds
    random = Random(7)
    others = [seed.encode() for seed in seeds]
    for number in range(count):
        yield mutate(others[number % len(others)], random, 200, others).decode("utf-8", "surrogateescape")


class Ways(SynchronousTestCase):
    def forget(self) -> None:
        address._memo.clear()
        uri._memo.clear()

    def nothing_is_plain(self) -> None:
        for module, name in (
            (parser, "plain_head"),
            (via, "plain_via"),
            (address, "plain_address"),
            (uri, "plain_uri"),
            (address, "address_with_params"),
            (uri, "uri_with_params"),
            (via, "_read_start"),
            (fields, "plain_cseq"),
        ):
            self.patch(module, name, lambda *_: None)

    def test_messages(self) -> None:
        """Whatever arrives is read alike, or refused alike, with the short ways and without."""
        random = Random(7)
        messages = [*MESSAGES]
        messages += [mutate(random.choice(MESSAGES), random, 2000, MESSAGES) for _ in range(1500)]
        self.forget()
        short = [outcome(message) for message in messages]
        self.forget()
        self.nothing_is_plain()
        for message, seen in zip(messages, short, strict=True):
            self.assertEqual(outcome(message), seen, message)

    def test_usual_messages_are_plain(self) -> None:
        """The short ways are taken."""
        self.patch(parser, "_odd_head", self.fail)
        self.patch(address, "_parse_any", self.fail)
        address._memo.clear()
        parse(
            b"OPTIONS sip:b.example SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nCall-ID: 1\r\n"
            b'From: "A" <sip:a>;tag=1\r\nTo: <sip:b>\r\nCSeq: 1 OPTIONS\r\nSubject: \xe5\xa4\xa9 \xff\r\n\r\n'
        )

    def test_too_many_lines(self) -> None:
        """A plain head with more lines than any fields would take is refused before anything else is looked at."""
        with self.assertRaises(ParseError) as caught:
            parse(b"?\r\n" + b"X:\r\n" * 512 + b"\r\n")
        self.assertEqual(caught.exception.reason, "Too Many Header Fields")

    def test_addresses(self) -> None:
        """An address that is plain is what the long way reads."""
        for text in texts(ADDRESSES, 2000):
            if (plain := scan.plain_address(text)) is not None:
                name, text_of_uri, tag = plain
                try:
                    long = address._parse_any(text)
                except ParseError:
                    self.assertRaises(ParseError, address._parse, text)
                else:
                    self.assertEqual((name, text_of_uri, tag), (long.display_name, long.uri.text, long.tag))

    def test_uris(self) -> None:
        """A URI that is plain is what the long way reads."""
        for text in texts(URIS, 2000):
            if (plain := scan.plain_uri(text)) is not None:
                try:
                    long = uri._parse_sip(text)
                except ParseError:
                    self.assertRaises(ParseError, uri._parse, text)
                else:
                    self.assertEqual(plain[0], long.user)
                    read = uri._parse(text)
                    for part in (
                        "scheme",
                        "user",
                        "password",
                        "host",
                        "port",
                        "params",
                        "headers",
                        "text",
                        "is_sip",
                        "aor",
                    ):
                        self.assertEqual(getattr(read, part), getattr(long, part), part)

    def test_addresses_with_parameters(self) -> None:
        """Read at once or by the rules, it is the same, and the same is refused."""
        for text in texts(ADDRESSES_WITH_PARAMS, 3000):
            if (plain := scan.address_with_params(text)) is not None:
                name, text_of_uri, params = plain
                try:
                    long = address._parse_any(text)
                except ParseError:
                    self.assertRaises(ParseError, address._parse, text)
                else:
                    self.assertEqual((name, text_of_uri, params), (long.display_name, long.uri.text, long.params))
                    self.assertEqual(address._parse(text).tag, long.tag)

    def test_uris_with_parameters(self) -> None:
        """The same for URIs."""
        for text in texts(URIS_WITH_PARAMS, 3000):
            if scan.uri_with_params(text) is not None:
                try:
                    long = uri._parse_sip(text)
                except ParseError:
                    self.assertRaises(ParseError, uri._parse, text)
                else:
                    read = uri._parse(text)
                    for part in ("scheme", "user", "password", "host", "port", "params", "headers", "text", "aor"):
                        self.assertEqual(getattr(read, part), getattr(long, part), part)

    def test_browsers_are_usual(self) -> None:
        """What a browser registers is read at once."""
        self.assertIsNotNone(scan.address_with_params(ADDRESSES_WITH_PARAMS[0]))
        self.assertIsNotNone(scan.uri_with_params(URIS_WITH_PARAMS[0]))
        via._starts.clear()
        self.assertIsNotNone(via._read_start("SIP/2.0/WSS x.invalid"))

    def test_senders(self) -> None:
        """What stands before the parameters of a Via."""
        for text in texts(VIA_STARTS, 2000):
            start = text.partition(";")[0]
            via._starts.clear()
            try:
                found = via._read_start(start)
            except ParseError:
                self.assertRaises(ParseError, via._parse, f"{start};x", start)
                continue
            if found is not None:
                long = via._parse(f"{start};x", start)
                self.assertEqual(found, (long.transport, long.host, long.port, long.sent_by), start)

    def test_cseqs(self) -> None:
        """The same for CSeq."""
        for text in texts(CSEQS, 2000):
            if (plain := scan.plain_cseq(text)) is not None:
                self.assertEqual(plain, fields._read_cseq(text))

    def test_vias(self) -> None:
        """A Via that is plain is what the long way reads."""
        for text in texts(VIAS, 2000):
            if (plain := scan.plain_via(text)) is not None:
                start, params = plain
                try:
                    long = via._parse(text, start)
                except ParseError:
                    self.assertRaises(ParseError, via.Via.parse, text)
                else:
                    self.assertEqual(list(params.items()), list(long._params.items()))


class InC(SynchronousTestCase):
    """The functions of `_scan` do what those of `scan` do."""

    def agree(self, name: str, *arguments: Any) -> None:
        pure: Callable[..., object] = getattr(scan, f"_{name}")
        self.assertEqual(getattr(scan.native, name)(*arguments), pure(*arguments), arguments)

    def test_heads(self) -> None:
        """The same lines and the same names; what is folded is plain to Python alone."""
        random = Random(7)
        for _ in range(1500):
            data = mutate(random.choice(MESSAGES), random, 2000, MESSAGES)
            end = random.randrange(len(data) + 1)
            self.agree("end_of_head", data)
            self.agree("end_of_head", data[:end])
            found = scan.native.plain_head(data, end)
            if found is not None:
                self.assertEqual(found, scan._plain_head(data, end))
                lines = found[0]
                places = tuple((slot, min(len(lines[slot]), random.randrange(30))) for slot in range(len(lines)))
                self.agree("values", lines, places)
                self.agree("wire", [None, *lines, ""], data[end:])

    def test_parts(self) -> None:
        """Via, addresses, URIs and Call-ID; what is no ASCII is plain to Python alone."""
        for name, seeds in (
            ("plain_via", VIAS),
            ("plain_address", ADDRESSES),
            ("plain_uri", URIS),
            ("address_with_params", ADDRESSES_WITH_PARAMS),
            ("uri_with_params", URIS_WITH_PARAMS),
            ("plain_cseq", CSEQS),
            ("is_call_id", CALL_IDS),
        ):
            for text in texts(seeds, 2000):
                if text.isascii() or name == "is_call_id":
                    self.agree(name, text)
                else:
                    self.assertIsNone(getattr(scan.native, name)(text))

    def test_odd_lines(self) -> None:
        """Nothing but blanks, and what is no ASCII."""
        for line in ("", " \t ", "\u5929", " \u5929 ", "\udcff\t", "\u00a0", "X: \u0420 "):
            self.agree("values", [line], tuple((0, start) for start in range(len(line) + 1)))
            self.agree("wire", [line, None, "", line], b"\xff")
        self.agree("wire", [], b"")

    def test_fields(self) -> None:
        """Lines are added alike, and none that would be two."""
        for value in ("", "1", "\u5929 \udcff", "a\rb", "a\nb", "\u5929\n"):
            ways = []
            for way in (scan._add_fields, scan.native.add_fields):
                lines = ["x"]
                ways.append((way(lines, [("X-1", "y"), ("X", value)]), lines))
            self.assertEqual(*ways)
        self.agree("add_fields", [], ())

    def test_misuse(self) -> None:
        """What fits no signature raises."""
        native: Any = scan.native
        for error, call, arguments in (
            (TypeError, native.plain_head, ("", 0)),
            (TypeError, native.plain_head, (b"", "")),
            (TypeError, native.plain_head, (b"", 1)),
            (TypeError, native.plain_head, (b"", -1)),
            (TypeError, native.end_of_head, ("",)),
            (TypeError, native.values, ([""], ((0, -1),))),
            (TypeError, native.values, ((), ())),
            (IndexError, native.values, ([], ((0, 0),))),
            (TypeError, native.values, ([""], ((0,),))),
            (TypeError, native.values, ([b""], ((0, 0),))),
            (TypeError, native.wire, ([b""], b"")),
            (TypeError, native.wire, ([""], "")),
            (TypeError, native.add_fields, ((), ())),
            (TypeError, native.add_fields, ([], 1)),
            (TypeError, native.add_fields, ([], [("X",)])),
            (TypeError, native.add_fields, ([], [("X", b"")])),
        ):
            self.assertRaises(error, call, *arguments)


if scan.native is None:
    del InC
