"""Fuzz everything that reads what strangers send; exit status 1 if an exception escaped or an input was too slow."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from fuzz.engines import guided
from fuzz.measured import SLOW, Result, current
from fuzz.targets import NAMES

ROOT = Path(__file__).resolve().parent.parent
#: seconds that a process may need besides fuzzing: imports, seeds, the last input
_GRACE = 60.0
#: octets of a found input that are printed; the file holds all
_SHOWN = 2000


def worker(*arguments: str, log: Path | None = None, seconds: float = _GRACE) -> str:
    """Run a worker to its end; what it printed. Raises subprocess.TimeoutExpired."""
    # the order of sets has to be that of the last run with the same seed
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    with (log or Path(os.devnull)).open("wb") as errors:
        done = subprocess.run(
            [sys.executable, "-m", "fuzz.worker", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=seconds + _GRACE,
        )
    return done.stdout.decode("utf-8", "replace")


def fuzz(name: str, place: Path, options: argparse.Namespace) -> bool:
    """Fuzz one target and print what it came to. True: nothing was found."""
    place.mkdir()
    log = place / "log"
    started = time.monotonic()
    ending = "died"
    try:
        words = (name, str(place), str(options.seconds), str(options.seed), "plain" if options.plain else "guided")
        worker(*words, log=log, seconds=options.seconds)
    except subprocess.TimeoutExpired:
        ending = "hung"
    result = Result.read(place)
    if result is None or ending == "hung":
        lines = log.read_text(errors="replace").splitlines()
        tail = "\n".join([line for line in lines if not line.startswith("INFO: ")][-30:])
        report(name, f"{ending} in this input", current(place), options.found, tail)
        return False
    too_slow = [file for file, spent in replayed(name, place, result.slow) if spent > SLOW]
    [(_, slowest)] = replayed(name, place, [result.slowest_input])
    for file, trail in result.escaped.items():
        report(name, "escaped", (place / file).read_bytes(), options.found, trail)
    for file in too_slow:
        report(name, "too slow", (place / file).read_bytes(), options.found, "")
    verdict = f"{len(result.escaped)} escaped, {len(too_slow)} too slow" if result.escaped or too_slow else "good"
    print(
        f"{name:10} {result.executions:9} executions in {time.monotonic() - started:.0f} s, "
        f"corpus {len(os.listdir(place / 'corpus')):5}, slowest {slowest * 1000:6.2f} ms: {verdict}",
        flush=True,
    )
    return verdict == "good"


def replayed(name: str, place: Path, files: list[str]) -> list[tuple[str, float]]:
    """The inputs with the seconds of CPU they take where no fuzzer watches."""
    paths = [str(place / file) for file in files]
    return list(zip(files, map(float, worker(name, "replay", *paths).split()), strict=True)) if files else []


def report(name: str, what: str, data: bytes, found: Path, trail: str) -> None:
    """Save an input that found something, and print it so that it can become a test."""
    found.mkdir(parents=True, exist_ok=True)
    file = found / f"{name}-{sha256(data).hexdigest()[:12]}"
    file.write_bytes(data)
    shown = f"{data[:_SHOWN]!r}{f'  # and {len(data) - _SHOWN} octets more' if len(data) > _SHOWN else ''}"
    print(f"{name}: {what}: {file}\n{shown}\n{trail}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    add = parser.add_argument
    add("targets", nargs="*", metavar="TARGET", help=f"{', '.join(NAMES)}; default: all")
    add("--seconds", type=float, default=60, help="for each target (default %(default)g)")
    add("--seed", type=int, default=int(time.time()), help="the same inputs again (default: the time)")
    add("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="targets at one time (default: the cores)")
    add("--found", type=Path, default=ROOT / ".fuzz", help="where inputs that found something go (default %(default)s)")
    add("--plain", action="store_true", default=not guided(), help="no atheris, mutations of ours alone")
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - set(NAMES)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    return chosen


def main() -> int:
    options = arguments()
    print(f"seed {options.seed}, {'mutations of ours alone (no atheris)' if options.plain else 'atheris'}", flush=True)
    work = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            good = list(pool.map(lambda name: fuzz(name, work / name, options), options.targets or NAMES))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
