"""Browsers register through the edge at Kamailio, and talk to each other and to phones behind Kamailio."""

from __future__ import annotations

from .conversations import WithBaresip, WithSipp
from .edge import EdgeCase
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll
from .sipp import called, caller


class Browsers(EdgeCase):
    """Two browsers, both through the edge: each call passes it twice."""

    def talk(self, one: str, other: str) -> None:
        caller, callee = self.phone(one), self.phone(other)
        out, at = self.established(caller, callee)
        self.media_flows(caller, out, callee, at)
        self.tones(caller, out, callee, at)
        self.holds(caller, out, callee, at)
        self.holds(callee, at, caller, out)
        self.media_flows(caller, out, callee, at)
        self.hung_up(caller, out, callee, at)
        out, at = self.established(callee, caller)
        self.hung_up(caller, at, callee, out)
        for phone, peer in ((caller, callee), (callee, caller)):
            self.message(phone, peer)

    def message(self, one: BrowserPhone, other: BrowserPhone) -> None:
        """MESSAGE, and its 200."""
        number = one.do("message", other.uri, f"from {one.user}")
        poll(lambda: one.snapshot()["sent"][number]["status"] == 200, 10, "200 to MESSAGE")
        poll(lambda: f"from {one.user}" in str(other.snapshot()["messages"]), 10, "a MESSAGE")

    def test_jssip_calls_sipjs(self) -> None:
        """JsSIP calls SIP.js: media, INFO, hold by both, BYE by the caller; called back, BYE by the callee; MESSAGE."""
        self.talk(JSSIP, SIPJS)

    def test_sipjs_calls_jssip(self) -> None:
        """The same begun by SIP.js."""
        self.talk(SIPJS, JSSIP)

    def test_rejected_cancelled_absent(self) -> None:
        """Busy, given up and absent show as the core has them."""
        caller, callee, absent = self.phone(), self.phone(SIPJS), self.core.user()
        out = caller.call(callee.uri)
        callee.do("reject", callee.incoming(), 486)
        caller.until_call("ended", out)
        self.assertEqual(486, caller.info(out)["status"])
        out = caller.call(callee.uri)
        at = callee.incoming()
        caller.until_call("ringing", out)
        caller.do("hangup", out)
        callee.until_call("ended", at)
        for target, status in ((absent.uri, 480), (f"sip:nobody@{self.core.domain}", 404)):
            out = caller.call(target)
            caller.until_call("ended", out)
            self.assertEqual(status, caller.info(out)["status"])


class BaresipBehind(WithBaresip, EdgeCase):
    """baresip behind Kamailio, without us: sound by ICE and DTLS-SRTP."""

    def test_jssip(self) -> None:
        """JsSIP is called by baresip on UDP behind Kamailio."""
        self.calls_browser(self.baresip_behind(), JSSIP)

    def test_jssip_calls(self) -> None:
        """JsSIP calls baresip on UDP behind Kamailio."""
        self.called_by_browser(self.baresip_behind(), JSSIP)

    def test_sipjs(self) -> None:
        """SIP.js is called by baresip on TCP behind Kamailio."""
        self.calls_browser(self.baresip_behind("tcp"), SIPJS)

    def test_sipjs_calls(self) -> None:
        """SIP.js calls baresip on TCP behind Kamailio."""
        self.called_by_browser(self.baresip_behind("tcp"), SIPJS)

    def test_before_the_edge(self) -> None:
        """baresip on UDP with the edge as its outbound proxy calls a browser and is called by one."""
        phone = self.baresip_before()
        path = self.core.lookup(phone.user)
        self.assertIn("ovp", path)
        self.calls_browser(phone, JSSIP)
        self.called_by_browser(self.baresip_before("tcp"), SIPJS)


class SippBehind(WithSipp, EdgeCase):
    """sipp behind Kamailio and before the edge: requests within the call from both sides."""

    def calls(self, library: str, sipp_hangs_up: bool, transport: str = "udp", before: bool = False) -> None:
        browser = self.phone(library)
        start = self.sipp_before if before else self.sipp_behind
        scenario = caller(self.core.user(), browser.uri, sipp_hangs_up)
        self.sipp_calls(browser, lambda: start(scenario, transport, uri=browser.uri), sipp_hangs_up)

    def called(self, library: str, sipp_hangs_up: bool, transport: str = "udp", before: bool = False) -> None:
        user, browser = self.core.user(), self.phone(library)
        start = self.sipp_before if before else self.sipp_behind
        sipp = self.registered(start, user, called(sipp_hangs_up), transport)
        self.calls_sipp(browser, user.uri, sipp, sipp_hangs_up)

    def test_behind_calls(self) -> None:
        """sipp behind Kamailio calls JsSIP and hangs up; calls SIP.js, which hangs up."""
        self.calls(JSSIP, True)
        self.calls(SIPJS, False, "tcp")

    def test_behind_is_called(self) -> None:
        """JsSIP calls sipp behind Kamailio, which hangs up; SIP.js calls it and hangs up."""
        self.called(JSSIP, True)
        self.called(SIPJS, False, "tcp")

    def test_before_calls(self) -> None:
        """sipp calls through the edge: JsSIP, which hangs up, and SIP.js."""
        self.calls(JSSIP, False, before=True)
        self.calls(SIPJS, True, "tcp", before=True)

    def test_before_is_called(self) -> None:
        """sipp that registered through the edge is called by JsSIP, which hangs up, and by SIP.js."""
        self.called(JSSIP, False, before=True)
        self.called(SIPJS, True, "tcp", before=True)
