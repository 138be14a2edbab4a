"""Those of OverSIP's thirty acceptance checks that need real sockets, processes and signals; the rest, and the meaning
of the numbers: tests/oversip."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import struct

from .case import SystemCase
from .certificates import authority
from .edge import CORE, EdgeServer
from .processes import free_port, poll
from .raw_phone import first, name, request, respond
from .sockets import Received, Socket, Tcp, Udp, WebSocket

#: where a proxy is that says who is behind it, and who that is
BALANCER, CLIENT = "127.0.0.66", "198.51.100.4"

LOGIC = """
import sys
from oversip_tw.hooks import Hooks

class Logic(Hooks):
    def on_request(self, arrival):
        if arrival.request.has("X-Break"):
            raise ValueError("secret of the house")
        arrival.request.set("X-Logic", "new")

    def on_user_reload(self):
        print("read again by USR1", file=sys.stderr, flush=True)

    def on_tls_accepted(self, flow, peer):
        print(f"{flow.transport} {peer.verified} {peer.identities}", file=sys.stderr, flush=True)

    def on_stop(self):
        print("logic ends", file=sys.stderr, flush=True)
"""


def chosen(message: Received, *names: str) -> dict[str, str]:
    """Some headers of ``message``, for `request`."""
    return {each.replace("-", "_"): message.get(each) for each in names}


def answer(message: Received, status: int, **headers: str) -> bytes:
    """As `respond`, with one tag in To."""
    made = respond(message, status, **headers)
    if ";tag=" in message.get("To"):
        head, _, rest = made.partition(b"\r\nTo: ")
        made = head + b"\r\nTo: " + message.get("To").encode() + rest[rest.index(b"\r\n") :]
    return made


class Edges(SystemCase):
    """An edge of this test's alone, and a core that is a UDP socket in the test's hand."""

    options = "probe = 0\n"
    extra = ""

    def setUp(self) -> None:
        port = free_port(CORE)
        edge = EdgeServer([f"sip:{CORE}:{port}"], self.options, self.extra)
        self.addCleanup(lambda: edge.child.kill())  # an orderly end waits for what these tests leave open
        self.use(edge)
        self.core = Udp((edge.address, edge.port), (CORE, port))
        self.addCleanup(self.core.close)

    def udp(self) -> Udp:
        one = Udp((self.server.address, self.server.port))
        self.addCleanup(one.close)
        return one

    def tls(self, version: ssl.TLSVersion | None = None) -> Tcp:
        context = ssl.create_default_context(cafile=str(authority().pem))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        one = Tcp((self.server.address, self.server.tls_port), context)
        self.addCleanup(one.close)
        return one

    def arrived(self, at: Socket, method: str) -> Received:
        """The next message there, which has to be such a request."""
        found = first(at)
        self.assertEqual(method, found.method)
        return found

    def registered(self, phone: Socket, **headers: str) -> Received:
        """``phone`` registers at the core; its REGISTER as that got it."""
        phone.send(
            request("REGISTER", "sip:pbx.test", phone, **{"To": "<sip:alice@pbx.test>", "Expires": "600"} | headers)
        )
        came = self.arrived(self.core, "REGISTER")
        self.core.send(respond(came, 200, Contact=f"{came.get('Contact')};expires=600"))
        self.assertEqual(200, first(phone).status)
        return came

    def path(self, register: Received) -> str:
        """Its Path, as a Route."""
        return ", ".join(register.all("Path"))

    def established(self, phone: Socket) -> tuple[dict[str, str], dict[str, str]]:
        """The phone has called the core: what requests within that call bear, of the phone and of the core."""
        phone.send(request("INVITE", "sip:desk@pbx.test", phone))
        invite = self.arrived(self.core, "INVITE")
        where = f"<sip:desk@{self.core.local[0]}:{self.core.local[1]}>"
        self.core.send(respond(invite, 200, Contact=where))
        accepted = first(phone)
        self.assertEqual(200, accepted.status)
        routes = accepted.all("Record-Route")
        mine = chosen(accepted, "From", "To", "Call-ID") | {"Route": ", ".join(routes[::-1])}
        theirs = {"From": mine["To"], "To": mine["From"], "Call_ID": mine["Call_ID"], "Route": ", ".join(routes)}
        phone.send(request("ACK", where[1:-1], phone, CSeq="1 ACK", **mine))
        self.arrived(self.core, "ACK")
        self.targets = where[1:-1], invite.get("Contact")[1:-1]
        return mine, theirs

    def inside(
        self, method: str, sender: Socket, receiver: Socket, headers: dict[str, str], number: int = 2
    ) -> Received:
        """A request within the call, that has to arrive and is answered."""
        target = self.targets[0 if receiver is self.core else 1]
        sender.send(request(method, target, sender, **headers | {"CSeq": f"{number} {method}"}))
        came = self.arrived(receiver, method)
        self.assertEqual([], came.all("Route"))
        receiver.send(answer(came, 200))
        self.assertEqual(200, first(sender).status)
        return came

    def rewrite(self, old: str, new: str) -> None:
        """Change the configuration file."""
        text = self.server.config.read_text()
        self.assertIn(old, text)
        self.server.config.write_text(text.replace(old, new, 1))

    def signalled(self, number: signal.Signals, expected: str) -> None:
        """The process gets a signal, and says ``expected``."""
        since = self.server.child.size()
        os.kill(self.server.child.process.pid, number)
        self.server.child.expect(expected, 5, since)


class WebSocketTests(Edges):
    """2."""

    def open(self, protocol: str = "sip", headers: tuple[str, ...] = ()) -> WebSocket:
        one = WebSocket((self.server.address, self.server.ws_port), path="/ws", headers=headers, protocol=protocol)
        self.addCleanup(one.close)
        return one

    def answered(self, head: str) -> int:
        """The status of what another HTTP head is answered with, after which the connection closes."""
        with socket.create_connection((self.server.address, self.server.ws_port), 5) as line:
            line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
            came = b""
            while data := line.recv(4096):
                came += data
            return int(came.split(b" ")[1])

    def test_02_handshakes(self) -> None:
        """`foo, sip` is 101 `sip`, a cookie of 4 kB no hindrance; `foo` alone is 400, version 9 426, POST 405."""
        accepted = self.open("foo, sip", (f"Cookie: {'c' * 4096}",))
        self.assertEqual(101, accepted.status)
        self.assertIn("Sec-WebSocket-Protocol: sip", accepted.response)
        self.registered(accepted)
        refused = self.open("foo")
        self.assertEqual(400, refused.status)
        self.assertEqual(b"", refused.receive(3))
        lines = "Host: a\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Protocol: sip\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        self.assertEqual(426, self.answered(f"GET /ws HTTP/1.1\n{lines}{key}\nSec-WebSocket-Version: 9"))
        self.assertEqual(405, self.answered(f"POST /ws HTTP/1.1\n{lines}{key}\nSec-WebSocket-Version: 13"))
        self.assertEqual(400, self.answered(f"GET /ws HTTP/1.1\n{lines}Sec-WebSocket-Version: 13"))


class RestartTests(Edges):
    """11: the process ends and comes back in mid-call."""

    def restarted(self) -> None:
        self.assertEqual(0, self.server.child.stop(40))
        self.server.start()

    def test_11_restart(self) -> None:
        """Requests of both sides within a call of a UDP phone find their way afterwards."""
        phone = self.udp()
        self.registered(phone)
        mine, theirs = self.established(phone)
        self.server.child.kill()  # no time to end anything in order
        self.server.start()
        self.inside("INFO", self.core, phone, theirs)
        self.inside("INFO", phone, self.core, mine)
        self.inside("BYE", self.core, phone, theirs, 3)

    def test_11_restart_with_an_advertised_name(self) -> None:
        """So they do when Record-Route shows an advertised name, for UDP as for a TLS phone that comes back."""
        self.rewrite('transport = "udp"\n', 'transport = "udp"\nadvertised = "203.0.113.5"\n')
        self.rewrite('transport = "tls"\n', 'transport = "tls"\nadvertised = "edge.example.org"\n')
        self.restarted()
        phone, secure = self.udp(), self.tls()
        for one in (phone, secure):
            contact = f"<sip:alice@{one.local[0]}:{one.local[1]}>"
            who = {"From": f"<sip:{one.transport}@pbx.test>;tag=1", "To": f"<sip:{one.transport}@pbx.test>"}
            self.registered(one, Contact=contact, **who)
        secure.send(request("INVITE", "sip:desk@pbx.test", secure, From="<sip:TLS@pbx.test>;tag=2"))
        routes = self.arrived(self.core, "INVITE").all("Record-Route")
        self.assertIn(f"@203.0.113.5:{self.server.port};transport=udp", routes[0])
        self.assertIn(f"@edge.example.org:{self.server.tls_port};transport=tls", routes[1])
        mine, theirs = self.established(phone)
        self.assertIn("@203.0.113.5:", mine["Route"])
        self.server.child.kill()
        self.server.start()
        self.inside("INFO", phone, self.core, mine)
        self.inside("BYE", self.core, phone, theirs)


class NatTests(Edges):
    """12."""

    def test_12_nat(self) -> None:
        """A phone on UDP that thinks that it is 192.168.1.5, without rport: answers come to the port it really uses,
        and so do the core's requests by Path and by Record-Route."""
        phone = self.udp()
        inner = f"<sip:alice@192.168.1.5:{phone.local[1]}>"
        via = "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK"
        register = self.registered(phone, Via=via + name(), Contact=inner)
        self.core.send(request("MESSAGE", inner[1:-1], self.core, Route=self.path(register)))
        message = self.arrived(phone, "MESSAGE")
        phone.send(respond(message, 200))
        self.assertEqual(200, first(self.core).status)
        phone.send(request("INVITE", "sip:desk@pbx.test", phone, Via=via + name(), Contact=inner))
        invite = self.arrived(self.core, "INVITE")
        self.assertIn(f";received={phone.local[0]}", invite.all("Via")[1])
        self.core.send(respond(invite, 200, Contact=f"<sip:desk@{CORE}:{self.core.local[1]}>"))
        accepted = first(phone)
        theirs = {"From": accepted.get("To"), "To": accepted.get("From"), "Call_ID": accepted.get("Call-ID")}
        route = ", ".join(accepted.all("Record-Route"))
        self.core.send(request("BYE", inner[1:-1], self.core, Route=route, CSeq="2 BYE", **theirs))
        self.assertEqual(f"BYE {inner[1:-1]} SIP/2.0", self.arrived(phone, "BYE").first_line)


