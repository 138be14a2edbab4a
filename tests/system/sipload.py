"""The load generator bench/sipload, built when it is missing or older than its source."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .processes import Child, missing, program

FOLDER = Path(__file__).parents[2] / "bench" / "sipload"


def built() -> Path:
    """The program. Raises what `missing` says where it cannot be built."""
    make = program("make")
    program("gcc")
    if not Path("/usr/include/openssl/ssl.h").exists():
        raise missing("libssl-dev")
    made = subprocess.run([make, "-C", str(FOLDER)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return FOLDER / "sipload"


@dataclass
class Outcome:
    """How it ended and what it said."""

    status: int
    text: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, name: str) -> dict[str, Any]:
        """The event of that name; AssertionError without."""
        found = [each for each in self.events if each["event"] == name]
        assert len(found) == 1, self.text
        return found[0]


class Sipload:
    """One run of it."""

    def __init__(self, *words: str) -> None:
        self.child = Child("sipload", [str(built()), *words])

    def ended(self, seconds: float = 25) -> Outcome:
        """Wait for its end."""
        status, text = self.child.wait(seconds), self.child.output()
        lines = [line for line in text.splitlines() if line.startswith('{"event"')]
        return Outcome(status, text, [json.loads(line) for line in lines])
