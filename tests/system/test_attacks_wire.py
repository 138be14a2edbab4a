"""Attacks over real sockets on one server: floods, garbage, slow senders, hostile handshakes."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Callable
from functools import cache

from .case import SystemCase
from .certificates import authority
from .processes import poll
from .raw_phone import credentials, first, name, register, request, respond
from .server import Server
from .sockets import Tcp, Udp, WebSocket

#: each deadline a second, and room for few
LIMITS = """
[limits]
tls_handshake = 1
websocket_handshake = 1
first_message = 1
slow_message = 1
connections_per_address = 20
"""
#: octets that a client may be reminded of what it sent with
FIGURE_11 = 1.5


@cache
def trusting() -> ssl.SSLContext:
    """Believes our authority."""
    return ssl.create_default_context(cafile=str(authority().pem))


@cache
def strict() -> Server:
    """The server that these tests share."""
    return Server(extra=LIMITS, users=20, log_messages=False)


class WireCase(SystemCase):
    """Sockets that are closed again."""

    def setUp(self) -> None:
        self.use(strict())
        self.addCleanup(self.lives)

    def lives(self) -> None:
        """It answers, from an address that nobody has attacked from."""
        probe = Udp(("127.0.0.1", self.server.port), ("127.0.0.77", 0))
        probe.send(request("OPTIONS", f"sip:{self.server.domain}", probe))
        self.assertEqual(200, first(probe).status)
        probe.close()

    def udp(self, local: str = "127.0.0.1") -> Udp:
        found = Udp(("127.0.0.1", self.server.port), (local, 0))
        self.addCleanup(found.close)
        return found

    def tcp(self) -> Tcp:
        found = Tcp(("127.0.0.1", self.server.port))
        self.addCleanup(found.close)
        return found

    def ws(self) -> WebSocket:
        found = WebSocket(("127.0.0.1", self.server.ws_port), path="/ws")
        self.addCleanup(found.close)
        return found

    def raw(self, port: int, secure: bool = False) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", port), 5)
        found = trusting().wrap_socket(plain, server_hostname="localhost") if secure else plain
        self.addCleanup(found.close)
        return found

    def memory(self) -> int:
        """KiB that it has in RAM."""
        return int(self.process("status").partition("VmRSS:")[2].split()[0])

    def seconds(self) -> float:
        """Processor time that it has used."""
        fields = self.process("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def process(self, file: str) -> str:
        with open(f"/proc/{self.server.child.process.pid}/{file}", encoding="ascii") as found:
            return found.read()


class FloodTests(WireCase):
    """More of everything than anybody needs."""

    def test_F1_F2_no_credentials(self) -> None:
        """F1, F2: each request gets one short answer and no second one, and memory stays as it was."""
        stranger = self.udp()
        before = self.memory()
        domain = self.server.domain
        for number in range(1500):
            method, who = ("INVITE", "REGISTER")[number % 2], f"sip:u{number}@{domain}"
            uri = f"sip:{domain}" if method == "REGISTER" else f"sip:bob@{domain}"
            body = b"v=0\r\n" * 30 if method == "INVITE" else b""
            sent = request(method, uri, stranger, body, From=f"<{who}>;tag=1", To=f"<{who}>", User_Agent="Flooder/1.0")
            stranger.send(sent)
            answer = stranger.receive(2) or b""
            self.assertIn(answer[8:11], (b"401", b"407"))
            self.assertLessEqual(len(answer), FIGURE_11 * len(sent))
        self.assertIsNone(stranger.receive(0.7))
        self.assertLess(self.memory() - before, 3000)

    def test_F3_options(self) -> None:
        """F3: 16 answers in 2 s, then silence, for that address alone."""
        stranger = self.udp("127.0.0.66")
        for _ in range(60):
            stranger.send(request("OPTIONS", f"sip:{self.server.domain}", stranger))
        answers = 0
        while stranger.receive(0.3):
            answers += 1
        self.assertEqual(16, answers)

    def test_F13_connections(self) -> None:
        """F13: one connection too many is HTTP 503 with Retry-After on WebSocket, closed on TCP; the others live."""
        user = self.server.user()
        mine = self.ws()
        self.assertEqual(200, register(mine, user).status)
        crowd = [self.raw(self.server.ws_port) for _ in range(19)]
        refused = self.ws()
        self.assertEqual(503, refused.status)
        self.assertIn("Retry-After:", refused.response)
        self.assertEqual(b"", self.tcp().receive(3))
        self.assertEqual(200, register(mine, user).status)
        for one in crowd:
            one.close()
        poll(lambda: self.ws().status == 101, 5, "room again")

    def test_figure_6_hostile_handshakes(self) -> None:
        """F7, figure 6: heads beyond 16 KiB are 431 at the octet, and cost 5 ms of processor time at the most."""
        before = self.seconds()
        for _ in range(100):
            attacker = self.raw(self.server.ws_port)
            with contextlib.suppress(OSError):
                attacker.sendall(b"GET /ws HTTP/1.1\r\nX: " + b"a\r\nb: " * 200_000)
            self.assertTrue(attacker.recv(100).startswith(b"HTTP/1.1 431 "))
            attacker.close()
        self.assertLess(self.seconds() - before, 0.5)


class SlowTests(WireCase):
    """Senders that never get to the point. (The default limits: 5 s and 20 s.)"""

    def test_F5_F6_F8_deadlines(self) -> None:
        """F5, F6, F8: silence and single octets end at the deadline, on each kind of listener, all at once."""
        server = self.server
        octet = b"x"
        begun = b"OPTIONS sip:a SIP/2.0\r\nVia: "
        body = request("OPTIONS", f"sip:{server.domain}", self.udp(), Content_Length="500")
        upgrade = b"GET /ws HTTP/1.1\r\nX: "
        slow: list[tuple[str, socket.socket, bytes]] = []
        for what, port, secure, start, drip in (
            ("F5 silent TCP", server.port, False, b"", b""),
            ("F5 silent before TLS", server.tls_port, False, b"", b""),
            ("F5 silent after TLS", server.tls_port, True, b"", b""),
            ("F5 silent before WSS", server.wss_port, False, b"", b""),
            ("F6 silent WS", server.ws_port, False, b"", b""),
            ("F6 slow WS", server.ws_port, False, upgrade, octet),
            ("F6 slow WSS", server.wss_port, True, upgrade, octet),
            ("F6 slow page", server.page_port, True, upgrade, octet),
            ("F8 slow head", server.port, False, begun, octet),
            ("F8 slow head over TLS", server.tls_port, True, begun, octet),
            ("F8 slow body", server.port, False, body, octet),
        ):
            one = self.raw(port, secure)
            one.sendall(start)
            one.settimeout(0.01)
            slow.append((what, one, drip))

        def ended() -> bool:
            slow[:] = [each for each in slow if not _over(each[1], each[2])]
            return not slow

        poll(ended, 8, lambda: f"the end of {[what for what, _, _ in slow]}", 0.2)


class GarbageTests(WireCase):
    """What is no SIP."""

    def test_anything_at_all(self) -> None:
        """Random octets, half messages and other protocols on each listener: no traceback, and it lives."""
        server = self.server
        whole = request("INVITE", f"sip:{server.domain}", self.udp(), b"v=0\r\n")
        pieces = [os.urandom(size) for size in (1, 20, 1400, 9000)]
        pieces += [whole[:cut] for cut in range(1, len(whole), 37)]
        pieces += [whole[:40] + os.urandom(30) + whole[60:] for _ in range(20)]
        pieces += [b"\0" * 50, b"\r\n" * 500, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xff" + os.urandom(255)]
        pieces += [struct.pack("!HHI", 1, 400, 0x2112A442) + os.urandom(12), b"\x00\x01\x00\x04" + os.urandom(20)]
        datagrams = self.udp("127.0.0.65")
        for piece in pieces:
            datagrams.send(piece)
            for port in (server.port, server.tls_port, server.ws_port, server.wss_port):
                one = socket.create_connection(("127.0.0.1", port), 5)
                with contextlib.suppress(OSError):
                    one.sendall(piece)
                    one.shutdown(socket.SHUT_WR)
                    one.settimeout(2)
                    one.recv(1000)
                one.close()

    def test_F9_F10_F11_P13_close_codes(self) -> None:
        """F9, F10, F11, P13: each abuse of a WebSocket has its close code, told before the connection ends."""
        abuses: list[tuple[int, Callable[[WebSocket], object]]] = [
            (4000, lambda socket: socket.frame(1, b"hello")),
            (4000, lambda socket: socket.frame(1, 2 * request("OPTIONS", "sip:a.test", socket))),
            (4000, lambda socket: socket.frame(1, request("OPTIONS", "sip:a.test", socket)[:-30])),
            (1007, lambda socket: socket.frame(1, b"\xff")),
            (1002, lambda socket: socket.frame(3, b"")),
            (1002, lambda socket: socket._socket.sendall(b"\x81\x05hello")),
            (1008, lambda socket: [socket.frame(number == 0, b"a", final=False) for number in range(129)]),
            (1008, lambda socket: [socket.frame(9, b"") for _ in range(25)]),
            (1009, lambda socket: socket._socket.sendall(b"\x82\xff" + struct.pack("!Q4x", 65537))),
            (1009, lambda socket: socket._socket.sendall(b"\x82\xff" + struct.pack("!Q4x", 2**63 - 1))),
        ]
        for code, abuse in abuses:
            attacker = self.ws()
            abuse(attacker)
            while attacker.receive(3):
                pass
            self.assertEqual(code, attacker.code)
            attacker.close()


class BreakTests(WireCase):
    """Connections that break."""

    def ringing(self) -> tuple[WebSocket, WebSocket]:
        """Two WebSockets, the first of which calls the second one."""
        alice, bob = self.server.user(), self.server.user()
        caller, callee = self.ws(), self.ws()
        register(callee, bob)
        same = {"From": f"<{alice.uri}>;tag=1", "Call_ID": name()}
        caller.send(request("INVITE", bob.uri, caller, **same))
        answer = credentials(alice, "INVITE", bob.uri, first(caller))
        caller.send(request("INVITE", bob.uri, caller, **same | answer))
        invite = first(callee)
        self.assertEqual("INVITE", invite.method)
        callee.send(respond(invite, 180))
        self.assertEqual(180, first(caller).status)
        return caller, callee

    def test_T10_callee_resets(self) -> None:
        """T10: the callee's RST is 480 for the caller, after the time for which its phone may come back."""
        caller, callee = self.ringing()
        _reset(callee)
        self.assertEqual(480, caller.final(12).status)

    def test_T10_caller_resets(self) -> None:
        """T10: the caller's RST is a CANCEL to the callee."""
        caller, callee = self.ringing()
        _reset(caller)
        self.assertEqual("CANCEL", first(callee, 2).method)


def _reset(one: Tcp) -> None:
    one._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def _over(one: socket.socket, drip: bytes) -> bool:
    """Send ``drip``; whether the other end has closed."""
    try:
        if drip:
            one.sendall(drip)
        return one.recv(1000) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
