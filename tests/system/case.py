"""What every system test has: a server, phones that are closed again, and a look into the server's log at the end."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from .phone import JSSIP, BrowserPhone
from .processes import poll, witnesses
from .relay import Relay
from .server import Server, User

_shared: dict[str, Server] = {}


def shared_server() -> Server:
    """The server that all tests share which need nothing special; started again if it has died."""
    found = _shared.get("server")
    if found is None or not found.child.running:
        found = _shared["server"] = Server(users=250)
    return found


class SystemCase(SynchronousTestCase):
    """A test with the shared server as ``self.server``. Users are fresh in every test."""

    server: Server

    def setUp(self) -> None:
        self.use(shared_server())

    def use(self, server: Server) -> None:
        """Let ``server`` be the one of this test; its log is looked into at the end (figure 34)."""
        self.server = server
        since = server.child.size()
        witnesses.append(server.testimony)
        self.addCleanup(witnesses.remove, server.testimony)
        self.addCleanup(lambda: self.assertEqual("", server.errors(since)))

    def phone(self, library: str = JSSIP, user: User | None = None, **options: Any) -> BrowserPhone:
        """A browser of a (fresh) user, registered over WSS unless the options say otherwise."""
        who = user or self.server.user()
        settings = {"server": self.server.wss, "password": who.password, **options}
        phone = BrowserPhone(library, who.uri, **settings)
        self.addCleanup(phone.close)
        if settings.get("register", True) and "password" not in options:
            phone.until_registered()
        return phone

    def relay(self, port: int | None = None) -> Relay:
        """A wire to the server's WSS port (or another) that the test can cut."""
        wire = Relay((self.server.address, port or self.server.wss_port))
        self.addCleanup(wire.close)
        return wire

    def through(self, wire: Relay) -> str:
        """The URL of the WebSocket through that wire."""
        return f"wss://127.0.0.1:{wire.port}/ws"

    def established(
        self, caller: BrowserPhone, callee: BrowserPhone, video: bool = False, target: str = ""
    ) -> tuple[int, int]:
        """A call from one to the other, answered; its number at both."""
        out = caller.call(target or callee.uri, video)
        at = callee.incoming()
        caller.until_call("ringing", out)
        callee.answer(at, video)
        caller.until_call("established", out)
        callee.until_call("established", at)
        return out, at

    def media_flows(self, one: BrowserPhone, call: int, other: BrowserPhone, at: int, video: bool = False) -> None:
        """Bytes grow at both ends, both ways."""
        kinds = ("audio", "video") if video else ("audio",)
        ends = ((one, call), (other, at))
        before = [phone.stats(number) for phone, number in ends]

        def grown() -> bool:
            now = [phone.stats(number) for phone, number in ends]
            return all(
                new[kind][way] > old[kind][way]
                for new, old in zip(now, before, strict=True)
                for kind in kinds
                for way in ("sent", "received")
            )

        poll(grown, 15, lambda: f"media both ways: {before} then {[phone.stats(number) for phone, number in ends]}")

    def hung_up(self, one: BrowserPhone, call: int, other: BrowserPhone, at: int, seconds: float = 10) -> None:
        """One hangs up, both see the end."""
        one.do("hangup", call)
        one.until_call("ended", call, seconds)
        other.until_call("ended", at, seconds)
        self.assertEqual("remote", other.info(at)["endedBy"])
