"""The order in which the servers of SRV records are tried (RFC 2782)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from oversip_tw.interfaces import SrvRecord


def srv_order(records: Sequence[SrvRecord], chance: Callable[[], float]) -> list[SrvRecord]:
    """By rising priority; among equals by chance, in proportion to their weights. ``chance`` gives [0, 1)."""
    ordered: list[SrvRecord] = []
    for _, equals in groupby(sorted(records, key=lambda record: record.priority), key=lambda record: record.priority):
        # Those of weight 0 first: they get the small chance that the running sum leaves them.
        left = sorted(equals, key=lambda record: record.weight)
        while left:
            ordered.append(left.pop(_draw(left, chance())))
    return ordered


def _draw(records: Sequence[SrvRecord], chance: float) -> int:
    total = sum(record.weight for record in records)
    if not total:
        # RFC 2782 leaves the order open where all weights are 0: they share the load.
        return int(chance * len(records))
    drawn = int(chance * (total + 1)) - records[0].weight
    index = 0
    while drawn > 0:
        index += 1
        drawn -= records[index].weight
    return index
