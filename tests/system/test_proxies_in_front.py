"""Behind the real nginx and haproxy, as the how-tos have it: who is at the other end is the client, not the proxy."""

from __future__ import annotations

import re
import ssl

from .case import SystemCase
from .certificates import authority
from .processes import free_port, poll
from .proxies import haproxy, nginx, shown
from .raw_phone import name, register, request
from .server import Server
from .sockets import Received, Socket, Tcp, WebSocket

#: where clients come from; the proxies come from 127.0.0.1
CLIENT = "127.0.0.77"
LIE = ("X-Forwarded-For: 203.0.113.9",)


def tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority().pem))


class BehindCase(SystemCase):
    """A server behind something."""

    def asked(self, socket: Socket) -> Received:
        """OPTIONS to the server itself, and its answer."""
        self.addCleanup(socket.close)
        socket.send(request("OPTIONS", f"sip:{self.server.domain}", socket, Call_ID=name()))
        return socket.final()

    def came_from_client(self, socket: Socket) -> None:
        """The server sees the client's address: in Via, and in the log when it registers."""
        answer = self.asked(socket)
        self.assertEqual(answer.status, 200)
        self.assertIn(f"received={CLIENT}", answer.get("Via"))
        since = self.server.child.size()
        user = self.server.user()
        self.assertEqual(register(socket, user).status, 200)
        said = re.compile(rf"{user.name}@.* from \w+ {re.escape(CLIENT)} port ")
        poll(lambda: said.search(self.server.child.output(since)), 5, f"{CLIENT} in the log")


class NginxTests(BehindCase):
    """TLS ends at nginx."""

    def setUp(self) -> None:
        port, back = free_port(), free_port()
        document = "behind-nginx.md"
        chain, key = authority().issue("localhost", "127.0.0.1")
        live = "/etc/letsencrypt/live/phone.example.org"
        text = shown(
            document,
            "nginx",
            {
                "listen 443": f"listen 127.0.0.1:{port}",
                "phone.example.org;": "localhost;",
                f"{live}/fullchain.pem": str(chain),
                f"{live}/privkey.pem": str(key),
                "127.0.0.1:8080": f"127.0.0.1:{back}",
            },
        )
        server = Server(shown(document, "toml", {"8080": str(back)}))
        self.addCleanup(server.stop)
        self.use(server)
        self.addCleanup(nginx(text, port).stop)
        self.port, self.back = port, back

    def test_websocket(self) -> None:
        """A WebSocket through nginx: the client's address is known, whatever it claims in its own header."""
        for headers in ((), LIE):
            socket = WebSocket(("127.0.0.1", self.port), tls(), "/ws", headers, source=CLIENT)
            self.assertEqual(socket.status, 101)
            self.came_from_client(socket)

    def test_page(self) -> None:
        """The page behind nginx may open a WebSocket there (it is the same origin, over https), others may not."""
        own, other = f"Origin: https://127.0.0.1:{self.port}", "Origin: https://elsewhere.example"
        for origin, status in ((own, 101), (other, 403), (own.replace("https", "http"), 403)):
            socket = WebSocket(("127.0.0.1", self.port), tls(), "/ws", (origin,), source=CLIENT)
            self.addCleanup(socket.close)
            self.assertEqual(socket.status, status, origin)

    def test_T9_past_nginx(self) -> None:
        """T9: who comes past nginx, from another address, is not believed."""
        socket = WebSocket(("127.0.0.1", self.back), None, "/ws", LIE, source=CLIENT)
        self.came_from_client(socket)


