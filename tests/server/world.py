"""An element in memory with users, phones and peers around it, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from hashlib import md5
from itertools import count
from typing import Any

from oversip_tw.auth.trust import Role, Trust, TrustedSource
from oversip_tw.edge.settings import Settings as EdgeSettings
from oversip_tw.hooks import Hooks
from oversip_tw.outbound.flow_id import pack_udp
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.presence import settings as presence
from oversip_tw.proxy import settings as proxy
from oversip_tw.registrar import settings as registrar
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.location import Location as LocationService
from oversip_tw.server import nat_pings
from oversip_tw.server.assembly import Settings, Surroundings, assemble
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import parse
from oversip_tw.testing import Clock, FakeConnector, FakeLookups, MemoryFlow, MemoryListener, MemoryLog

DOMAIN = "example.com"
PASSWORDS = {"alice": "wonderland", "bob": "builder", "carol": "carols"}
EVENTS = presence.Settings()
#: where trusted peers live
CORE = "127.0.0.2"


class Users:
    """Everybody in PASSWORDS."""

    def __init__(self) -> None:
        self.asked = 0

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        self.asked += 1
        return self._ha1(user, domain, algorithm)

    def _ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        password = PASSWORDS.get(user)
        if password is None or domain != DOMAIN or algorithm != "MD5":
            return None
        return md5(f"{user}:{domain}:{password}".encode()).hexdigest()


class UsersInMemory(Users):
    """The same for whoever does not wait."""

    def ha1_now(self, user: str, domain: str, algorithm: str) -> str | None:
        self.asked += 1
        return self._ha1(user, domain, algorithm)


Lookup = Callable[[str], Coroutine[Any, Any, Sequence[Binding]]]


class Location:
    """A location service in front of another: it looks up in its own way."""

    def __init__(self, behind: LocationService, lookup: Lookup) -> None:
        self._behind = behind
        self.lookup = lookup

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


class World:
    """The element and everything that it was given."""

    def __init__(
        self,
        hooks: Hooks | None = None,
        trusted: tuple[TrustedSource, ...] | None = None,
        store: object = None,
        users: Users | None = None,
        lookups: FakeLookups | None = None,
        trace: bool = False,
        transactions: int = 50_000,
        edge: EdgeSettings | None = None,
        aliases: tuple[str, ...] = (),
        registrar_settings: registrar.Settings | None = None,
        domains: tuple[str, ...] = (DOMAIN,),
        by_domain: registrar.Domains | None = None,
        events: presence.Settings | None = EVENTS,
        given: dict[str, Any] | None = None,
        told: dict[str, Any] | None = None,
        node: str = "1",
        nodes: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
        clock: Clock | None = None,
        nat: nat_pings.Settings | None = None,
        **proxy_settings: object,
    ) -> None:
        """``given``, ``told``: more of `Surroundings` and of `Settings`."""
        self.clock = clock or Clock()
        if clock is None:
            self.clock.advance(1000)
        self.address = address
        self.log = MemoryLog()
        self.flows = FlowTable()
        self.users = users or UsersInMemory()
        self.udp = MemoryListener("udp", address, 5060)
        self.tcp = MemoryListener("tcp", address, 5060)
        self.ws = MemoryListener("ws", address, 8080)
        self.wss = MemoryListener("wss", address, 8443)
        self._udp_flows: dict[bytes, MemoryFlow] = {}
        self.flows.serve_udp(lambda local, peer: self.udp_flow(peer))
        self.connector = FakeConnector((self.udp, self.tcp))
        self.connector.flow_to = self._flow_to  # type: ignore[method-assign]
        self.dialled: dict[object, MemoryFlow] = {}
        #: connections that we dial do not come to stand
        self.connecting = False
        self.lookups = lookups or FakeLookups(a={"peer.example.net": [CORE]})
        self._ids = count(1)
        if trusted is None:
            trusted = (TrustedSource((CORE,), Role.CORE),) if edge is None else ()
        domains = domains if edge is None else ()
        self.element = assemble(
            Surroundings(
                clock=self.clock,
                wall=lambda: self.clock.seconds() + 1_700_000_000,
                log=self.log,
                new_id=lambda: f"{node}{next(self._ids):014}",
                chance=lambda: 0.5,
                flows=self.flows,
                connector=self.connector,
                lookups=self.lookups,
                users=self.users,
                store=store,  # type: ignore[arg-type]
                hooks=hooks or Hooks(),
                **(given or {}),
            ),
            Settings(
                domains=domains,
                aliases=aliases,
                keys=(b"k" * 32,),
                node=node,
                nodes=nodes or {},
                location=registrar.Remembering(node=node if nodes else ""),
                trust=Trust(trusted),
                proxy=proxy.Settings(domains=domains, edge=edge is not None, **proxy_settings),  # type: ignore[arg-type]
                registrar=registrar_settings or registrar.Settings(domains=frozenset(domains), spread_for=0.0),
                by_domain=by_domain or registrar.Domains(),
                events=events,
                transactions=transactions,
                trace=trace,
                edge=edge,
                nat_pings=nat or nat_pings.Settings(),
                **(told or {}),
            ),
        )
        if self.element.watch is not None:
            self.element.watch.start()
        for listener in (self.udp, self.tcp, self.ws, self.wss):
            self.element.listens(listener)

    def udp_flow(self, peer: tuple[str, int]) -> MemoryFlow:
        """The UDP flow to ``peer``, always the same one."""
        id_ = pack_udp((self.address, 5060), peer)
        flow = self._udp_flows.get(id_)
        if flow is None:
            flow = self._udp_flows[id_] = MemoryFlow("udp", peer, self.udp, id=id_, receiver=self.element)
        return flow

    def _flow_to(self, target: object) -> MemoryFlow:
        if target.transport == "udp":  # type: ignore[attr-defined]
            return self.udp_flow((target.address, target.port))  # type: ignore[attr-defined]
        if target.transport in ("ws", "wss"):  # type: ignore[attr-defined]
            raise SIPError(478)
        flow = self.dialled.get(target)
        if flow is None or flow.closed:
            flow = MemoryFlow("tcp", (target.address, target.port), self.tcp, False, receiver=self.element)  # type: ignore[attr-defined]
            self.flows.add(flow)
            if not self.connecting:
                self.element.flow_opened(flow)
            self.dialled[target] = flow
        return flow

    def connect(self, transport: str = "ws", peer: tuple[str, int] | None = None) -> MemoryFlow:
        """A connection that somebody opens to us."""
        listener = {"ws": self.ws, "wss": self.wss, "tcp": self.tcp}[transport]
        peer = peer or ("127.0.0.1", 40000 + next(self._ids))
        flow = MemoryFlow(transport, peer, listener, receiver=self.element)
        self.flows.add(flow)
        self.element.flow_opened(flow)
        return flow

    def phone(self, user: str, transport: str = "ws", **options: object) -> Phone:
        """A phone of ``user``, connected, not registered."""
        udp = transport == "udp"
        flow = self.udp_flow(("127.0.0.1", 6000 + next(self._ids))) if udp else self.connect(transport)
        return Phone(self, user, flow, **options)  # type: ignore[arg-type]

    def registered(self, user: str, transport: str = "ws", **options: object) -> Phone:
        """A phone of ``user`` that has registered."""
        phone = self.phone(user, transport, **options)
        assert phone.register().status == 200
        return phone

    def lose(self, flow: MemoryFlow) -> None:
        """The connection breaks."""
        self.flows.remove(flow)
        flow.lose()

    def comes_back(self, phone: Phone) -> None:
        """``phone`` has a new connection and registers again; what it was sent meanwhile can still be looked at."""
        phone.flow = self.connect(phone.flow.transport)
        phone.register(keep=True)

    def left(self) -> dict[str, int]:
        """What stands of transactions, timers and waits; empty when there is nothing."""
        core = self.element.core
        found = {
            "transactions": core.transactions.count,
            "timers": core.wheel.count,
            "waits": core.waiting.count,
            "look-ups": self.element.waiting,
        }
        return {name: number for name, number in found.items() if number}

    def errors(self) -> list[str]:
        """What was logged as an error."""
        return [text for level, text in self.log.lines if level == "error"]


class Phone:
    """A user agent: sends requests by hand, answers what it is told to."""

    _numbers = count(1)

    def __init__(self, world: World, user: str, flow: MemoryFlow, instance: bool = True, outbound: bool = True) -> None:
        self.world = world
        self.user = user
        self.flow = flow
        self.number = next(self._numbers)
        self.instance = f"urn:uuid:00000000-0000-4000-8000-{self.number:012}" if instance else None
        self.outbound = outbound
        self.host = f"h{self.number}.invalid"
        self.domain = DOMAIN
        self._kept: list[Request | Response] = []
        #: what credentials are made for; "": the Request-URI
        self.digest_uri = ""
        self._cseq = count(1)
        self._branches = count(1)

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        if self.flow.transport == "udp":
            return f"sip:{self.user}@127.0.0.1:{self.flow.peer[1]}"
        return f"sip:u{self.number}@{self.host};transport=ws"

    # -- sending ----------------------------------------------------------------------------------------------------

    def via(self) -> str:
        sent_by = f"127.0.0.1:{self.flow.peer[1]}" if self.flow.transport == "udp" else self.host
        rport = ";rport" if self.flow.transport == "udp" else ""
        return f"SIP/2.0/{self.flow.transport.upper()} {sent_by};branch=z9hG4bK{next(self._branches)}{rport}"

    def build(self, method: str, uri: str, **headers: str) -> Request:
        """A request; ``headers`` by name with _ for -, "" leaves one out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = {
            "Via": self.via(),
            "Max-Forwards": "69",
            "From": f"<{self.aor}>;tag=f{self.number}",
            "To": f"<{uri}>",
            "Call-ID": f"call{self.number}-{next(self._branches)}",
            "CSeq": f"{next(self._cseq)} {method}",
            "Contact": f"<{self.contact}>",
        } | named
        return Request.build(method, uri, [(name, value) for name, value in lines.items() if value])

    def send(self, message: Request | Response) -> None:
        self.flow.receive(message.to_bytes())

    def authorized(self, request: Request, challenge: Response) -> Request:
        """``request`` again, with an answer to ``challenge``."""
        header = challenge.get("WWW-Authenticate") or challenge.get("Proxy-Authenticate") or ""
        params = dict(part.strip().split("=", 1) for part in header.split(" ", 1)[1].split(","))
        nonce, realm = params["nonce"].strip('"'), params["realm"].strip('"')
        ha1 = md5(f"{self.user}:{realm}:{PASSWORDS.get(self.user, '?')}".encode()).hexdigest()
        uri = self.digest_uri or request.uri.text
        ha2 = md5(f"{request.method}:{uri}".encode()).hexdigest()
        answer = md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}".encode()).hexdigest()
        again = request.copy()
        again.set("Via", self.via())
        again.set("CSeq", f"{next(self._cseq)} {request.method}")
        again.set(
            "Authorization" if challenge.status == 401 else "Proxy-Authorization",
            f'Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"',
        )
        return again

    def ask(self, request: Request) -> Request:
        """Send ``request``, and again with credentials when they are asked for; the request that got through."""
        self.take()
        self.send(request)
        came = self.take()
        answer = came[-1] if came else None
        if isinstance(answer, Response) and answer.status in (401, 407):
            if request.method == "INVITE":
                self.acknowledge(request, answer)
            request = self.authorized(request, answer)
            self.send(request)
        else:
            self.flow._carried -= len(came)
        return request

    def register(self, expires: int = 600, keep: bool = False, **headers: str) -> Response:
        """Register, and give the answer; ``keep``: leave what comes after that for the next look."""
        params = ";+sip.ice"
        if self.instance:
            params += f';+sip.instance="<{self.instance}>"'
            if self.outbound:
                params += ";reg-id=1"
        contact = f"<{self.contact}>{params};expires={expires}"
        defaults = {"Contact": contact, "Supported": "path,gruu,outbound", "To": f"<{self.aor}>"}
        request = self.ask(self.build("REGISTER", f"sip:{self.domain}", **(defaults | headers)))
        came = self.take()
        answers = [each for each in came if isinstance(each, Response) and each.call_id == request.call_id]
        if keep:
            self._kept = [each for each in came if each not in answers]
        return answers[-1]

    def invite(self, uri: str, **headers: str) -> Request:
        """Call ``uri``; the INVITE that was not challenged."""
        return self.ask(self.build("INVITE", uri, **headers))

    def acknowledge(self, invite: Request, response: Response) -> None:
        """ACK to a refusal: hop by hop."""
        ack = Request.build(
            "ACK",
            invite.uri,
            [
                ("Via", str(invite.via)),
                ("Max-Forwards", "70"),
                ("From", invite.get("From") or ""),
                ("To", response.get("To") or ""),
                ("Call-ID", invite.call_id),
                ("CSeq", f"{invite.cseq} ACK"),
            ],
        )
        self.send(ack)

    def cancel(self, invite: Request, **headers: str) -> None:
        lines = [
            ("Via", str(invite.via)),
            ("Max-Forwards", "70"),
            ("From", invite.get("From") or ""),
            ("To", invite.get("To") or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{invite.cseq} CANCEL"),
        ]
        self.send(Request.build("CANCEL", invite.uri, [*lines, *headers.items()]))

    # -- receiving --------------------------------------------------------------------------------------------------

    def take(self) -> list[Request | Response]:
        """What has come since the last look."""
        kept, self._kept = self._kept, []
        return kept + [parse(data, framing="datagram") for data in self.flow.take()]

    def requests(self, method: str) -> list[Request]:
        """The requests of that method among what has come since the last look."""
        return [message for message in self.take() if isinstance(message, Request) and message.method == method]

    def statuses(self) -> list[int]:
        """The status codes that have come since the last look."""
        return [message.status for message in self.take() if isinstance(message, Response)]

    def answer(self, request: Request, status: int, **headers: str) -> Response:
        """Answer ``request``."""
        extra = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if request.method == "INVITE" and 100 < status < 300:
            extra += [("Contact", f"<{self.contact}>")]
            extra += [("Record-Route", route) for route in request.get_all("Record-Route")]
        response = request.response(status, to_tag=f"t{self.number}", headers=extra)
        self.send(response)
        return response

    def dialog(self, invite: Request, response: Response, callee: bool = False) -> Dialog:
        """This phone's side of the dialog that ``response`` made."""
        return Dialog(self, invite, response, callee)


class Dialog:
    """One side of a dialog: builds requests inside it."""

    def __init__(self, phone: Phone, invite: Request, response: Response, callee: bool) -> None:
        self.phone = phone
        routes = response.values("Record-Route")
        self.routes = routes if callee else routes[::-1]
        local, remote = ("To", "From") if callee else ("From", "To")
        self.local = response.get(local) or ""
        self.remote = response.get(remote) or ""
        self.target = str((invite if callee else response).contacts[0].uri)
        self.call_id = invite.call_id
        self.cseq = invite.cseq

    def build(self, method: str, **headers: str) -> Request:
        if method != "ACK":
            self.cseq += 1
        request = self.phone.build(
            method,
            self.target,
            **(
                {"From": self.local, "To": self.remote, "Call_ID": self.call_id, "CSeq": f"{self.cseq} {method}"}
                | headers
            ),
        )
        for route in self.routes:
            request.append("Route", route)
        return request

    def send(self, method: str, **headers: str) -> Request:
        request = self.build(method, **headers)
        self.phone.send(request)
        return request


def call(caller: Phone, callee: Phone) -> tuple[Dialog, Dialog]:
    """``caller`` calls ``callee``, who answers; both sides of the dialog."""
    invite = caller.invite(callee.aor)
    [arrived] = callee.requests("INVITE")
    callee.answer(arrived, 180)
    callee.answer(arrived, 200)
    [*_, accepted] = caller.take()
    assert isinstance(accepted, Response)
    assert accepted.status == 200
    dialog = caller.dialog(invite, accepted)
    dialog.send("ACK")
    [_] = callee.requests("ACK")
    return dialog, callee.dialog(arrived, accepted, callee=True)
