"""Listeners over real sockets on loopback: what only a kernel can prove."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from oversip_tw.interfaces import Address, Flow
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryLog, RecordingReceiver
from oversip_tw.transaction.wheel import TimerWheel
from oversip_tw.transport.client_tls import ClientTls, ClientTlsSettings
from oversip_tw.transport.connector import Connector
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.listener import BoundListener, ListenError, ListenerSpec
from oversip_tw.transport.listeners import Listeners
from oversip_tw.transport.port import listen_tcp
from oversip_tw.transport.stream import Streams
from oversip_tw.transport.tls import CertificateError

from ..transport.certificates import Authority
from ..transport.wires import OPTIONS, target

BINDING = bytes.fromhex("000100002112a442b7e7a701bc34d686fa87dfae")


async def until(true: Callable[[], object], what: str, seconds: float = 5) -> None:
    """Let the reactor run until ``true()``; fail after ``seconds``."""
    for _ in range(int(seconds / 0.01)):
        if true():
            return
        await deferLater(reactor, 0.01)  # type: ignore[arg-type]
    raise AssertionError(f"not within {seconds} s: {what}")


class Echo(RecordingReceiver):
    """Answers each message with itself."""

    def received(self, data: bytes, flow: Flow) -> None:
        super().received(data, flow)
        flow.send(data)


class SocketCase(TestCase):
    """Listeners on the real reactor."""

    timeout = 20
    limits: ConnectionLimits | None = None

    def setUp(self) -> None:
        self.receiver = Echo()
        self.flows = FlowTable()
        self.log = MemoryLog()
        self.streams = Streams(
            self.receiver,
            self.flows,
            TimerWheel(reactor),
            self.log,
            connections=self.limits,  # type: ignore[arg-type]
        )
        self.listeners = Listeners(reactor, self.streams)
        self.sockets: list[socket.socket] = []

    def tearDown(self) -> Deferred[None]:
        for sock in self.sockets:
            sock.close()
        return ensureDeferred(self.listeners.stop(patience=1))

    def open(self, transport: str, address: str = "127.0.0.1", **what: Any) -> BoundListener:
        return self.listeners.open(ListenerSpec(transport, address, **what))

    def client(self, listener: BoundListener, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A connected, non-blocking socket to ``listener``."""
        family = socket.AF_INET6 if listener.ipv6 else socket.AF_INET
        sock = socket.socket(family, kind)
        self.sockets.append(sock)
        sock.connect((listener.address, listener.port))
        sock.setblocking(False)
        return sock

    async def read(self, sock: socket.socket, octets: int = 1, end: bool = False) -> bytes:
        """At least so many octets, or everything up to the end."""
        found = b""
        over = False

        def more() -> bool:
            nonlocal found, over
            try:
                data = sock.recv(65536)
                over = not data
                found += data
            except BlockingIOError:
                pass
            return over or (not end and len(found) >= octets)

        await until(more, f"{octets} octets, got {found!r}")
        return found


class UdpSocketTests(SocketCase):
    """A UDP socket of our own in the reactor."""

    async def test_both_families(self) -> None:
        """A burst arrives whole and is answered, on IPv4 and IPv6."""
        for address in ("127.0.0.1", "::1"):
            listener = self.open("udp", address)
            sock = self.client(listener, socket.SOCK_DGRAM)
            for number in range(200):
                sock.send(b"OPTIONS %d" % number)
            answers = b""
            while not answers.endswith(b"OPTIONS 199"):
                answers += await self.read(sock)
            self.assertEqual(self.receiver.messages[-1][1].peer, sock.getsockname()[:2])
        self.assertEqual(len(self.receiver.messages), 400)

    async def test_long(self) -> None:
        """30 KiB leave in fragments to a UDP flow, and 60 KiB too: no DF, no EMSGSIZE."""
        listener = self.open("udp")
        sock = self.client(listener, socket.SOCK_DGRAM)
        for size in (30_000, 60_000):
            sock.send(b"M" * size)
            self.assertEqual(len(await self.read(sock)), size)

    async def test_stun(self) -> None:
        """A STUN client learns its address from the SIP port."""
        sock = self.client(self.open("udp"), socket.SOCK_DGRAM)
        sock.send(BINDING)
        answer = await self.read(sock)
        port, address = struct.unpack_from("!HI", answer, 26)
        self.assertEqual(port ^ 0x2112, sock.getsockname()[1])
        self.assertEqual(address ^ 0x2112A442, 0x7F000001)

    async def test_K14_unreachable(self) -> None:
        """K14: ICMP "port unreachable" is told within a moment, and the listener goes on reading and sending."""
        for address in ("127.0.0.1", "::1"):
            listener = self.open("udp", address)
            closed = self.client(listener, socket.SOCK_DGRAM)
            peer: Address = closed.getsockname()[:2]
            closed.close()
            flow = self.listeners.udp[-1].flow(peer)
            flow.send(b"anybody?")
            await until(lambda peer=peer: peer in self.receiver.unreached, "unreachable")  # type: ignore[misc]
            flow.send(b"anybody?")
            sock = self.client(listener, socket.SOCK_DGRAM)
            sock.send(b"OPTIONS")
            self.assertEqual(await self.read(sock), b"OPTIONS")

    async def test_token_finds_flow(self) -> None:
        """The flow table finds a UDP flow by the addresses in its id, for a listener that is open."""
        listener = self.open("udp")
        flow = self.listeners.udp[0].flow(("127.0.0.1", 40000))
        self.assertEqual(self.flows.find(flow.id), flow)
        await self.listeners.stop()
        self.assertIsNone(self.flows.find(flow.id))
        self.assertGreater(listener.port, 0)


