"""The order of SRV records (RFC 2782)."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import SrvRecord
from oversip_tw.resolve.srv_order import srv_order

RECORDS = st.lists(st.builds(SrvRecord, st.integers(0, 3), st.integers(0, 65535), st.just(5060), st.text("ab")))


class SrvOrderTests(SynchronousTestCase):
    def first(self, weights: tuple[int, ...], tries: int = 2000) -> list[int]:
        """How often each record comes first."""
        random = Random(5)
        records = [SrvRecord(1, weight, n, "h") for n, weight in enumerate(weights)]
        counts = [0] * len(weights)
        for _ in range(tries):
            counts[srv_order(records, random.random)[0].port] += 1
        return counts

    def test_shares(self) -> None:
        """60 to 40 means 60 to 40."""
        sixty, forty = self.first((60, 40))
        self.assertTrue(0.55 < sixty / (sixty + forty) < 0.65, (sixty, forty))

    def test_zero_weight(self) -> None:
        """Beside a weight of 10, one of 0 is chosen seldom, but chosen."""
        zero, ten = self.first((0, 10))
        self.assertTrue(0 < zero < ten / 4, (zero, ten))

    def test_all_zero(self) -> None:
        """Where all weights are 0 they share the load."""
        self.assertTrue(all(count > 550 for count in self.first((0, 0, 0))))

    @given(RECORDS, st.floats(0, 1, exclude_max=True))
    def test_every_record_once_by_priority(self, records: list[SrvRecord], chance: float) -> None:
        """Whatever the dice say: all records, each once, priorities rising."""
        ordered = srv_order(records, lambda: chance)
        self.assertCountEqual(ordered, records)
        self.assertEqual([one.priority for one in ordered], sorted(one.priority for one in records))
