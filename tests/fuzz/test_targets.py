"""What is fuzzed holds for the inputs that fuzzing begins with, and for some first changes of them."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from fuzz.mutation import mutate
from fuzz.targets import NAMES, load

#: changed inputs of each target: a taste, that a change which breaks a target is seen before the long run
TASTE = 150


class Targets(SynchronousTestCase):
    def test_seeds(self) -> None:
        """Figure 2: no seed of any target lets anything escape."""
        for name in NAMES:
            target = load(name)
            for data in target.seeds():
                self.assertLessEqual(len(data), target.MOST, name)
                target.run(data)

    def test_first_changes(self) -> None:
        """Figure 2: nor do their first mutations, the same in every run of this test."""
        for name in NAMES:
            target, random = load(name), Random(name)
            seeds = target.seeds()
            for _ in range(TASTE):
                target.run(mutate(random.choice(seeds), random, 4096, seeds))

    def test_what_the_seeds_reach(self) -> None:
        """The seeds get as far as they are meant to: right credentials, an open WebSocket, tokens, a whole call."""
        outcomes = {name: [load(name).run(data) for data in load(name).seeds()] for name in NAMES}
        self.assertIn(("alice", 407, 401), outcomes["digest"])
        self.assertTrue(any(outcome[0] == 101 and outcome[1] for outcome in outcomes["websocket"]))
        self.assertTrue({"path", "route", "udp", "hop"} <= set(outcomes["token"]))
        self.assertTrue(any("BYE sip:" in outcome and "ACK sip:" in outcome for outcome in outcomes["element"]))
