"""Messages out of a stream."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import KEEPALIVE, StreamFramer
from oversip_tw.sip.limits import Limits
from tests.sip.samples import BYE, INVITE, OK, wire


class Counting(bytearray):
    """Counts the octets that are searched through: cost without a clock."""

    searched = 0

    def find(self, what: bytes, start: int = 0, *end: int) -> int:  # type: ignore[override]
        self.searched += len(self) - start
        return super().find(what, start, *end)


class Framing(SynchronousTestCase):
    def lost(self, *reads: bytes, limits: Limits | None = None, status: int = 400, answer: bool = True) -> list[bytes]:
        """The stream is lost; gives what came out of it before."""
        framer = StreamFramer(limits or Limits())
        found: list[bytes] = []
        with self.assertRaises(ParseError) as caught:
            for data in reads:
                for message in framer.feed(data):
                    found.append(message)
        self.assertEqual(caught.exception.status, status)
        self.assertEqual(caught.exception.request is not None, answer)
        self.assertEqual((list(framer.feed(BYE)), framer.waiting), ([], False), "nothing comes after the end")
        return found

    def test_octet_by_octet(self) -> None:
        """The smallest reads there are."""
        framer = StreamFramer()
        found = [message for octet in INVITE + BYE + OK for message in framer.feed(bytes([octet]))]
        self.assertEqual(found, [INVITE, BYE, OK])

    def test_pipelined(self) -> None:
        """All in one read, line ends between."""
        self.assertEqual(
            list(StreamFramer().feed(INVITE + b"\r\n" + BYE + b"\r\n\r\n" + OK)), [INVITE, BYE, KEEPALIVE, OK]
        )

    def test_keep_alive(self) -> None:
        """RFC 5626 §3.5.1: a double CRLF is a ping, one alone is nothing; neither is a message that waits."""
        framer = StreamFramer()
        for data, expected in (
            (b"\r", []),
            (b"\n\r", []),
            (b"\n", [KEEPALIVE]),
            (b"\r\n", []),
            (b"\r\n\r\n", [KEEPALIVE]),
        ):
            self.assertEqual(list(framer.feed(data)), expected)
            self.assertFalse(framer.waiting)
        self.assertEqual(list(framer.feed(BYE)), [BYE])
        self.assertEqual(list(framer.feed(b"\r" + BYE + b"\n\n\r\r\n" + BYE)), [BYE, BYE])

    def test_f8_waiting(self) -> None:
        """F8: from the first octet of a message to its last."""
        framer = StreamFramer()
        for data, waiting in (
            (INVITE[:1], True),
            (INVITE[1:-1], True),
            (INVITE[-1:], False),
            (b"\r\n", False),
            (b"B", True),
        ):
            list(framer.feed(data))
            self.assertEqual(framer.waiting, waiting)

    def test_p1_head_without_end(self) -> None:
        """P1: refused as soon as it is longer than allowed, with an answer from the lines that are whole."""
        endless = INVITE.partition(b"\r\n\r\n")[0] + b"\r\nX: " + b"x" * 16384
        self.assertEqual(self.lost(BYE, endless), [BYE])
        self.lost(b"x" * 16385, answer=False)
        self.lost(*[b"X: y\r\n"] * 3000, answer=False)
        self.lost(INVITE.replace(b"Supported", b"X: " + b"x" * 16384 + b"\r\nSupported"))

    def test_p1_scan_position(self) -> None:
        """P1: what was searched once is not searched again: the cost of a trickle grows with its length alone."""
        framer = StreamFramer()
        framer._buffer = buffer = Counting()
        for _ in range(4000):
            list(framer.feed(b"X: y"))
        self.assertLess(buffer.searched, 4000 * 8)

    def test_p2_content_length(self) -> None:
        """P2: anything but one number loses the stream; a number too large is 513, and nothing is kept for it."""
        for number in (b"99999999999", b"-1", b"+5", b"0x5", b"5,5", b"", b"5 5", b"9" * 5000, b"\xd9\xa5", b"\xff"):
            self.assertEqual(self.lost(BYE + INVITE.replace(b"Length: 4", b"Length: " + number)), [BYE])
        for line in (b"l: 4", b"L : 5", b"content-length:\r\n 4"):
            self.lost(INVITE.replace(b"\r\nSupported", b"\r\n" + line + b"\r\nSupported"))
        self.lost(INVITE.replace(b"Length: 4", b"Length: 65536"), status=513)
        self.lost(INVITE, limits=Limits(message=len(INVITE) - 1), status=513)

    def test_p2_spellings(self) -> None:
        """P2: compact, folded and with white space, all of which is legal."""
        for line in (b"l:4", b"L\t :  4 ", b"CONTENT-LENGTH:\r\n 4", b"Content-Length: 4\r\n "):
            data = INVITE.replace(b"Content-Length: 4", line)
            self.assertEqual(list(StreamFramer().feed(data)), [data], line)

    def test_p3_no_content_length(self) -> None:
        """P3: 400, and the stream is lost; other headers of like names do not count."""
        self.lost(INVITE.replace(b"Content-Length: 4", b"X-Content-Length: 4"))
        self.lost(INVITE.replace(b"Content-Length: 4", b"X: y\r\n Content-Length: 4"))

    def test_nobody_to_answer(self) -> None:
        """A response or noise on a stream that is lost."""
        self.lost(OK.replace(b"Length: 0", b"Length: x"), answer=False)
        self.lost(wire("GET / HTTP/1.1", "Host: x"), answer=False)

    def test_body_in_pieces(self) -> None:
        """A body that takes several reads, with an empty line in it."""
        data = INVITE.replace(b"Length: 4", b"Length: 12")[:-4] + b"a\r\n\r\nb\r\n\r\nc\r"
        framer = StreamFramer()
        self.assertEqual(list(framer.feed(data[:-5])), [])
        self.assertEqual(list(framer.feed(data[-5:] + b"\n" + BYE)), [data, BYE])
