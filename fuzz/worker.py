"""One target in a process of its own: ``TARGET PLACE SECONDS SEED guided|plain``, or ``TARGET replay FILE...``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from fuzz import engines
from fuzz.measured import Measured, cpu
from fuzz.targets import load


def fuzz(name: str, place: Path, seconds: float, seed: int, guided: bool) -> None:
    """Run inputs for so long; the result lies in ``place``. Does not return."""
    if guided:
        engines.instrument()
    target = load(name)
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)

    def keep(data: bytes) -> None:
        (corpus / f"{len(os.listdir(corpus)):08}").write_bytes(data)

    for data in target.seeds():
        keep(data)
    end = time.monotonic() + seconds
    # libFuzzer would go on, and say much at the end
    run = Measured(target, place, lambda: time.monotonic() > end, lambda: os._exit(0))
    if guided:
        engines.by_coverage(run, seed, target.MOST, corpus)
    else:
        engines.by_chance(run, seed, target.MOST, target.seeds(), keep)


def replay(name: str, files: list[str]) -> None:
    """Print the seconds of CPU that each input takes where nothing watches, the least of five."""
    target = load(name)
    for file in files:
        data = Path(file).read_bytes()
        print(min(cpu(target, data) for _ in range(5)))


def main() -> None:
    if sys.argv[2] == "replay":
        replay(sys.argv[1], sys.argv[3:])
    else:
        fuzz(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "guided")


if __name__ == "__main__":
    main()
