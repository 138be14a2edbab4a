"""An element in memory under the same messages again and again: no socket, no clock but one that is moved by hand.

What it costs is what our code costs, which a busy machine does not change when instructions are counted.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable

from bench import browsers
from oversip_tw.auth.trust import Role, Trust, TrustedSource
from oversip_tw.edge.settings import Settings as EdgeSettings
from oversip_tw.interfaces import Flow, Target
from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.proxy import settings as proxy
from oversip_tw.proxy.settings import NextHop
from oversip_tw.registrar import settings as registrar
from oversip_tw.registrar.binding import Binding
from oversip_tw.server.assembly import Settings, Surroundings, assemble
from oversip_tw.server.element import Element
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import Clock, FakeConnector, FakeLookups, MemoryLog
from oversip_tw.transport.listener import ListenerSpec
from oversip_tw.transport.udp import UdpListener

DOMAIN = "bench.test"
SERVER, CALLER, CALLED = ("192.0.2.1", 5060), ("192.0.2.4", 5060), ("192.0.2.7", 5060)
STRANGER = ("192.0.2.9", 5060)
#: behind an edge
CORE = ("192.0.2.2", 5060)
#: whose REGISTERs are believed
TRUSTED = ("192.0.2.4", "192.0.2.5")

_AGENT = "User-Agent: bench/1.0 (a phone that says who it is)\r\n"
_AGENT += "Allow: INVITE,ACK,CANCEL,BYE,OPTIONS,REFER,NOTIFY,INFO\r\n"
_NONCE = re.compile(rb'nonce="([^"]+)"')
_TO = re.compile(rb"^To:.*\r\n", re.MULTILINE)
_COPIED = re.compile(rb"^((?:Via|Record-Route|From|To|Call-ID|CSeq):.*\r\n)", re.MULTILINE)
_VALUE = {
    name: re.compile(rb"^" + name + rb": *(.*)\r\n", re.MULTILINE) for name in (b"Record-Route", b"Contact", b"To")
}


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _raise(error: BaseException) -> None:
    raise error


class _Users:
    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        return self.ha1_now(user, domain, algorithm)

    def ha1_now(self, user: str, domain: str, algorithm: str) -> str | None:
        return _md5(f"{user}:{domain}:secret") if algorithm == "MD5" else None


class Bench:
    """The element, its UDP port, and what came out of that: ``sent`` holds (octets, address)."""

    def __init__(self, transactions: int = 1_000_000, edge: bool = False) -> None:
        """``edge``: of the core at `CORE`, instead of a registrar."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.sent: list[tuple[bytes, object]] = []
        self._ids = itertools.count()
        #: those that have registered
        self.browsers: list[browsers.Browser] = []
        self.flows = flows = FlowTable()
        self.element = self._assemble(flows, transactions, edge)
        self.udp = UdpListener(ListenerSpec("udp", *SERVER), self.element, MemoryLog())
        self.udp.sendto = lambda data, address: self.sent.append((data, address))
        flows.serve_udp(lambda local, peer: self.udp.flow(peer))
        self.element.listens(self.udp.listener)

    def _assemble(self, flows: FlowTable, transactions: int, edge: bool) -> Element:
        domains = () if edge else (DOMAIN,)
        core = NextHop(frozenset(), (Uri.parse(f"sip:{CORE[0]}"),))
        connector = FakeConnector(())
        connector.flow_to = self._flow_to  # type: ignore[method-assign]
        return assemble(
            Surroundings(
                clock=self.clock,
                wall=lambda: self.clock.seconds() + 1_700_000_000,
                log=MemoryLog(),
                new_id=lambda: f"{next(self._ids):016x}",
                chance=lambda: 0.5,
                flows=flows,
                connector=connector,
                lookups=FakeLookups(),
                users=_Users(),
            ),
            Settings(
                domains=domains,
                keys=(b"k" * 32,),
                trust=Trust((TrustedSource((CORE[0],), Role.CORE) if edge else TrustedSource(TRUSTED, Role.TRUNK),)),
                proxy=proxy.Settings(domains=domains, edge=edge),
                # as it is five minutes after a start
                registrar=registrar.Settings(domains=frozenset({DOMAIN}), spread_for=0.0),
                transactions=transactions,
                edge=EdgeSettings(core, probe=0) if edge else None,
            ),
        )

    def _flow_to(self, target: Target) -> Flow:
        return self.udp.flow((target.address, target.port))

    def hear(self, message: bytes, source: tuple[str, int]) -> list[bytes]:
        """One datagram; what is sent upon it."""
        self.sent.clear()
        self.udp.arrived(message, source)
        return [data for data, _ in self.sent]

    # -- messages ---------------------------------------------------------------------------------------------------

    def options(self, number: int) -> bytes:
        return (
            f"OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;rport;branch=z9hG4bKo{number:012}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:ping@{DOMAIN}>;tag=o{number}\r\nTo: <sip:{DOMAIN}>\r\n"
            f"Call-ID: options-{number}@192.0.2.5\r\nCSeq: 1 OPTIONS\r\n{_AGENT}Content-Length: 0\r\n\r\n"
        ).encode()

    def register(self, user: int, cseq: int, source: str = "192.0.2.5", credentials: str = "") -> bytes:
        return (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {source}:5060;rport;branch=z9hG4bKr{user:06}{cseq:06}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:u{user}@{DOMAIN}>;tag=r{user}\r\nTo: <sip:u{user}@{DOMAIN}>\r\n"
            f"Call-ID: register-{user}@{source}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:u{user}@{source}:5060>\r\n"
            f"Expires: 600\r\n{credentials}{_AGENT}Content-Length: 0\r\n\r\n"
        ).encode()

    def credentials(self, user: int, nonce: str, count: int) -> str:
        first, second = _md5(f"u{user}:{DOMAIN}:secret"), _md5(f"REGISTER:sip:{DOMAIN}")
        proof = _md5(f"{first}:{nonce}:{count:08x}:bench:auth:{second}")
        return (
            f'Authorization: Digest username="u{user}", realm="{DOMAIN}", nonce="{nonce}", uri="sip:{DOMAIN}", '
            f'response="{proof}", algorithm=MD5, qop=auth, cnonce="bench", nc={count:08x}\r\n'
        )

    def bind(self, users: int) -> None:
        """So many users have a phone at `CALLED`."""
        now = self.clock.seconds()
        for user in range(users):
            contact = f"sip:u{user}@{CALLED[0]}:{CALLED[1]}"
            aor = f"sip:u{user}@{DOMAIN}"
            binding = Binding(aor, contact, call_id=f"register-{user}@{CALLED[0]}", cseq=1, expires_at=now + 7200)
            binding.flow_id, binding.key = self.udp.flow(CALLED).id, binding_key(b"k" * 32, aor, None, None, contact)
            self.element.core.spawn(self.element.core.location.commit(binding.aor, [binding], []), _raise)

    def ring(self, calls: int) -> None:
        """So many calls ring: two transactions each."""
        for number in range(calls):
            _, invite = self.hear(self.invite(10_000_000 + number), CALLER)
            self.hear(self.answer(invite, b"180 Ringing", number), CALLED)

    def nonce(self, user: int = 0) -> str:
        """That of a challenge to a stranger."""
        [challenge] = self.hear(self.register(user, 1, "192.0.2.9"), ("192.0.2.9", 5060))
        found = _NONCE.search(challenge)
        assert found is not None, challenge
        return found[1].decode()

    # -- a call -----------------------------------------------------------------------------------------------------

    def invite(self, number: int, user: int = 0) -> bytes:
        sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.4\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        return self._request("INVITE", f"sip:u{user}@{DOMAIN}", number, f"To: <sip:u{user}@{DOMAIN}>\r\n", 1, "", sdp)

    def _request(self, method: str, uri: str, number: int, to: str, cseq: int, routes: str, body: str = "") -> bytes:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK{method}{number:09}\r\n"
            f"Max-Forwards: 70\r\n{routes}From: <sip:bench@elsewhere.test>;tag=c{number}\r\n{to}"
            f"Call-ID: call-{number}@192.0.2.4\r\nCSeq: {cseq} {method}\r\nContact: <sip:bench@192.0.2.4:5060>\r\n"
            f"{_AGENT}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def answer(
        self, request: bytes, status: bytes, number: int, body: bytes = b"", contact: str = "<sip:u0@192.0.2.7:5060>"
    ) -> bytes:
        """As the called phone at `CALLED` answers, or whoever has that ``contact``."""
        head = request.partition(b"\r\n\r\n")[0] + b"\r\n"
        copied = b"".join(_COPIED.findall(head))
        [to] = _TO.findall(copied)
        if b";tag=" not in to:
            copied = copied.replace(to, to[:-2] + b";tag=a%d\r\n" % number)
        own = b"Contact: %s\r\nServer: a phone\r\nContent-Length: %d\r\n\r\n" % (contact.encode(), len(body))
        return b"SIP/2.0 %s\r\n%s%s%s" % (status, copied, own, body)

    def call(self, number: int, hear: Callable[[bytes, tuple[str, int]], list[bytes]]) -> None:
        """One call through ``hear``, every answer looked at: INVITE 100 180 200 ACK BYE 200."""
        trying, invite = hear(self.invite(number), CALLER)
        assert trying.startswith(b"SIP/2.0 100"), trying
        [ringing] = hear(self.answer(invite, b"180 Ringing", number), CALLED)
        assert ringing.startswith(b"SIP/2.0 180"), ringing
        [picked_up] = hear(self.answer(invite, b"200 OK", number, b"v=0\r\n"), CALLED)
        assert picked_up.startswith(b"SIP/2.0 200"), picked_up
        lines = "".join(f"Route: {line.decode()}\r\n" for line in reversed(_VALUE[b"Record-Route"].findall(picked_up)))
        to = f"To: {_VALUE[b'To'].findall(picked_up)[0].decode()}\r\n"
        remote = _VALUE[b"Contact"].findall(picked_up)[0].decode().strip("<>")
        [ack] = hear(self._request("ACK", remote, number, to, 1, lines), CALLER)
        assert ack.startswith(b"ACK "), ack
        [bye] = hear(self._request("BYE", remote, number, to, 2, lines), CALLER)
        assert bye.startswith(b"BYE "), bye
        [done] = hear(self.answer(bye, b"200 OK", number), CALLED)
        assert done.startswith(b"SIP/2.0 200"), done


