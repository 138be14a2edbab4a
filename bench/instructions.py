"""python -m bench.instructions: machine instructions per message, counted by valgrind's callgrind.

The same on a busy machine as on an idle one, so a bound on them can stand in `.ci/run`. What is counted is an element
in memory (`bench.in_memory`); sockets and the kernel are not in it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.in_memory import WORKLOADS, Bench
from oversip_tw.service.process import settle_memory

ROOT = Path(__file__).parents[1]
#: units that are counted, after as many that are not
UNITS = 200
#: what ctypes calls a C function with: nobody else does meanwhile, and what happens within it is what is counted
_COUNTED = "ffi_call"
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def counted(work: Callable[[], object]) -> None:
    """Do ``work`` within the C function that callgrind watches."""
    call = ctypes.pythonapi.PyObject_CallNoArgs
    call.restype = ctypes.py_object
    call(ctypes.py_object(work))


def child(workload: str, bindings: int, transactions: int, units: int) -> None:
    """In valgrind: prepare, warm up, and do the units that are counted."""
    bench = Bench()
    bench.bind(bindings)
    bench.ring(transactions // 2)
    WORKLOADS[workload](bench, 0, units, lambda work: work())
    settle_memory()
    WORKLOADS[workload](bench, units, units, counted)


def instructions(
    workload: str, bindings: int = 100, transactions: int = 0, units: int = UNITS, profile: Path | None = None
) -> float:
    """Per unit of ``workload``, with so many bindings and running transactions. ``profile``: keep callgrind's file."""
    with tempfile.TemporaryDirectory() as folder:
        output = profile or Path(folder) / "callgrind"
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={_COUNTED}"),
                *(f"--callgrind-out-file={output}", sys.executable, "-m", "bench.instructions", "--child"),
                *(workload, str(bindings), str(transactions), str(units)),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        found = _TOTALS.findall(output.read_text(errors="replace")) if output.exists() else []
        if done.returncode or not found:
            raise SystemExit(f"{workload}: valgrind ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return int(found[-1]) / units


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--child"]:
        child(arguments[1], *map(int, arguments[2:5]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join(WORKLOADS)}; default: all")
    parser.add_argument("--bindings", type=int, default=100)
    parser.add_argument("--transactions", type=int, default=0)
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--profile", type=Path, help="a folder for callgrind's files")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not there (apt install valgrind)")
    for workload in options.workloads or WORKLOADS:
        profile = options.profile and options.profile / f"callgrind.{workload}"
        count = instructions(workload, options.bindings, options.transactions, options.units, profile)
        print(f"{workload:10} {count:10.0f} instructions", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
