"""baresip over UDP and TCP talks to browsers, with sound (ICE, DTLS-SRTP)."""

from __future__ import annotations

from .baresip import Baresip
from .conversations import WithBaresip
from .phone import JSSIP, SIPJS


class Registered(WithBaresip):
    """Register, call a browser and be called by one, requests within the call from both sides."""

    def baresip(self, transport: str) -> Baresip:
        phone = Baresip(self.server.user(), f"{self.server.address}:{self.server.port}", transport)
        self.addCleanup(phone.close)
        return phone.until_registered()

    def counted(self, phone: Baresip) -> None:
        """baresip's own statistics of the call say that packets went both ways."""
        counted = phone.statistics()
        self.assertGreater(counted["sent"], 20)
        self.assertGreater(counted["received"], 20)

    def calls(self, transport: str, library: str) -> None:
        phone = self.baresip(transport)
        self.calls_browser(phone, library)
        self.counted(phone)

    def called(self, transport: str, library: str) -> None:
        phone = self.baresip(transport)
        self.called_by_browser(phone, library)
        self.counted(phone)

    def test_udp_calls_jssip(self) -> None:
        """baresip over UDP calls JsSIP; sound, INFO from the browser, hold by baresip, BYE from the browser."""
        self.calls("udp", JSSIP)

    def test_jssip_calls_udp(self) -> None:
        """JsSIP calls baresip over UDP; sound, hold by the browser, BYE from baresip."""
        self.called("udp", JSSIP)

    def test_tcp_calls_sipjs(self) -> None:
        """baresip over TCP calls SIP.js."""
        self.calls("tcp", SIPJS)

    def test_sipjs_calls_tcp(self) -> None:
        """SIP.js calls baresip over TCP."""
        self.called("tcp", SIPJS)

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
