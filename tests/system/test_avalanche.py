"""Thousands of WebSockets that return in one moment, as after a restart (F17, figure 14)."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import resource
import struct
import time
from collections import Counter
from hashlib import md5

from .case import SystemCase
from .server import Server, User

CLIENTS = 2500
BINDINGS = 10


class Returning:
    """Clients in one event loop, each a WebSocket that registers and stays."""

    def __init__(self, server: Server, users: list[User]) -> None:
        self.server = server
        self.users = users
        self.upgrades: Counter[int] = Counter()
        self.answers: Counter[int] = Counter()
        #: seconds from the first attempt to the 200 of each REGISTER
        self.took: list[float] = []
        #: how long somebody who is in already waits for an answer
        self.waits: list[float] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def run(self) -> None:
        """All at once, and one who was there before."""
        witness = asyncio.ensure_future(self._ask_again_and_again())
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await asyncio.gather(*(self._client(number, began) for number in range(CLIENTS)))
        witness.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A WebSocket, at last: a browser tries again when the upgrade is refused."""
        key = base64.b64encode(os.urandom(16)).decode()
        while True:
            reader, writer = await asyncio.open_connection(self.server.address, self.server.ws_port)
            writer.write(
                f"GET /ws HTTP/1.1\r\nHost: {self.server.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n".encode()
            )
            status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
            self.upgrades[status] += 1
            if status == 101:
                self._writers.append(writer)
                return reader, writer
            writer.close()
            await asyncio.sleep(random.uniform(2, 4))

    async def _client(self, number: int, began: float) -> None:
        await asyncio.sleep(random.random())
        reader, writer = await self._open()
        user = self.users[number // BINDINGS]
        register = self._request("REGISTER", user, f"c{number}")
        self._send(writer, register.format(cseq=1, more=""))
        challenge = await self._receive(reader)
        self.answers[int(challenge.split(" ")[1])] += 1
        nonce = challenge.partition('nonce="')[2].partition('"')[0]
        self._send(writer, register.format(cseq=2, more=self._credentials(user, nonce)))
        answer = await self._receive(reader)
        self.answers[int(answer.split(" ")[1])] += 1
        self.took.append(time.monotonic() - began)

    async def _ask_again_and_again(self) -> None:
        """OPTIONS, seldom enough not to be taken for a flood."""
        reader, writer = await self._open()
        while True:
            began = time.monotonic()
            text = self._request("OPTIONS", self.users[0], "w").format(cseq=1, more="")
            self._send(writer, text)
            await self._receive(reader)
            self.waits.append(time.monotonic() - began)
            await asyncio.sleep(0.25)

    def _request(self, method: str, user: User, name: str) -> str:
        return (
            f"{method} sip:{user.domain} SIP/2.0\r\nVia: SIP/2.0/WS {name}.invalid;branch=z9hG4bK{name}{{cseq}}\r\n"
            f"Max-Forwards: 70\r\nFrom: <{user.uri}>;tag={name}\r\nTo: <{user.uri}>\r\nCall-ID: {name}\r\n"
            f"CSeq: {{cseq}} {method}\r\nContact: <sip:{name}@{name}.invalid;transport=ws>;expires=600\r\n{{more}}\r\n"
        )

    def _credentials(self, user: User, nonce: str) -> str:
        uri = f"sip:{user.domain}"
        ha1 = md5(f"{user.name}:{user.domain}:{user.password}".encode()).hexdigest()
        ha2 = md5(f"REGISTER:{uri}".encode()).hexdigest()
        response = md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}".encode()).hexdigest()
        return (
            f'Authorization: Digest username="{user.name}", realm="{user.domain}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n'
        )

    @staticmethod
    def _send(writer: asyncio.StreamWriter, text: str) -> None:
        writer.write(struct.pack("!BBH4x", 0x81, 0x80 | 126, len(text)) + text.encode())

    @staticmethod
    async def _receive(reader: asyncio.StreamReader) -> str:
        while True:
            first, length = await reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
            data = await reader.readexactly(length)
            if first & 0xF == 1:
                return data.decode()


class Avalanche(SystemCase):
    """On one process, plain WebSockets."""

    def test_F17_all_return(self) -> None:
        """F17: 2,500 come back within a second: all are registered in the end, no REGISTER is refused, and who is
        there already is answered within a moment."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = Server("[limits]\nconnections_per_address = 10000\n", users=CLIENTS // BINDINGS, log_messages=False)
        self.addCleanup(server.stop)
        self.use(server)
        clients = Returning(server, [server.user() for _ in range(CLIENTS // BINDINGS)])
        asyncio.run(asyncio.wait_for(clients.run(), 120))
        told = f"upgrades {clients.upgrades}, last {max(clients.took):.1f} s, waits up to {max(clients.waits):.2f} s"
        self.assertEqual({401: CLIENTS, 200: CLIENTS}, dict(clients.answers), told)
        # how long that took depends on the machine; that who is in already is answered all the time does not
        self.assertGreater(len(clients.waits), 4, told)
        self.assertEqual(set(), set(clients.upgrades) - {101, 503}, told)
