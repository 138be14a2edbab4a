"""One run: a server started, the generator against it, what both have said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.system.processes import Child, Folder, poll
from tests.system.sipload import FOLDER

from .cost import Cost
from .machine import GENERATOR, on_core
from .subjects import BEHIND, DOMAIN, PREFIX, TRUSTED, Subject
from .workloads import FLOOR, Workload

#: seconds that opening, registering and saying goodbye may take, besides the warm-up and the window
_PATIENCE = 180
#: seconds in which every client is pinged three times
_PINGS = 75.0
#: seconds of rest before memory is looked at
_REST = 1.0


@dataclass(frozen=True)
class Window:
    """How long a run is."""

    seconds: float = 10.0
    #: before that, at least
    warmup: float = 2.0
    #: a look alone: no row warms up until its transactions end, and idle ones are watched no longer than others
    quick: bool = False


@dataclass(frozen=True)
class Run:
    """What one run has found. ``wrong``: why it does not count; "" if it does."""

    subject: str
    figures: dict[str, float] = field(default_factory=dict)
    wrong: str = ""

    def value(self, measure: str) -> float:
        """The figure that ``Workload.measure`` names."""
        return self.figures[measure]


def command(name: str, subject: Subject, row: Workload, rate: float, window: Window) -> list[str]:
    """What the generator is told."""
    echo = name == FLOOR
    kind = "echo" if echo else row.kind
    factor = row.echoes if echo else 1
    words = [str(FOLDER / "sipload"), "--transport", row.transport, "--clients", str(row.clients), "--user", PREFIX]
    words += ["--domain", BEHIND if row.edge and row.kind == "register" else DOMAIN]
    words += ["--cpu", str(GENERATOR), "--pid", str(subject.session)]
    warmup = window.warmup
    if row.transactions and not window.quick:
        warmup = max(warmup, subject.lingers)
    seconds = window.seconds
    if row.measure == "memory":
        seconds = min(seconds, 1.0)
    elif row.measure == "core" and not window.quick:
        seconds = max(seconds, _PINGS)
    words += ["--warmup", f"{warmup:g}", "--seconds", f"{seconds:g}"]
    if kind == "idle":
        words += ["--open-rate", "1000"]
    else:
        words += ["--rate", f"{rate * factor:g}", "--outstanding", str(row.outstanding)]
    if row.sdp and not echo:
        words += ["--sdp", str(row.sdp)]
    if row.transport != "udp":
        words += ["--path", subject.path(row)]
    unchallenged = not row.digest
    if kind == "call":
        words += ["--local", "127.0.0.1", *(["--trusted-caller", TRUSTED] if unchallenged else [])]
    elif unchallenged and not row.edge:
        words += ["--local", TRUSTED]
    if not echo and (row.digest or kind == "call"):
        words += ["--password", "secret%d"]
    return [*words, kind, f"127.0.0.1:{subject.port(row.transport)}"]


def load(name: str, start: Callable[[Workload], Subject], row: Workload, rate: float, window: Window) -> Run:
    """Start the server, measure it by sipload, end it."""
    try:
        subject = start(row)
    except AssertionError as error:
        return Run(name, {}, f"does not start: {str(error)[-300:]}")
    try:
        time.sleep(0 if window.quick else _REST)
        return _measured(name, subject, row, rate, window)
    finally:
        subject.stop()


def _measured(name: str, subject: Subject, row: Workload, rate: float, window: Window) -> Run:
    before = Cost.of(subject.session)
    with on_core(GENERATOR):
        child = Child("sipload", command(name, subject, row, rate, window), Folder("sipload"))
    try:
        _wait(child, "begin", _PATIENCE + window.warmup + subject.lingers)
        during = Cost.of(subject.session)
        _wait(child, "end", _PATIENCE + window.seconds)
        status = child.wait(60)
    except AssertionError as error:
        return Run(name, {}, f"sipload: {' '.join(str(error).split())[-300:]}")
    finally:
        child.kill()
    output = child.output()
    complaint = next((line for line in output.splitlines() if line.startswith("sipload: ")), "")
    return judged(name, row, status, events(output), before, during, complaint)


def judged(
    name: str,
    row: Workload,
    status: int,
    said: dict[str, dict[str, Any]],
    before: Cost,
    during: Cost,
    complaint: str = "",
) -> Run:
    """The figures of a run whose answers were all right; else why it does not count."""
    end = said["end"]
    bad = {what: end.get(what, 0) for what in ("failed", "wrong", "dropped") if end.get(what, 0)}
    figures = {what: float(figure) for what, figure in end.items() if isinstance(figure, int | float)}
    if bad or status:
        told = ", ".join(f"{count} {what}" for what, count in bad.items())
        reasons = [each for each in (told, complaint) if each] or [f"sipload ended with {status}"]
        return Run(name, figures, "; ".join(reasons))
    if row.kind != "idle" and not end["done"]:
        return Run(name, figures, "nothing was done")
    factor = row.echoes if name == FLOOR else 1
    if row.kind != "idle":
        figures["cpu"] = end["server_cpu_us_per_unit"] * factor
        figures["rate"] = end["per_second"] / factor
        figures["busy"] = end["server_cpu_us_per_unit"] * end["per_second"] / 1e4
        figures["own_busy"] = end["own_cpu_us_per_unit"] * end["per_second"] / 1e4
        # of a call the whole of it, not until it is answered alone
        whole = "unit_" if "unit_p99_us" in end else ""
        figures.update(p50=end[f"{whole}p50_us"], p99=end[f"{whole}p99_us"])
    else:
        connections = end["connections"] or 1
        figures["memory"] = (during - before).kilobytes / connections
        # a unit is a connection for a second
        figures["core"] = end["server_cpu_us_per_unit"] * connections / 1e4
    return Run(name, figures)


def _wait(child: Child, name: str, seconds: float) -> None:
    """Until it has said so. Raises AssertionError when it ends or time is up before."""

    def said() -> bool:
        ended = not child.running
        if name in events(child.output()):
            return True
        if ended:
            raise AssertionError(f"ended ({child.process.returncode}) before {name}: {child.output()}")
        return False

    poll(said, seconds, name)


def events(output: str) -> dict[str, dict[str, Any]]:
    """The lines of sipload, by what they tell of."""
    found = {}
    for line in output.splitlines():
        # the last line may be half written
        if line.startswith("{") and line.endswith("}"):
            event = json.loads(line)
            found[event["event"]] = event
    return found
