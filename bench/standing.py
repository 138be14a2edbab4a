"""python -m bench.standing: what a finished call still holds while its transactions absorb repetitions, up to 32 s.

At saturation there are 100,000s of those calls, and what they hold is in no cache any more when it is freed.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Sequence

from bench.in_memory import Bench
from oversip_tw.testing import MemoryLog

#: calls, and before them as many that fill what is remembered of late: tokens, flows, texts
CALLS = 10_000
#: seconds after which but few timers have fired, and those after which only the long ones stand
SOON, LATER = 0, 6


def _held() -> tuple[int, int]:
    """Objects of Python's own allocator, and octets of all."""
    gc.collect()
    return sys.getallocatedblocks(), tracemalloc.get_traced_memory()[0]


def main(arguments: Sequence[str]) -> int:
    tracemalloc.start()
    bench = Bench()
    bench.bind(100)
    log = bench.element.core.calls._log
    assert isinstance(log, MemoryLog)

    def calls(first: int) -> None:
        for number in range(first, first + CALLS):
            bench.call(number, bench.hear)
            log.lines.clear()

    calls(0)
    bench.clock.advance(40)
    objects, octets = _held()
    calls(CALLS)
    print("| after | transactions | objects | octets |\n|---|---|---|---|")
    for seconds in (SOON, LATER):
        bench.clock.advance(seconds)
        now = _held()
        row = bench.element.core.transactions.count, now[0] - objects, now[1] - octets
        print(f"| {seconds} s | {row[0] / CALLS:.0f} | {row[1] / CALLS:.1f} | {row[2] / CALLS:,.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
