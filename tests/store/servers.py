"""PostgreSQL and Redis of our own: private instances in a temporary folder, one of each for a run of tests."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

from twisted.trial.unittest import SkipTest

#: seconds that a server may take to start
PATIENCE = 30.0
_names: Iterator[int] = count(1)


def free_port() -> int:
    """A TCP port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="oversip-store-"))
    atexit.register(shutil.rmtree, path, True)
    return path


class Redis:
    """A redis-server that appends to a file what it is told, so that a kill loses nothing."""

    def __init__(self, *options: str, port: int = 0, folder: Path | None = None) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise SkipTest("redis-server is not installed")
        self.port = port or free_port()
        self.folder = folder or _folder()
        self._command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec", *options,
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        atexit.register(self.kill)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder)
        until = time.monotonic() + PATIENCE
        while self._ask(b"PING\r\n") != b"+PONG\r\n":
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError((self.folder / "log").read_text())
            time.sleep(0.02)

    def _ask(self, command: bytes) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as wire:
                wire.sendall(command)
                return wire.recv(100)
        except OSError:
            return b""

    def empty(self) -> None:
        """Forget everything."""
        assert self._ask(b"FLUSHALL\r\n") == b"+OK\r\n"

    def pause(self) -> None:
        """It hangs: connections stand, and nobody answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()


@cache
def redis() -> Redis:
    """The one of this run."""
    return Redis()


class Sentinel(Redis):
    """A Sentinel that watches the Redis of that port under the name mymaster."""

    def __init__(self, watched: int) -> None:
        self._watched = watched
        super().__init__()

    def start(self) -> None:
        file = self.folder / "sentinel.conf"
        file.write_text(f"port {self.port}\ndir {self.folder}\nsentinel monitor mymaster 127.0.0.1 {self._watched} 1\n")
        self._command = [self._command[0], str(file), "--sentinel", "--bind", "127.0.0.1"]
        super().start()


class PostgreSQL:
    """A PostgreSQL cluster that only a Unix socket leads to. Root may not run it: then the user postgres does."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or [Path(shutil.which("pg_ctl") or "")]
        self._programs = found[-1].parent
        if not (self._programs / "initdb").is_file():
            raise SkipTest("PostgreSQL is not installed")
        self.folder = _folder()
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._data = self.folder / "data"
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "oversip", "-E", "UTF8", "--no-sync")
        self.start()
        atexit.register(self.stop)

    def _run(self, program: str, *options: str) -> None:
        command = [str(self._programs / program), *options]
        with open(self.folder / "commands", "ab") as log:
            done = subprocess.run(
                command, user=self._user, cwd=self.folder, stdout=log, stderr=log, timeout=60,
                env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
            )  # fmt: skip
        assert done.returncode == 0, (self.folder / "commands").read_text()

    def start(self) -> None:
        """Start it, if it does not run, and wait until it answers."""
        if (self._data / "postmaster.pid").exists():
            return
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=50"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def database(self) -> str:
        """The URL of a new database."""
        name = f"oversip{next(_names)}"
        self._run("createdb", "-h", str(self.folder), "-U", "oversip", name)
        return f"postgresql://oversip@/{name}?host={self.folder}"


@cache
def postgresql() -> PostgreSQL:
    """The one of this run."""
    return PostgreSQL()
