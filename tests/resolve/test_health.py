"""Which targets are known to be dead."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Target
from oversip_tw.resolve.health import PROBE_LONGEST, PROBE_PAUSE, Health
from oversip_tw.testing import Clock

ONE, TWO, THREE = (Target("udp", f"192.0.2.{n}", 5060) for n in (1, 2, 3))
ALL = [ONE, TWO, THREE]


class DownTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.health = Health(self.clock.seconds)

    def test_nothing_down(self) -> None:
        """While nothing is down the list comes back as it is, without a look at it."""
        self.assertIs(self.health.usable(ALL), ALL)
        self.assertEqual((self.health.is_down(ONE), self.health.reason(ONE), self.health.back_in(ALL)), (False, "", 0))

    def test_down_and_back(self) -> None:
        """A dead target is left out, the others keep their order, and after its time it is tried again."""
        self.health.down(TWO, 30, "connection refused")
        self.assertEqual(self.health.usable(ALL), [ONE, THREE])
        self.assertEqual((self.health.is_down(TWO), self.health.reason(TWO)), (True, "connection refused"))
        self.clock.advance(29.9)
        self.assertTrue(self.health.is_down(TWO))
        self.clock.advance(0.1)
        self.assertFalse(self.health.is_down(TWO))
        self.assertEqual(self.health.usable(ALL), ALL)
        self.clock.advance(1)
        self.health.usable(ALL)
        self.assertIs(self.health.usable(ALL), ALL)

    def test_key(self) -> None:
        """Transport, address and port count; the domain that led there does not."""
        self.health.down(Target("tls", "192.0.2.1", 5061, "a.example"), 30)
        self.assertTrue(self.health.is_down(Target("tls", "192.0.2.1", 5061, "b.example", "trunk")))
        for other in (("tcp", "192.0.2.1", 5061), ("tls", "192.0.2.2", 5061), ("tls", "192.0.2.1", 5060)):
            self.assertFalse(self.health.is_down(Target(*other)))

    def test_sign_of_life(self) -> None:
        """Whatever answers is alive."""
        self.health.up(ONE)
        self.health.down(ONE, 30)
        self.health.up(TWO)
        self.health.up(ONE)
        self.assertFalse(self.health.is_down(ONE))

    def test_never(self) -> None:
        """A profile may pass nothing over."""
        self.health.down(ONE, 0, "connection refused")
        self.assertFalse(self.health.is_down(ONE))

    def test_back_in(self) -> None:
        """How long to wait is told by the first that comes back."""
        self.health.down(ONE, 30)
        self.health.down(TWO, 10)
        self.assertEqual(self.health.back_in([ONE, TWO]), 10)
        self.assertEqual(self.health.back_in([ONE]), 30)
        self.assertEqual(self.health.back_in(ALL), 0)
        self.assertEqual(self.health.back_in([]), 0)

    def test_clear(self) -> None:
        """All marks go."""
        self.health.down(ONE, 30)
        self.health.refuse(TWO, 30)
        self.health.clear()
        self.assertEqual(self.health.usable(ALL), ALL)

    def test_refusal(self) -> None:
        """What somebody refuses has an answer of its own; signs of life and of death do not end it, its time does."""
        self.assertIsNone(self.health.refusal(ONE))
        self.health.refuse(ONE, 30)
        self.health.refuse(TWO, 30, 480, "Closed For Lunch")
        self.health.down(THREE, 30, "silent")
        self.health.down(ONE, 60, "silent")
        self.health.up(ONE)
        self.assertEqual(self.health.usable(ALL), [])
        self.assertEqual(self.health.refusal(ONE), (403, "Destination Blacklisted"))
        self.assertEqual(self.health.refusal(TWO), (480, "Closed For Lunch"))
        self.assertEqual(self.health.reason(TWO), "Closed For Lunch")
        self.assertIsNone(self.health.refusal(THREE))
        self.clock.advance(30)
        self.assertEqual(self.health.usable(ALL), ALL)

    def test_refusal_ends(self) -> None:
        """It can be taken back, and it comes before a mark of death."""
        self.health.down(ONE, 30)
        self.health.refuse(ONE, 10)
        self.assertEqual(self.health.refusal(ONE), (403, "Destination Blacklisted"))
        self.health.refuse(ONE, 0)
        self.health.refuse(TWO, 0)
        self.assertEqual(self.health.usable(ALL), ALL)

    def test_bounded(self) -> None:
        """Of too many marks the oldest are forgotten: those targets are tried again."""
        health = Health(self.clock.seconds, most=10)
        targets = [Target("udp", "192.0.2.1", port) for port in range(1, 31)]
        for target in targets:
            health.down(target, 30)
        self.assertEqual(health.usable(targets), targets[:20])

    @given(
        st.lists(st.tuples(st.sampled_from(["down", "up", "refuse", "wait"]), st.integers(0, 2), st.integers(0, 40)))
    )
    def test_usable_is_what_is_not_down(self, steps: list[tuple[str, int, int]]) -> None:
        """After whatever happened: usable, is_down, refusal and back_in agree."""
        clock = Clock()
        health = Health(clock.seconds)
        for step, which, seconds in steps:
            if step == "wait":
                clock.advance(seconds / 2)
            elif step == "up":
                health.up(ALL[which])
            else:
                getattr(health, step)(ALL[which], seconds)
            usable = health.usable(ALL)
            self.assertEqual(list(usable), [target for target in ALL if not health.is_down(target)])
            self.assertEqual([one for one in usable if health.refusal(one)], [])
            self.assertEqual(health.back_in(ALL) == 0, bool(usable))


class SuspicionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.health = Health(self.clock.seconds)

    def test_k4_silence_marks_nobody_down(self) -> None:
        """However many requests stay without answer: they ask for one probe, and the target stays in use."""
        asked = [self.health.silent(ONE) for _ in range(100)]
        self.assertEqual((asked[0], any(asked[1:])), (True, False))
        self.assertFalse(self.health.is_down(ONE))
        self.assertTrue(self.health.silent(TWO))

    def test_k4_probe_without_answer(self) -> None:
        """It is the probe without answer that marks it down."""
        self.health.silent(ONE)
        self.health.probed(ONE, False, 30)
        self.assertEqual((self.health.is_down(ONE), self.health.reason(ONE)), (True, "no answer to OPTIONS"))
        self.assertFalse(self.health.silent(ONE))
        self.clock.advance(30)
        self.assertTrue(self.health.silent(ONE))

    def test_k4_probe_with_answer(self) -> None:
        """A probe that is answered ends the suspicion and any mark; the next one comes a second later."""
        self.health.silent(ONE)
        self.health.down(ONE, 30)
        self.health.probed(ONE, True, 30)
        self.assertFalse(self.health.is_down(ONE))
        self.assertFalse(self.health.silent(ONE))
        self.clock.advance(PROBE_PAUSE)
        self.assertTrue(self.health.silent(ONE))

    def test_probe_that_nobody_ends(self) -> None:
        """A probe that is forgotten does not keep all later ones away."""
        self.health.silent(ONE)
        self.clock.advance(PROBE_LONGEST - 0.1)
        self.assertFalse(self.health.silent(ONE))
        self.clock.advance(0.1)
        self.assertTrue(self.health.silent(ONE))

    def test_bounded(self) -> None:
        """There are no more probes at once than marks."""
        health = Health(self.clock.seconds, most=2)
        self.assertEqual([health.silent(target) for target in ALL], [True, True, False])
