"""A browser loses its socket during a call and comes back."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS, BrowserPhone


class SocketCut(SystemCase):
    """The WebSocket is reset in mid-call; the media go on; both sides can still hang up."""

    def cut(self, one: str, other: str, dropped: str) -> tuple[BrowserPhone, int, BrowserPhone, int]:
        """A call whose ``dropped`` side ("caller" or "callee") lost its socket and has registered again."""
        wire = self.relay()
        first = self.phone(one, **({"server": self.through(wire)} if dropped == "caller" else {}))
        second = self.phone(other, **({"server": self.through(wire)} if dropped == "callee" else {}))
        out, at = self.established(first, second)
        phone = first if dropped == "caller" else second
        wire.cut()
        phone.until("disconnects", 1)
        phone.until_registered(2, 15)
        self.assertEqual("established", first.state(out))
        self.assertEqual("established", second.state(at))
        return first, out, second, at

    def both(self, one: str, other: str, dropped: str) -> None:
        """After the cut: requests reach either side, then the side that stayed, or the one that dropped, hangs up."""
        first, out, second, at = self.cut(one, other, dropped)
        for phone, call, peer, number in ((first, out, second, at), (second, at, first, out)):
            phone.do("dtmf", call, "7")
            peer.until_info(number, "dtmf", "7")
        self.media_flows(first, out, second, at)
        self.hung_up(first, out, second, at)
        first, out, second, at = self.cut(one, other, dropped)
        self.hung_up(second, at, first, out)

    def test_jssip_caller(self) -> None:
        """JsSIP called and dropped."""
        self.both(JSSIP, JSSIP, "caller")

    def test_jssip_callee(self) -> None:
        """JsSIP was called and dropped."""
        self.both(JSSIP, JSSIP, "callee")

    def test_sipjs_caller(self) -> None:
        """SIP.js called and dropped."""
        self.both(SIPJS, JSSIP, "caller")

    def test_sipjs_callee(self) -> None:
        """SIP.js was called and dropped."""
        self.both(JSSIP, SIPJS, "callee")

    def waits(self, library: str) -> None:
        wire = self.relay()
        stays, drops = self.phone(), self.phone(library, server=self.through(wire))
        out, at = self.established(stays, drops)
        wire.cut(refuse=True)
        drops.until("disconnects", 1)
        stays.do("hangup", out)
        wire.mend()
        drops.until_call("ended", at, 20)
        self.assertEqual("remote", drops.info(at)["endedBy"])

    def test_bye_waits_for_jssip(self) -> None:
        """A BYE for a browser that is away reaches it when it is back."""
        self.waits(JSSIP)

    def test_bye_waits_for_sipjs(self) -> None:
        """The same for SIP.js."""
        self.waits(SIPJS)