def patience(transport: Any) -> int:
    """How many milliseconds the kernel waits for an acknowledgement on that connection."""
    found: int = transport.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return found


class StreamSocketTests(SocketCase):
    """TCP."""

    async def test_T11_what_is_not_acknowledged(self) -> None:
        """T11: the kernel gives a connection up when the peer acknowledges nothing for 30 s, whoever opened it; what is
        accepted has that from its listener, whatever protocol it will be."""
        listener = self.open("tcp")
        sock = self.client(listener)
        sock.send(OPTIONS)
        await until(lambda: self.receiver.messages, "a message")
        [(_, flow)] = self.receiver.messages
        self.assertEqual(30_000, patience(flow._wire.transport))  # type: ignore[attr-defined]
        connector = Connector(reactor, self.streams, self.listeners.bound, self.listeners.udp)
        dialled = connector.flow_to(target(port=listener.port))
        await until(lambda: dialled in self.receiver.opened, "a connection")
        self.assertEqual(30_000, patience(dialled._wire.transport))  # type: ignore[attr-defined]
        connector.close()
        made: list[Any] = []
        plain = Factory.forProtocol(Protocol)
        plain.protocol = lambda: made.append(Protocol()) or made[-1]  # type: ignore[assignment, func-returns-value]
        other = BoundListener(ListenerSpec("ws"))
        port = listen_tcp(reactor, other, plain, self.log, None, 12.0)
        self.client(other)
        await until(lambda: made and made[0].transport, "a connection")
        self.assertEqual(12_000, patience(made[0].transport))
        made[0].transport.loseConnection()
        await port.stopListening()

    async def test_messages(self) -> None:
        """Messages pass both ways on both families."""
        for address in ("127.0.0.1", "::1"):
            sock = self.client(self.open("tcp", address))
            sock.send(OPTIONS * 2)
            self.assertEqual(await self.read(sock, 2 * len(OPTIONS)), OPTIONS * 2)
            self.assertEqual(self.receiver.opened[-1].peer, sock.getsockname()[:2])

    async def test_answer_before_the_end(self) -> None:
        """P1: what is refused gets its answer, and no RST eats it, although the client goes on sending."""

        def malformed(error: SIPError, flow: Flow) -> None:
            flow.send(b"SIP/2.0 400 Bad\r\n\r\n")

        self.receiver.malformed = malformed  # type: ignore[method-assign]
        sock = self.client(self.open("tcp"))
        sock.send(b"OPTIONS sip:a SIP/2.0\r\nX: " + b"x" * 50_000)
        await until(lambda: self.receiver.opened and self.receiver.opened[0].closed, "refusal")
        sock.send(b"x" * 1000)
        self.assertEqual(await self.read(sock, end=True), b"SIP/2.0 400 Bad\r\n\r\n")
        sock.close()
        await until(lambda: self.receiver.lost, "end")

    async def test_F19_never_reads(self) -> None:
        """F19: a client that never reads is dropped; what waits for it stays below the limit."""
        sock = self.client(self.open("tcp"))
        sock.send(OPTIONS)
        await until(lambda: self.receiver.opened, "connection")
        flow = self.receiver.opened[0]
        for _ in range(10_000):
            flow.send(bytes(4096))
            if flow.closed:
                break
            if _ % 8 == 0:
                await deferLater(reactor, 0)  # type: ignore[arg-type]
        self.assertTrue(flow.closed)
        await until(lambda: self.receiver.lost, "end")
        self.assertIn("octets wait", self.receiver.lost[0][1])

    async def test_T10_reset(self) -> None:
        """T10: RST is a lost flow."""
        sock = self.client(self.open("tcp"))
        sock.send(OPTIONS[:20])
        await until(lambda: self.receiver.opened, "connection")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        await until(lambda: self.receiver.lost, "end")
        self.assertEqual(self.flows.count, 0)

    async def test_ping(self) -> None:
        """A ping sets the kernel on a dead peer (10 s without acknowledgement); unasked, it looks after two minutes."""
        sock = self.client(self.open("tcp"))
        await until(lambda: self.receiver.opened, "connection")
        flow: Any = self.receiver.opened[0]
        flow.ping()
        self.assertEqual(await self.read(sock), b"\r\n")
        handle = flow._wire.transport.getHandle()
        self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), 10_000)
        self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 120)

    async def test_K2_descriptors(self) -> None:
        """K2: out of file descriptors, clients wait in the kernel, and are served a second after some are free."""
        listener = self.open("tcp")
        # The reactor itself needs some when it starts.
        await deferLater(reactor, 0)  # type: ignore[arg-type]
        clients = [self.client(listener) for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        await until(lambda: self.log.lines, "a line in the log")
        await deferLater(reactor, 0.7)  # type: ignore[arg-type]
        self.assertEqual((len(self.log.lines), self.receiver.opened), (1, []))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await until(lambda: len(self.receiver.opened) == len(clients), "connections", 1)


class FullHouseTests(SocketCase):
    """F13."""

    limits = ConnectionLimits(per_address=2)

    async def test_F13_one_too_many(self) -> None:
        """F13: the third connection of an address is closed, the two others go on."""
        listener = self.open("tcp")
        first = self.client(listener)
        self.client(listener)
        third = self.client(listener)
        self.assertEqual(await self.read(third, end=True), b"")
        first.send(OPTIONS)
        self.assertEqual(await self.read(first, len(OPTIONS)), OPTIONS)


class HttpFactory(Factory):
    """Stands for what speaks WebSocket."""

    noisy = False
    protocol = Protocol

    def __init__(self, listener: BoundListener) -> None:
        self.listener = listener


class OpeningTests(SocketCase):
    """All listeners or none."""

    async def test_every_transport(self) -> None:
        """Each transport on each family, on free ports that are known afterwards."""
        files = (Authority(self.mktemp()).files("us", dns=["localhost"]),)
        made: list[BoundListener] = []

        def websocket(listener: BoundListener) -> HttpFactory:
            made.append(listener)
            return HttpFactory(listener)

        specs = [
            ListenerSpec(transport, address, certificates=files if transport in ("tls", "wss") else ())
            for address in ("127.0.0.1", "::1")
            for transport in ("udp", "tcp", "tls", "ws", "wss")
        ]
        self.listeners.open_all(specs, websocket)
        self.assertEqual(
            [listener.transport for listener in self.listeners.bound], ["udp", "tcp", "tls", "ws", "wss"] * 2
        )
        self.assertTrue(all(listener.port > 0 for listener in self.listeners.bound))
        self.assertTrue(all(listener.sent_by.endswith(f":{listener.port}") for listener in self.listeners.bound))
        self.assertEqual([listener.transport for listener in made], ["ws", "wss"] * 2)

    async def test_taken(self) -> None:
        """A port that is taken is named in one line, and what was opened before is closed again."""
        for transport in ("udp", "tcp"):
            taken = self.open(transport)
            free = self.open("tcp").port
            await self.listeners.close_ports()
            again = self.open(transport, port=taken.port)
            error = self.assertRaises(
                ListenError,
                self.listeners.open_all,
                [ListenerSpec("tcp", port=free), ListenerSpec(transport, port=again.port)],
            )
            self.assertEqual(str(error), f"cannot listen on {transport} 127.0.0.1:{again.port}: Address already in use")
            self.assertEqual(self.listeners.bound, [])
            await deferLater(reactor, 0)  # type: ignore[arg-type]
            self.open("tcp", port=free)
            await self.listeners.close_ports()

    async def test_refused(self) -> None:
        """Foreign addresses, unknown transports, WebSocket without anybody who speaks it, TLS without certificate."""
        for spec, reason in (
            (ListenerSpec("udp", "192.0.2.1"), "Cannot assign requested address"),
            (ListenerSpec("tcp", "192.0.2.1"), "Cannot assign requested address"),
            (ListenerSpec("sctp"), "no such transport"),
            (ListenerSpec("ws"), "nothing here speaks WebSocket"),
            (ListenerSpec("tls"), "no certificate"),
        ):
            error = self.assertRaises(ListenError, self.listeners.open, spec)
            self.assertIn(reason, str(error))

    async def test_every_address(self) -> None:
        """0.0.0.0 and :: live side by side on one port."""
        for transport in ("udp", "tcp"):
            port = self.open(transport, "0.0.0.0").port
            self.open(transport, "::", port=port)

    async def test_T3_reload(self) -> None:
        """T3: all certificates are read again; if one is garbage, none changes and its file is named."""
        authority = Authority(self.mktemp())
        files = [authority.files(name, dns=[name]) for name in ("one", "two")]
        for each in files:
            self.open("tls", certificates=(each,))
        contexts = [tls._contexts for tls in self.listeners._tls]
        self.listeners.reload()
        renewed = [tls._contexts for tls in self.listeners._tls]
        self.assertFalse(set(contexts) & set(renewed))
        with open(files[1].key, "w") as file:
            file.write("garbage")
        error = self.assertRaises(CertificateError, self.listeners.reload)
        self.assertEqual(error.path, files[1].key)
        self.assertEqual([tls._contexts for tls in self.listeners._tls], renewed)
        self.assertRaises(ListenError, self.open, "tls", certificates=(files[1],))


class StopTests(SocketCase):
    """The end, in order."""

    async def test_order(self) -> None:
        """Nobody new gets in, what is queued leaves, connections end, UDP goes last."""
        tcp = self.open("tcp")
        udp = self.open("udp")
        sock = self.client(tcp)
        datagrams = self.client(udp, socket.SOCK_DGRAM)
        await until(lambda: self.receiver.opened, "connection")
        await self.listeners.stop_accepting()
        self.assertRaises(ConnectionRefusedError, self.client, tcp)
        sock.send(OPTIONS)
        self.assertEqual(await self.read(sock, len(OPTIONS)), OPTIONS)
        datagrams.send(b"OPTIONS")
        self.assertEqual(await self.read(datagrams), b"OPTIONS")
        self.receiver.opened[0].send(b"last words")
        await self.listeners.stop()
        self.assertEqual(await self.read(sock, end=True), b"last words")
        self.assertEqual([reason for _, reason in self.receiver.lost], ["closed by us"])
        self.assertEqual((self.listeners.bound, self.listeners.udp), ([], []))


class ConnectorSocketTests(SocketCase):
    """Connections to next hops that are ourselves."""

    def connector(self, tls: ClientTls | None = None) -> Connector:
        towards = {"": tls} if tls is not None else None
        connector = Connector(reactor, self.streams, self.listeners.bound, self.listeners.udp, towards)
        self.addCleanup(connector.close)
        return connector

    async def test_tcp_and_tls(self) -> None:
        """A message goes there and back over TCP, and over TLS with the certificate checked."""
        authority = Authority(self.mktemp())
        files = authority.files("us", dns=["example.org"])
        tcp = self.open("tcp")
        tls = self.open("tls", certificates=(files,))
        connector = self.connector(ClientTls(ClientTlsSettings(authorities=authority.file)))
        self.receiver.answer = None
        for listener, name in ((tcp, ""), (tls, "example.org")):
            out = connector.flow_to(target(listener.transport, listener.address, listener.port, name))
            before = len(self.receiver.messages)
            out.send(OPTIONS)
            await until(lambda before=before: len(self.receiver.messages) >= before + 2, "there and back")  # type: ignore[misc]
            out.close()
            await until(lambda out=out: any(flow is out for flow, _ in self.receiver.lost), "end")  # type: ignore[misc]

    async def test_K4_refused(self) -> None:
        """K4: a hop that refuses is known within a moment."""
        listener = self.open("tcp")
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        out = self.connector().flow_to(target("tcp", "127.0.0.1", port))
        self.assertIs(out.listener, listener)
        await until(lambda: self.receiver.lost, "refusal", 1)
        self.assertIn("refused", self.receiver.lost[0][1])
