"""Medians, verdicts, and the tables that show them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .runs import Run
from .workloads import FLOOR, KAMAILIO, OURS, Workload

INVALID = "INVALID"
_NAMES = {OURS: "OverSIP-TW", KAMAILIO: "Kamailio", FLOOR: "floor"}
_UNITS = {"cpu": "µs", "memory": "kB", "p50": "µs", "p99": "µs", "core": "% of a core"}
#: a saturated server, or a generator that can do no more, is busy for so many per cent of the window
_BUSY = 90.0
#: this share of the rate that was offered is as good as all of it
_KEPT_UP = 0.98


@dataclass(frozen=True)
class Spread:
    """What several runs have found."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.least)}-{number(self.most)})"


def number(value: float) -> str:
    """With as many digits as say something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclass
class Row:
    """A workload with the runs of every subject."""

    workload: Workload
    runs: dict[str, list[Run]] = field(default_factory=dict)
    #: why a subject has no figure: a run that was repeated was wrong again
    failed: dict[str, str] = field(default_factory=dict)

    def good(self, subject: str) -> list[Run]:
        """The runs that count."""
        return [run for run in self.runs.get(subject, ()) if not run.wrong]

    def spread(self, subject: str, measure: str = "") -> Spread | None:
        """Of the workload's own measure, if no other is named. None: there is nothing that counts."""
        measure = measure or self.workload.measure
        found = [run.figures[measure] for run in self.good(subject) if measure in run.figures]
        if not found or subject in self.failed:
            return None
        return Spread(statistics.median(found), min(found), max(found))

    def ratio(self, measure: str = "") -> float | None:
        """Ours to Kamailio's, of the medians."""
        ours, theirs = self.spread(OURS, measure), self.spread(KAMAILIO, measure)
        return ours.median / theirs.median if ours and theirs and theirs.median else None

    def judged(self) -> float | None:
        """What the bound is held against."""
        if self.workload.bound.of == "ratio":
            return self.ratio()
        ours = self.spread(OURS)
        return None if ours is None else ours.median

    def verdict(self) -> str:
        """"goal", "must", "short of must" (or "of goal", where there is no must), "" where nothing is asked."""
        reasons = [f"{_NAMES[name]}: {why}" for name, why in self.failed.items()]
        if reasons:
            return f"{INVALID}: {'; '.join(reasons)}"
        bound, found = self.workload.bound, self.judged()
        if found is None or (bound.must is None and bound.goal is None):
            return ""
        if bound.goal is not None and found <= bound.goal:
            return "goal"
        if bound.must is not None and found <= bound.must:
            return "must"
        return "short of must" if bound.must is not None else "short of goal"

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Subjects that were not measured as they should have been, and how."""
        for name in self.runs:
            rate, busy, own = (self.spread(name, measure) for measure in ("rate", "busy", "own_busy"))
            if rate is None or busy is None or own is None:
                continue
            if self.workload.rate and rate.median < _KEPT_UP * self.workload.rate:
                yield name, "did not reach the rate"
            elif self.workload.saturated and busy.median < _BUSY:
                ours = own.median >= _BUSY
                yield name, "had time left, " + ("the generator had none" if ours else "others took it from both")


def tables(rows: Sequence[Row], machine: Mapping[str, str], settings: str, plots: Sequence[str] = ()) -> str:
    """The whole report, Markdown."""
    about = f"{machine['date']}, commit {machine['commit']}, {machine['build']}, Python {machine['python']}, "
    about += f"{machine['kamailio']}, Linux {machine['kernel']}, {machine['processor']}, "
    about += f"load before {machine['load']}. {settings}"
    lines = [
        "# Measured",
        "",
        about,
        "",
        "CPU is that of all the server's processes, user and system; medians, with the least and the most.",
        "",
        *_main(rows),
        "",
        *_rates(rows),
        "",
        *_notes(rows),
        *(f"![]({name})" for name in plots),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _main(rows: Sequence[Row]) -> Iterator[str]:
    yield "| workload | | OverSIP-TW | Kamailio | floor | ours / Kamailio | must | goal | met |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        work = row.workload
        figures = (_cell(row, name) for name in (OURS, KAMAILIO, FLOOR))
        ratio = row.ratio()
        bounds = [_bound(value, work) for value in (work.bound.must, work.bound.goal)]
        cells = [work.title, _UNITS[work.measure], *figures, "-" if ratio is None else f"{ratio:.2f}", *bounds]
        yield f"| {' | '.join([*cells, row.verdict() or '-'])} |"


def _cell(row: Row, name: str) -> str:
    spread = row.spread(name)
    return str(spread) if spread is not None else INVALID if name in row.failed else "-"


def _bound(value: float | None, work: Workload) -> str:
    if value is None:
        return "-"
    return f"<= {value:g}" if work.bound.of == "ratio" else f"ours <= {value:g} {_UNITS[work.measure]}"


def _rates(rows: Sequence[Row]) -> Iterator[str]:
    yield "| workload | server | done a second | core busy, % | generator busy, % | p50, µs | p99, µs |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        for name in row.runs:
            spreads = [row.spread(name, measure) for measure in ("rate", "busy", "own_busy", "p50", "p99")]
            if spreads[0] is not None:
                cells = [row.workload.title, _NAMES[name], *("-" if each is None else str(each) for each in spreads)]
                yield f"| {' | '.join(cells)} |"


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        work = row.workload
        if work.note:
            yield f"- {work.title}: {work.note}."
        if work.echoes != 1 and FLOOR in row.runs:
            yield f"- {work.title}: the floor is {work.echoes:g} echoes, as many as there are messages in and out."
        for name, doubt in row.doubts():
            yield f"- {work.title}: {_NAMES[name]} {doubt}."
        for name, runs in row.runs.items():
            wrong = [run.wrong for run in runs if run.wrong]
            if wrong and name not in row.failed:
                yield f"- {work.title}: repeated, {len(wrong)} runs of {_NAMES[name]} that do not count ({wrong[0]})."
    yield ""


def raw(rows: Sequence[Row], machine: Mapping[str, str], settings: str) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "machine": dict(machine),
        "settings": settings,
        "rows": [
            {
                "name": row.workload.name,
                "title": row.workload.title,
                "measure": row.workload.measure,
                "must": row.workload.bound.must,
                "goal": row.workload.bound.goal,
                "ratio": row.ratio(),
                "verdict": row.verdict(),
                "medians": {name: spread.median for name in row.runs if (spread := row.spread(name)) is not None},
                "runs": {
                    name: [{"wrong": run.wrong, **run.figures} for run in runs] for name, runs in row.runs.items()
                },
            }
            for row in rows
        ],
    }
