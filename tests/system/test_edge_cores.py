"""Cores that fail: refused connections, 503, silence; one core and two."""

from __future__ import annotations

import time

from .case import SystemCase
from .edge import EdgeServer, registers_again
from .kamailio import KamailioCore
from .phone import SIPJS, BrowserPhone
from .raw_phone import name, request
from .sockets import Udp


class Cores(SystemCase):
    """Two browsers before the edge."""

    def setUp(self) -> None:
        """Each test starts what it needs."""

    def one(self, profile: str = "", options: str = "") -> KamailioCore:
        """An edge with one core on UDP; ``profile``: what its profile says."""
        core = self.started(KamailioCore(users=4))
        self.edge([core], profile, options)
        return core

    def two(self, transport: str = "udp", profile: str = "") -> tuple[KamailioCore, KamailioCore]:
        """An edge with two cores that know the same users, each its own bindings."""
        first = self.started(KamailioCore(users=4))
        second = self.started(KamailioCore(like=first))
        self.edge([first, second], profile, transport=transport)
        return first, second

    def started(self, core: KamailioCore) -> KamailioCore:
        """It is ended with the test."""
        self.addCleanup(core.stop)
        return core

    def edge(self, cores: list[KamailioCore], profile: str, options: str = "", transport: str = "udp") -> None:
        """The edge before ``cores``."""
        uris = [f"{core.uri};transport={transport}" for core in cores]
        server = EdgeServer(uris, options, f'[[profile]]\nname = "core"\n{profile}\n', cores[0].user)
        self.addCleanup(server.stop)
        self.use(server)

    def pair(self) -> tuple[BrowserPhone, BrowserPhone]:
        """Two browsers that have registered."""
        return self.phone(), self.phone(SIPJS)

    def ended_with(self, caller: BrowserPhone, callee: BrowserPhone, seconds: float = 10) -> tuple[int, float]:
        """The status that a call ends with, and after how many seconds."""
        begin = time.monotonic()
        out = caller.call(callee.uri)
        caller.until_call("ended", out, seconds)
        return caller.info(out)["status"], time.monotonic() - begin

    def call(self, caller: BrowserPhone, callee: BrowserPhone) -> float:
        """A whole call; seconds until it rang."""
        begin = time.monotonic()
        out = caller.call(callee.uri)
        at = callee.incoming()
        took = time.monotonic() - begin
        callee.answer(at)
        caller.until_call("established", out)
        callee.until_call("established", at)
        self.hung_up(callee, at, caller, out)
        return took


class Killed(Cores):
    """Nobody listens any more: known at once."""

    def gone(self, transport: str) -> None:
        first, second = self.two(transport)
        caller, callee = self.pair()
        self.call(caller, callee)
        first.child.kill()
        registers_again(caller, callee)
        self.assertLess(self.call(caller, callee), 4)
        self.assertTrue(second.seen("INVITE"))

    def test_udp(self) -> None:
        """ICMP says so: registrations and calls go by the second one."""
        self.gone("udp")

    def test_tcp(self) -> None:
        """The connection is refused."""
        self.gone("tcp")

    def test_the_only_one(self) -> None:
        """503 with Retry-After of our own, at once."""
        core = self.one()
        caller, callee = self.pair()
        core.child.kill()
        for _ in range(2):
            status, took = self.ended_with(caller, callee)
            self.assertEqual(503, status)
            self.assertLess(took, 4)
        [refused, *_] = caller.messages("in", "SIP/2.0 503")
        self.assertIn("Retry-After: ", refused)


class Refusing(Cores):
    """A core that answers 503."""

    def test_the_only_one(self) -> None:
        """The caller hears 500, and the core is asked again the next time."""
        core = self.one()
        caller, callee = self.pair()
        core.refuse()
        self.assertEqual(500, self.ended_with(caller, callee)[0])
        self.assertEqual(500, self.ended_with(caller, callee)[0])
        self.assertEqual(2, len(core.seen("INVITE")))
        core.refuse(False)
        self.call(caller, callee)

    def test_another_one(self) -> None:
        """The second core is asked for what the first one refuses, each time."""
        first, second = self.two()
        first.refuse()
        caller, callee = self.pair()
        self.assertLess(self.call(caller, callee), 2)
        self.assertTrue(first.seen("INVITE"))
        self.assertTrue(second.seen("INVITE"))

    def test_not_wanted(self) -> None:
        """`failover_on_503 = false`: the second core is not asked."""
        first, second = self.two(profile="failover_on_503 = false")
        caller, callee = self.pair()
        first.refuse()
        self.assertEqual(500, self.ended_with(caller, callee)[0])
        self.assertEqual([], second.seen("INVITE"))


class Silent(Cores):
    """A core that takes everything and says nothing."""

    def test_the_only_one(self) -> None:
        """408 after Timer B; OPTIONS has found it dead: 503 at once; and when it is back calls work again."""
        core = self.one("timer_b = 6.0", "probe = 1.0")
        caller, callee = self.pair()
        core.pause()
        status, took = self.ended_with(caller, callee, 15)
        self.assertEqual(408, status)
        self.assertTrue(5.5 < took < 8, took)
        status, took = self.ended_with(caller, callee)
        self.assertEqual(503, status)
        self.assertLess(took, 1.5)
        since = self.server.child.size()
        core.resume()
        self.server.child.expect("answers again", 10, since)
        registers_again(caller, callee)
        self.call(caller, callee)

    def test_another_one(self) -> None:
        """The second one is tried after four seconds, and at once when OPTIONS has found the first one dead."""
        first, second = self.two()
        first.pause()
        self.addCleanup(first.resume)
        socket, user = Udp((self.server.address, self.server.port)), self.server.user()
        self.addCleanup(socket.close)

        def took() -> float:
            begin = time.monotonic()
            socket.send(request("MESSAGE", f"sip:desk@{user.domain}", socket, From=f"<{user.uri}>;tag={name()}"))
            self.assertEqual(407, socket.final(8).status)
            return time.monotonic() - begin

        self.assertTrue(3.9 < (seconds := took()) < 5.5, seconds)
        since = self.server.child.size()
        time.sleep(4.6)  # the probe's patience
        self.assertLess(took(), 1, self.server.child.output(since))
        self.assertEqual(2, len(second.seen("MESSAGE")))
