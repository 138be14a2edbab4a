"""Transfers through the edge: the core, not we, finds whom Refer-To names."""

from __future__ import annotations

from . import test_transfers
from .edge import EdgeCase
from .phone import JSSIP, SIPJS


class ThroughTheEdge(EdgeCase):
    """Between browsers, with Kamailio behind the edge."""

    three = test_transfers.Transfers.three
    talking = test_transfers.Transfers.talking
    blind = test_transfers.Transfers.blind
    attended = test_transfers.Transfers.attended
    transferred = test_transfers.Transfers.transferred

    def test_blind(self) -> None:
        """SIP.js hands a JsSIP over to a JsSIP."""
        self.blind(SIPJS, JSSIP, JSSIP)

    def test_attended_jssip(self) -> None:
        """JsSIP hands a SIP.js over to a SIP.js: Refer-To names the AoR."""
        self.attended(JSSIP, SIPJS, SIPJS)

    def test_attended_sipjs_gives_jssip(self) -> None:
        """SIP.js hands over: its Refer-To names the remote Contact, a JsSIP's GRUU of Kamailio."""
        self.attended(SIPJS, JSSIP, JSSIP)

    def test_attended_sipjs_to_sipjs(self) -> None:
        """The same where the remote Contact is a SIP.js one, in .invalid, which Kamailio cannot find."""
        self.attended(SIPJS, JSSIP, SIPJS)


class ToPhonesBehind(EdgeCase):
    """Blind transfers with baresip behind Kamailio."""

    def test_browser_gives_baresip(self) -> None:
        """JsSIP hands baresip, which called it, over to a SIP.js."""
        giver, target, moved = self.phone(JSSIP), self.phone(SIPJS), self.baresip_behind()
        moved.command("dial", giver.uri)
        call = giver.incoming()
        giver.answer(call)
        giver.until_call("established", call)
        giver.do("refer", call, target.uri)
        at = target.incoming()
        target.answer(at)
        target.until_call("established", at)
        moved.command("hangup")
        target.until_call("ended", at)

    def test_browser_moves_to_baresip(self) -> None:
        """SIP.js hands JsSIP over to baresip, which hangs up."""
        giver, moved, target = self.phone(SIPJS), self.phone(JSSIP), self.baresip_behind()
        out, at = self.established(giver, moved)
        giver.do("refer", out, target.user.uri)
        target.until("CALL_INCOMING")
        target.command("accept")
        moved.until_call("established", at + 1)
        target.command("hangup")
        moved.until_call("ended", at + 1)
