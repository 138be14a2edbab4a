"""The server on real sockets of this machine: start, use, reload and an end in order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, DeferredQueue, ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial import unittest
from twisted.web.client import Agent, readBody

from oversip_tw import config
from oversip_tw.demo import authority
from oversip_tw.interfaces import Target
from oversip_tw.service import Server, StartUpError
from oversip_tw.sip.message import Response
from oversip_tw.sip.parser import parse
from oversip_tw.store.database import open_database
from oversip_tw.store.passwords import add_user
from oversip_tw.testing import MemoryLog
from tests.transport.certificates import Authority

LISTEN = "".join(
    f'[[listen]]\ntransport = "{transport}"\nport = 0\n{more}'
    for transport, more in [("udp", ""), ("tcp", ""), ("ws", "page = true\n")]
)


def request(method: str, uri: str = "sip:nobody@example.org", transport: str = "UDP") -> bytes:
    """A request of somebody whom nobody knows."""
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} 127.0.0.1:9;branch=z9hG4bK{method};rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@example.org>;tag=1\r\nTo: <{uri}>\r\nContact: <sip:a@127.0.0.1>\r\n"
        f"Call-ID: 1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Phone(DatagramProtocol):
    """A UDP socket that keeps what comes."""

    def __init__(self) -> None:
        self._came: DeferredQueue[bytes] = DeferredQueue()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._came.put(datagram)

    async def status(self) -> int:
        """The status of the next response."""
        answer = parse(await self._came.get())
        assert isinstance(answer, Response)
        return answer.status


class Line(Protocol):
    """A TCP connection that keeps what comes, until it ends."""

    def __init__(self) -> None:
        self.data = b""
        self.came: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if not self.came.called:
            self.came.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


class Running(unittest.TestCase):
    """A server started in this process."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.said: list[str] = []
        self.servers: list[Server] = []

    def start(self, text: str = LISTEN) -> Server:
        """A server with ``text`` as its configuration; stopped when the test ends, if it was not before."""
        given = config.loads(f'domains = "example.org"\nstate_dir = "state"\n{text}', self.folder)
        server = Server(given, reactor, lambda: self.said.append("ready"))
        server.startService()
        self.addCleanup(lambda: server.stopService() if server.running else None)
        return server

    def port(self, server: Server, transport: str) -> int:
        return next(bound.port for bound in server.parts.listeners.bound if bound.transport == transport)

    def test_ready(self) -> None:
        """Once everything listens it is said, and not before; ports 0 were given numbers."""
        server = self.start()
        self.assertEqual(self.said, ["ready"])
        ports = [bound.port for bound in server.parts.listeners.bound]
        self.assertEqual(len(ports), 3)
        self.assertTrue(all(ports))

    async def _udp(self) -> None:
        server = self.start()
        phone = Phone()
        port = reactor.listenUDP(0, phone, interface="127.0.0.1")
        phone.transport.write(request("OPTIONS", "sip:example.org"), ("127.0.0.1", self.port(server, "udp")))
        self.assertEqual(await phone.status(), 200)
        await port.stopListening()

    def test_udp(self) -> Deferred[None]:
        """A datagram that comes in is answered."""
        return ensureDeferred(self._udp())

    async def _tcp(self) -> None:
        server = self.start()
        line = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port(server, "tcp")), Line())
        line.transport.write(request("OPTIONS", "sip:example.org", "TCP"))
        await line.came
        self.assertIn(b"SIP/2.0 200 OK", line.data)
        await server.stopService()
        await line.ended

    def test_tcp_and_end(self) -> Deferred[None]:
        """A connection is served, and closed in order when the server ends."""
        return ensureDeferred(self._tcp())

    async def _page(self) -> None:
        server = self.start()
        answer = await Agent(reactor).request(b"GET", f"http://127.0.0.1:{self.port(server, 'ws')}/".encode())
        self.assertIn(answer.code, (200, 503))
        self.assertIn(b"<html", (await readBody(answer)).lower())

    def test_page(self) -> Deferred[None]:
        """The phone page, or the words that say how to get it, comes from the port of the WebSocket."""
        return ensureDeferred(self._page())

    async def _admin(self) -> None:
        server = self.start(LISTEN + "[admin]\nport = 0\n")
        port = server._admin.getHost().port
        health = await Agent(reactor).request(b"GET", f"http://127.0.0.1:{port}/health".encode())
        self.assertEqual((health.code, b"ok" in await readBody(health)), (200, True))
        metrics = await Agent(reactor).request(b"GET", f"http://127.0.0.1:{port}/metrics".encode())
        text = await readBody(metrics)
        self.assertIn(b"\noversip_bindings 0.0\n", text)
        self.assertIn(b"\noversip_messages_received_total 0.0\n", text)

    def test_admin(self) -> Deferred[None]:
        """Health and numbers are there for those who run the server."""
        return ensureDeferred(self._admin())

    def test_taken(self) -> None:
        """A port that is taken ends the start with one line that names it, and leaves no other port open."""
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            taken = holder.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                free = probe.getsockname()[1]
            text = f'[[listen]]\ntransport = "udp"\nport = {free}\n[[listen]]\ntransport = "tcp"\nport = {taken}\n'
            with self.assertRaises(StartUpError) as raised:
                self.start(text)
        self.assertEqual(str(raised.exception), f"cannot listen on tcp 127.0.0.1:{taken}: Address already in use")
        self.assertEqual(self.said, [])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", free))

    def test_bad_store(self) -> None:
        """A store that cannot be used ends the start with one line too."""
        (self.folder / "file").write_text("not a database, but long enough to be read as one" * 100)
        with self.assertRaises(StartUpError) as raised:
            self.start(f'{LISTEN}[store]\npath = "file"\n')
        self.assertIn("file is not a database", str(raised.exception))

    def test_bad_hooks(self) -> None:
        """Hooks that cannot be loaded do as well."""
        with self.assertRaises(StartUpError):
            self.start('hooks = "nowhere_at_all:Hooks"\n' + LISTEN)

    def test_users_from_another_process(self) -> Deferred[None]:
        """A user who is added while the server runs is known to it at its next look."""

        async def run() -> None:
            server = self.start()
            with contextlib.closing(open_database(self.folder / "state" / "oversip.sqlite")) as database:
                add_user(database, "alice", "example.org", "secret")
            assert server.parts.store is not None
            await server.parts.store.refresh_users()
            self.assertEqual(server.parts.users.known, 1)

        from oversip_tw.service.bridge import deferred

        return deferred(run())

    def test_secrets_outlive_the_process(self) -> Deferred[None]:
        """What signs flow tokens, and the node's name, are the same after a restart."""

        async def run() -> None:
            first = self.start()
            token = first.parts.element.core.tokens.path(b"s12345678")
            await first.stopService()
            second = self.start()
            read = second.parts.element.core.tokens.read_path(token)
            self.assertEqual(read.node, second.parts.element.core.tokens.node)

        return ensureDeferred(run())

    def test_memory_store(self) -> None:
        """Without a store nothing is written anywhere."""
        self.start(f'{LISTEN}[store]\nkind = "memory"\n')
        self.assertEqual(list(self.folder.iterdir()), [])

    async def _drain(self) -> None:
        server = self.start(LISTEN + "[timers]\ndrain = 20\n")
        phone = Phone()
        port = reactor.listenUDP(0, phone, interface="127.0.0.1")
        stopping = server.stopService()
        self.assertTrue(server.parts.element.draining)
        await stopping
        await port.stopListening()

    def test_k12_idle(self) -> Deferred[None]:
        """K12: with nothing under way the end comes at once, whatever time it may take."""
        return ensureDeferred(self._drain())

    async def _under_way(self) -> tuple[Server, Phone, Any]:
        """A server that works on an INVITE, whose hook waits; the phone it came from."""
        text = f'hooks = "tests.service.waiting_hooks:WaitingHooks"\n{LISTEN}[timers]\ndrain = 20\n'
        server = self.start(f'{text}[[trusted]]\nnetwork = "127.0.0.1"\nrole = "core"\n')
        phone = Phone()
        port = reactor.listenUDP(0, phone, interface="127.0.0.1")
        phone.transport.connect("127.0.0.1", self.port(server, "udp"))
        phone.transport.write(request("INVITE"))
        self.assertEqual(await phone.status(), 100)
        return server, phone, port

    async def _finishes(self) -> None:
        server, phone, port = await self._under_way()
        stopping = server.stopService()
        phone.transport.write(request("MESSAGE"))
        self.assertEqual(await phone.status(), 503)
        self.assertNoResult(stopping)
        server.parts.hooks.go.callback(None)
        self.assertEqual(await phone.status(), 404)
        await stopping
        await port.stopListening()

    def test_k12_finishes(self) -> Deferred[None]:
        """K12: what is under way is finished before the end; what is new hears 503."""
        return ensureDeferred(self._finishes())

    async def _hastened(self) -> None:
        server, _, port = await self._under_way()
        stopping = server.stopService()
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping
        await port.stopListening()

    def test_k12_hastened(self) -> Deferred[None]:
        """K12: a second SIGTERM ends the wait."""
        return ensureDeferred(self._hastened())

    async def _house(self) -> None:
        authority.ensure(self.folder, ["localhost"])
        house = Authority(str(self.folder / "house"))
        files = house.files("phone", uris=["sip:phone.example"])
        phone = ssl.PrivateCertificate.loadPEM(
            b"".join(Path(path).read_bytes() for path in (files.key, files.certificate))
        )
        ask = 'certificate = "server.pem"\nkey = "server.key"\nclient_certificate = "ask"\n'
        ask += 'authorities = "house/ca.pem"\n'
        listen = "".join(f'[[listen]]\ntransport = "{each}"\nport = 0\n{ask}' for each in ("tls", "wss"))
        server = self.start(
            f'hooks = "tests.service.tls_hooks:House"\n{listen}[[profile]]\nname = "default"\nverify = false\n'
        )
        hooks = server.parts.hooks
        trust = ssl.Certificate.loadPEM((self.folder / "ca.pem").read_bytes())
        for transport in ("tls", "wss"):
            for certificate in (None, phone):
                options = ssl.optionsForClientTLS("localhost", trust, certificate)
                place = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port(server, transport))
                line = await connectProtocol(wrapClientTLS(options, place), Line())
                line.transport.write(request("OPTIONS", "sip:example.org", "TLS"))
                if certificate is None:
                    await line.ended
                    self.assertEqual(line.data, b"")
                else:
                    await line.came
                    self.assertIn(b"SIP/2.0 200 OK" if transport == "tls" else b"HTTP/1.1 400", line.data)
                    line.transport.loseConnection()
                    await line.ended
        self.assertEqual([each for each, _ in hooks.clients], ["tls", "tls", "wss", "wss"])
        self.assertEqual([peer.verified for _, peer in hooks.clients], [None, True] * 2)
        self.assertEqual(hooks.clients[1][1].identities, ("phone.example",))
        # And as somebody who dials, here the server itself.
        flow = server.parts.connector.flow_to(Target("tls", "127.0.0.1", self.port(server, "tls"), "localhost"))
        flow.send(b"\r\n\r\n")
        while not hooks.hops:
            await deferLater(reactor, 0.01)
        self.assertEqual((hooks.hops[0].verified, hooks.hops[0].identities), (False, ("localhost",)))

    def test_hooks_on_tls(self) -> Deferred[None]:
        """Hooks see the certificates of clients on tls and wss, and of next hops, and who is refused is hung up on."""
        return ensureDeferred(self._house())

    async def _reload(self) -> None:
        authority.ensure(self.folder, ["localhost"])
        text = '[[listen]]\ntransport = "tls"\nport = 0\ncertificate = "server.pem"\nkey = "server.key"\n'
        (self.folder / "trunk.pem").write_bytes((self.folder / "ca.pem").read_bytes())
        server = self.start(text + '[[profile]]\nname = "trunk"\nauthorities = "trunk.pem"\n')
        towards = server.parts.connector._tls
        log = MemoryLog()
        object.__setattr__(server.parts, "log", log)
        os.kill(os.getpid(), signal.SIGHUP)
        await deferToThread(lambda: None)
        self.assertEqual(log.lines[-1], ("info", "configuration and certificates read again"))
        self.assertIsNot(server.parts.connector._tls["trunk"], towards["trunk"])
        towards = server.parts.connector._tls
        (self.folder / "trunk.pem").write_text("garbage")
        os.kill(os.getpid(), signal.SIGHUP)
        await deferToThread(lambda: None)
        self.assertIn("nothing was changed", log.lines[-1][1])
        self.assertIs(server.parts.connector._tls, towards)
        (self.folder / "trunk.pem").write_bytes((self.folder / "ca.pem").read_bytes())
        (self.folder / "server.pem").write_text("garbage")
        os.kill(os.getpid(), signal.SIGHUP)
        await deferToThread(lambda: None)
        self.assertEqual(log.lines[-1][0], "error")
        self.assertIn("nothing was changed", log.lines[-1][1])
        self.assertIs(server.parts.connector._tls, towards)

    def test_t3_reload(self) -> Deferred[None]:
        """T3: SIGHUP reads certificates again, ours and those of next hops; garbage is logged and changes nothing."""
        return ensureDeferred(self._reload())
