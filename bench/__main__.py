"""python -m bench: ours beside Kamailio and the floor in one run, alternating, as tables, raw numbers and pictures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest import SkipTest

from tests.system.sipload import built

from . import machine, plots, runs
from .calls import sipp_calls
from .report import INVALID, Row, number, raw, tables
from .runs import Run, Window
from .subjects import SUBJECTS
from .workloads import CAPACITY, FLOOR, HALF_OF_OWN, WORKLOADS, Workload, chosen

#: a machine with nothing else to do has a load below this
BUSY_ALREADY = 0.5

#: measures a subject at a workload: (subject, workload, units a second)
Measure = Callable[[str, Workload, float], Run]


def rate_of(row: Workload, subject: str, capacities: dict[str, float]) -> float:
    """Units a second for that subject. Raises KeyError where a capacity is asked for that was not found."""
    if not row.rate_of:
        return row.rate
    return (capacities[subject] if row.rate_of == HALF_OF_OWN else min(capacities.values())) / 2


def alternating(
    row: Workload, subjects: Sequence[str], rounds: int, capacities: dict[str, float], measure: Measure
) -> Row:
    """Every round each subject once, one after another; a run with a wrong answer is repeated, once."""
    found = Row(row)
    for round in range(1, rounds + 1):
        for subject in subjects:
            kept = found.runs.setdefault(subject, [])
            try:
                rate = rate_of(row, subject, capacities)
            except (KeyError, ValueError):
                found.failed[subject] = f"the capacity is not known: {CAPACITY} has failed"
                continue
            kept.append(measure(subject, row, rate))
            if kept[-1].wrong:
                _tell(row, round, kept[-1])
                kept.append(measure(subject, row, rate))
            if kept[-1].wrong:
                found.failed[subject] = kept[-1].wrong
            _tell(row, round, kept[-1])
    return found


def _tell(row: Workload, round: int, run: Run) -> None:
    figure = run.wrong or f"{number(run.value(row.measure))} {row.measure}"
    if not run.wrong and "rate" in run.figures:
        figure += f", {number(run.figures['rate'])}/s"
    print(f"{row.name:20} {round} {run.subject:9} {figure}", file=sys.stderr, flush=True)


def measured(window: Window, subject: str, row: Workload, rate: float) -> Run:
    """One run."""
    if row.kind == "sipp":
        return sipp_calls(subject, SUBJECTS[subject], row, window.seconds)
    return runs.load(subject, SUBJECTS[subject], row, rate, window)


def pictures(rows: Sequence[Row], folder: Path) -> list[str]:
    """Names of those that were drawn."""
    try:
        return plots.draw(rows, folder)
    except ImportError:
        print("no pictures: they need matplotlib (pip install '.[bench]')", file=sys.stderr)
        return []


def written(
    rows: Sequence[Row], folder: Path, about: dict[str, str], settings: str, pictures: Sequence[str] = ()
) -> str:
    """Tables and numbers into that folder; the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(raw(rows, about, settings), indent=1) + "\n")
    text = tables(rows, about, settings, pictures)
    (folder / "bench.md").write_text(text)
    return text


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="rows:\n" + "\n".join(f"  {row.name:20} {row.title}" for row in WORKLOADS),
    )  # fmt: skip
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="runs of each server at each row; their median counts (%(default)s)")
    add("--seconds", type=float, default=10, help="what is measured of a run (%(default)s)")
    add("--warmup", type=float, default=2, help="what comes before; rows with transactions take longer (%(default)s)")
    add("--only", metavar="ROWS", default="", help="these rows alone, with commas between")
    add("--subjects", default=",".join(SUBJECTS), help="these servers alone, with commas between (%(default)s)")
    add("--output", type=Path, default=Path("bench-results"), help="the folder for what is found (%(default)s)")
    add("--quick", action="store_true", help="one round of one second: whether everything works, no more")
    found = parser.parse_args(words)
    try:
        found.rows = chosen([name for name in found.only.split(",") if name])
    except ValueError as error:
        parser.error(str(error))
    found.subjects = [name for name in SUBJECTS if name in found.subjects.split(",")]
    if not found.subjects:
        parser.error(f"no subjects; there are {', '.join(SUBJECTS)}")
    if found.quick:
        found.rounds, found.seconds, found.warmup = 1, 1, 0.5
    return found


def main() -> int:
    given = options()
    window = Window(given.seconds, given.warmup, given.quick)
    try:
        machine.prepare(max((row.clients for row in given.rows), default=0) + 1000)
        built()
    except (machine.Unfit, AssertionError, SkipTest) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    about = machine.described()
    if float(about["load"]) > BUSY_ALREADY:
        print(f"others are at work here (load {about['load']}): what comes is no measurement", file=sys.stderr)
    rows: list[Row] = []
    capacities: dict[str, float] = {}
    settings = f"{given.rounds} rounds of {given.seconds:g} s" + (", QUICK: no measurement." if given.quick else ".")
    for work in given.rows:
        subjects = [name for name in given.subjects if name in work.subjects]
        if not subjects:
            continue
        row = alternating(work, subjects, given.rounds, capacities, partial(measured, window))
        rows.append(row)
        if work.name == CAPACITY:
            found = {name: row.spread(name, "rate") for name in subjects if name != FLOOR}
            capacities = {name: spread.median for name, spread in found.items() if spread is not None}
        # after every row: what was found is not lost when somebody loses patience
        written(rows, given.output, about, settings)
    print(written(rows, given.output, about, settings, pictures(rows, given.output)))
    return 1 if any(row.verdict().startswith(INVALID) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
