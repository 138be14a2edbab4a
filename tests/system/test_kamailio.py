"""A Kamailio peer, listed as trusted: our next hop for a domain of its own, and a caller of our users."""

from __future__ import annotations

from .case import SystemCase
from .kamailio import Peer
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import free_port, poll
from .server import Server, User
from .sipp import Sipp, called, caller

#: Kamailio, and the phone behind it
PEER, BEHIND = "127.0.0.2", "127.0.0.3"


class WithKamailio(SystemCase):
    """browser - ours - Kamailio - sipp, called from either end."""

    def beside(self, transport: str) -> None:
        """Our server and Kamailio, each the other's next hop over that transport."""
        self.peer_port, self.phone_port = free_port(PEER), free_port(BEHIND)
        server = Server(
            f'[[trusted]]\nnetwork = "{PEER}"\nrole = "trunk"\n\n'
            f'[[route]]\ndomains = ["pbx.test"]\nnext_hop = "sip:{PEER}:{self.peer_port};transport={transport}"\n',
            users=2,
        )
        self.addCleanup(server.stop)
        self.use(server)
        ours = f"{server.address}:{server.port};transport={transport}"
        behind = f"{BEHIND}:{self.phone_port};transport={transport}"
        peer = Peer(server.domain, ours, behind, PEER, self.peer_port)
        self.addCleanup(peer.stop)

    def setUp(self) -> None:
        """No shared server: each test has its own."""

    def sipp(self, scenario: str, transport: str) -> Sipp:
        found = Sipp(f"{PEER}:{self.peer_port}", scenario, transport, address=BEHIND, port=self.phone_port)
        self.addCleanup(found.close)
        return found

    def exchange(self, browser: BrowserPhone, call: int, sipp: Sipp, sipp_hangs_up: bool) -> None:
        """INFO from both sides, the caller's first; then the end."""
        browser.until_call("established", call)
        sipp_called = browser.info(call)["direction"] == "in"
        if sipp_called:
            browser.until_info(call, "dtmf", "4")
        browser.do("dtmf", call, "9")
        if not sipp_called:
            browser.until_info(call, "dtmf", "4")
        if not sipp_hangs_up:
            poll(lambda: "Signal=9" in sipp.traffic(), 10, "INFO at sipp")
            browser.do("hangup", call)
        browser.until_call("ended", call)
        self.assertEqual("remote" if sipp_hangs_up else "local", browser.info(call)["endedBy"])
        sipp.succeeded()

    def calls_out(self, transport: str, library: str, sipp_hangs_up: bool) -> None:
        self.beside(transport)
        browser, sipp = self.phone(library), self.sipp(called(sipp_hangs_up), transport)
        self.exchange(browser, browser.call("sip:desk@pbx.test"), sipp, sipp_hangs_up)

    def is_called(self, transport: str, library: str, sipp_hangs_up: bool) -> None:
        self.beside(transport)
        browser = self.phone(library)
        somebody = User("desk", "pbx.test", "")
        sipp = self.sipp(caller(somebody, browser.uri, sipp_hangs_up, challenged=False), transport)
        call = browser.incoming()
        browser.answer(call)
        self.exchange(browser, call, sipp, sipp_hangs_up)

    def test_next_hop_udp(self) -> None:
        """JsSIP calls through Kamailio over UDP; the phone behind it hangs up."""
        self.calls_out("udp", JSSIP, True)

    def test_next_hop_tcp(self) -> None:
        """SIP.js calls through Kamailio over TCP, and hangs up."""
        self.calls_out("tcp", SIPJS, False)

    def test_caller_udp(self) -> None:
        """A phone behind Kamailio calls SIP.js over UDP, unchallenged; SIP.js hangs up."""
        self.is_called("udp", SIPJS, False)

    def test_caller_tcp(self) -> None:
        """A phone behind Kamailio calls JsSIP over TCP, and hangs up."""
        self.is_called("tcp", JSSIP, True)

    def test_unknown_and_absent(self) -> None:
        """A trusted peer is told 404 and 480 apart."""
        self.beside("udp")
        absent = self.server.user()
        for target, status in ((f"sip:nobody@{self.server.domain}", 404), (absent.uri, 480)):
            scenario = caller(User("desk", "pbx.test", ""), target, True, challenged=False)
            sipp = self.sipp(scenario, "udp")
            poll(lambda: f"SIP/2.0 {status} " in sipp.traffic(), 10, f"{status} at sipp")  # noqa: B023
            sipp.close()
