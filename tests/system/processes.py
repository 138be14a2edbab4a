"""Child processes: ports that are free, output that is kept, an end that is certain."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from unittest import SkipTest

T = TypeVar("T")

#: what each program is installed by, for the words of a skip
PACKAGES = {
    "chromium": "apt install chromium",
    "sipp": "apt install sip-tester",
    "baresip": "apt install baresip-core",
    "kamailio": "apt install kamailio kamailio-websocket-modules kamailio-tls-modules kamailio-outbound-modules",
    "nginx": "apt install nginx-light",
    "haproxy": "apt install haproxy",
    "turnserver": "apt install coturn",
    "svwar": "apt install sipvicious",
    "node": "apt install nodejs npm",
    "npm": "apt install nodejs npm",
    "playwright": "pip install playwright",
    "gcc": "apt install gcc libc6-dev",
    "make": "apt install make",
    "libssl-dev": "apt install libssl-dev",
    "libatomic1": "apt install libatomic1: the Node.js that playwright brings along wants it",
}


def no_skip() -> bool:
    """True where a missing program is a failure (`.ci/run`)."""
    return os.environ.get("OVERSIP_NO_SKIP") == "1"


def missing(name: str) -> Exception:
    """What to raise where ``name`` is not installed: a skip that names it, or a failure under OVERSIP_NO_SKIP=1."""
    words = f"needs {name} ({PACKAGES[name]})"
    return AssertionError(words) if no_skip() else SkipTest(words)


def program(name: str) -> str:
    """The path of an installed program; raises what `missing` says."""
    path = shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise missing(name)
    return path


_given: set[int] = set()


def free_port(address: str = "127.0.0.1", count: int = 1) -> int:
    """The first of ``count`` ports in a row that neither TCP nor UDP uses at ``address``, not handed out before.

    None is of the range from which the system takes ports for outgoing connections: those come at any moment.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def free(port: int) -> bool:
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((address, port))
                udp.bind((address, port))
            except OSError:
                return False
        return True

    while True:
        first = random.randrange(10_000, 32_000)
        ports = range(first, first + count)
        if not _given.intersection(ports) and all(free(port) for port in ports):
            _given.update(ports)
            return first


#: who can tell what happened, when a wait was in vain
witnesses: list[Callable[[], str]] = []


def poll(check: Callable[[], T], seconds: float, what: str | Callable[[], str], interval: float = 0.05) -> T:
    """Ask ``check`` until it gives something true, and give that; AssertionError saying ``what`` when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() >= deadline:
            told = "\n".join(witness() for witness in list(witnesses))
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}\n{told}")
        time.sleep(interval)


class Folder:
    """A temporary directory that goes with the test run (kept when OVERSIP_KEEP is set, for looking at afterwards)."""

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"oversip-{name}-"))
        if not os.environ.get("OVERSIP_KEEP"):
            atexit.register(shutil.rmtree, self.path, ignore_errors=True)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in it."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        target.write_bytes(content)
        return target


class Child:
    """A running program whose output (both streams) goes to a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Folder | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> None:
        self.name = name
        self.folder = folder or Folder(name)
        self.log = self.folder.path / f"{name}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder.path,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        atexit.register(self.kill)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def output(self, since: int = 0) -> str:
        """What it wrote from byte ``since`` on."""
        with self.log.open("rb") as file:
            file.seek(since)
            return file.read().decode("utf-8", "replace")

    def size(self) -> int:
        """How many bytes it has written."""
        return self.log.stat().st_size

    def expect(self, text: str, seconds: float, since: int = 0) -> str:
        """Wait until ``text`` stands in the output after byte ``since``; fails when the program ends without."""

        def look() -> str:
            ended = not self.running
            written = self.output(since)
            if text in written:
                return written
            if ended:
                status = self.process.returncode
                raise AssertionError(f"{self.name} ended ({status}) without {text!r}:\n{written[-4000:]}")
            return ""

        return poll(look, seconds, lambda: f"{text!r} from {self.name}:\n{self.output(since)[-4000:]}")

    def type(self, line: str) -> None:
        """One line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, seconds: float) -> int:
        """Its exit status; AssertionError with the end of its output when it does not end in time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds:g} s:\n{self.output()[-4000:]}") from None

    def stop(self, seconds: float = 5) -> int:
        """SIGTERM, and SIGKILL when that does not help in time; the exit status."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """End it and whatever it started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self.process.wait()
        atexit.unregister(self.kill)
