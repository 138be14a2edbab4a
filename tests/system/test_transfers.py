"""Blind and attended transfer."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll


class Transfers(SystemCase):
    """A talks to B and hands B over to C."""

    def three(self, *libraries: str) -> tuple[BrowserPhone, BrowserPhone, BrowserPhone]:
        one, other, third = (self.phone(library) for library in libraries)
        return one, other, third

    def talking(self, moved: BrowserPhone, call: int, target: BrowserPhone, at: int) -> None:
        """The transferred pair talks, then hangs up."""
        target.until_call("established", at)
        moved.until_call("established", call)
        self.media_flows(moved, call, target, at)
        self.hung_up(target, at, moved, call)

    def blind(self, *libraries: str) -> None:
        giver, moved, target = self.three(*libraries)
        out, at = self.established(giver, moved)
        giver.do("refer", out, target.uri)
        number = target.incoming()
        target.answer(number)
        target.until_call("established", number)
        self.transferred(giver, out)
        giver.do("hangup", out)
        moved.until_call("ended", at)
        self.talking(moved, at + 1, target, number)

    def transferred(self, giver: BrowserPhone, call: int) -> None:
        """NOTIFY told the one who transfers that it worked."""
        poll(lambda: 200 in giver.info(call)["refers"], 10, "NOTIFY with 200")

    def attended(self, *libraries: str) -> None:
        giver, moved, target = self.three(*libraries)
        first, at = self.established(giver, moved)
        giver.do("hold", first)
        moved.until_info(at, "remoteHold", True)
        second, number = self.established(giver, target)
        giver.do("transfer", first, second)
        self.transferred(giver, first)
        giver.until_call("ended", second)
        target.until_call("ended", number)
        if giver.state(first) != "ended":
            giver.do("hangup", first)
        moved.until_call("ended", at)
        self.talking(moved, at + 1, target, number + 1)

    def test_blind_jssip(self) -> None:
        """Three JsSIP."""
        self.blind(JSSIP, JSSIP, JSSIP)

    def test_blind_sipjs_gives_jssip(self) -> None:
        """SIP.js hands a JsSIP over to a JsSIP."""
        self.blind(SIPJS, JSSIP, JSSIP)

    def test_blind_jssip_gives_sipjs(self) -> None:
        """JsSIP hands a SIP.js over to a SIP.js."""
        self.blind(JSSIP, SIPJS, SIPJS)

    def test_attended_jssip(self) -> None:
        """Three JsSIP: Refer-To names the AoR."""
        self.attended(JSSIP, JSSIP, JSSIP)

    def test_attended_sipjs_gives_jssip(self) -> None:
        """SIP.js hands over: its Refer-To names the remote Contact, a JsSIP's GRUU."""
        self.attended(SIPJS, JSSIP, JSSIP)

    def test_attended_sipjs_to_sipjs(self) -> None:
        """The same where the remote Contact is a SIP.js one, in .invalid."""
        self.attended(SIPJS, JSSIP, SIPJS)

    def test_attended_jssip_gives_sipjs(self) -> None:
        """JsSIP hands a SIP.js over to a SIP.js."""
        self.attended(JSSIP, SIPJS, SIPJS)
