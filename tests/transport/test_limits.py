"""How many connections there may be."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport import limits
from oversip_tw.transport.limits import ConnectionLimits


class LimitTests(SynchronousTestCase):
    """F13."""

    def test_F13_per_address(self) -> None:
        """F13: one address has its share; another still gets in; a place given back is free again."""
        counts = ConnectionLimits(per_address=2, total=10)
        self.assertEqual([counts.enter("192.0.2.1") for _ in range(3)], [True, True, False])
        self.assertTrue(counts.enter("192.0.2.2"))
        counts.leave("192.0.2.1")
        self.assertTrue(counts.enter("192.0.2.1"))
        self.assertEqual((counts.count, counts.refused), (3, 1))

    def test_F13_exempt(self) -> None:
        """F13: a NAT or proxy on the list has no share, but the total holds for all."""
        counts = ConnectionLimits(per_address=1, total=3, exempt=lambda address: address == "192.0.2.1")
        self.assertEqual([counts.enter("192.0.2.1") for _ in range(4)], [True, True, True, False])
        self.assertFalse(counts.enter("192.0.2.2"))

    def test_nothing_stays(self) -> None:
        """Addresses that have left are forgotten."""
        counts = ConnectionLimits(total=1000)
        for number in range(500):
            counts.enter(f"192.0.2.{number}")
        for number in range(500):
            counts.leave(f"192.0.2.{number}")
        self.assertEqual((counts.count, counts._by_address), (0, {}))

    def test_descriptors(self) -> None:
        """The default total leaves 256 descriptors for the rest of the process, but never shuts everybody out."""
        for soft, total in ((20000, 19744), (200, 64), (resource.RLIM_INFINITY, 1 << 30)):
            self.patch(limits.resource, "getrlimit", lambda which, soft=soft: (soft, soft))
            self.assertEqual(ConnectionLimits().total, total)
