"""python -m bench.scale: whether a message costs the same beside few bindings and transactions and beside very many.

Machine instructions, counted by callgrind (`bench.instructions`), for one element in memory; exit status 1 if a count
leaves the band around that of the smallest number.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench.instructions import UNITS, instructions

#: how far a count may be from the first of its row
BAND = 0.15
BINDINGS = (100, 10_000, 100_000)
TRANSACTIONS = (100, 10_000, 50_000)
#: workload, and whether bindings (else transactions) grow
ROWS = (("register", True), ("call", True), ("register", False), ("call", False), ("options", False))


def row(workload: str, bindings: bool, sizes: Sequence[int], units: int) -> list[float]:
    """Instructions per unit at each of ``sizes``."""
    if bindings:
        return [instructions(workload, size, 0, units) for size in sizes]
    return [instructions(workload, 100, size, units) for size in sizes]


def flat(counts: Sequence[float]) -> bool:
    """All within the band."""
    return all(abs(count / counts[0] - 1) <= BAND for count in counts)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--units", type=int, default=UNITS, help="messages, or calls, that are counted (%(default)s)")
    parser.add_argument("--small", action="store_true", help="leave out the largest numbers, which take minutes")
    options = parser.parse_args(arguments)
    good = True
    print("| instructions per unit | beside | " + " | ".join(("few", "many", "very many")) + " | flat |")
    print("|---|---|---|---|---|---|")
    for workload, bindings in ROWS:
        sizes = (BINDINGS if bindings else TRANSACTIONS)[: 2 if options.small else 3]
        counts = row(workload, bindings, sizes, options.units)
        good = good and flat(counts)
        cells = [f"{count:,.0f} ({count / counts[0] - 1:+.1%})" for count in counts] + ["-"] * (3 - len(counts))
        beside = f"{', '.join(f'{size:,}' for size in sizes)} {'bindings' if bindings else 'transactions'}"
        print(f"| {workload} | {beside} | {' | '.join(cells)} | {'yes' if flat(counts) else 'NO'} |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
