"""Every transport of phones with every transport of the core, and IPv4 with IPv6, by hand."""

from __future__ import annotations

import re
import socket
import ssl
from unittest import SkipTest

from .case import SystemCase
from .certificates import authority
from .edge import EdgeServer
from .processes import no_skip
from .raw_core import RawCore, await_request
from .raw_phone import name, request, respond
from .sockets import Received, Socket, Tcp, Udp, WebSocket

#: what a URI says of each transport
IN_URI = {"udp": "udp", "tcp": "tcp", "tls": "tls", "ws": "ws", "wss": "ws"}


def _six() -> None:
    """Skip where there is no IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        if no_skip():
            raise
        raise SkipTest("needs ::1") from None


class Pairs(SystemCase):
    """One edge with one core by hand."""

    def setUp(self) -> None:
        """Each test has its own."""

    def start(self, transport: str, address: str = "127.0.0.2", six: bool = False) -> None:
        """``self.core`` and the edge before it; ``six``: it listens on ::1 as well, at the same ports."""
        self.core = RawCore(transport, address)
        profile = f'[[profile]]\nname = "core"\nauthorities = "{authority().pem}"\n'
        server = _OnBoth([self.core.uri], extra=profile) if six else EdgeServer([self.core.uri], extra=profile)
        self.addCleanup(server.stop)
        self.addCleanup(self.core.close)
        self.use(server)
        self.core.meet(server.port, server.tls_port)

    def phone(self, transport: str, host: str = "127.0.0.1") -> Socket:  # type: ignore[override]
        """A socket to the edge."""
        context = ssl.create_default_context(cafile=str(authority().pem)) if transport in ("tls", "wss") else None
        port = {"tls": self.server.tls_port, "ws": self.server.ws_port, "wss": self.server.wss_port}
        where = (host, port.get(transport, self.server.port))
        found: Socket
        if transport == "udp":
            found = Udp(where, (host, 0))
        elif transport in ("tcp", "tls"):
            found = Tcp(where, context)
        else:
            found = WebSocket(where, context, "/ws")
        self.addCleanup(found.close)
        return found

    # -- steps ------------------------------------------------------------------------------------------------------

    def pair(self, transport: str, host: str = "127.0.0.1") -> None:
        """A phone over ``transport`` registers, calls and is called; each side hangs up once."""
        phone = self.phone(transport, host)
        self.contact = f"<sip:{name()}@{name()}.invalid;transport={IN_URI[transport]}>"
        routes = self.registers(phone, transport)
        self.calls(phone, transport)
        self.is_called(phone, transport, routes)

    def ours(self, uris: list[str], core_side: int, transport: str) -> None:
        """Two URIs of ours: that of the core's side, and that of the phone's side with a token."""
        self.assertEqual(2, len(uris), uris)
        self.assertIn(f";transport={self.core.transport};lr", uris[core_side])
        self.assertIn(f";transport={IN_URI[transport]};lr", uris[1 - core_side])
        self.assertRegex(uris[1 - core_side], "^<sip:ov[pr]")

    def via(self, arrived: Received, transport: str) -> None:
        """Our Via on top."""
        self.assertRegex(arrived.get("Via"), f"^SIP/2.0/{transport.upper()} ")

    def registers(self, phone: Socket, transport: str) -> list[str]:
        """REGISTER and its 200; the Path."""
        user = "<sip:alice@pbx.test>"
        phone.send(request("REGISTER", "sip:pbx.test", phone, To=user, From=f"{user};tag=1", Contact=self.contact))
        arrived = await_request(self.core.comes(), "REGISTER")
        self.via(arrived, self.core.transport)
        self.ours(arrived.all("Path"), 0, transport)
        self.core.comes().send(respond(arrived, 200, Contact=f"{self.contact};expires=600"))
        accepted = phone.final()
        self.assertEqual(200, accepted.status)
        self.assertEqual(1, len(accepted.all("Via")))
        return arrived.all("Path")

    def calls(self, phone: Socket, transport: str) -> None:
        """The phone calls; the core hangs up."""
        sender = f"<sip:alice@pbx.test>;tag={name()}"
        same = {"From": sender, "Call_ID": name(), "Contact": self.contact}
        core = self.core.comes()
        phone.send(request("INVITE", "sip:desk@pbx.test", phone, **same))
        arrived = await_request(core, "INVITE")
        self.via(arrived, self.core.transport)
        self.ours(arrived.all("Record-Route"), 0, transport)
        core.send(respond(arrived, 200, Contact=self.core.contact))
        accepted = phone.final()
        routes = accepted.all("Record-Route")[::-1]
        within = same | {"To": accepted.get("To"), "Route": ", ".join(routes)}
        target = self.core.contact.strip("<>")
        phone.send(request("ACK", target, phone, **within | {"CSeq": "1 ACK"}))
        self.assertEqual([], await_request(core, "ACK").all("Route"))
        back = {"From": accepted.get("To"), "To": sender, "Call_ID": same["Call_ID"], "Route": ", ".join(routes[::-1])}
        self.hangs_up(core, phone, self.contact.strip("<>"), transport, back)

    def is_called(self, phone: Socket, transport: str, path: list[str]) -> None:
        """The core calls by the Path, over a connection of its own; the phone hangs up."""
        core = self.core.goes()
        same = {"From": f"<sip:desk@pbx.test>;tag={name()}", "To": "<sip:alice@pbx.test>", "Call_ID": name()}
        target = self.contact.strip("<>")
        core.send(request("INVITE", target, core, **same, Contact=self.core.contact, Route=", ".join(path)))
        arrived = await_request(phone, "INVITE")
        self.assertEqual(target, arrived.first_line.split(" ")[1])
        self.assertEqual([], arrived.all("Route"))
        self.via(arrived, transport)
        self.ours(arrived.all("Record-Route"), 1, transport)
        phone.send(respond(arrived, 200, Contact=self.contact))
        accepted = core.final()
        routes = accepted.all("Record-Route")
        within = same | {"To": accepted.get("To"), "Route": ", ".join(routes[::-1]), "CSeq": "1 ACK"}
        core.send(request("ACK", target, core, **within))
        await_request(phone, "ACK")
        back = same | {"From": accepted.get("To"), "To": same["From"], "Route": ", ".join(routes)}
        self.hangs_up(phone, self.core.comes(), self.core.contact.strip("<>"), self.core.transport, back)

    def hangs_up(self, one: Socket, other: Socket, target: str, transport: str, headers: dict[str, str]) -> None:
        """BYE from one, 200 from the other."""
        one.send(request("BYE", target, one, **headers))
        arrived = await_request(other, "BYE")
        self.assertEqual(target, arrived.first_line.split(" ")[1])
        self.assertEqual([], arrived.all("Route"))
        self.via(arrived, transport)
        other.send(respond(arrived, 200))
        self.assertEqual(200, one.final().status)

    # -- tests ------------------------------------------------------------------------------------------------------

    def all_phones(self, transport: str) -> None:
        self.start(transport)
        for each in IN_URI:
            self.pair(each)

    def test_udp(self) -> None:
        """UDP, TCP, TLS, WS and WSS before a core on UDP."""
        self.all_phones("udp")

    def test_tcp(self) -> None:
        """The same before one on TCP."""
        self.all_phones("tcp")

    def test_tls(self) -> None:
        """The same before one on TLS, whose certificate is verified."""
        self.all_phones("tls")

    def six(self, transport: str) -> None:
        _six()
        self.start(transport, "::1", six=True)
        for each in ("udp", "tcp", "wss"):
            self.pair(each)
        self.assertRegex(self.server.child.output(), r"Via: SIP/2.0/\w+ \[::1\]:")

    def test_four_to_six_udp(self) -> None:
        """Phones on IPv4, the core on IPv6 and UDP."""
        self.six("udp")

    def test_four_to_six_tcp(self) -> None:
        """Phones on IPv4, the core on IPv6 and TCP."""
        self.six("tcp")

    def test_six_to_four(self) -> None:
        """Phones on IPv6, the core on IPv4."""
        _six()
        self.start("udp", six=True)
        for each in ("udp", "tcp", "ws"):
            self.pair(each, "::1")


class _OnBoth(EdgeServer):
    """Listens on ::1 as well."""

    def _toml(self, extra: str, top: str, log_messages: bool) -> str:
        four = super()._toml(extra, top, log_messages)
        blocks = re.findall(r"\[\[listen\]\]\n(?:(?!\[).+\n)+", four)
        six = [each.replace(f'"{self.address}"', '"::1"') for each in blocks if "page = true" not in each]
        return four + "\n" + "\n".join(six)
