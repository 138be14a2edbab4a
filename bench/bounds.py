"""Whether a message costs more than it may: `bounds.toml` says what, for either build.

Interpreters differ by a tenth and more in what the same code costs them (version, compiler, profile), so that a count
by itself means little elsewhere. A bound is a quotient: the instructions of a message by those of `bench.yardstick`,
counted in a process of the same kind. Between CPython 3.11.2 of Debian and one built by pyenv it moves by 2 % for the
pure build, and by 9 % for the compiled one, whose own code no interpreter changes: write bounds where it is larger.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import tomllib
from pathlib import Path

from bench.in_memory import WORKLOADS, Bench
from bench.instructions import callgrind, counted
from bench.yardstick import Yardstick
from oversip_tw import native
from oversip_tw.service.process import settle_memory

FILE = Path(__file__).with_name("bounds.toml")
#: how far above what was measured a new bound is
MARGIN = 1.10
UNITS = 60
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def child(folder: Path, units: int) -> None:
    """In valgrind, which takes its time to import all this: once, and then a process for each thing to count."""
    for name in ("yardstick", *WORKLOADS):
        pid = os.fork()
        if not pid:
            _count(name, units)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            raise SystemExit(f"{name}: {status}")
        folder.joinpath(f"callgrind.{pid}").rename(folder / name)


def _count(name: str, units: int) -> None:
    if name == "yardstick":
        yardstick = Yardstick()

        def measure() -> None:
            for _ in range(units):
                yardstick.work()

        measure()
        counted(measure)
        return
    bench = Bench()
    bench.bind(100)
    WORKLOADS[name](bench, 0, units, lambda work: work())
    settle_memory()
    WORKLOADS[name](bench, units, units, counted)


def quotients(units: int = UNITS) -> tuple[float, dict[str, float]]:
    """Instructions per unit of the yardstick, and how many of those a unit of each workload costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        callgrind(folder / "callgrind.%p", ("-m", "bench.instructions", "--child-of-check", name, str(units)))
        yardstick = _total(folder / "yardstick") / units
        return yardstick, {each: _total(folder / each) / units / yardstick for each in WORKLOADS}


def _total(file: Path) -> int:
    return int(_TOTALS.findall(file.read_text(errors="replace"))[-1])


def check(write: bool = False) -> int:
    """Count for the build that runs, and compare; the exit status. ``write``: what was counted becomes the bound."""
    build = "compiled" if native.is_compiled() else "pure"
    bounds = tomllib.loads(FILE.read_text()) if FILE.exists() else {}
    yardstick, found = quotients()
    print(f"{build} build, Python {sys.version.split()[0]}: the yardstick takes {yardstick:,.0f} instructions")
    too_much = False
    for name, quotient in found.items():
        bound = bounds.get(build, {}).get(name, 0.0)
        too_much = too_much or quotient > bound
        verdict = "TOO MUCH" if quotient > bound else "good"
        print(f"{name:13} {quotient * yardstick:12,.0f} = {quotient:7.3f} yardsticks, bound {bound:7.3f}: {verdict}")
    if write:
        bounds[build] = {name: round(quotient * MARGIN, 3) for name, quotient in found.items()}
        FILE.write_text(_toml(bounds))
        return 0
    if too_much:
        print("Is it worth that for each message? Then: python -m bench.instructions --check --write, on both builds")
    return int(too_much)


def _toml(bounds: dict[str, dict[str, float]]) -> str:
    lines = ["# The most that a unit of a workload may cost, in units of bench/yardstick.py."]
    lines += ["# Made by `python -m bench.instructions --check --write`, a tenth above what it counted."]
    for build, rows in sorted(bounds.items()):
        lines += ["", f"[{build}]", *(f"{name} = {bound}" for name, bound in rows.items())]
    return "\n".join(lines) + "\n"
