"""oversip_tw.transport.websocket.head"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.websocket.head import Head
from oversip_tw.transport.websocket.refusal import Refusal


def read(text: str) -> Head:
    return Head(text.replace("\n", "\r\n").encode() + b"\r\n")


class HeadTest(SynchronousTestCase):
    def refused(self, raw: bytes) -> int:
        with self.assertRaises(Refusal) as caught:
            Head(raw)
        return caught.exception.status

    def test_request_line(self) -> None:
        """Method, path, query and version come out as they stand; escapes stay escaped (P7)."""
        head = read("GET /a%0d%0ab?token=x%00&y=? HTTP/1.1\n")
        self.assertEqual((head.method, head.path, head.query), ("GET", "/a%0d%0ab", "token=x%00&y=?"))
        self.assertEqual(head.minor, 1)
        self.assertEqual(read("GET / HTTP/1.0\n").minor, 0)

    def test_fields(self) -> None:
        """Names in any case; white space around the value is not part of it; lines of one name are joined."""
        head = read("GET / HTTP/1.1\nhost: \ta.example \nX-A: 1\nx-a:2\nEmpty:\n")
        self.assertEqual(head.header("Host"), "a.example")
        self.assertEqual(head.header("X-A"), "1, 2")
        self.assertEqual(head.all("x-a"), ["1", "2"])
        self.assertEqual(head.header("empty"), "")
        self.assertIsNone(head.header("other"))
        head.compact()
        self.assertEqual(head.header("host"), "a.example")

    def test_tokens(self) -> None:
        """A list header over several lines, with empty members, is one list."""
        head = read("GET / HTTP/1.1\nSec-WebSocket-Protocol: chat,, sip\nSec-WebSocket-Protocol: x\n")
        self.assertEqual(head.tokens("sec-websocket-protocol"), ["chat", "sip", "x"])

    def test_one(self) -> None:
        """A header that may come once is refused when it comes twice."""
        head = read("GET / HTTP/1.1\nHost: a\nHost: a\n")
        with self.assertRaises(Refusal):
            head.one("host")

    def test_bytes_beyond_ascii(self) -> None:
        """A value in UTF-8 is read, one that is not passes through without loss."""
        self.assertEqual(read("GET / HTTP/1.1\nX: grüß\n").header("x"), "grüß")
        raw = Head(b"GET / HTTP/1.1\r\nX: \xff\r\n\r\n").header("x")
        assert raw is not None
        self.assertEqual(raw.encode("utf-8", "surrogateescape"), b"\xff")

    def test_p11_spaces_before_a_wrong_octet(self) -> None:
        """P11, F7: sixteen thousand spaces and a wrong octet take linear time: a thousand times over, no test would end
        by a rule that tries each of them again."""
        raw = b"GET / HTTP/1.1\r\nX:" + b" " * 16_000 + b"\x01\r\n\r\n"
        for _ in range(1000):
            self.assertEqual(self.refused(raw), 400)

    def test_bad_request_lines(self) -> None:
        """What is no request line of HTTP/1.x gets 400, another version 505."""
        for line in (
            b"GET  / HTTP/1.1",
            b"GET /\x00 HTTP/1.1",
            b"G(T / HTTP/1.1",
            b"GET x HTTP/1.1",
            b"/",
            b"GET /a\nb x",
        ):
            self.assertEqual(self.refused(line + b"\r\n\r\n"), 400, line)
        self.assertEqual(self.refused(b"GET http://a/ HTTP/1.1\r\n\r\n"), 400)
        self.assertEqual(self.refused(b"GET / HTTP/2.0\r\n\r\n"), 505)

    def test_P6_smuggled_lines(self) -> None:
        """Bare CR, bare LF, NUL, folding and space before the colon are 400: two readers could differ."""
        for line in (b"A: b\nC: d", b"A: b\rC: d", b"A: \x00", b"A: b\r\n c", b"A : b", b" A: b", b": b", b"A"):
            self.assertEqual(self.refused(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n"), 400, line)

    @settings(max_examples=200)
    @given(st.binary(max_size=200))
    def test_nothing_but_refusals(self, junk: bytes) -> None:
        """Whatever stands there is read or refused; no other exception, no control character comes through."""
        for raw in (junk + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + junk + b"\r\n\r\n"):
            try:
                head = Head(raw)
            except Refusal:
                continue
            for text in (head.path, head.query, *(value for name in ("a", "host") for value in head.all(name))):
                self.assertFalse(set(text) & {chr(code) for code in range(32) if code != 9})
