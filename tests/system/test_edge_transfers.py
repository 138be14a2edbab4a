"""Transfers through the edge: the core, not we, finds whom Refer-To names."""

from __future__ import annotations

from . import test_transfers
from .edge import EdgeCase
from .phone import JSSIP, SIPJS


class ThroughTheEdge(EdgeCase, test_transfers.Transfers):
    """The transfers between browsers, with Kamailio behind the edge."""


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
