"""The server under test, as a child process with a configuration file of its own."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .certificates import authority
from .processes import Child, Folder, free_port

ROOT = Path(__file__).parents[2]

#: adds one user for each line "name@domain password" of its standard input, by the command's own code
ADD_USERS = """
import io, sys
from oversip_tw.__main__ import main
lines = sys.stdin.read().splitlines()
for line in lines:
    name, password = line.split(" ")
    sys.stdin = io.TextIOWrapper(io.BytesIO(password.encode() + b"\\n"))
    try:
        status = main(["user", "add", name, "--password-stdin", "-c", sys.argv[1]])
    except SystemExit as end:
        status = end.code
    if status:
        sys.exit(f"{name}: {status}")
"""


#: a bug in the log: a traceback, or the line of a request that became 500 by one
BUG = re.compile(r"Traceback|Unhandled [Ee]rror|failed: .* at \w+/\w+\.py:\d+|SQLite:")


@dataclass(frozen=True)
class User:
    """Somebody with an account."""

    name: str
    domain: str
    password: str

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@{self.domain}"


class Server:
    """One process of ours on loopback: UDP, TCP, TLS, WS and WSS, and the phone page.

    ``extra`` is further TOML sections, ``top`` goes before the first section. ``users`` are made up for `user` to give
    out; ``names`` are further ones, with their passwords.
    """

    address = "127.0.0.1"

    def __init__(
        self,
        extra: str = "",
        top: str = "",
        users: int = 20,
        log_messages: bool = True,
        domain: str = "phones.test",
        names: Sequence[tuple[str, str]] = (),
        secure_more: str = "",
        web_more: str = "",
        ws_more: str = "",
    ) -> None:
        """``secure_more``: more lines for the TLS listener, ``web_more`` for those of WebSockets with TLS, ``ws_more``
        for the one without."""
        self.domain = domain
        self.folder = Folder("server")
        self.port, self.tls_port = free_port(), free_port()
        self.ws_port, self.wss_port, self.page_port = free_port(), free_port(), free_port()
        self._more = (secure_more, web_more, ws_more)
        self.config = self.folder.write("oversip.toml", self._toml(extra, top, log_messages))
        self._users = [User(f"user{number}", self.domain, secrets.token_hex(6)) for number in range(users)]
        self._given = 0
        self._add([*self._users, *(User(name, domain, password) for name, password in names)])
        self.child = self.start()

    def _toml(self, extra: str, top: str, log_messages: bool) -> str:
        chain, key = authority().issue("localhost", "127.0.0.1")
        secure = f'certificate = ["{chain}"]\nkey = ["{key}"]\n'
        listens = [
            ("udp", self.port, ""),
            ("tcp", self.port, ""),
            ("tls", self.tls_port, secure + self._more[0]),
            ("ws", self.ws_port, f'path = "/ws"\n{self._more[2]}'),
            ("wss", self.wss_port, f'path = "/ws"\n{secure}{self._more[1]}'),
            ("wss", self.page_port, f'path = "/ws"\npage = true\n{secure}{self._more[1]}'),
        ]
        blocks = [
            f'[[listen]]\ntransport = "{transport}"\naddress = "{self.address}"\nport = {port}\n{more}'
            for transport, port, more in listens
        ]
        head = f'domains = ["{self.domain}"]\nstate_dir = "{self.folder.path}/state"\n{top}\n'
        log = f"[log]\nmessages = {str(log_messages).lower()}\n"
        return "\n".join([head, *blocks, log, extra])

    def _add(self, users: Sequence[User]) -> None:
        if not users:
            return
        lines = "\n".join(f"{user.name}@{user.domain} {user.password}" for user in users)
        command = [sys.executable, "-c", ADD_USERS, str(self.config)]
        adding = Child("users", command, self.folder, {"PYTHONPATH": str(ROOT)}, stdin=True)
        adding.type(lines)
        assert adding.process.stdin is not None
        adding.process.stdin.close()
        status = adding.wait(60)
        assert status == 0, adding.output()

    def start(self) -> Child:
        """Start the process and wait for the line `ready`."""
        command = [sys.executable, "-m", "oversip_tw", "run", "-c", str(self.config)]
        self.child = Child("oversip", command, self.folder, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"})
        since = self.child.size()
        self.child.expect("ready", 20, since)
        return self.child

    def user(self) -> User:
        """Somebody whom no other test uses. Raises IndexError when ``users`` were too few."""
        self._given += 1
        return self._users[self._given - 1]

    def command(self, *words: str, stdin: str = "") -> str:
        """What the command line says to these words with this server's configuration; AssertionError if it fails."""
        command = [sys.executable, "-m", "oversip_tw", *words, "-c", str(self.config)]
        child = Child("command", command, self.folder, {"PYTHONPATH": str(ROOT)}, stdin=True)
        since = child.size()
        child.type(stdin)
        status = child.wait(20)
        assert status == 0, f"{words}: {status}\n{child.output(since)}"
        return child.output(since)

    @property
    def ws(self) -> str:
        """URL of the WebSocket without TLS."""
        return f"ws://{self.address}:{self.ws_port}/ws"

    @property
    def wss(self) -> str:
        """URL of the WebSocket with TLS."""
        return f"wss://{self.address}:{self.wss_port}/ws"

    @property
    def page(self) -> str:
        """URL of the phone page."""
        return f"https://{self.address}:{self.page_port}/"

    def testimony(self) -> str:
        """The end of its log, for the words of a failure."""
        return f"server:\n{self.child.output()[-int(os.environ.get('OVERSIP_LOG_TAIL', '6000')) :]}"

    def errors(self, since: int = 0) -> str:
        """What of its log after byte ``since`` must never be there; "" when all is well."""
        written = self.child.output(since)
        if (found := BUG.search(written)) is not None:
            return written[max(0, found.start() - 1000) : found.start() + 3000]
        if self.child.process.poll():  # 0: a test told it to end
            return f"the server ended ({self.child.process.returncode}):\n{written[-3000:]}"
        return ""

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self.child.stop(40)
