"""sipp over UDP and TCP registers, calls a browser and is called by one."""

from __future__ import annotations

from .conversations import WithSipp
from .phone import JSSIP, SIPJS
from .processes import poll
from .sipp import Sipp, called, caller, register


class Registered(WithSipp):
    """Requests within the call from both sides; the canned description lets the browser take the call."""

    def sipp(self, scenario: str, transport: str, out_of_call: str = "", uri: str = "") -> Sipp:
        """sipp; its digest is for ``uri``, by default that of a REGISTER (else sipp takes the server's address)."""
        options = ("-auth_uri", (uri or self.server.domain).removeprefix("sip:"))
        found = Sipp(f"{self.server.address}:{self.server.port}", scenario, transport, out_of_call, options)
        self.addCleanup(found.close)
        return found

    def registers(self, transport: str) -> None:
        self.sipp(register(self.server.user()), transport).succeeded()

    def test_register_udp(self) -> None:
        """Challenged by 401, then accepted, over UDP."""
        self.registers("udp")

    def test_register_tcp(self) -> None:
        """The same over TCP."""
        self.registers("tcp")

    def calls(self, transport: str, library: str, sipp_hangs_up: bool) -> None:
        browser = self.phone(library)
        scenario = caller(self.server.user(), browser.uri, sipp_hangs_up)
        self.sipp_calls(browser, lambda: self.sipp(scenario, transport, uri=browser.uri), sipp_hangs_up)

    def test_udp_calls_jssip(self) -> None:
        """sipp over UDP calls JsSIP and hangs up."""
        self.calls("udp", JSSIP, True)

    def test_udp_calls_sipjs(self) -> None:
        """sipp over UDP calls SIP.js, which hangs up."""
        self.calls("udp", SIPJS, False)

    def test_tcp_calls_jssip(self) -> None:
        """sipp over TCP calls JsSIP, which hangs up."""
        self.calls("tcp", JSSIP, False)

    def test_tcp_calls_sipjs(self) -> None:
        """sipp over TCP calls SIP.js and hangs up."""
        self.calls("tcp", SIPJS, True)

    def called(self, transport: str, library: str, sipp_hangs_up: bool) -> None:
        user, browser = self.server.user(), self.phone(library)
        sipp = self.sipp(register(user, 30), transport, called(sipp_hangs_up))
        poll(lambda: "SIP/2.0 200" in sipp.traffic(), 10, "sipp registered")
        self.calls_sipp(browser, user.uri, sipp, sipp_hangs_up)

    def test_jssip_calls_udp(self) -> None:
        """JsSIP calls sipp over UDP, which hangs up."""
        self.called("udp", JSSIP, True)

    def test_sipjs_calls_udp(self) -> None:
        """SIP.js calls sipp over UDP and hangs up."""
        self.called("udp", SIPJS, False)

    def test_jssip_calls_tcp(self) -> None:
        """JsSIP calls sipp over TCP and hangs up."""
        self.called("tcp", JSSIP, False)

    def test_sipjs_calls_tcp(self) -> None:
        """SIP.js calls sipp over TCP, which hangs up."""
        self.called("tcp", SIPJS, True)
