"""Phones that come back together after a restart do not refresh together."""

from __future__ import annotations

from collections import Counter
from random import Random

from oversip_tw.sip.message import Response
from tests.registrar.phones import Phone, RegistrarCase


def granted(answer: Response) -> int:
    """The life that the one Contact has."""
    return int(answer.contacts[0].param("expires") or "")


class SpreadTests(RegistrarCase):
    def test_F17_refreshes_are_spread(self) -> None:
        """F17: 2,000 phones that ask for 600 s in one second: each is granted another span, 300 s at least, and no
        second sees much more refreshes than the others. When the time is over they get what they ask for."""
        self.chance = Random(1).random
        self.settle(spread_for=300.0)
        flow = self.connect()
        spans = [granted(self.register(Phone(f"u{number}").register(expires=600), flow)) for number in range(2000)]
        self.assertTrue(300 <= min(spans) < 310 and 590 < max(spans) <= 600, (min(spans), max(spans)))
        self.assertLess(max(Counter(spans).values()), 2000 / 300 * 3)
        self.clock.advance(300)
        self.assertEqual(600, granted(self.register(Phone("alice").register(expires=600), flow)))

    def test_no_less_than_the_least(self) -> None:
        """Nobody is granted less than a phone may ask for, and who asks for that gets it."""
        self.chance = lambda: 0.9999
        self.settle(spread_for=300.0)
        flow = self.connect()
        for asked, least in ((60, 60), (61, 60), (100, 60), (200, 100), (9999, 1800)):
            phone = Phone(f"u{asked}")
            self.assertEqual(least, granted(self.register(phone.register(expires=asked), flow)), asked)
