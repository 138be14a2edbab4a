"""Nonces: nobody else can make one, and each count serves once (A1, A2, A3)."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.nonce import Nonces, Settings
from oversip_tw.testing import Clock

SECRET = b"s" * 32
REALM = "example.com"


class NonceTests(SynchronousTestCase):
    """One run of the server."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.nonces = Nonces(SECRET, self.clock.seconds)

    def test_serves(self) -> None:
        """A nonce serves for any number of counts within its life, in quoted-string characters."""
        nonce = self.nonces.make(REALM)
        self.assertRegex(nonce, r"\A[A-Za-z0-9_-]{28}\Z")
        for count in (1, 2, 3, 65_536, 70_000, 0xFFFFFFFF):
            self.assertTrue(self.nonces.use(nonce, REALM, count))
        self.assertEqual(self.nonces.used, 1)

    def test_a1_replay(self) -> None:
        """A1: no count serves twice, and one that was left out may still come."""
        nonce = self.nonces.make(REALM)
        self.assertEqual([self.nonces.use(nonce, REALM, count) for count in (1, 1, 3, 2, 2, 3)], [1, 0, 1, 1, 0, 0])

    def test_a1_first_count_is_not_one(self) -> None:
        """A client may begin anywhere; what lies before is taken as free, once."""
        nonce = self.nonces.make(REALM)
        self.assertEqual([self.nonces.use(nonce, REALM, count) for count in (7, 5, 5, 0, 0)], [1, 1, 0, 1, 0])

    def test_a1_count_behind_the_window(self) -> None:
        """What lies too far behind the highest count is taken as seen."""
        nonces = Nonces(SECRET, self.clock.seconds, Settings(window=8))
        nonce = nonces.make(REALM)
        used = [nonces.use(nonce, REALM, count) for count in (100, 92, 93, 93, 108, 101, 100)]
        self.assertEqual(used, [1, 0, 1, 0, 1, 1, 0])

    @given(counts=st.lists(st.integers(0, 40) | st.integers(0, 2**32 - 1), max_size=60))
    def test_a1_any_order(self, counts: Sequence[int]) -> None:
        """In whatever order counts come, none is taken twice, and none near the highest is refused the first time."""
        nonces = Nonces(SECRET, self.clock.seconds, Settings(window=16))
        nonce = nonces.make(REALM)
        taken: set[int] = set()
        for count in counts:
            fresh = nonces.use(nonce, REALM, count)
            if count in taken:
                self.assertFalse(fresh)
            elif not taken or count > max(taken) - 16:
                self.assertTrue(fresh)
            if fresh:
                taken.add(count)

    def test_a2_life(self) -> None:
        """A2: after 300 s a nonce is over, used or not."""
        unused, used = self.nonces.make(REALM), self.nonces.make(REALM)
        self.assertTrue(self.nonces.use(used, REALM, 1))
        self.clock.advance(299.9)
        self.assertTrue(self.nonces.use(used, REALM, 2))
        self.clock.advance(0.2)
        self.assertFalse(self.nonces.use(used, REALM, 3))
        self.assertFalse(self.nonces.use(unused, REALM, 1))

    def test_a2_restart(self) -> None:
        """A2: a nonce of a former run, whose secret was another, is over: what it had been used for is forgotten."""
        nonce = self.nonces.make(REALM)
        self.assertTrue(self.nonces.use(nonce, REALM, 1))
        self.assertFalse(Nonces(b"t" * 32, self.clock.seconds).use(nonce, REALM, 1))

    def test_a3_forged(self) -> None:
        """A3: neither a flipped character nor another realm nor any other text passes."""
        nonce = self.nonces.make(REALM)
        for position in range(len(nonce)):
            for bit in range(7):
                flipped = chr(ord(nonce[position]) ^ 1 << bit)
                self.assertFalse(self.nonces.use(nonce[:position] + flipped + nonce[position + 1 :], REALM, 1))
        self.assertFalse(self.nonces.use(nonce, "example.org", 1))
        for other in ("", nonce[:-1], nonce + "A", nonce + "=", nonce + "\n", "ä" * 28, "\udcff" * 28):
            self.assertFalse(self.nonces.use(other, REALM, 1))
        self.assertEqual(self.nonces.used, 0)

    def test_unique(self) -> None:
        """Two nonces of one moment differ, also when the clock goes back: else two users would share a window."""
        made = {self.nonces.make(REALM) for _ in range(100)}
        self.clock.rightNow -= 86_400
        made |= {self.nonces.make(REALM) for _ in range(100)}
        self.assertEqual(len(made), 200)
        self.assertTrue(self.nonces.use(made.pop(), REALM, 1))

    def test_k8_clock_jumps(self) -> None:
        """A clock a day ahead makes nonces stale, one a day back does not; those made afterwards serve."""
        before = self.nonces.make(REALM)
        self.clock.rightNow += 86_400
        self.assertFalse(self.nonces.use(before, REALM, 1))
        self.assertTrue(self.nonces.use(self.nonces.make(REALM), REALM, 1))
        self.clock.rightNow -= 86_400
        self.assertTrue(self.nonces.use(self.nonces.make(REALM), REALM, 1))

    def test_windows_are_dropped_with_age(self) -> None:
        """Only nonces that still live take memory."""
        for _ in range(100):
            self.assertTrue(self.nonces.use(self.nonces.make(REALM), REALM, 1))
            self.clock.advance(30)
        self.assertLess(self.nonces.used, 16)

    def test_bounded(self) -> None:
        """Too many nonces in use: the oldest become stale, never open to replay, and new ones serve at once."""
        nonces = Nonces(SECRET, self.clock.seconds, Settings(limit=10))
        first = nonces.make(REALM)
        self.assertTrue(nonces.use(first, REALM, 1))
        unused = nonces.make(REALM)
        for _ in range(100):
            self.assertTrue(nonces.use(nonces.make(REALM), REALM, 1))
            self.assertLessEqual(nonces.used, 10)
        for nonce in (first, unused):
            self.assertFalse(nonces.use(nonce, REALM, 1))
            self.assertFalse(nonces.use(nonce, REALM, 2))
        self.clock.advance(0.001)
        latest = nonces.make(REALM)
        self.assertEqual([nonces.use(latest, REALM, count) for count in (1, 1)], [True, False])

    def test_configuration(self) -> None:
        """A short secret is a mistake."""
        self.assertRaises(ValueError, Nonces, b"short", self.clock.seconds)
