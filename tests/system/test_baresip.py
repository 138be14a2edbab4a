"""baresip over UDP and TCP talks to browsers, with sound (ICE, DTLS-SRTP)."""

from __future__ import annotations

from .baresip import Baresip
from .case import SystemCase
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll


class WithBaresip(SystemCase):
    """Register, call a browser and be called by one, requests within the call from both sides."""

    def baresip(self, transport: str) -> Baresip:
        phone = Baresip(self.server.user(), f"{self.server.address}:{self.server.port}", transport)
        self.addCleanup(phone.close)
        return phone.until_registered()

    def sound(self, browser: BrowserPhone, call: int) -> None:
        """The tone of baresip is heard by the browser, and the browser's sound arrives at baresip."""
        before = browser.stats(call)["audio"]
        poll(
            lambda: (now := browser.stats(call)["audio"])["sent"] > before["sent"] + 1000
            and now["received"] > before["received"] + 1000,
            15,
            lambda: f"sound both ways: {before} then {browser.stats(call)}",
        )

    def counted(self, phone: Baresip) -> None:
        """baresip's own statistics of the call say that packets went both ways."""
        counted = phone.statistics()
        self.assertGreater(counted["sent"], 20)
        self.assertGreater(counted["received"], 20)

    def calls_browser(self, transport: str, library: str) -> None:
        phone, browser = self.baresip(transport), self.phone(library)
        phone.command("dial", browser.uri)
        at = browser.incoming()
        phone.until("CALL_RINGING")
        browser.answer(at)
        browser.until_call("established", at)
        phone.until("CALL_ESTABLISHED")
        self.sound(browser, at)
        browser.do("dtmf", at, "5")
        phone.until("CALL_DTMF_START")
        phone.command("hold")
        browser.until_info(at, "remoteHold", True)
        phone.command("resume")
        browser.until_info(at, "remoteHold", False)
        browser.do("hangup", at)
        phone.until("CALL_CLOSED")
        browser.until_call("ended", at)
        self.counted(phone)

    def called_by_browser(self, transport: str, library: str) -> None:
        phone, browser = self.baresip(transport), self.phone(library)
        out = browser.call(phone.user.uri)
        phone.until("CALL_INCOMING")
        browser.until_call("ringing", out)
        phone.command("accept")
        browser.until_call("established", out)
        self.sound(browser, out)
        browser.do("hold", out)
        browser.until_info(out, "localHold", True)
        browser.do("unhold", out)
        browser.until_info(out, "localHold", False)
        self.sound(browser, out)
        phone.command("hangup")
        browser.until_call("ended", out)
        self.assertEqual("remote", browser.info(out)["endedBy"])
        self.counted(phone)

    def test_udp_calls_jssip(self) -> None:
        """baresip over UDP calls JsSIP; sound, INFO from the browser, hold by baresip, BYE from the browser."""
        self.calls_browser("udp", JSSIP)

    def test_jssip_calls_udp(self) -> None:
        """JsSIP calls baresip over UDP; sound, hold by the browser, BYE from baresip."""
        self.called_by_browser("udp", JSSIP)

    def test_tcp_calls_sipjs(self) -> None:
        """baresip over TCP calls SIP.js."""
        self.calls_browser("tcp", SIPJS)

    def test_sipjs_calls_tcp(self) -> None:
        """SIP.js calls baresip over TCP."""
        self.called_by_browser("tcp", SIPJS)

    def test_rejected_and_cancelled(self) -> None:
        """A browser says busy to baresip; baresip gives up a call before it is answered."""
        phone, browser = self.baresip("udp"), self.phone()
        phone.command("dial", browser.uri)
        browser.do("reject", browser.incoming(), 486)
        self.assertIn("486", phone.until("CALL_CLOSED")["param"])
        phone.command("dial", browser.uri)
        at = browser.incoming()
        phone.until("CALL_RINGING", 2)
        phone.command("hangup")
        browser.until_call("ended", at)
        phone.until("CALL_CLOSED", 2)
        self.assertEqual("remote", browser.info(at)["endedBy"])