#: does what is counted, within the calls of the function it is given
Workload = Callable[[Bench, int, int, Callable[[Callable[[], None]], None]], None]


def _hear_all(bench: Bench, messages: list[bytes], source: tuple[str, int], counted: Callable[..., None]) -> None:
    bench.sent.clear()

    def work() -> None:
        for message in messages:
            bench.udp.arrived(message, source)

    counted(work)
    assert len(bench.sent) == len(messages), "an answer is missing"
    assert all(data.startswith(b"SIP/2.0 200 ") for data, _ in bench.sent), bench.sent[0]
    bench.clock.advance(40)


def options(bench: Bench, first: int, units: int, counted: Callable[..., None]) -> None:
    """OPTIONS to the element itself."""
    _hear_all(bench, [bench.options(first + number) for number in range(units)], (TRUSTED[1], 5060), counted)


def register(bench: Bench, first: int, units: int, counted: Callable[..., None]) -> None:
    """Refreshes of somebody who is believed."""
    messages = [bench.register(number % 50, 10 + first + number) for number in range(units)]
    _hear_all(bench, messages, (TRUSTED[1], 5060), counted)


def digest(bench: Bench, first: int, units: int, counted: Callable[..., None]) -> None:
    """Refreshes with credentials over a nonce that is known."""
    nonce = bench.nonce()
    messages = [
        bench.register(0, 10 + first + number, STRANGER[0], bench.credentials(0, nonce, number + 1))
        for number in range(units)
    ]
    _hear_all(bench, messages, STRANGER, counted)


