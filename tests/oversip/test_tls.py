"""Check 29: TLS on both sides, and who is behind a proxy."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory

from oversip_tw.interfaces import Flow, Target, TlsPeer
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryListener
from oversip_tw.transport.client_tls import ClientTls, ClientTlsSettings
from oversip_tw.transport.stream import StreamFactory
from oversip_tw.transport.tls import ServerTls, TlsFactory
from tests.edge.behind import Core, EdgeWorld
from tests.oversip.edge_case import EdgeCase
from tests.oversip.front_doors import TcpDoor
from tests.oversip.test_robustness import message
from tests.server.world import CORE
from tests.transport.certificates import Authority
from tests.transport.test_client_certificates import ClientCertificateCase
from tests.transport.test_connector import ConnectorCase, Heard
from tests.transport.test_proxy_header import v2
from tests.transport.wires import OPTIONS, SLOT, Wire, flow, joined, lose

PROXY = "10.0.0.1"
CLIENT = "198.51.100.4"


class ClientHookTests(ClientCertificateCase):
    """What user code sees of who connects to us."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[TlsPeer] = []
        self.refuse = False
        self.room.streams.tls_accepted = self.look

    async def look(self, flow: Flow, peer: TlsPeer) -> None:
        self.seen.append(peer)
        if self.refuse:
            flow.close()

    def test_29_chain_verdict_and_identities(self) -> None:
        """A good certificate, one of a stranger, none: chain, verdict, OpenSSL's words, and the domains of RFC 5922."""
        server = self.server()
        stranger = self.authority.files("old", dns=["old.example"], expired=True)
        for shows in (self.good, stranger, None):
            self.meet(server, shows)
        good, bad, none = self.seen
        self.assertEqual((1, True, "", ("example.net",)), (len(good.chain), good.verified, good.error, good.identities))
        self.assertTrue(good.chain[0].startswith(b"-----BEGIN CERTIFICATE-----"))
        self.assertEqual((1, False, ("old.example",)), (len(bad.chain), bad.verified, bad.identities))
        self.assertIn("expired", bad.error)
        self.assertEqual(TlsPeer(), none)

    def test_29_which_names_count(self) -> None:
        """A URI with a user is no domain (OverSIP took it), a URI goes before DNS names, and the CN counts only where
        there is no alternative name."""
        server = self.server()
        for what, identities in (
            ({"uris": ["sip:bank.example@evil.test"], "dns": ["evil.test"]}, ("evil.test",)),
            ({"uris": ["sip:bank.example@evil.test", "sip:good.test"], "dns": ["other.test"]}, ("good.test",)),
            ({"common_name": "bank.example", "dns": ["evil.test"]}, ("evil.test",)),
            ({"common_name": "alone.example"}, ("alone.example",)),
        ):
            self.meet(server, self.authority.files("client", **what))
            self.assertEqual(identities, self.seen[-1].identities)

    def test_29_closed_by_the_hook(self) -> None:
        """To close is to refuse: nothing that was sent is heard."""
        self.refuse = True
        call = self.meet(self.server(), self.good)
        self.assertIsNotNone(call.client.lost)
        self.assertEqual(([], []), (self.room.receiver.opened, self.room.receiver.data))

    def test_29_versions(self) -> None:
        """TLS 1.2 and 1.3 (OverSIP: 1.2 alone), and nothing before."""
        for highest, version in ((SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")):
            call = self.meet(self.server(), None, highest=highest)
            self.assertEqual(version, call.tls.getHandle().get_protocol_version_name())
        self.assertIsNotNone(self.meet(self.server(), None, highest=SSL.TLS1_1_VERSION).client.lost)

    def test_29_idle_before_the_handshake(self) -> None:
        """A connection that begins no handshake is closed after 5 s (OverSIP: 4)."""
        wire = Wire()
        inner = StreamFactory(self.room.streams, MemoryListener("tls"))
        server = TlsFactory(self.server(), False, inner, self.room.reactor).buildProtocol(wire.getPeer())
        assert server is not None
        server.makeConnection(wire)
        self.room.advance(4.9)
        self.assertFalse(wire.ending)
        self.room.advance(0.2 + SLOT)
        self.assertTrue(wire.aborted)


class HopHookTests(ConnectorCase):
    """What user code sees of whom we dial."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority(self.mktemp())
        self.connector = self.connector_with(ClientTls(ClientTlsSettings(authorities=self.authority.file)))
        self.seen: list[TlsPeer] = []
        self.refuse = False
        self.room.streams.tls_connected = self.look

    async def look(self, flow: Flow, peer: TlsPeer) -> None:
        self.seen.append(peer)
        if self.refuse:
            raise SIPError(403)

    def dial(self) -> tuple[Flow, Heard]:
        """An OPTIONS for a hop that proves its domain."""
        out = self.connector.flow_to(Target("tls", "192.0.2.7", 5061, "example.org"))
        out.send(OPTIONS)
        heard = Heard()
        client = self.reactor.attempts[-1].factory.buildProtocol(None)  # type: ignore[arg-type]
        tls = ServerTls([self.authority.files("good", uris=["sip:example.org"])])
        server = TlsFactory(tls, False, Factory.forProtocol(lambda: heard), self.reactor)  # type: ignore[arg-type]
        ends = joined(client, server.buildProtocol(None))
        flow(self.reactor, *ends)
        return out, heard

    def test_29_hop(self) -> None:
        """Chain, verdict and identities of the next hop, before anything is sent to it."""
        _, heard = self.dial()
        [peer] = self.seen
        self.assertEqual((1, True, ("example.org",)), (len(peer.chain), peer.verified, peer.identities))
        self.assertEqual(OPTIONS, heard.data)

    def test_29_refused_hop(self) -> None:
        """Refused, it gets nothing, and its flow has failed as one whose certificate is wrong does."""
        self.refuse = True
        out, heard = self.dial()
        self.assertEqual((b"", True, "tls"), (heard.data, out.closed, out.failure))  # type: ignore[attr-defined]


class RefusedHopTests(EdgeCase):
    """What the caller gets of a hop that could not prove itself, or was refused by the hook."""

    def test_29_validation_failed(self) -> None:
        """The next target is tried; when there is none: `500 TLS Validation Failed`."""
        second = "127.0.0.3"
        self.use(EdgeWorld((f"sip:{CORE}:5080;transport=tcp", f"sip:{second}:5080;transport=tcp")))
        self.world.connecting = True
        for ends_at in (second, None):
            phone = self.world.phone("alice")
            phone.send(phone.build("INVITE", "sip:desk@example.com"))
            for address in (CORE, second):
                [dialled] = [
                    each for each in self.world.dialled.values() if each.peer[0] == address and not each.closed
                ]
                if address == ends_at:
                    core = Core(self.world)
                    core.flow = dialled
                    core.answer(self.arrived(core), 486)
                else:
                    dialled.failure = "tls"  # type: ignore[attr-defined]
                    self.world.lose(dialled)
            answer = self.final(phone)
            expected = (486, "Busy Here") if ends_at else (500, "TLS Validation Failed")
            self.assertEqual(expected, (answer.status, answer.reason))
            self.world.element.core.health.clear()


class ProxyTests(EdgeCase):
    """A balancer in front that says who is behind it."""

    LINE = f"PROXY TCP4 {CLIENT} 10.0.0.1 40001 5060\r\n".encode()

    def test_29_proxy_header(self) -> None:
        """Version 1 and 2, whole and octet by octet: `received` is the client (OverSIP closed when it came split)."""
        for header in (self.LINE, v2(CLIENT, 40001)):
            for piece in (len(header), 1):
                door = TcpDoor(self.world, proxy=PROXY)
                for start in range(0, len(header), piece):
                    door.say(header[start : start + piece])
                door.say(message("TCP", method="OPTIONS", uri="sip:127.0.0.1:5060"))
                heard = door.heard()
                self.assertTrue(heard.startswith(b"SIP/2.0 200 "), heard)
                self.assertIn(f";received={CLIENT}".encode(), heard)

    def test_29_wrong_header(self) -> None:
        """None, or a wrong one: closed, and what follows is not heard."""
        for data in (message("TCP"), b"PROXY TCP4 nonsense\r\n" + message("TCP"), v2(kind=0x12) + message("TCP")):
            door = TcpDoor(self.world, proxy=PROXY)
            door.say(data)
            self.assertTrue(door.wire.aborted)
            lose(door.connection, ConnectionDone())
        self.assertEqual([], self.core.take())

    def test_29_unknown(self) -> None:
        """`UNKNOWN`, which balancers send for their own checks, is the balancer itself (OverSIP closed)."""
        door = TcpDoor(self.world, proxy=PROXY)
        door.say(b"PROXY UNKNOWN\r\n" + message("TCP", method="OPTIONS", uri="sip:127.0.0.1:5060"))
        self.assertIn(f";received={PROXY}".encode(), door.heard())
