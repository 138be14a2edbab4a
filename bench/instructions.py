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
from bench.profile import costly
from oversip_tw.service.process import settle_memory

ROOT = Path(__file__).parents[1]
#: units that are counted, after as many that are not
UNITS = 200
#: what ctypes calls a C function with: nobody else does meanwhile, and what happens within it is what is counted
_COUNTED = "ffi_call"
#: no chance in the order of sets, and neither libcrypto nor the C library chooses code by what this processor has
_SAME_EVERYWHERE = {
    "PYTHONHASHSEED": "0",
    "OPENSSL_ia32cap": "0:0",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-EVEX,-ERMS,-FSRM,-BMI2,-RTM",
}
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
        arguments = ("--child", workload, str(bindings), str(transactions), str(units))
        callgrind(output, ("-m", "bench.instructions", *arguments))
        return int(_TOTALS.findall(output.read_text(errors="replace"))[-1]) / units


def callgrind(output: Path, arguments: Sequence[str], *options: str) -> None:
    """Run Python with ``arguments``; callgrind writes what happened within `counted` to ``output``."""
    done = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={_COUNTED}", *options),
            *(f"--callgrind-out-file={output}", sys.executable, *arguments),
        ],
        cwd=ROOT,
        env={**os.environ, **_SAME_EVERYWHERE, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: valgrind ended with {done.returncode}\n{done.stdout}{done.stderr}")


def main(arguments: Sequence[str]) -> int:
    from bench import bounds  # which counts with what stands here

    if arguments[:1] == ["--child"]:
        child(arguments[1], *map(int, arguments[2:5]))
        return 0
    if arguments[:1] == ["--child-of-check"]:
        bounds.child(Path(arguments[1]), int(arguments[2]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join(WORKLOADS)}; default: all")
    parser.add_argument("--bindings", type=int, default=100)
    parser.add_argument("--transactions", type=int, default=0)
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--profile", type=Path, help="a folder for callgrind's files; list what costs most")
    parser.add_argument("--check", action="store_true", help="all of them, against the bounds in bench/bounds.toml")
    parser.add_argument("--write", action="store_true", help="with --check: what is counted becomes the bound")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not there (apt install valgrind)")
    if options.check:
        return bounds.check(options.write)
    for workload in options.workloads or WORKLOADS:
        profile = options.profile and options.profile / f"callgrind.{workload}"
        count = instructions(workload, options.bindings, options.transactions, options.units, profile)
        print(f"{workload:13} {count:10.0f} instructions", flush=True)
        if profile:
            for cost, name in costly(profile, options.units):
                print(f"{cost:10.0f} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
