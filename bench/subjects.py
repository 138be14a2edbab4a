"""What is measured: ours, Kamailio and the floor, each started afresh for a run, on the server's core."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from tests.system.certificates import authority
from tests.system.kamailio import Registrar
from tests.system.processes import Child, Folder, free_port
from tests.system.server import ROOT, Server

from .kamailios import Core, Edge
from .machine import GENERATOR, SERVER, on_core
from .workloads import FLOOR, KAMAILIO, OURS, Workload

DOMAIN, BEHIND = "bench.test", "pbx.test"
#: users are PREFIX0, PREFIX1, ... with the passwords secret0, secret1, ...
PREFIX = "u"
#: nobody challenges what comes from there
TRUSTED = "127.0.0.4"
#: MB of shared memory, more than it ever takes: 12,000 transactions a second linger 5 s
SHARED = 3000
#: seconds between pings of ours by default
PING = 25


class Subject(Protocol):
    """A server under load."""

    #: seconds that its transactions live on: the warm-up of rows with transactions is as long
    lingers: float

    @property
    def session(self) -> int:
        """The session of all its processes."""

    def port(self, transport: str) -> int: ...

    def path(self, row: Workload) -> str:
        """Of its WebSocket; "%d" is the number of the client."""

    def stop(self) -> None: ...


_CONFIGURATION = """
[store]
kind = "{store}"

[limits]
exempt = ["127.0.0.0/8"]
transactions = 10000000

[log]
messages = false
level = "warn"

[[trusted]]
network = "{trusted}"
role = "trunk"
"""


class _Process(Server):
    """Our server, begun by `bench.registrar`."""

    def __init__(self, extra: str, users: int, domain: str = DOMAIN) -> None:
        self._count = users
        super().__init__(extra, users=0, domain=domain)

    def _toml(self, extra: str, top: str, log_messages: bool) -> str:
        # our own [log] is in ``extra``
        return super()._toml(extra, top, log_messages).replace("[log]\nmessages = true\n", "", 1)

    def start(self) -> Child:
        command = [sys.executable, "-m", "bench.registrar", str(self.config), str(self._count), PREFIX]
        self.child = Child("oversip", command, self.folder, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"})
        self.child.expect("ready", 60)
        return self.child


class Ours:
    """OverSIP-TW. Linger: Timers J, L and M, 64 * T1."""

    lingers = 33.0

    def __init__(self, row: Workload) -> None:
        self._core: Core | None = None
        extra = _CONFIGURATION.format(store=row.store, trusted=TRUSTED)
        if row.edge:
            with on_core(GENERATOR):
                self._core = Core()
            extra += f'[edge]\ncore = ["sip:{self._core.address}:{self._core.port};transport=udp"]\n'
            extra = extra.replace(f'[[trusted]]\nnetwork = "{TRUSTED}"\nrole = "trunk"\n', "")
        with on_core(SERVER):
            self.server = _Process(extra, 0 if row.edge else row.clients)

    @property
    def session(self) -> int:
        return self.server.child.process.pid

    def port(self, transport: str) -> int:
        return {"udp": self.server.port, "ws": self.server.ws_port, "wss": self.server.wss_port}[transport]

    def path(self, row: Workload) -> str:
        return "/ws" if row.digest else f"/ws?user={PREFIX}%d"

    def stop(self) -> None:
        # without waiting for transactions that linger
        self.server.child.kill()
        if self._core is not None:
            self._core.child.kill()


class Kamailio:
    """Kamailio with one worker for UDP and one for TCP. Lingers: wt_timer."""

    lingers = 7.0

    def __init__(self, row: Workload) -> None:
        self._core: Core | None = None
        self.server: Registrar | Edge
        if row.edge:
            with on_core(GENERATOR):
                self._core = Core()
            with on_core(SERVER):
                self.server = Edge(f"{self._core.address}:{self._core.port}", DOMAIN, SHARED)
            return
        passwords = {f"{PREFIX}{number}": f"secret{number}" for number in range(row.clients)}
        ping = PING if row.measure == "core" else 0
        with on_core(SERVER):
            self.server = Registrar(
                DOMAIN, passwords, 1, SHARED, TRUSTED, ping, "tcp_max_connections=20000\ntls_max_connections=20000\n"
            )

    @property
    def session(self) -> int:
        return self.server.child.process.pid

    def port(self, transport: str) -> int:
        if isinstance(self.server, Registrar):
            return {"udp": self.server.port, "ws": self.server.ws_port, "wss": self.server.wss_port}[transport]
        return self.server.port

    def path(self, row: Workload) -> str:
        return "/ws"

    def stop(self) -> None:
        self.server.child.kill()
        if self._core is not None:
            self._core.child.kill()


class Floor:
    """The echo."""

    lingers = 0.0

    def __init__(self, row: Workload) -> None:
        self._ports = {transport: free_port() for transport in ("udp", "ws", "wss")}
        files = (str(file) for file in authority().issue("localhost", "127.0.0.1"))
        command = [sys.executable, "-m", "bench.floor", *map(str, self._ports.values()), *files]
        with on_core(SERVER):
            self._child = Child("floor", command, Folder("floor"), {"PYTHONPATH": str(ROOT)})
            self._child.expect("ready", 20)

    @property
    def session(self) -> int:
        return self._child.process.pid

    def port(self, transport: str) -> int:
        return self._ports[transport]

    def path(self, row: Workload) -> str:
        return "/ws"

    def stop(self) -> None:
        self._child.kill()


SUBJECTS: dict[str, Callable[[Workload], Subject]] = {OURS: Ours, KAMAILIO: Kamailio, FLOOR: Floor}
