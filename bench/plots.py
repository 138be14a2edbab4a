"""Throughput, CPU, latency and memory as pictures. Needs matplotlib: pip install '.[bench]'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .report import Row, number
from .workloads import FLOOR, KAMAILIO, OURS

_COLOURS = {OURS: "#2b6cb0", KAMAILIO: "#c05621", FLOOR: "#a0aec0"}
_NAMES = {OURS: "OverSIP-TW", KAMAILIO: "Kamailio", FLOOR: "floor (echo)"}

#: a scale on which the longest bar is so many times the shortest is logarithmic
_WIDE = 30

#: file, title, measure, which rows
_PLOTS: tuple[tuple[str, str, str, Callable[[Row], bool]], ...] = (
    ("throughput", "Done a second on one core, saturated", "rate", lambda row: row.workload.saturated),
    ("cpu", "CPU per unit, µs", "cpu", lambda row: row.workload.measure == "cpu"),
    ("latency-p50", "Latency, median, µs", "p50", lambda row: bool(row.workload.rate or row.workload.rate_of)),
    ("latency-p99", "Latency, 99th percentile, µs", "p99", lambda row: bool(row.workload.rate or row.workload.rate_of)),
    ("memory", "Memory per idle connection, kB", "memory", lambda row: row.workload.measure == "memory"),
)


def draw(rows: Sequence[Row], folder: Path) -> list[str]:
    """Write the pictures there; their names. Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = []
    for file, title, measure, wanted in _PLOTS:
        shown = [row for row in rows if wanted(row) and any(row.spread(name, measure) for name in row.runs)]
        if shown:
            figure = _bars(pyplot, shown, title, measure)
            for kind in ("svg", "png"):
                figure.savefig(folder / f"{file}.{kind}", bbox_inches="tight", dpi=120)
            pyplot.close(figure)
            names.append(f"{file}.svg")
    return names


def _bars(pyplot: Any, rows: Sequence[Row], title: str, measure: str) -> Any:
    """One group of bars for each row, from the top down; the lines are the spread."""
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.7 * len(rows)))
    for place, name in enumerate((OURS, KAMAILIO, FLOOR)):
        at, found, down, up = [], [], [], []
        for group, row in enumerate(rows):
            spread = row.spread(name, measure)
            if spread is not None:
                at.append(group + (place - 1) * 0.27)
                found.append(spread.median)
                down.append(spread.median - spread.least)
                up.append(spread.most - spread.median)
        if at:
            bars = axes.barh(at, found, 0.25, xerr=(down, up), color=_COLOURS[name], label=_NAMES[name], capsize=2)
            axes.bar_label(bars, [f" {number(value)}" for value in found], fontsize=7)
    axes.set_yticks(range(len(rows)), [row.workload.title for row in rows], fontsize=8)
    axes.invert_yaxis()
    medians = [spread.median for row in rows for name in row.runs if (spread := row.spread(name, measure)) is not None]
    if max(medians) > _WIDE * min(medians):
        axes.set_xscale("log")
        axes.set_xlabel("logarithmic", fontsize=7)
    else:
        axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
