"""Loop hash and breadth (RFC 5393)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.loop import breadth, check_loop, loop_hash, make_branch
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request

OURS = {"192.0.2.1:5060"}


def request(uri: str = "sip:bob@example.com", **headers: str) -> Request:
    lines = {
        "Via": "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
        "From": "<sip:a@example.com>;tag=1",
        "To": "<sip:bob@example.com>",
        "Call-ID": "c",
        "CSeq": "1 INVITE",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return Request.build("INVITE", uri, list(lines.items()))


class LoopTests(SynchronousTestCase):
    """§4.2."""

    def test_what_counts(self) -> None:
        """R-URI, Route, tags, Call-ID, CSeq number and Proxy-Require make the hash, nothing else."""
        first = request()
        same = request(Subject="x", Max_Forwards="5", Via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2")
        self.assertEqual(loop_hash(first, first.uri), loop_hash(same, same.uri))
        for other in (
            request("sip:eve@example.com"),
            request(Route="<sip:x;lr>"),
            request(From="<sip:a@example.com>;tag=2"),
            request(To="<sip:bob@example.com>;tag=2"),
            request(Call_ID="d"),
            request(CSeq="2 INVITE"),
            request(Proxy_Require="x"),
        ):
            self.assertNotEqual(loop_hash(first, first.uri), loop_hash(other, other.uri))

    def passed_on(self, message: Request, sent_by: str = "192.0.2.1:5060") -> Request:
        """``message`` after it went through us."""
        branch = make_branch("0123456789abcdef", loop_hash(message, message.uri))
        message.prepend("Via", f"SIP/2.0/UDP {sent_by};branch={branch}")
        message.prepend("Via", "SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKnext")
        return message

    def test_loop_and_spiral(self) -> None:
        """Unchanged: 482. With another R-URI, or through somebody else: it passes."""
        looped = self.passed_on(request())
        self.assertEqual(482, self.assertRaises(SIPError, check_loop, looped, OURS).status)
        looped.uri = "sip:carol@example.com"  # type: ignore[assignment]
        check_loop(looped, OURS)
        check_loop(self.passed_on(request(), "192.0.2.7:5060"), OURS)
        check_loop(request(), OURS)

    def test_branch_without_hash(self) -> None:
        """A branch of ours without one says nothing."""
        message = request()
        message.prepend("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={make_branch('0123456789abcdef')}")
        check_loop(message, OURS)


class BreadthTests(SynchronousTestCase):
    """§5.3.3."""

    def test_values(self) -> None:
        """None: ours; larger: ours; smaller: theirs; 0: 440; no number: 400."""
        self.assertEqual(60, breadth(request(), 60))
        self.assertEqual(60, breadth(request(Max_Breadth="200"), 60))
        self.assertEqual(7, breadth(request(Max_Breadth="7"), 60))
        for bad, status in (("0", 440), ("x", 400), ("-1", 400), ("9" * 30, 400), ("\u0663", 400)):
            self.assertEqual(status, self.assertRaises(SIPError, breadth, request(Max_Breadth=bad), 60).status, bad)
