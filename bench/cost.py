"""What a server and all its processes and threads have used, as the kernel counts it."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def processes(session: int) -> list[int]:
    """Every process of a session (a child started with ``start_new_session`` and whatever it forked)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getsid(int(entry.name)) == session:
                    found.append(int(entry.name))
    return found


@dataclass(frozen=True)
class Cost:
    """Run time in seconds (the scheduler's, to the nanosecond) and proportional memory in kB, so far."""

    seconds: float
    kilobytes: int

    @classmethod
    def of(cls, session: int) -> Cost:
        """Now. Threads and processes that have ended meanwhile are not counted."""
        nanoseconds = kilobytes = 0
        for process in processes(session):
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{process}/task").iterdir():
                    nanoseconds += int((task / "schedstat").read_text().split()[0])
                found = _PSS.search(Path(f"/proc/{process}/smaps_rollup").read_text())
                kilobytes += int(found[1]) if found else 0
        return cls(nanoseconds / 1e9, kilobytes)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.seconds - other.seconds, self.kilobytes - other.kilobytes)