class TlsTests(Edges):
    """29."""

    proxied = free_port()
    extra = (
        f'[[listen]]\ntransport = "tcp"\naddress = "127.0.0.1"\nport = {proxied}\nproxy_protocol = true\n'
        f'[[trusted]]\nnetwork = "{BALANCER}"\nrole = "proxy"\n'
    )

    def test_29_versions_and_hook(self) -> None:
        """TLS 1.2 and 1.3 are taken and work; the hook on handshakes is called for each."""
        self.server.folder.write("checks_logic.py", LOGIC)
        self.rewrite("domains", 'hooks = "checks_logic:Logic"\ndomains')
        self.signalled(signal.SIGHUP, "configuration and certificates read again")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            since = self.server.child.size()
            phone = self.tls(version)
            phone.send(request("OPTIONS", f"sip:127.0.0.1:{self.server.tls_port};transport=tls", phone))
            self.assertEqual(200, first(phone).status)
            self.server.child.expect("tls None ()", 5, since)

    def test_29_idle_before_the_handshake(self) -> None:
        """A connection to the TLS port on which no handshake begins is closed in 5 s."""
        with socket.create_connection((self.server.address, self.server.tls_port), 5) as line:
            line.settimeout(7)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b"", line.recv(1))

    def test_29_proxy_header(self) -> None:
        """`received` is whom the header names, though it comes in two segments; a wrong one ends the connection."""
        line = f"PROXY TCP4 {CLIENT} 127.0.0.1 40001 5060\r\n".encode()
        phone = Tcp(("127.0.0.1", self.proxied), source=BALANCER)
        self.addCleanup(phone.close)
        phone.send(line[:9])
        self.assertIsNone(phone.receive(0.1))
        phone.send(line[9:])
        phone.send(request("OPTIONS", f"sip:127.0.0.1:{self.proxied}", phone))
        self.assertIn(f";received={CLIENT}", first(phone).get("Via"))
        for wrong in (b"PROXY TCP4 nonsense\r\n", b""):
            phone = Tcp(("127.0.0.1", self.proxied), source=BALANCER)
            self.addCleanup(phone.close)
            phone.send(wrong + request("OPTIONS", f"sip:127.0.0.1:{self.proxied}", phone))
            self.assertEqual(b"", phone.receive(3))