def call(bench: Bench, first: int, units: int, counted: Callable[..., None]) -> None:
    """Calls, complete, each message by itself."""

    def hear(message: bytes, source: tuple[str, int]) -> list[bytes]:
        bench.sent.clear()
        counted(lambda: bench.udp.arrived(message, source))
        return [data for data, _ in bench.sent]

    for number in range(first, first + units):
        bench.call(number, hear)
        counted(lambda: bench.clock.advance(0.001))


def edge_register(bench: Bench, first: int, units: int, counted: Callable[..., None]) -> None:
    """REGISTERs of phones through an edge to its core, and back; of another bench than the one that is given."""
    bench = Bench(edge=True)

    def hear(message: bytes, source: tuple[str, int]) -> bytes:
        bench.sent.clear()
        counted(lambda: bench.udp.arrived(message, source))
        [(data, _)] = bench.sent
        return data

    for number in range(first, first + units):
        sent = hear(bench.register(number % 50, 10 + number, STRANGER[0]), STRANGER)
        assert sent.startswith(b"REGISTER "), sent
        answer = bench.answer(sent, b"200 OK", number, contact=f"<sip:u{number % 50}@{STRANGER[0]}:5060>;expires=600")
        assert hear(answer, CORE).startswith(b"SIP/2.0 200")
        counted(lambda: bench.clock.advance(0.001))


WORKLOADS: dict[str, Workload] = {
    "options": options, "register": register, "digest": digest, "call": call, "edge-register": edge_register,
    "register-ws": browsers.register,
}  # fmt: skip
