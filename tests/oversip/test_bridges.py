"""Check 13: every way to come in, times every way out to the core, over IPv4 and IPv6."""

from __future__ import annotations

from itertools import product
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.flow_id import pack_udp
from oversip_tw.sip.message import Request, Response
from oversip_tw.testing import MemoryFlow, MemoryListener
from tests.edge.behind import Core, EdgeWorld
from tests.server.world import Dialog, Phone

ADDRESSES = {"4": "127.0.0.1", "6": "::1"}
#: where the core is
CORES = {"4": "127.0.0.2", "6": "2001:db8::2"}
PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 8080, "wss": 8443}
#: what stands in URIs (RFC 7118 §5.2.1 knows no transport=wss)
IN_URIS = {"udp": "udp", "tcp": "tcp", "tls": "tls", "ws": "ws", "wss": "ws"}


def host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class Bridge(EdgeWorld):
    """An edge on all transports and both families, whose core is reached by ``transport`` and ``family``."""

    def __init__(self, transport: str, family: str) -> None:
        self.places = {
            (t, f): MemoryListener(t, ADDRESSES[f], PORTS[t]) for t, f in product(PORTS, ADDRESSES)
        }  # fmt: skip
        self.by_udp: dict[tuple[str, int], MemoryFlow] = {}
        self.target = (CORES[family], PORTS[transport])
        self.out = transport
        super().__init__((f"sip:{host(CORES[family])};transport={transport}",))
        for listener in self.places.values():
            self.element.listens(listener)
        self.core = Behind(self)

    def place(self, transport: str, address: str) -> MemoryListener:
        return self.places[transport, "6" if ":" in address else "4"]

    def udp_flow(self, peer: tuple[str, int]) -> MemoryFlow:
        if peer not in self.by_udp:
            listener = self.place("udp", peer[0])
            id_ = pack_udp((listener.address, listener.port), peer)
            self.by_udp[peer] = MemoryFlow("udp", peer, listener, id=id_, receiver=self.element)
        return self.by_udp[peer]

    def _flow_to(self, target: Any) -> MemoryFlow:
        peer = (target.address, target.port)
        if target.transport == "udp":
            return self.udp_flow(peer)
        if target not in self.dialled:
            listener = self.place(target.transport, target.address)
            flow = MemoryFlow(target.transport, peer, listener, False, receiver=self.element)
            self.flows.add(flow)
            self.element.flow_opened(flow)
            self.dialled[target] = flow
        return self.dialled[target]

    def come_in(self, transport: str, family: str) -> Phone:
        """A phone of alice's, by that way."""
        peer = (ADDRESSES[family], 40001)
        if transport == "udp":
            return Phone(self, "alice", self.udp_flow(peer))
        flow = MemoryFlow(transport, peer, self.place(transport, peer[0]), receiver=self.element)
        self.flows.add(flow)
        self.element.flow_opened(flow)
        return Phone(self, "alice", flow)


class Behind(Core):
    """The core: over TCP and TLS it speaks on the connection that the edge made."""

    def __init__(self, world: Bridge) -> None:
        self.bridge = world
        super().__init__(world, world.target)

    @property
    def contact(self) -> str:
        address, port = self.bridge.target
        return f"sip:desk@{host(address)}:{port};transport={self.bridge.out}"

    def take(self) -> list[Request | Response]:
        if self.bridge.out != "udp" and self.bridge.dialled:
            [self.flow] = self.bridge.dialled.values()
        return super().take()


class BridgeTests(SynchronousTestCase):
    """Set up a call and end it, in both directions, by every pair."""

    def one(self, at: Phone, method: str) -> Request:
        [request] = at.requests(method)
        return request

    def accepted(self, at: Phone) -> Response:
        *_, last = at.take()
        assert isinstance(last, Response)
        self.assertEqual(200, last.status)
        return last

    def bye(self, sender: Dialog, receiver: Phone) -> None:
        sender.send("BYE")
        arrived = self.one(receiver, "BYE")
        self.assertFalse(arrived.has("Route"))
        receiver.answer(arrived, 200)
        self.accepted(sender.phone)

    def check_routes(self, world: Bridge, top: Phone, below: Phone, request: Request) -> None:
        """Two, the side that it leaves by on top; each with transport, family and a Via that fit."""
        values = request.values("Record-Route")
        self.assertEqual(2, len(values))
        for phone, value in zip((top, below), values, strict=True):
            flow = phone.flow
            self.assertTrue(value.endswith(f"@{flow.listener.sent_by};transport={IN_URIS[flow.transport]};lr>"), value)
        self.assertEqual(top.flow.transport.upper(), request.via.transport)
        self.assertEqual(top.flow.listener.sent_by, request.via.sent_by)

    def call_out(self, world: Bridge, phone: Phone) -> None:
        """The phone calls; a BYE from each side, of two calls."""
        core = world.core
        for caller_ends in (True, False):
            invite = phone.build("INVITE", "sip:desk@example.com")
            phone.send(invite)
            arrived = self.one(core, "INVITE")
            self.check_routes(world, core, phone, arrived)
            core.answer(arrived, 200)
            accepted = self.accepted(phone)
            mine, theirs = phone.dialog(invite, accepted), core.dialog(arrived, accepted, callee=True)
            mine.send("ACK")
            self.one(core, "ACK")
            self.bye(*((mine, core) if caller_ends else (theirs, phone)))

    def call_in(self, world: Bridge, phone: Phone) -> None:
        """The core calls by the Path."""
        core = world.core
        for caller_ends in (True, False):
            invite = core.towards(phone, Contact=f"<{core.contact}>")
            core.send(invite)
            arrived = self.one(phone, "INVITE")
            self.check_routes(world, phone, core, arrived)
            self.assertEqual(phone.contact, str(arrived.uri))
            phone.answer(arrived, 200)
            accepted = self.accepted(core)
            theirs, mine = core.dialog(invite, accepted), phone.dialog(arrived, accepted, callee=True)
            theirs.send("ACK")
            self.one(phone, "ACK")
            self.bye(*((theirs, phone) if caller_ends else (mine, core)))

    def check_pair(self, came: str, family: str, out: str, out_family: str) -> None:
        world = Bridge(out, out_family)
        phone = world.come_in(came, family)
        self.assertEqual(200, world.core.register(phone).status)
        outer, inner = world.core.registered[phone.aor].values("Path")
        self.assertIn(f":{PORTS[out]};transport={out};", outer)
        self.assertIn(f";transport={IN_URIS[came]};lr;ob>", inner)
        self.call_out(world, phone)
        self.call_in(world, phone)
        self.assertEqual([], world.errors())

    def test_13_every_pair(self) -> None:
        """UDP, TCP, TLS, WS and WSS in, UDP, TCP and TLS out, IPv4 and IPv6 on either side: calls and BYEs both ways.

        Where OverSIP doubled Record-Route only when transport or family changed, ours are two for every phone.
        """
        done = 0
        for pair in product(PORTS, ADDRESSES, ("udp", "tcp", "tls"), ADDRESSES):
            try:
                self.check_pair(*pair)
            except Exception as error:
                raise AssertionError(pair) from error
            done += 1
        self.assertEqual(60, done)