class HaproxyTests(BehindCase):
    """haproxy passes everything on, with a PROXY header."""

    def setUp(self) -> None:
        document = "behind-haproxy.md"
        self.fronts = {443: free_port(), 5061: free_port(), 5060: free_port()}
        self.backs = {8443: free_port(), 15061: free_port(), 15060: free_port()}
        chain, key = authority().issue("localhost", "127.0.0.1")
        backs = {f"127.0.0.1:{port}": f"127.0.0.1:{other}" for port, other in self.backs.items()}
        fronts = {f"bind :{port}": f"bind 127.0.0.1:{other}" for port, other in self.fronts.items()}
        # more would need a higher limit of open files than test machines have
        self.text = shown(document, "haproxy", backs | fronts | {"maxconn 20000": "maxconn 200"})
        ports = {f"port = {port}\n": f"port = {other}\n" for port, other in self.backs.items()}
        files = {'"fullchain.pem"': f'"{chain}"', '"privkey.pem"': f'"{key}"'}
        server = Server(shown(document, "toml", ports | files))
        self.addCleanup(server.stop)
        self.use(server)

    def in_front(self, text: str) -> None:
        self.addCleanup(haproxy(text, self.fronts[5060]).stop)

    def sockets(self) -> list[Socket]:
        """A client of each kind."""
        return [
            WebSocket(("127.0.0.1", self.fronts[443]), tls(), "/ws", LIE, source=CLIENT),
            Tcp(("127.0.0.1", self.fronts[5061]), tls(), source=CLIENT),
            Tcp(("127.0.0.1", self.fronts[5060]), source=CLIENT),
        ]

    def test_as_shown(self) -> None:
        """WSS and TLS by version 2 of the header, TCP by version 1; haproxy's own checks disturb nobody."""
        since = self.server.child.size()
        self.in_front(self.text)
        for socket in self.sockets():
            self.came_from_client(socket)
        self.assertNotIn("closed a connection", self.server.child.output(since))

    def test_other_versions(self) -> None:
        """The other way round."""
        text = re.sub(r"send-proxy(-v2)?", lambda found: "send-proxy" if found[1] else "send-proxy-v2", self.text)
        self.in_front(text)
        for socket in self.sockets():
            self.came_from_client(socket)

    def test_T9_strangers(self) -> None:
        """T9: a stranger with a header of its own is closed, and so is the proxy without one, or with a wrong one."""
        for source, data, why in (
            (CLIENT, b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 5060\r\n", "no proxy that we trust"),
            ("127.0.0.1", b"OPTIONS sip:x SIP/2.0\r\n", "no PROXY header"),
            ("127.0.0.1", b"PROXY TCP4 203.0.113.9 nowhere 4000 5060\r\n", "PROXY header: wrong address"),
        ):
            since = self.server.child.size()
            line = f"closed a connection from {source}: {why}"

            def closed(source: str = source, data: bytes = data, since: int = since, line: str = line) -> bool:
                socket = Tcp(("127.0.0.1", self.backs[15060]), source=source)
                socket.send(data)
                self.assertEqual(socket.receive(5), b"")
                socket.close()
                return line in self.server.child.output(since)

            # there is one such line in a second
            poll(closed, 5, line, 0.3)

    def test_split(self) -> None:
        """A header that comes in pieces over the network is read."""
        socket = Tcp(("127.0.0.1", self.backs[15060]), source="127.0.0.1")
        for piece in (b"PR", b"OXY TCP4 ", CLIENT.encode(), b" 127.0.0.1 4000 5060\r", b"\n"):
            socket.send(piece)
            socket.more(0.05)
        self.came_from_client(socket)


    def test_half_closed(self) -> None:
        """A client that ends its direction after its last request still gets the answer."""
        socket = Tcp(("127.0.0.1", self.backs[15060]), source="127.0.0.1")
        self.addCleanup(socket.close)
        socket.send(f"PROXY TCP4 {CLIENT} 127.0.0.1 4000 5060\r\n".encode())
        socket.send(request("OPTIONS", f"sip:{self.server.domain}", socket))
        socket.end()
        self.assertEqual(socket.final().status, 200)
        self.assertEqual(socket.receive(5), b"")


class HaproxyHttpTests(BehindCase):
    """TLS ends at haproxy."""

    def test_websocket(self) -> None:
        """A WebSocket through haproxy in HTTP mode: the client's address is known, and https vouched for."""
        port, back = free_port(), free_port()
        chain, key = authority().issue("localhost", "127.0.0.1")
        both = chain.with_name("haproxy.pem")
        both.write_bytes(chain.read_bytes() + key.read_bytes())
        changes = {
            ":443": f"127.0.0.1:{port}",
            "/etc/haproxy/phone.example.org.pem": str(both),
            "127.0.0.1:8080": f"127.0.0.1:{back}",
        }
        defaults = "defaults\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n"
        server = Server(shown("behind-nginx.md", "toml", {"8080": str(back)}))
        self.addCleanup(server.stop)
        self.use(server)
        self.addCleanup(haproxy(defaults + shown("behind-haproxy.md", "haproxy", changes, 1), port).stop)
        headers = (*LIE, f"Origin: https://127.0.0.1:{port}")
        socket = WebSocket(("127.0.0.1", port), tls(), "/ws", headers, source=CLIENT)
        self.assertEqual(socket.status, 101)
        self.came_from_client(socket)
