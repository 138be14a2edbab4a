"""RFC 4475 and RFC 5118 through the whole element, over UDP, TCP and WebSocket, in two configurations.

Permissive: the sender is trusted, example.com is local, REGISTER needs no credentials, all else goes to a sink.
Default: the sender is a stranger; what is wrong by itself is answered alike, the rest is refused for want of proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.proxy.settings import NextHop
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.framing import KEEPALIVE, StreamFramer
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import parse
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups, MemoryFlow, MemoryListener
from tests.server.world import DOMAIN, World
from tests.torture.messages import RFC4475, RFC5118

SINK = "127.0.0.9"
FORWARDED = -1
DROPPED = 0

#: name -> what becomes of it in the permissive configuration
VERDICTS: dict[str, int | tuple[int, ...]] = {
    **dict.fromkeys(
        ("wsinv", "intmeth", "esc01", "esc02", "lwsdisp", "longreq", "semiuri", "transports", "mpart01", "baddate",
         "invut", "sdp01", "inv2543"), FORWARDED
    ),
    **dict.fromkeys(("escnull", "dblreq", "cparam01", "cparam02", "regescrt", "regaut01"), 200),
    **dict.fromkeys(("unreason", "noreason", "scalarlg", "bigcode", "bcast"), DROPPED),
    **dict.fromkeys(
        ("badinv01", "clerr", "ncl", "scalar02", "quotbal", "ltgtruri", "lwsruri", "lwsstart", "trws", "escruri",
         "regbadct", "badaspec", "baddn", "mismatch01", "badbranch", "insuf", "unksm2", "multi01", "mcl01"), 400
    ),
    "badvers": 505,
    "mismatch02": (501, 400),
    "unkscm": 416,
    "novelsc": 416,
    "bext01": 420,
    "zeromf": 483,
}  # fmt: skip
USERS = ("user", "UserB", "user;par=u%40example.net", "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
#: alike for everybody
SYNTAX = {400, 416, 420, 483, 501, 505, DROPPED}
#: for strangers instead of the rest
UNPROVEN = {401, 403, 404, 407, 480}
#: on a stream the rest of these has yet to come (F8 ends the wait), or framing is lost
WAITS = {"clerr", "baddn"}
LOST = {"ncl", "mcl01", "inv2543"}


class Everywhere(FakeLookups):
    """Every name leads to the sink."""

    async def a(self, name: str) -> Sequence[str]:
        return [SINK]


class Wire:
    """The element, one sender, and a sink for what leaves."""

    def __init__(self, transport: str, trusted: bool) -> None:
        sources = (TrustedSource(("127.0.0.0/8",), Role.CORE, transports=frozenset({"udp", "tcp", "ws"})),)
        hop = NextHop(frozenset({"*"}), (Uri.parse(f"sip:{SINK}:5060;transport=udp"),))
        self.world = World(
            trusted=sources if trusted else (), next_hops=(hop,) if trusted else (), lookups=Everywhere()
        )
        for place in ("2001:db8::10", "2001:db8::10:5070"):
            for port in (5060, 5070):
                self.world.element.listens(MemoryListener("udp", place, port))
        self.transport = transport
        if trusted:
            for user in USERS:
                self.register(user)

    def register(self, user: str) -> None:
        flow = self.world.udp_flow(("127.0.0.1", 9999))
        flow.receive(
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9999;branch=z9hG4bK{len(user)}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{user}@{DOMAIN}>;tag=1\r\nTo: <sip:{user}@{DOMAIN}>\r\n"
            f"Call-ID: {len(user)}\r\n"
            f"CSeq: 1 REGISTER\r\nContact: <sip:{user}@{SINK}:5060>\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert flow.take()[-1].startswith(b"SIP/2.0 200"), flow.sent

    def send(self, data: bytes) -> None:
        """``data`` comes by a new flow, as that transport cuts it."""
        world = self.world
        if self.transport == "udp":
            self.flow = world.udp_flow(("127.0.0.1", 9998))
            self.flow.receive(data)
            return
        self.flow = world.connect(self.transport)
        if self.transport == "ws":
            self.flow.receive(data)
            return
        try:
            for piece in StreamFramer().feed(data):
                if piece is not KEEPALIVE:
                    self.flow.receive(piece)
        except ParseError as error:
            world.element.malformed(error, self.flow)
            self.flow.close()

    def answers(self) -> list[Response]:
        """What came back: responses that themselves are SIP, or at least begin so."""
        found = []
        # An answer repeats Via, From, To, Call-ID and CSeq of a request in which one of them is broken.
        for data in self.flow.take():
            try:
                message = parse(data)
            except ParseError:
                message = Response.build(int(data[8:11]), data[12 : data.index(b"\r\n")].decode(), [])
            assert isinstance(message, Response)
            found.append(message)
        return [answer for answer in found if answer.status >= 200]

    def forwarded(self) -> list[Request]:
        """What reached the sink, by UDP or TCP."""
        flows: list[MemoryFlow] = [self.world.udp_flow((SINK, 5060)), *self.world.dialled.values()]
        messages = [parse(data) for flow in flows for data in flow.take()]
        return [message for message in messages if isinstance(message, Request)]


class Torture:
    """The same for every transport."""

    transport = "udp"

    def verdict(self, name: str, trusted: bool) -> set[int]:
        wanted = VERDICTS[name]
        allowed = set(wanted) if isinstance(wanted, tuple) else {wanted}
        if not trusted and not allowed & SYNTAX:
            allowed = UNPROVEN
        if self.transport == "tcp" and name in WAITS:
            return {DROPPED}
        if self.transport == "tcp" and name in LOST:
            return {400}
        if self.transport == "ws" and name in ("dblreq", "baddn"):
            return {400, DROPPED}
        return allowed

    def judge(self, trusted: bool) -> None:
        wire = Wire(self.transport, trusted)
        wrong = []
        for name, data in RFC4475.items():
            if name == "test_dat":
                continue
            # several have one branch, sent-by and method in common
            wire.send(data.replace(b"branch=z9hG4bKkdjuw", b"branch=z9hG4bK" + name.encode()))
            answers, left = wire.answers(), wire.forwarded()
            got = answers[0].status if answers else FORWARDED if left else DROPPED
            if got not in self.verdict(name, trusted):
                wrong.append(f"{name}: {got} instead of {self.verdict(name, trusted)}")
            if len(answers) > (2 if name == "dblreq" and self.transport == "tcp" else 1):
                wrong.append(f"{name}: {len(answers)} answers")
            if self.transport == "tcp" and name in LOST and not wire.flow.closed:
                wrong.append(f"{name}: framing is lost, and the stream is still open")
            if self.transport == "ws" and wire.flow.closed and got != DROPPED:
                wrong.append(f"{name}: closed the WebSocket")
        self.assertEqual([], wrong)  # type: ignore[attr-defined]
        self.assertEqual([], wire.world.errors())  # type: ignore[attr-defined]

    def test_figure_1_trusted(self) -> None:
        """All 49, the sender trusted."""
        self.judge(True)

    def test_figure_1_stranger(self) -> None:
        """All 49, the default configuration."""
        self.judge(False)

    def test_every_message_has_a_verdict(self) -> None:
        """None is left out."""
        self.assertEqual(set(VERDICTS), set(RFC4475) - {"test_dat"})  # type: ignore[attr-defined]

    def test_rfc_5118(self) -> None:
        """All 12 of RFC 5118: only ``ipv6_bad`` is 400, the others are understood."""
        for trusted in (True, False):
            wire = Wire(self.transport, trusted)
            for number, (name, data) in enumerate(RFC5118.items()):
                wire.send(data.replace(b"branch=z9hG4bKas3", b"branch=z9hG4bK%d" % number))
                statuses = [answer.status for answer in wire.answers()]
                if name == "ipv6_bad":
                    self.assertEqual([400], statuses)  # type: ignore[attr-defined]
                else:
                    self.assertNotIn(400, statuses, (name, trusted))  # type: ignore[attr-defined]
                    self.assertTrue(statuses or wire.forwarded(), (name, trusted))  # type: ignore[attr-defined]
            self.assertEqual([], wire.world.errors())  # type: ignore[attr-defined]


class UdpTests(Torture, SynchronousTestCase):
    """By datagrams."""


class TcpTests(Torture, SynchronousTestCase):
    """Cut out of a stream."""

    transport = "tcp"

    def test_dblreq_is_two_messages(self) -> None:
        """dblreq: a stream holds two messages, and both are answered."""
        wire = Wire("tcp", True)
        wire.send(RFC4475["dblreq"])
        self.assertEqual({200, 404}, {answer.status for answer in wire.answers()})


class WebSocketTests(Torture, SynchronousTestCase):
    """One in each WebSocket message."""

    transport = "ws"


class ForwardedTests(SynchronousTestCase):
    """Fields of what is forwarded or stored."""

    def setUp(self) -> None:
        self.wire = Wire("udp", True)

    def tearDown(self) -> None:
        self.assertEqual([], self.wire.world.errors())

    def forwarded(self, name: str) -> Request:
        self.wire.send(RFC4475[name])
        [request] = self.wire.forwarded()
        return request

    def lines_kept(self, name: str, but: Sequence[bytes]) -> None:
        """Every header line leaves as it came, those that begin with one of ``but`` excepted."""
        self.wire.send(RFC4475[name])
        flows = [self.wire.world.udp_flow((SINK, 5060)), *self.wire.world.dialled.values()]
        [out] = [data for flow in flows for data in flow.take()]
        head, _, body = RFC4475[name].partition(b"\r\n\r\n")
        for line in head.split(b"\r\n")[1:]:
            if not line.startswith(tuple(but)):
                self.assertIn(line, out)
        self.assertEqual(body, out.partition(b"\r\n\r\n")[2])

    def test_wsinv(self) -> None:
        """Max-Forwards 0068 becomes 67; folded lines, odd headers and both Contacts are kept."""
        request = self.forwarded("wsinv")
        self.assertEqual(67, request.max_forwards)
        self.assertEqual("sip:vivekg@chair-dnrc.example.com;unknownparam", request.uri.text)
        self.assertEqual(";;,,;;,;", request.get("UnknownHeaderWithUnusualValue"))
        self.assertEqual(4, len(request.vias))
        self.assertEqual(1, len(request.get_all("Contact")))

    def test_untouched_lines(self) -> None:
        """Unknown methods and headers, escapes, 34 Vias, a bad Date, S/MIME: as they came (but for a strict Route)."""
        for name in ("intmeth", "esc01", "esc02", "longreq", "mpart01", "baddate", "invut", "sdp01", "semiuri"):
            self.wire = Wire("udp", True)
            self.lines_kept(name, (b"Via", b"v:", b"Max-Forwards", b"MAX", b"max", b"Route"))

    def test_inv2543(self) -> None:
        """Max-Forwards 70 is added; a repetition is absorbed by the rules of RFC 2543."""
        self.assertEqual(70, self.forwarded("inv2543").max_forwards)
        self.wire.send(RFC4475["inv2543"])
        self.assertEqual([], self.wire.forwarded())

    def test_escnull(self) -> None:
        """Two users of NULs are two bindings, and both are listed."""
        self.wire.send(RFC4475["escnull"])
        [answer] = self.wire.answers()
        self.assertEqual(["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"], sorted(
            (each.uri.text for each in answer.contacts), key=len))  # fmt: skip

    def test_cparam(self) -> None:
        """cparam01 keeps a Contact's parameter, cparam02 one of its URI, which comes back in the R-URI."""
        self.wire.send(RFC4475["cparam01"])
        self.assertIn("unknownparam", self.wire.answers()[0].get("Contact") or "")
        self.wire = Wire("udp", True)
        self.wire.send(RFC4475["cparam02"])
        contacts = [each.uri.text for each in self.wire.answers()[0].contacts]
        self.assertTrue(any("unknownparam" in contact for contact in contacts), contacts)

    def test_regescrt(self) -> None:
        """The Route in a Contact's URI is stored, listed, and never obeyed."""
        self.wire.send(RFC4475["regescrt"].replace(b"user@example.com?", b"user@far.example.net?"))
        [answer] = self.wire.answers()
        self.assertTrue(any("?Route=" in each.uri.text for each in answer.contacts))
        self.wire.forwarded()
        self.wire.send(RFC4475["sdp01"])
        for request in self.wire.forwarded():
            self.assertNotIn("Route", request.uri.text)
            self.assertFalse(request.has("Route"))

    def test_escruri(self) -> None:
        """A Route in the R-URI is neither honoured nor forwarded."""
        self.wire.send(RFC4475["escruri"])
        self.assertEqual([], self.wire.forwarded())

    def test_reason_phrases(self) -> None:
        """unreason and noreason: odd reason phrases pass as they came."""
        world = World()
        alice, bob = world.registered("alice"), world.registered("bob")
        for name, status in (("unreason", 200), ("noreason", 183)):
            alice.invite(bob.aor)
            [arrived] = bob.requests("INVITE")
            alice.take()
            reason = RFC4475[name].partition(b"\r\n")[0].partition(b" ")[2].partition(b" ")[2]
            answer = arrived.response(status, "X", to_tag="t").to_bytes()
            bob.flow.receive(answer.replace(b"%d X" % status, b"%d " % status + reason, 1))
            [passed] = alice.flow.take()
            self.assertTrue(passed.startswith(b"SIP/2.0 %d " % status + reason + b"\r\n"))
