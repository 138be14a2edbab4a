"""python -m bench: CPU and memory of the server next to Kamailio in the same run, as a table with date and commit."""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tests.system.kamailio import Registrar
from tests.system.processes import Child, free_port
from tests.system.server import Server

from .calls import sipp_calls
from .clients import Account, Client
from .cost import Cost
from .load import Job, calls, idle, offer, registrations
from .wires import Loop, UdpWire, WebSocketWire, Wire

DOMAIN = "bench.test"
ROOT = Path(__file__).parents[1]


class Subject(Protocol):
    """A server under load."""

    child: Child
    port: int
    ws_port: int


def ours(users: Sequence[Account]) -> Server:
    """Our server as it is by default, the generator's address exempt from the limits by address."""
    return Server(
        '[limits]\nexempt = ["127.0.0.0/8"]\n\n[[trusted]]\nnetwork = "127.0.0.4"\nrole = "trunk"\n',
        users=0,
        log_messages=False,
        domain=DOMAIN,
        names=[(each.name, each.password or "") for each in users],
    )


def kamailio(users: Sequence[Account]) -> Registrar:
    """Kamailio with one worker, digest, bindings in memory; the sipp caller at 127.0.0.4 is not challenged."""
    passwords = {each.name: each.password or "" for each in users}
    return Registrar(DOMAIN, passwords, shared=2048, unchallenged="127.0.0.4")


class Run:
    """One server, measured."""

    def __init__(self, name: str, start: Callable[[Sequence[Account]], Subject], options: argparse.Namespace) -> None:
        self.name, self.options = name, options
        # users of their own for each kind of load: a binding left over would be called too
        kinds = {"udp": options.users, "ws": options.users, "idle": options.idle // 10 + 1, "sipp": 1}
        self.users = {
            kind: [Account(f"{kind}{number}", DOMAIN, f"secret{number}") for number in range(count)]
            for kind, count in kinds.items()
        }
        self.subject = start([account for accounts in self.users.values() for account in accounts])
        self.session = self.subject.child.process.pid
        self.figures: dict[str, str] = {}

    def wire(self, transport: str) -> Wire:
        address = "127.0.0.1"
        if transport == "udp":
            return UdpWire((address, self.subject.port))
        return WebSocketWire((address, self.subject.ws_port), "/ws")

    def clients(self, loop: Loop, transport: str, kind: str, count: int) -> list[Client]:
        """So many clients of users of that kind, registered."""
        found = []
        for number in range(count):
            client = Client(self.users[kind][number % len(self.users[kind])], self.wire(transport))
            loop.add(client.wire)
            found.append(client)
        result = offer(loop, self.session, registrations(found), 500, count / 500)
        if result.failed:
            raise SystemExit(f"{self.name}: {result.failed} of {count} could not register over {transport}")
        return found

    def measure(self, what: str, loop: Loop, jobs: Sequence[Job], rate: float) -> None:
        """CPU per job: the median of the rounds, after a warm-up."""
        offer(loop, self.session, jobs, rate, min(2, self.options.seconds))
        rounds = [offer(loop, self.session, jobs, rate, self.options.seconds) for _ in range(self.options.rounds)]
        failed = sum(each.failed for each in rounds)
        figures = [each.microseconds for each in rounds]
        self.note(what, f"{statistics.median(figures):.0f} µs ({min(figures):.0f}-{max(figures):.0f})", failed)

    def note(self, what: str, figure: str, failed: int = 0) -> None:
        self.figures[what] = figure + (f", {failed} failed" if failed else "")
        print(f"{self.name:10} {what:48} {self.figures[what]}", file=sys.stderr, flush=True)

    def all(self) -> None:
        """Every row of the table that was asked for; memory first, while none lies about free."""
        self.idle()
        registers, called = self.options.register_rate, self.options.call_rate
        for transport in ("udp", "ws"):
            loop = Loop()
            clients = self.clients(loop, transport, transport, self.options.users)
            name = transport.upper()
            self.measure(f"REGISTER with digest, {name}, {registers:g}/s", loop, registrations(clients), registers)
            half = len(clients) // 2
            jobs = calls(clients[:half], clients[half : 2 * half])
            self.measure(f"call with digest, {name}, {called:g}/s", loop, jobs, called)
            loop.close()
        if not self.options.no_sipp:
            self.sipp()

    def sipp(self) -> None:
        """Complete calls of sipp over UDP, the caller trusted."""
        account, phone, rate = self.users["sipp"][0], free_port(), self.options.call_rate
        rounds = [
            sipp_calls(self.session, account, self.subject.port, phone, rate, self.options.seconds)
            for _ in range(self.options.rounds)
        ]
        figures = [each.microseconds for each in rounds]
        what = f"call of sipp, UDP, not challenged, {rate:g}/s"
        spread = f"{statistics.median(figures):.0f} µs ({min(figures):.0f}-{max(figures):.0f})"
        self.note(what, spread, sum(each.failed for each in rounds))

    def idle(self) -> None:
        """Registered WebSockets that do nothing: memory each, CPU each and second."""
        loop, count = Loop(), self.options.idle
        time.sleep(1)
        before = Cost.of(self.session)
        clients = self.clients(loop, "ws", "idle", count)
        idle(loop, self.session, 2)
        grown = Cost.of(self.session) - before
        self.note(f"memory of an idle WebSocket ({count})", f"{grown.kilobytes / len(clients):.1f} kB")
        cost = idle(loop, self.session, self.options.idle_seconds)
        each = cost.seconds * 1e6 / count / self.options.idle_seconds
        self.note(f"CPU of an idle WebSocket and second ({count})", f"{each:.2f} µs")
        loop.close()


def table(runs: Sequence[Run]) -> str:
    """Markdown."""
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    rows = list(dict.fromkeys(what for run in runs for what in run.figures))
    lines = [
        f"{when}, commit {head.stdout.strip() or '?'}, Python {platform.python_version()}, CPU of the whole server.",
        "",
        "| | " + " | ".join(run.name for run in runs) + " |",
        "|---|" + "---|" * len(runs),
        *(f"| {what} | " + " | ".join(run.figures.get(what, "-") for run in runs) + " |" for what in rows),
    ]
    return "\n".join(lines) + "\n"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--only", choices=("ours", "kamailio"), help="measure one of the two alone")
    add("--users", type=int, default=200, help="accounts and registered clients (default %(default)s)")
    add("--seconds", type=float, default=10, help="length of a round (default %(default)s)")
    add("--rounds", type=int, default=3, help="rounds, of which the median counts (default %(default)s)")
    add("--register-rate", type=float, default=1000, help="REGISTERs a second (default %(default)s)")
    add("--call-rate", type=float, default=200, help="calls a second (default %(default)s)")
    add("--idle", type=int, default=1000, help="idle WebSockets (default %(default)s)")
    add("--idle-seconds", type=float, default=60, help="how long they are watched (default %(default)s)")
    add("--no-sipp", action="store_true", help="leave out the calls of sipp")
    add("--output", type=Path, help="write the table there too")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    runs = []
    starts: dict[str, Callable[[Sequence[Account]], Subject]] = {"ours": ours, "kamailio": kamailio}
    for name, start in starts.items():
        if chosen.only in (None, name):
            run = Run("OverSIP-TW" if name == "ours" else "Kamailio", start, chosen)
            try:
                run.all()
            finally:
                run.subject.child.stop()
            runs.append(run)
    text = table(runs)
    print(text)
    if chosen.output:
        chosen.output.write_text(text)


if __name__ == "__main__":
    main()
