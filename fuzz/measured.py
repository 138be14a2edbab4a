"""One target under way: how often, how slow, and what escaped."""

from __future__ import annotations

import gc
import json
import mmap
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from fuzz.targets import Target, readings

#: seconds of CPU that the reading of no input may take (figure 2)
SLOW = 0.05
#: different failures of one target that are worth a report
_MOST_FOUND = 10
#: inputs between two collections of garbage, which is no input's fault
_COLLECT = 2000
#: room for the input that is being run, so that it is known when the process dies of it
_NOTE = 1 << 20


@dataclass
class Result:
    """What a run came to; the files are inputs, beside the result."""

    executions: int = 0
    slowest: float = 0.0
    slowest_input: str = ""
    #: file of the input -> traceback
    escaped: dict[str, str] = field(default_factory=dict)
    #: files of inputs that seemed too slow while the code was instrumented
    slow: list[str] = field(default_factory=list)

    def write(self, place: Path) -> None:
        (place / "result.json").write_text(json.dumps(asdict(self)))

    @staticmethod
    def read(place: Path) -> Result | None:
        """None: the process ended without one."""
        file = place / "result.json"
        return Result(**json.loads(file.read_text())) if file.exists() else None


class Measured:
    """Calls a target until ``over`` says that time is up; then ``ended`` is called, once."""

    def __init__(self, target: Target, place: Path, over: Callable[[], bool], ended: Callable[[], None]) -> None:
        self.result = Result()
        self._target = target
        self._readings = readings(target)
        self._place = place
        self._over = over
        self._ended = ended
        self._trails: set[object] = set()
        (place / "current").write_bytes(bytes(_NOTE))
        with (place / "current").open("r+b") as file:
            self._note = mmap.mmap(file.fileno(), _NOTE)
        gc.collect()
        gc.freeze()
        gc.disable()

    def __call__(self, data: bytes) -> object:
        """What came of ``data``."""
        self._note[: len(data) + 8] = len(data).to_bytes(8, "big") + data
        result = self.result
        result.executions += 1
        started = time.process_time()
        try:
            outcome = self._target.run(data)
        except Exception as error:
            outcome = self._escaped(data, error)
        spent = (time.process_time() - started) / self._readings
        if spent > result.slowest:
            self._slowest(data, spent)
        if result.executions % _COLLECT == 0:
            gc.collect()
        if self._over():
            result.write(self._place)
            self._ended()
        return outcome

    def save(self, data: bytes) -> str:
        """Keep an input under a name of its own."""
        name = sha256(data).hexdigest()[:16]
        (self._place / name).write_bytes(data)
        return name

    def _escaped(self, data: bytes, error: Exception) -> object:
        steps = traceback.extract_tb(error.__traceback__)
        trail = (type(error).__name__, *[(step.filename, step.lineno) for step in steps[-3:]])
        if trail not in self._trails and len(self._trails) < _MOST_FOUND:
            self._trails.add(trail)
            self.result.escaped[self.save(data)] = "".join(traceback.format_exception(error))
            self.result.write(self._place)
        return trail

    def _slowest(self, data: bytes, spent: float) -> None:
        if spent > SLOW:
            spent = min(spent, *(cpu(self._target, data) for _ in range(3)))
        if spent > self.result.slowest:
            self.result.slowest = spent
            self.result.slowest_input = self.save(data)
            if spent > SLOW and len(self.result.slow) < _MOST_FOUND:
                self.result.slow.append(self.result.slowest_input)


def cpu(target: Target, data: bytes) -> float:
    """Seconds of CPU that one reading of ``data`` takes."""
    gc.collect()
    started = time.process_time()
    with suppress(Exception):
        target.run(data)
    return (time.process_time() - started) / readings(target)


def current(place: Path) -> bytes:
    """The input that a process died of."""
    octets = (place / "current").read_bytes() if (place / "current").exists() else bytes(8)
    return octets[8 : 8 + int.from_bytes(octets[:8], "big")]
