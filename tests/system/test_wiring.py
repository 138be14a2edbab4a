"""What the composition root joins: user code, exemptions and trusted proxies in the running server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

from .case import SystemCase
from .raw_phone import ask, first, register, request
from .server import Server
from .sockets import Tcp, Udp, WebSocket

WITNESS = """
import sys, time
from oversip_tw.hooks import Hooks
from oversip_tw.sip.errors import SIPError

def say(text):
    print("witness:", text, file=sys.stderr, flush=True)

class Witness(Hooks):
    def on_start(self, core):
        say("start")

    async def on_stop(self):
        say("stop")

    def on_connect(self, handshake, flow):
        say(f"connect {flow.peer[0]} {handshake.header('User-Agent')}")
        if handshake.query == "no":
            raise SIPError(403, "Not You")

    async def on_disconnect(self, flow):
        say("disconnect")

    def on_register(self, arrival):
        say(f"register {arrival.user}")

    def on_request(self, arrival):
        if arrival.request.method == "MESSAGE":
            time.sleep(0.3)
"""
EXTRA = """
[limits]
exempt = ["127.0.0.8/32"]
connections_per_address = 4

[[trusted]]
network = "127.0.0.9"
role = "proxy"
transports = ["ws"]
"""


class WiringTests(SystemCase):
    """One server for all of it."""

    def test_hooks(self) -> None:
        """Each hook is called, on_connect may refuse with HTTP, K15: one that blocks shows in the log."""
        server = Server(extra=EXTRA, users=2)
        self.addCleanup(lambda: server.child.kill())
        server.stop()
        server.folder.write("witness.py", WITNESS)
        server.config.write_text('hooks = "witness:Witness"\n' + server.config.read_text())
        server.start()
        server.child.expect("witness: start", 5)
        at = ("127.0.0.1", server.ws_port)
        self.assertEqual(403, WebSocket(at, path="/ws?no").status)
        browser = WebSocket(at, path="/ws", headers=("User-Agent: Test/1",))
        server.child.expect("witness: connect 127.0.0.1 Test/1", 5)
        user, other = server.user(), server.user()
        self.assertEqual(200, register(browser, user).status)
        server.child.expect(f"witness: register {user.uri}", 5)
        self.assertEqual(480, ask(browser, user, "MESSAGE", other.uri, b"?").status)
        server.child.expect("nothing moved for 0.", 5)
        browser.close()
        server.child.expect("witness: disconnect", 5)
        os.kill(server.child.process.pid, signal.SIGTERM)
        self.assertEqual(0, server.child.wait(15))
        self.assertIn("witness: stop", server.child.output())
        self.assertNotIn("Traceback", server.child.output())

    def test_F3_exempt_and_proxy(self) -> None:
        """F3, T9: an exempt address has no limit, others have, on TCP too; a trusted proxy's word names the client."""
        server = Server(extra=EXTRA, users=0)
        self.addCleanup(server.stop)
        self.use(server)
        for address, expected in (("127.0.0.8", 40), ("127.0.0.1", 16)):
            phone = Udp((server.address, server.port), (address, 0))
            self.addCleanup(phone.close)
            for _ in range(40):
                phone.send(request("OPTIONS", f"sip:{server.domain}", phone))
            answers = 0
            while phone.receive(0.5):
                answers += 1
            self.assertEqual(expected, answers, address)
        stream = Tcp((server.address, server.port))
        self.addCleanup(stream.close)
        stream.send(b"\r\n\r\n" * 40)
        stream.send(request("OPTIONS", f"sip:{server.domain}", stream))
        self.assertIsNone(stream.receive(0.5))
        stranger = self.received(server, "127.0.0.1", "10.1.2.3")
        self.assertEqual("127.0.0.1", stranger)
        self.assertEqual("10.1.2.3", self.received(server, "127.0.0.9", "10.1.2.3"))

    def test_F13_exempt(self) -> None:
        """F13: an exempt address has as many connections as it likes; a trusted one too; others have not."""
        server = Server(extra=EXTRA, users=0)
        self.addCleanup(server.stop)
        self.use(server)
        for address, expected in (("127.0.0.8", 8), ("127.0.0.9", 8), ("127.0.0.7", 4)):
            lines = [socket.create_connection((server.address, server.ws_port), 5, (address, 0)) for _ in range(8)]
            alive = 0
            for line in lines:
                self.addCleanup(line.close)
                with contextlib.suppress(OSError):
                    line.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
            for line in lines:
                with contextlib.suppress(OSError):
                    alive += line.recv(100).startswith(b"HTTP/1.1 404")
            self.assertEqual(expected, alive, address)

    def received(self, server: Server, address: str, forwarded: str) -> str:
        """Which address the server believes a WebSocket from ``address`` to have."""
        header = f"X-Forwarded-For: {forwarded}"
        browser = WebSocket((server.address, server.ws_port), None, "/ws", (header,), source=address)
        self.addCleanup(browser.close)
        browser.send(request("MESSAGE", f"sip:a@{server.domain}", browser))
        return first(browser).get("Via").partition("received=")[2].partition(";")[0]
