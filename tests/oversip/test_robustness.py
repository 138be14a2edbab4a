"""Check 30, on the wire: what is no good SIP, by transport (OverSIP's table 1.6), keep-alives and STUN."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from tests.edge.behind import EdgeWorld
from tests.oversip.edge_case import EdgeCase
from tests.oversip.front_doors import DOORS, PEER, Door, TcpDoor, UdpDoor, WebSocketDoor
from tests.websocket.wire import BINARY, PING, PONG, TEXT, frame

#: what becomes of a message, beside the status of an answer
PASSES, SILENCE = 1, 0
#: and of the connection
STAYS, CLOSED, UNREADABLE = 0, 1, 4000

#: status (or PASSES, SILENCE) and end of the connection
Verdict = tuple[int, int]


def message(
    transport: str,
    body: bytes = b"",
    length: int | None = -1,
    without: str = "",
    extra: Sequence[tuple[str, str]] = (),
    **changes: str,
) -> bytes:
    """A MESSAGE; ``length``: Content-Length, None leaves it out; ``without``: a header to leave out."""
    method = changes.pop("method", "MESSAGE")
    uri = changes.pop("uri", "sip:desk@example.com")
    branch = changes.pop("branch", "z9hG4bKx1")
    lines = {
        "Via": f"SIP/2.0/{transport} {PEER[0]}:{PEER[1]};branch={branch};rport",
        "Max-Forwards": "70",
        "From": "<sip:alice@example.com>;tag=1",
        "To": f"<{uri}>",
        "Call-ID": "c1",
        "CSeq": f"1 {method}",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    if length is not None:
        lines["Content-Length"] = str(len(body) if length < 0 else length)
    fields = [(name, value) for name, value in [*lines.items(), *extra] if name != without]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{method} {uri} SIP/2.0\r\n{head}\r\n".encode() + body


class TableTests(EdgeCase):
    """Each fault by UDP, TCP and WebSocket. Where OverSIP was silent and an answer can be sent, we send it (400)."""

    def verdict(self, door: Door) -> Verdict:
        """What has become of what was said there."""
        heard = door.heard()
        found = re.match(rb"SIP/2\.0 (\d+) ", heard)
        passed = self.core.requests("MESSAGE")
        status = int(found[1]) if found else PASSES if passed else SILENCE
        if found:
            self.assertEqual([], passed)
        return status, door.ended

    def judge(self, make: Callable[[str], bytes], udp: Verdict, tcp: Verdict | None, ws: Verdict) -> None:
        """The verdicts on what ``make`` gives (None: none there); then a good message passes, where one can."""
        for kind, expected in zip(DOORS, (udp, tcp, ws), strict=True):
            if expected is None:
                continue
            self.use(EdgeWorld())
            door = kind(self.world)
            data = make(door.transport)
            door.say(data)
            self.assertEqual(expected, self.verdict(door), (door.transport, data[:300]))
            if not door.ended and expected is not WAITS:
                door.say(message(door.transport, branch="z9hG4bKgood"))
                self.assertEqual((PASSES, STAYS), self.verdict(door), (door.transport, "afterwards"))

    def test_30_good(self) -> None:
        """What all the others are measured by."""
        self.judge(message, (PASSES, STAYS), (PASSES, STAYS), (PASSES, STAYS))

    def test_30_not_parseable(self) -> None:
        """No SIP at all: silence, closed, 4000, as in OverSIP. One bad line of a request: 400, and nothing closes."""
        self.judge(lambda _: b"no SIP at all\r\n\r\n", (SILENCE, STAYS), (SILENCE, CLOSED), (SILENCE, UNREADABLE))
        answered = (400, STAYS)
        self.judge(lambda t: message(t).replace(b"Max-Forwards:", b"Max Forwards"), answered, answered, answered)
        self.judge(lambda t: message(t, CSeq="1 INVITE"), answered, answered, answered)
        self.judge(lambda t: message(t).replace(b"SIP/2.0\r\n", b"HTTP/1.1\r\n", 1), answered, answered, answered)
        self.judge(lambda t: message(t, uri="sip:desk@example.com;x="), answered, answered, answered)
        self.judge(lambda t: message(t).replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1), *[(505, STAYS)] * 3)

    def test_30_incomplete(self) -> None:
        """Cut off in the midst of a line: 400, TCP waits (for 20 s), WebSocket 4000 (OverSIP: 4001)."""
        self.judge(lambda t: message(t)[:-8], (400, STAYS), WAITS, (SILENCE, UNREADABLE))

    def test_30_core_headers(self) -> None:
        """Missing or double: 400, and the connection stays; without Via or CSeq there is nobody to answer."""
        answered = (400, STAYS)
        for name in ("Call-ID", "From", "To"):
            self.judge(lambda t, name=name: message(t, without=name), answered, answered, answered)  # type: ignore[misc]
            double = [(name, "<sip:b@b.example>;tag=2")]
            self.judge(lambda t, d=double: message(t, extra=d), answered, answered, answered)  # type: ignore[misc]
        for name in ("Via", "CSeq"):
            self.judge(
                lambda t, name=name: message(t, without=name),  # type: ignore[misc]
                (SILENCE, STAYS), (SILENCE, STAYS), (SILENCE, UNREADABLE),
            )  # fmt: skip
        double = [("Content-Length", "0")]
        self.judge(lambda t: message(t, extra=double), answered, (400, CLOSED), answered)

    def test_30_branch(self) -> None:
        """The magic cookie and nothing else: 400, to an ACK silence. Without it the request is of RFC 2543 and passes,
        as RFC 4475 §3.3.15 wants it (OverSIP: 400)."""
        answered, passes = (400, STAYS), (PASSES, STAYS)
        self.judge(lambda t: message(t, branch="z9hG4bK"), answered, answered, answered)
        self.judge(lambda t: message(t, branch="z9hG4bK", method="ACK"), *[(SILENCE, STAYS)] * 3)
        self.judge(lambda t: message(t, branch="old"), passes, passes, passes)

    def test_30_content_length(self) -> None:
        """Too much in a datagram is cut off, without Content-Length the body is all of it (RFC 3261 §18.3; OverSIP:
        400); too little is 400. On TCP 400 and closed without one. On a WebSocket none is fine, and a wrong one is 400,
        where OverSIP closed by 4002; two messages in one frame are 4000."""
        answered, passes = (400, STAYS), (PASSES, STAYS)
        self.judge(lambda t: message(t, b"hello", 9), answered, WAITS, answered)
        self.judge(lambda t: message(t, b"hello there", 5), passes, None, answered)
        self.judge(lambda t: message(t, b"hello", None), passes, (400, CLOSED), passes)
        self.judge(lambda t: message(t, b"", None), passes, (400, CLOSED), passes)
        two = lambda t: message(t) + message(t, branch="z9hG4bKx2")  # noqa: E731
        self.judge(two, passes, passes, (SILENCE, UNREADABLE))

    def test_30_long_head(self) -> None:
        """More than 16 kB of headers: 400, and a stream is closed, before the end of them has come."""
        long = [(f"X-{number}", "x" * 1000) for number in range(17)]
        self.judge(lambda t: message(t, extra=long), (400, STAYS), (400, CLOSED), (400, STAYS))
        self.judge(lambda t: message(t, extra=long)[:-2], (400, STAYS), (400, CLOSED), (SILENCE, UNREADABLE))

    def test_30_long_body(self) -> None:
        """A body without end is not waited for (OverSIP took 300 kB, and 999,999,999 were announced): 513."""
        door = TcpDoor(self.world)
        door.say(message("TCP", b"x", 999_999_999))
        self.assertEqual((513, CLOSED), self.verdict(door))


#: a stream waits for the rest
WAITS: Verdict = (SILENCE, STAYS)


class KeepAliveTests(EdgeCase):
    """CRLF, STUN, and the frames of WebSockets."""

    def test_30_crlf(self) -> None:
        """Two are answered with one; one alone, and an empty message, with nothing (OverSIP: 4001, an exception)."""
        for kind in DOORS:
            door = kind(self.world)
            door.say(b"\r\n\r\n")
            self.assertEqual(b"\r\n", door.heard())
            door.say(b"\r\n")
            if not isinstance(door, TcpDoor):
                door.say(b"")
            self.assertEqual((b"", 0), (door.heard(), door.ended))

    def test_30_websocket_codes(self) -> None:
        """1002 unmasked, reserved bits, unknown opcode, stray continuation; 1007 bad UTF-8; 1009 too long, also when
        it grows by fragments, which OverSIP let grow; PING is answered."""
        masked = b"\x37\xfa\x21\x3d"
        for data, code in (
            (frame(TEXT, b"x", mask=None), 1002),
            (frame(TEXT, b"x", rsv=4), 1002),
            (frame(3, b"x"), 1002),
            (frame(0, b"x"), 1002),
            (frame(PING, b"x", fin=False), 1002),
            (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
            (frame(TEXT, b"\xc3\x28"), 1007),
            (struct.pack("!BBQ", 0x81, 0xFF, 65_537) + masked, 1009),
            (frame(TEXT, b"x" * 60_000, fin=False) + frame(0, b"x" * 60_000), 1009),
        ):
            door = WebSocketDoor(self.world)
            door.client.send(data)
            self.assertEqual((b"", code), (door.heard(), door.ended))
        door = WebSocketDoor(self.world)
        door.client.send(frame(PING, b"are you there"))
        self.assertEqual([(PONG, b"are you there")], door.client.frames())

    def test_30_text_or_binary(self) -> None:
        """Either comes in."""
        door = WebSocketDoor(self.world)
        door.client.send(frame(BINARY, message("WS")))
        self.arrived(self.core, "MESSAGE")

    def test_30_stun(self) -> None:
        """Binding: the true address, hidden for RFC 5389, plain for RFC 3489 (OverSIP's was wrong)."""
        door = UdpDoor(self.world)
        for cookie, attribute in ((0x2112A442, 0x0020), (0x01020304, 0x0001)):
            transaction = struct.pack("!I", cookie) + bytes(range(12))
            door.say(struct.pack("!HH", 1, 0) + transaction)
            answer = door.heard()
            self.assertEqual(struct.pack("!H", 0x0101), answer[:2])
            self.assertEqual(transaction, answer[4:20])
            kind, length, family, port = struct.unpack_from("!HHxBH", answer, 20)
            address = int.from_bytes(answer[28:32], "big")
            if attribute == 0x0020:
                port, address = port ^ 0x2112, address ^ 0x2112A442
            self.assertEqual((attribute, 8, 1), (kind, length, family))
            self.assertEqual(PEER, (str(ip_address(address)), port))
