"""A browser loses its socket during a call and comes back."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll
from .server import Server


class SocketCut(SystemCase):
    """The WebSocket is reset in mid-call; the media go on; both sides can still hang up."""

    def cut(self, one: str, other: str, dropped: str) -> tuple[BrowserPhone, int, BrowserPhone, int]:
        """A call whose ``dropped`` side ("caller" or "callee") lost its socket and has registered again."""
        wire = self.relay()
        first = self.phone(one, **({"server": self.through(wire)} if dropped == "caller" else {}))
        second = self.phone(other, **({"server": self.through(wire)} if dropped == "callee" else {}))
        out, at = self.established(first, second)
        phone = first if dropped == "caller" else second
        wire.cut()
        phone.until("disconnects", 1)
        phone.until_registered(2, 15)
        self.assertEqual("established", first.state(out))
        self.assertEqual("established", second.state(at))
        return first, out, second, at

    def both(self, one: str, other: str, dropped: str) -> None:
        """After the cut: requests reach either side, then the side that stayed, or the one that dropped, hangs up."""
        first, out, second, at = self.cut(one, other, dropped)
        for phone, call, peer, number in ((first, out, second, at), (second, at, first, out)):
            phone.do("dtmf", call, "7")
            peer.until_info(number, "dtmf", "7")
        self.media_flows(first, out, second, at)
        self.hung_up(first, out, second, at)
        first, out, second, at = self.cut(one, other, dropped)
        self.hung_up(second, at, first, out)

    def test_jssip_caller(self) -> None:
        """JsSIP called and dropped."""
        self.both(JSSIP, JSSIP, "caller")

    def test_jssip_callee(self) -> None:
        """JsSIP was called and dropped."""
        self.both(JSSIP, JSSIP, "callee")

    def test_sipjs_caller(self) -> None:
        """SIP.js called and dropped."""
        self.both(SIPJS, JSSIP, "caller")

    def test_sipjs_callee(self) -> None:
        """SIP.js was called and dropped."""
        self.both(JSSIP, SIPJS, "callee")

    def waits(self, library: str) -> None:
        wire = self.relay()
        stays, drops = self.phone(), self.phone(library, server=self.through(wire))
        out, at = self.established(stays, drops)
        wire.cut(refuse=True)
        drops.until("disconnects", 1)
        stays.do("hangup", out)
        wire.mend()
        drops.until_call("ended", at, 20)
        self.assertEqual("remote", drops.info(at)["endedBy"])

    def test_bye_waits_for_jssip(self) -> None:
        """A BYE for a browser that is away reaches it when it is back."""
        self.waits(JSSIP)

    def test_bye_waits_for_sipjs(self) -> None:
        """The same for SIP.js."""
        self.waits(SIPJS)


class NetworkGone(SystemCase):
    """Nothing arrives any more and nobody says so."""

    def setUp(self) -> None:
        """A server that pings often, for the test's sake."""
        server = Server("[timers]\nping = 1.0\npong = 1.0\nresume = 2.0\n", users=3)
        self.addCleanup(server.stop)
        self.use(server)

    def test_silent_flow_is_found_dead(self) -> None:
        """Pings without pong: the binding goes, a caller hears 480 at once instead of ringing nobody."""
        wire, caller = self.relay(), self.phone()
        absent = self.phone(server=self.through(wire))
        wire.swallow()
        calls: list[int] = []

        def gone() -> bool:
            calls.append(caller.call(absent.uri))
            poll(lambda: caller.state(calls[-1]) == "ended", 10, "an end of the call")
            return bool(caller.info(calls[-1])["status"] == 480)

        poll(gone, 10, "480 for a user whose network is gone", interval=0.5)

    def test_silent_caller_stops_ringing(self) -> None:
        """A caller whose network goes while it rings: the callee stops ringing."""
        wire, callee = self.relay(), self.phone()
        caller = self.phone(server=self.through(wire))
        caller.call(callee.uri)
        at = callee.incoming()
        wire.swallow()
        callee.until_call("ended", at, 10)
        self.assertEqual("remote", callee.info(at)["endedBy"])


class Restart(SystemCase):
    """The server itself dies in mid-call and is started again."""

    def setUp(self) -> None:
        """A server of its own, to be killed."""
        server = Server(users=6)
        self.addCleanup(server.stop)
        self.use(server)

    def restarted(self, one: str, other: str) -> None:
        """Both browsers come back by themselves; requests within the call find them; both see its end."""
        first, second = self.phone(one), self.phone(other)
        out, at = self.established(first, second)
        self.server.child.kill()
        self.server.start()
        for phone in (first, second):
            phone.until_registered(2, 20)
        for phone, call, peer, number in ((first, out, second, at), (second, at, first, out)):
            phone.do("dtmf", call, "3")
            peer.until_info(number, "dtmf", "3")
        self.media_flows(first, out, second, at)
        self.hung_up(second, at, first, out)

    def test_jssip(self) -> None:
        """Two JsSIP outlive kill -9 of the server."""
        self.restarted(JSSIP, JSSIP)

    def test_sipjs(self) -> None:
        """SIP.js and JsSIP outlive kill -9 of the server."""
        self.restarted(SIPJS, JSSIP)
