"""A server in this process whose configuration and hooks are files that a test rewrites, with sockets around it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread
from twisted.trial import unittest

from oversip_tw import config
from oversip_tw.hooks import Hooks
from oversip_tw.service import Server
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import parse
from oversip_tw.testing import MemoryLog

HEAD = 'domains = "example.org"\nstate_dir = "state"\n'
UDP = '[[listen]]\ntransport = "udp"\nport = 0\n'


class Party(DatagramProtocol):
    """A UDP socket that keeps what comes."""

    def __init__(self) -> None:
        self._came: DeferredQueue[bytes] = DeferredQueue()
        self.port = reactor.listenUDP(0, self, interface="127.0.0.1")

    @property
    def number(self) -> int:
        """Its port."""
        return self.port.getHost().port

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._came.put(datagram)

    async def request(self) -> Request:
        """The next request."""
        while True:
            message = parse(await self._came.get())
            if isinstance(message, Request):
                return message

    async def response(self) -> Response:
        """The next response but 100."""
        while True:
            message = parse(await self._came.get())
            if isinstance(message, Response) and message.status > 100:
                return message

    def sends(self, message: Request | Response, port: int) -> None:
        self.transport.write(message.to_bytes(), ("127.0.0.1", port))


class Rewriting(unittest.TestCase):
    """`write` the files, `start`, write them again, `hang_up` (SIGHUP)."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.patch(sys, "path", [*sys.path, str(self.folder)])
        self.patch(sys, "dont_write_bytecode", True)  # what is rewritten within a second looks the same to Python
        self.addCleanup(lambda: [sys.modules.pop(name, None) for name in ("my_hooks", "my_tables")])
        self.log = MemoryLog()

    def write(self, text: str = UDP, hooks: str = "") -> None:
        """The configuration; ``hooks``: the source of my_hooks.py, which it names then."""
        if hooks:
            (self.folder / "my_hooks.py").write_text(f"from oversip_tw.hooks import *\n{hooks}")
            text = f'hooks = "my_hooks:Mine"\n{text}'
        (self.folder / "oversip.toml").write_text(HEAD + text)

    def read(self) -> config.Config:
        return config.load(self.folder / "oversip.toml")

    def start(self, hooks: Hooks | None = None) -> Server:
        server = Server(self.read(), reactor, lambda: None, self.read, hooks)
        server.startService()
        self.addCleanup(lambda: server.stopService() if server.running else None)
        object.__setattr__(server.parts, "log", self.log)
        return server

    def party(self) -> Party:
        party = Party()
        self.addCleanup(party.port.stopListening)
        return party

    async def signal(self, number: int) -> None:
        """Send it to ourselves, and wait until it was looked at."""
        os.kill(os.getpid(), number)
        await deferToThread(lambda: None)

    async def hang_up(self) -> tuple[str, str]:
        """SIGHUP; the last line of the log."""
        await self.signal(signal.SIGHUP)
        return self.log.lines[-1]


def port(server: Server) -> int:
    """Where it listens."""
    return server.parts.listeners.bound[0].port