class OperationTests(Edges):
    """30."""

    def test_30_stun(self) -> None:
        """Binding on the SIP port: the true address, for both generations of the RFC."""
        phone = self.udp()
        for cookie in (0x2112A442, 0x01020304):
            phone.send(struct.pack("!HHI", 1, 0, cookie) + bytes(range(12)))
            came = phone.receive(3)
            assert came is not None
            port, address = struct.unpack_from("!HI", came, 26)
            if cookie == 0x2112A442:
                port, address = port ^ 0x2112, address ^ cookie
            self.assertEqual(phone.local, (socket.inet_ntoa(struct.pack("!I", address)), port))

    def test_30_reload_in_mid_call(self) -> None:
        """HUP: new logic is at work, and the old flow and call go on; with a mistake in it the old one stays. USR1 is
        heard by user code. A hook that breaks is 500 without a word of why."""
        phone = WebSocket((self.server.address, self.server.ws_port), path="/ws")
        self.addCleanup(phone.close)
        register = self.registered(phone)
        mine, theirs = self.established(phone)
        self.server.folder.write("checks_logic.py", LOGIC)
        self.rewrite("domains", 'hooks = "checks_logic:Logic"\ndomains')
        self.signalled(signal.SIGHUP, "configuration and certificates read again")
        self.assertEqual("new", self.inside("INFO", phone, self.core, mine).get("X-Logic"))
        self.server.folder.write("checks_logic.py", "this is no Python\n")
        self.signalled(signal.SIGHUP, "nothing was changed")
        self.rewrite("probe = 0", "prob = 0")
        self.signalled(signal.SIGHUP, "nothing was changed")
        self.assertEqual("new", self.inside("INFO", self.core, phone, theirs).get("X-Logic"))
        self.signalled(signal.SIGUSR1, "read again by USR1")
        contact = register.get("Contact")[1:].partition(">")[0]
        self.core.send(request("MESSAGE", contact, self.core, Route=self.path(register)))
        phone.send(respond(self.arrived(phone, "MESSAGE"), 200))
        self.assertEqual(200, first(self.core).status)
        self.inside("BYE", phone, self.core, mine, 3)

    def test_30_hook_that_breaks(self) -> None:
        """500, and its text stays in the log."""
        self.server.folder.write("checks_logic.py", LOGIC)
        self.rewrite("domains", 'hooks = "checks_logic:Logic"\ndomains')
        self.signalled(signal.SIGHUP, "configuration and certificates read again")
        phone = self.udp()
        since = self.server.child.size()
        phone.send(request("MESSAGE", "sip:desk@pbx.test", phone, X_Break="yes"))
        refused = first(phone)
        self.assertEqual((500, b""), (refused.status, refused.body))
        self.assertNotIn(b"secret", refused.raw)
        self.server.child.expect("secret of the house", 3, since)
        self.server.child.log.write_text("")  # the log is searched for defects afterwards

    def test_30_drain(self) -> None:
        """TERM: what is new is 503, the call that rings may be answered, then the process ends with status 0."""
        phone = WebSocket((self.server.address, self.server.ws_port), path="/ws")
        self.addCleanup(phone.close)
        phone.send(request("INVITE", "sip:desk@pbx.test", phone))
        invite = self.arrived(self.core, "INVITE")
        self.core.send(respond(invite, 180))
        self.assertEqual(180, first(phone).status)
        os.kill(self.server.child.process.pid, signal.SIGTERM)
        other = self.udp()

        def refused() -> bool:
            other.send(request("MESSAGE", "sip:desk@pbx.test", other))
            came = other.answer(0.3)
            if came is None and (passed := self.core.answer(0.1)) is not None:
                self.core.send(respond(passed, 200))  # it came before the signal
            return came is not None and came.status == 503

        poll(refused, 5, "503 for what is new")
        self.core.send(respond(invite, 486))
        self.assertEqual(486, first(phone).status)
        self.assertEqual(0, self.server.child.wait(15))
