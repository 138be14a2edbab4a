"""Limits per source: F3, A7 and F13."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.floods import Limit, Logins, Pings, Settings
from oversip_tw.auth.trust import Role, Trust, TrustedSource
from oversip_tw.testing import Clock, MemoryFlow

PEER = ("192.0.2.1", 4000)
EXEMPT = Settings(exempt=("192.0.2.0/24",))
TRUST = Trust([TrustedSource(("192.0.2.0/24",), Role.CORE)])


class PingTests(SynchronousTestCase):
    """F3: requests answered without state."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(50)
        self.pings = Pings(Settings(), self.clock.seconds, Trust())

    def test_f3_silence(self) -> None:
        """Sixteen within two seconds are answered, the next begins 300 s of silence, and then it starts again."""
        flow = MemoryFlow("udp", PEER)
        self.assertEqual([self.pings.admit(flow) for _ in range(20)], [True] * 16 + [False] * 4)
        self.clock.advance(299.9)
        self.assertFalse(self.pings.admit(flow))
        self.clock.advance(0.2)
        self.assertEqual([self.pings.admit(flow) for _ in range(17)], [True] * 16 + [False])

    def test_f3_steady(self) -> None:
        """Whoever stays below the rate is answered for ever."""
        flow = MemoryFlow("udp", PEER)
        for _ in range(500):
            self.assertTrue(self.pings.admit(flow))
            self.clock.advance(0.13)

    def test_f3_sources(self) -> None:
        """UDP counts by address over all ports, connections each for themselves: browsers share a NAT."""
        for port in range(16):
            self.assertTrue(self.pings.admit(MemoryFlow("udp", ("192.0.2.1", port))))
        self.assertFalse(self.pings.admit(MemoryFlow("udp", ("192.0.2.1", 99))))
        self.assertTrue(self.pings.admit(MemoryFlow("udp", ("192.0.2.2", 99))))
        one, two = MemoryFlow("ws", PEER), MemoryFlow("tcp", PEER)
        self.assertEqual([self.pings.admit(one) for _ in range(17)].count(True), 16)
        self.assertTrue(self.pings.admit(two))

    def test_f3_exempt(self) -> None:
        """Neither the exempt list nor trusted sources are ever silenced."""
        for pings in (Pings(EXEMPT, self.clock.seconds, Trust()), Pings(Settings(), self.clock.seconds, TRUST)):
            self.assertTrue(all(pings.admit(MemoryFlow("udp", PEER)) for _ in range(100)))

    def test_f3_bounded(self) -> None:
        """A flood from ever new addresses keeps the tables at their limit, and a silenced source stays silent."""
        pings = Pings(Settings(entries=100), self.clock.seconds, Trust())
        flow = MemoryFlow("udp", PEER)
        self.assertFalse(all(pings.admit(flow) for _ in range(17)))
        for number in range(1000):
            self.assertTrue(pings.admit(MemoryFlow("udp", (f"10.0.{number // 250}.{number % 250}", 5060))))
        self.assertLessEqual(len(pings._limit), 200)
        self.assertFalse(pings.admit(flow))


class LimitTests(SynchronousTestCase):
    """The table behind all of them."""

    def test_windows_end_one_by_one(self) -> None:
        """Entries whose window is over are dropped when a new one comes, and counting begins anew."""
        limit = Limit(2, 10, 100, 50)
        for number in range(20):
            self.assertTrue(limit.count(number, number))
        self.assertEqual(len(limit), 10)
        self.assertEqual([limit.count("x", now) for now in (30, 39, 40, 41, 42)], [True, True, True, True, False])

    def test_blocked_are_bounded(self) -> None:
        """Of too many penalties the oldest end early."""
        limit = Limit(0, 10, 100, 5)
        for number in range(8):
            self.assertFalse(limit.count(number, 0))
        self.assertEqual([limit.blocked(number, 1) for number in range(8)], [False] * 3 + [True] * 5)
        self.assertEqual([limit.blocked(7, 99.9), limit.blocked(7, 100), len(limit)], [True, False, 4])


class LoginTests(SynchronousTestCase):
    """A7: guessing of passwords."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.logins = Logins(Settings(), self.clock.seconds)

    def test_a7_per_user(self) -> None:
        """Ten failures for one user throttle that user from that address for 300 s, and say so once."""
        self.assertEqual([self.logins.failed("192.0.2.1", "alice") for _ in range(10)], [False] * 9 + [True])
        self.assertTrue(self.logins.throttled("192.0.2.1", "alice"))
        self.assertFalse(self.logins.throttled("192.0.2.1", "bob"))
        self.assertFalse(self.logins.throttled("192.0.2.2", "alice"))
        self.clock.advance(299.9)
        self.assertTrue(self.logins.throttled("192.0.2.1", "alice"))
        self.clock.advance(0.2)
        self.assertFalse(self.logins.throttled("192.0.2.1", "alice"))

    def test_a7_per_address(self) -> None:
        """Thirty failures over all users throttle the address."""
        self.assertEqual([self.logins.failed("192.0.2.1", f"u{n}") for n in range(30)], [False] * 29 + [True])
        self.assertTrue(self.logins.throttled("192.0.2.1", "alice"))
        self.assertFalse(self.logins.throttled("192.0.2.2", "alice"))

    def test_a7_slow(self) -> None:
        """Nine failures a minute never throttle."""
        for _ in range(20):
            self.assertFalse(any(self.logins.failed("192.0.2.1", "alice") for _ in range(9)))
            self.clock.advance(60)

    def test_a7_long_names(self) -> None:
        """What a stranger calls himself is not kept: a thousand names of 8 KiB do not become 8 MiB."""
        self.logins.failed("192.0.2.1", "a" * 8192)
        self.assertLess(len(repr(self.logins._per_user._counts)), 200)

    def test_a7_exempt(self) -> None:
        """Exempt networks may guess."""
        logins = Logins(EXEMPT, self.clock.seconds)
        self.assertFalse(any(logins.failed("192.0.2.1", "alice") for _ in range(100)))
        self.assertFalse(logins.throttled("192.0.2.1", "alice"))
