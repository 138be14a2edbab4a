"""Calls through the edge outlive the browser's connection and the edge itself."""

from __future__ import annotations

from . import test_reconnect, test_ringing
from .edge import EdgeCase
from .phone import JSSIP, SIPJS, BrowserPhone


class Cut(EdgeCase):
    """Two browsers and Kamailio between them; one loses its connection in mid-call and comes back."""

    cut = test_reconnect.SocketCut.cut
    both = test_reconnect.SocketCut.both
    waits = test_reconnect.SocketCut.waits

    def test_caller(self) -> None:
        """JsSIP called and dropped: INFO both ways, BYE from either side."""
        self.both(JSSIP, SIPJS, "caller")

    def test_callee(self) -> None:
        """SIP.js was called and dropped."""
        self.both(JSSIP, SIPJS, "callee")

    def test_bye_waits(self) -> None:
        """A BYE for a browser that is away reaches it when it is back."""
        self.waits(JSSIP)


class Rings(EdgeCase):
    """The same while it rings."""

    lose = test_ringing.RingingCut.lose
    callee = test_ringing.RingingCut.callee
    sipjs_caller = test_ringing.RingingCut.sipjs_caller
    jssip_caller = test_ringing.RingingCut.jssip_caller

    def test_callee(self) -> None:
        """JsSIP rings when its socket breaks, and is called again on the new one."""
        self.callee(JSSIP, False)

    def test_callee_from_another_address(self) -> None:
        """SIP.js changes from Wi-Fi to mobile."""
        self.callee(SIPJS, True)

    def test_sipjs_caller(self) -> None:
        """Its call is answered when it is back."""
        self.sipjs_caller(False)

    def test_jssip_caller(self) -> None:
        """It has forgotten its call: nobody rings any more."""
        self.jssip_caller(False, False)


class Restarted(EdgeCase):
    """kill -9 of the edge in mid-call, and a new one with the same state."""

    restarted = test_reconnect.Restart.restarted

    def test_browsers(self) -> None:
        """SIP.js and JsSIP come back by themselves; INFO both ways, media, BYE."""
        self.restarted(SIPJS, JSSIP)

    def killed(self) -> None:
        """The edge dies and is started again."""
        self.server.child.kill()
        self.server.start()

    def test_phone_behind_kamailio_hangs_up(self) -> None:
        """baresip behind Kamailio on UDP hangs up after the restart: the browser, back by itself, sees the BYE."""
        phone, browser = self.baresip_behind(), self.phone()
        phone.command("dial", browser.uri)
        at = browser.incoming()
        browser.answer(at)
        phone.until("CALL_ESTABLISHED")
        self.killed()
        phone.command("hangup")
        browser.until_call("ended", at, 20)
        self.assertEqual("remote", browser.info(at)["endedBy"])

    def test_udp_phone_hangs_up(self) -> None:
        """baresip on UDP before the edge hangs up on a phone behind Kamailio at once after the restart."""
        self.udp(True)

    def test_udp_phone_is_hung_up(self) -> None:
        """The phone behind Kamailio hangs up on the one before the edge, which has not registered again."""
        self.udp(False)

    def udp(self, before_hangs_up: bool) -> None:
        before, behind = self.baresip_before(), self.baresip_behind()
        before.command("dial", behind.user.uri)
        behind.until("CALL_INCOMING")
        behind.command("accept")
        before.until("CALL_ESTABLISHED")
        behind.until("CALL_ESTABLISHED")
        self.killed()
        one, other = (before, behind) if before_hangs_up else (behind, before)
        one.command("hangup")
        other.until("CALL_CLOSED")

    def test_udp_phone_is_called(self) -> None:
        """baresip on UDP before the edge is called after the restart, without having registered again."""
        before, behind = self.baresip_before(), self.baresip_behind()
        self.killed()
        behind.command("dial", before.user.uri)
        before.until("CALL_INCOMING")
        before.command("accept")
        behind.until("CALL_ESTABLISHED")
        behind.command("hangup")
        before.until("CALL_CLOSED")


class WithPhoneBehind(EdgeCase):
    """The browser's connection is cut in a call with a phone behind Kamailio."""

    def cut(self, library: str, calls: bool) -> tuple[BrowserPhone, int]:
        """A call of a browser that lost its connection and is back."""
        wire = self.relay()
        self.behind, browser = self.baresip_behind(), self.phone(library, server=self.through(wire))
        if calls:
            call = browser.call(self.behind.user.uri)
            self.behind.until("CALL_INCOMING")
            self.behind.command("accept")
        else:
            self.behind.command("dial", browser.uri)
            call = browser.incoming()
            browser.answer(call)
        browser.until_call("established", call)
        self.behind.until("CALL_ESTABLISHED")
        wire.cut()
        browser.until("disconnects", 1)
        browser.until_registered(2, 15)
        browser.do("dtmf", call, "5")
        self.behind.until("CALL_DTMF_START")
        return browser, call

    def test_jssip_called(self) -> None:
        """JsSIP called; after the cut INFO from it, hold from baresip, BYE from baresip."""
        browser, call = self.cut(JSSIP, True)
        self.behind.command("hold")
        browser.until_info(call, "remoteHold", True)
        self.behind.command("hangup")
        browser.until_call("ended", call)

    def test_sipjs_was_called(self) -> None:
        """SIP.js was called; after the cut it hangs up."""
        browser, call = self.cut(SIPJS, False)
        browser.do("hangup", call)
        self.behind.until("CALL_CLOSED")
