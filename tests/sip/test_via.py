"""RFC 3261 §20.42: Via."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import via as module
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.via import Via, readable_via


class Vias(SynchronousTestCase):
    def test_all_parts(self) -> None:
        """Parts by name; the same by the long way and by the short one for a sender already known."""
        for _ in range(2):
            via = Via.parse("SIP/2.0/wss Df7.Invalid:443;branch=z9hG4bK1;rport;received=192.0.2.1;maddr=224.0.0.1")
            self.assertEqual((via.transport, via.host, via.port, via.branch), ("WSS", "df7.invalid", 443, "z9hG4bK1"))
            self.assertEqual((via.rport, via.received, via.maddr), ("", "192.0.2.1", "224.0.0.1"))
            self.assertEqual(via.params[:2], (("branch", "z9hG4bK1"), ("rport", None)))
            self.assertEqual((via.param("rport"), via.param("ttl")), ("", None))
            self.assertTrue(via.has_magic_cookie)
        self.assertEqual(str(via), via.text)
        self.assertEqual(repr(via), f"Via({via.text!r})")

    def test_little(self) -> None:
        """Nothing but transport and host (RFC 2543)."""
        via = Via.parse("SIP/2.0/UDP h")
        self.assertEqual((via.branch, via.rport, via.received, via.port, via.params), (None, None, None, None, ()))
        self.assertFalse(via.has_magic_cookie)

    def test_sent_by(self) -> None:
        """For matching: lower case, with the port that the transport implies."""
        for text, sent_by in (
            ("UDP H", "h:5060"),
            ("TLS h", "h:5061"),
            ("WSS h", "h:5061"),
            ("TCP [::1]:70", "[::1]:70"),
        ):
            self.assertEqual(Via.parse(f"SIP/2.0/{text}").sent_by, sent_by)

    def test_equal(self) -> None:
        """By text."""
        self.assertEqual(Via.parse("SIP/2.0/UDP h"), Via.parse("SIP/2.0/UDP h"))
        self.assertNotEqual(Via.parse("SIP/2.0/UDP h"), "SIP/2.0/UDP h")
        self.assertEqual(len({Via.parse("SIP/2.0/UDP h"), Via.parse("SIP/2.0/UDP h")}), 1)

    def test_refused(self) -> None:
        """What is none, from a sender known and unknown."""
        Via.parse("SIP/2.0/UDP h")
        for text in (
            "",
            "SIP/2.0 h",
            "SIP/2.0/UDP",
            "SIP/2.0/UDPh",
            "SIP/2.0/UDP h;",
            "SIP/2.0/UDP h;;x",
            "SIP/2.0/UDP h;x=",
            "SIP/2.0/UDP h;x=1;x=2",
            "SIP/2.0/UDP h;x=1;X=2",
            "SIP/2.0/UDP h:0",
            "SIP/2.0/UDP h:70000",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP 1.2.3",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP h;branch=\u00fc",
            "SIP/2.0/UDP h;a b",
            "SIP/2.0/UDP h x",
        ):
            self.assertRaises(ParseError, Via.parse, text)

    def test_spelled_oddly(self) -> None:
        """Capitals, spaces and quotes take the long way and mean the same."""
        via = Via.parse('SIP / 2.0 / UDP  h : 70 ; Branch = z9hG4bK1 ; RPort;x="a;b"')
        self.assertEqual((via.branch, via.rport, via.port, via.param("x")), ("z9hG4bK1", "", 70, '"a;b"'))

    def test_replace_params(self) -> None:
        """In place where they are, behind the others where not; the rest of the text stays."""
        for text, expected in (
            ("SIP/2.0/UDP h;rport;branch=z", "SIP/2.0/UDP h;rport=5;branch=z;received=1.2.3.4"),
            ("SIP/2.0/UDP h;branch=z;rport", "SIP/2.0/UDP h;branch=z;rport=5;received=1.2.3.4"),
            ("SIP/2.0/UDP h ; RPORT = 9 ;branch=z", "SIP/2.0/UDP h ;rport=5 ;branch=z;received=1.2.3.4"),
            ('SIP/2.0/UDP h;x=";rport;";rport;b', 'SIP/2.0/UDP h;x=";rport;";rport=5;b;received=1.2.3.4'),
            ("SIP/2.0/UDP h;received=9.9.9.9", "SIP/2.0/UDP h;received=1.2.3.4;rport=5"),
        ):
            via = Via.parse(text).replace_params(received="1.2.3.4", rport=5)
            self.assertEqual(via.text, expected)
            self.assertEqual((via.received, via.rport), ("1.2.3.4", "5"))
            self.assertEqual(dict(via.params), dict(Via.parse(via.text).params))
        self.assertEqual(Via.parse("SIP/2.0/UDP h").replace_params().text, "SIP/2.0/UDP h")

    def test_build(self) -> None:
        """Our own."""
        self.assertEqual(Via.build("ws", "[::1]:80", "z9hG4bKx").text, "SIP/2.0/WS [::1]:80;branch=z9hG4bKx;rport")
        self.assertEqual(Via.build("UDP", "h", "z9hG4bKx", rport=False).text, "SIP/2.0/UDP h;branch=z9hG4bKx")
        self.assertRaises(ParseError, Via.build, "UDP", "h\r\n", "x")

    def test_readable(self) -> None:
        """Of a damaged one, the part up to the damage; nothing if even that names no place."""
        for text, left in (
            ("SIP/2.0/UDP h;branch=z;;x", "SIP/2.0/UDP h;branch=z"),
            ("SIP/2.0/UDP h;x=1;x=2", "SIP/2.0/UDP h"),
            ("SIP/2.0/UDP h:99999;x", None),
            ("SIP/2.0/UDP", None),
        ):
            via = readable_via(text)
            self.assertEqual(via and via.text, left)

    def test_memory_is_bounded(self) -> None:
        """What is remembered is thrown away in time, and what is long is not remembered."""
        for number in range(module._MEMO + 10):
            Via.parse(f"SIP/2.0/UDP h{number};branch=z")
        self.assertLessEqual(len(module._starts), module._MEMO)
        long = "SIP/2.0/UDP" + " " * 600 + "h"
        self.assertEqual(Via.parse(long).host, "h")
        self.assertNotIn(long, module._starts)

    @settings(max_examples=200, deadline=None)
    @given(st.text('rportx=;: \t"\\[]1.Z\u0661', max_size=16))
    def test_both_ways_agree(self, tail: str) -> None:
        """The short way for a known sender accepts what the long way accepts, and reads it alike."""
        Via.parse("SIP/2.0/UDP known")
        text = f"SIP/2.0/UDP known;{tail}"
        try:
            long = module._parse(text, "")
        except ParseError:
            self.assertRaises(ParseError, Via.parse, text)
        else:
            short = Via.parse(text)
            self.assertEqual((short.params, short.branch, short.host), (long.params, long.branch, long.host))
