"""Which core does what, how many files may be open, and on what was measured."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from oversip_tw import native

ROOT = Path(__file__).parents[1]
#: the cores of the server under load, and of everything that makes the load
SERVER, GENERATOR = 0, 1
#: as urgent as root may be without standing in the kernel's way
_NICE = -10


class Unfit(Exception):
    """Nothing can be measured here; the text says why."""


def prepare(files: int) -> None:
    """Let us and our children open so many files. Raises Unfit."""
    if not {SERVER, GENERATOR} <= os.sched_getaffinity(0):
        raise Unfit("needs two cores (0 and 1): one for the server, one for the generator")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard == resource.RLIM_INFINITY else max(files, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, OSError) as error:
        raise Unfit(
            f"needs {files} open files, the limit is {hard} ({error}): run it as root or raise the hard limit "
            "(ulimit -Hn), or leave out the rows with many connections (--only)"
        ) from None
    # we look on from where the generator is
    os.sched_setaffinity(0, {GENERATOR})


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started within runs on that core alone, and before others where we may say so."""
    cores, nice = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def described() -> dict[str, str]:
    """What belongs into the head of the report."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD") or "?",
        "python": platform.python_version(),
        "build": native.name(),
        "kamailio": _said("kamailio", "-v").partition("\n")[0].removeprefix("version: ") or "none",
        "processor": _processor(),
        "kernel": platform.release(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{os.cpu_count()} x {line.partition(':')[2].strip()}"
    return f"{os.cpu_count()} cores"
