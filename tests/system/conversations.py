"""What a browser and a phone that is none do together, wherever the phone is registered."""

from __future__ import annotations

from collections.abc import Callable

from .baresip import Baresip
from .case import SystemCase
from .phone import BrowserPhone
from .processes import poll
from .sipp import Sipp


class WithBaresip(SystemCase):
    """Sound both ways (ICE, DTLS-SRTP), requests within the call from both sides."""

    def sound(self, browser: BrowserPhone, call: int) -> None:
        """The tone of baresip is heard by the browser, and the browser's sound arrives at baresip."""
        before = browser.stats(call)["audio"]
        poll(
            lambda: (now := browser.stats(call)["audio"])["sent"] > before["sent"] + 1000
            and now["received"] > before["received"] + 1000,
            15,
            lambda: f"sound both ways: {before} then {browser.stats(call)}",
        )

    def calls_browser(self, phone: Baresip, library: str) -> None:
        """baresip calls; INFO from the browser, hold by baresip, BYE from the browser."""
        browser = self.phone(library)
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

    def called_by_browser(self, phone: Baresip, library: str) -> None:
        """baresip is called; hold by the browser, BYE from baresip."""
        browser = self.phone(library)
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


class WithSipp(SystemCase):
    """Requests within the call from both sides; the canned description lets the browser take the call."""

    def sipp_calls(self, browser: BrowserPhone, calling: Callable[[], Sipp], sipp_hangs_up: bool) -> None:
        """``calling`` lets sipp begin."""
        sipp = calling()
        at = browser.incoming()
        browser.answer(at)
        browser.until_call("established", at)
        browser.until_info(at, "dtmf", "4")
        browser.do("dtmf", at, "9")
        if not sipp_hangs_up:
            poll(lambda: "Signal=9" in sipp.traffic(), 10, "INFO at sipp")
            browser.do("hangup", at)
        browser.until_call("ended", at)
        self.assertEqual("remote" if sipp_hangs_up else "local", browser.info(at)["endedBy"])
        sipp.succeeded()

    def calls_sipp(self, browser: BrowserPhone, uri: str, sipp: Sipp, sipp_hangs_up: bool) -> None:
        """``sipp`` is registered as ``uri``."""
        out = browser.call(uri)
        browser.until_call("established", out)
        browser.do("dtmf", out, "9")
        browser.until_info(out, "dtmf", "4")
        if not sipp_hangs_up:
            browser.do("hangup", out)
        browser.until_call("ended", out)
        self.assertEqual("remote" if sipp_hangs_up else "local", browser.info(out)["endedBy"])
        poll(lambda: "BYE" in sipp.traffic().rpartition("SIP/2.0 200")[2], 5, "200 to BYE at sipp")
