"""Connections that we make, without a network."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, TimeoutError, UserError
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow, Target, TlsPeer
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryLog
from oversip_tw.transport.client_tls import ClientTls, ClientTlsSettings
from oversip_tw.transport.connector import Connector
from oversip_tw.transport.datagrams import UdpListener
from oversip_tw.transport.listener import BoundListener, CertificateFiles, ClientCertificates, ListenerSpec
from oversip_tw.transport.tls import ServerTls, TlsFactory

from .certificates import Authority
from .wires import OPTIONS, SLOT, Room, Wire, flow, joined, lose, target


class Attempt:
    """What connectTCP gives; ``disconnect`` fails it in the next turn, as Twisted does."""

    def __init__(self, reactor: MemoryReactorClock, factory: ClientFactory, where: tuple[Any, ...]) -> None:
        self.reactor = reactor
        self.factory = factory
        self.where = where

    def disconnect(self) -> None:
        self.reactor.callLater(0, self.fail, UserError())

    def fail(self, error: Exception) -> None:
        self.factory.clientConnectionFailed(self, Failure(error))  # type: ignore[arg-type]


class Dialler(MemoryReactorClock):
    """A reactor whose attempts stay open until the test decides."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[Attempt] = []

    def connectTCP(  # type: ignore[override]
        self, host: str, port: int, factory: ClientFactory, timeout: float = 30, bindAddress: Any = None
    ) -> Attempt:
        attempt = Attempt(self, factory, (host, port, timeout, bindAddress))
        self.attempts.append(attempt)
        return attempt


class ConnectorCase(SynchronousTestCase):
    """A connector over UDP, TCP and TLS listeners on IPv4, and UDP on IPv6."""

    def setUp(self) -> None:
        self.room = Room()
        self.reactor = Dialler()
        self.room.reactor = self.reactor
        self.room.wheel._clock = self.reactor
        self.room.wheel._seconds = self.reactor.seconds
        self.listeners = [
            BoundListener(ListenerSpec(transport, address, port))
            for transport, address, port in (
                ("udp", "127.0.0.1", 5060),
                ("tcp", "127.0.0.1", 5060),
                ("tls", "127.0.0.1", 5061),
                ("ws", "127.0.0.1", 8080),
            )
        ]
        specs = (ListenerSpec("udp", "127.0.0.1", 5060), ListenerSpec("udp", "::1", 5060))
        self.udp = [UdpListener(spec, self.room.receiver, MemoryLog()) for spec in specs]
        self.connector = self.connector_with()

    def connector_with(self, tls: ClientTls | None = None, source: str = "") -> Connector:
        return Connector(
            self.reactor,
            self.room.streams,
            self.listeners,
            self.udp,
            {"": tls or ClientTls(ClientTlsSettings(verify=False))},
            lambda address: source,
        )

    def connect(self, attempt: int = -1, peer: str = "127.0.0.1") -> tuple[Protocol, Wire]:
        """The attempt succeeds."""
        wire = Wire(peer, 5060)
        protocol = self.reactor.attempts[attempt].factory.buildProtocol(wire.getPeer())
        assert protocol is not None
        protocol.makeConnection(wire)
        return protocol, wire

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.room.receiver.lost]


class UdpTests(ConnectorCase):
    """UDP needs no connection."""

    def test_same_flow(self) -> None:
        """The flow is the one on which the hop's own datagrams come in."""
        peer = ("192.0.2.7", 5060)
        out = self.connector.flow_to(target("udp", *peer))
        self.assertIs(out, self.connector.flow_to(target("udp", *peer, name="example.org")))
        self.udp[0].arrived(b"SIP/2.0 200 OK\r\n\r\n", peer)
        self.assertEqual(self.room.receiver.messages[0][1], out)

    def test_family(self) -> None:
        """An IPv6 hop is reached from an IPv6 listener."""
        self.assertEqual(self.connector.flow_to(target("udp", "2001:db8::1")).local, ("::1", 5060))

    def test_source(self) -> None:
        """Of several listeners the one is taken that the kernel's route leads from, else one for all addresses."""
        for address in ("192.0.2.1", "0.0.0.0"):
            self.udp.append(UdpListener(ListenerSpec("udp", address, 5060), self.room.receiver, MemoryLog()))
        for source, local in (("192.0.2.1", "192.0.2.1"), ("198.51.100.1", "0.0.0.0"), ("", "0.0.0.0")):
            connector = self.connector_with(source=source)
            self.assertEqual(connector.flow_to(target("udp", "203.0.113.1")).local, (local, 5060))

    def test_listener_opened_later(self) -> None:
        """A listener that comes later is found."""
        self.assertEqual(self.connector.flow_to(target("udp", "203.0.113.1")).local[0], "127.0.0.1")
        self.udp.append(UdpListener(ListenerSpec("udp", "0.0.0.0", 5060), self.room.receiver, MemoryLog()))
        self.assertEqual(self.connector.flow_to(target("udp", "203.0.113.1")).local[0], "0.0.0.0")


class RefusedTests(ConnectorCase):
    """There has to be a way."""

    def test_no_listener(self) -> None:
        """A transport or family without listener, and WebSocket always, is 478."""
        for hop in (
            target("tcp", "2001:db8::1"),
            target("tls", "2001:db8::1"),
            target("ws"),
            target("wss"),
            target("sctp"),
        ):
            error = self.assertRaises(SIPError, self.connector.flow_to, hop)
            self.assertEqual(error.status, 478)
        self.udp.clear()
        self.assertRaises(SIPError, self.connector.flow_to, target("udp"))
        self.assertEqual(self.reactor.attempts, [])


class TcpTests(ConnectorCase):
    """TCP."""

    def test_queued_while_connecting(self) -> None:
        """What is sent before the connection stands leaves in order when it does."""
        out = self.connector.flow_to(target())
        self.assertEqual(
            (out.transport, out.accepted, out.reliable, out.peer), ("tcp", False, True, ("127.0.0.1", 5060))
        )
        self.assertIs(out.listener, self.listeners[1])
        out.send(b"one")
        out.send(b"two")
        out.ping()
        self.assertEqual(self.reactor.attempts[0].where, ("127.0.0.1", 5060, 4.0, ("127.0.0.1", 0)))
        _, wire = self.connect()
        out.send(b"three")
        self.assertEqual(wire.taken, b"onetwothree")
        self.assertEqual(self.room.receiver.opened, [out])
        self.assertIs(self.room.flows.find(out.id), out)

    def test_reused(self) -> None:
        """One connection serves all calls to a hop, while connecting and after, whatever name it was found by."""
        out = self.connector.flow_to(target(name="a.example.org"))
        self.assertIs(self.connector.flow_to(target(name="b.example.org")), out)
        self.connect()
        self.assertIs(self.connector.flow_to(target()), out)
        self.assertIsNot(self.connector.flow_to(target(port=5062)), out)
        self.assertEqual((len(self.reactor.attempts), self.connector.count), (2, 2))

    def test_R8_accepted_is_not_reused(self) -> None:
        """R8: a connection that a peer opened never serves as ours, even from the same address and port."""
        accepted, _ = self.room.accept(peer="127.0.0.1")
        out = self.connector.flow_to(target(port=accepted.flow.peer[1]))
        self.assertIsNot(out, accepted.flow)
        self.assertEqual(len(self.reactor.attempts), 1)

    def test_requests_come_in(self) -> None:
        """The hop may send requests over it, at its leisure."""
        out = self.connector.flow_to(target())
        protocol, wire = self.connect()
        self.room.advance(60)
        protocol.dataReceived(OPTIONS[:20])
        protocol.dataReceived(OPTIONS[20:] + b"\r\n\r\n")
        self.assertEqual(self.room.receiver.messages, [(OPTIONS, out)])
        self.assertEqual(wire.taken, b"\r\n")

    def test_K4_refused(self) -> None:
        """K4: a refused connection is told at once, once; the next request tries anew."""
        out = self.connector.flow_to(target())
        out.send(b"one")
        self.reactor.attempts[0].fail(ConnectionRefusedError())
        self.assertEqual(self.room.receiver.lost[0][0], out)
        self.assertIn("refused", self.reasons[0])
        self.assertEqual(out.failure, "connect")
        self.assertTrue(out.closed)
        self.assertIsNot(self.connector.flow_to(target()), out)
        self.assertEqual(len(self.reactor.attempts), 2)

    def test_K4_black_hole(self) -> None:
        """K4: an attempt that nobody answers ends after 4 s."""
        self.connector.flow_to(target())
        self.reactor.attempts[0].fail(TimeoutError())
        self.connector.flow_to(target())
        self.room.advance(4 + SLOT)
        self.reactor.advance(0)
        self.assertEqual(self.reasons, ["connecting took too long"] * 2)
        self.assertEqual(self.room.wheel.count, 0)

    def test_closed_while_connecting(self) -> None:
        """A flow may be closed before its connection stands; one that stands too late is dropped."""
        out = self.connector.flow_to(target())
        out.close()
        _, wire = self.connect()
        self.assertTrue(wire.aborted)
        self.reactor.attempts[0].fail(UserError())
        self.assertEqual(self.reasons, ["closed by us"])

    def test_queue_is_bounded(self) -> None:
        """What waits for a connection has a limit: beyond it new requests are 503."""
        out = self.connector.flow_to(target())
        for _ in range(1024):
            out.send(bytes(1024))
        out.send(b"too much")
        error = self.assertRaises(SIPError, self.connector.flow_to, target())
        self.assertEqual(error.status, 503)
        _, wire = self.connect()
        self.assertEqual(len(wire.taken), 1024 * 1024)
        self.assertIs(self.connector.flow_to(target()), out)

    def test_idle(self) -> None:
        """Nobody using it for 120 s closes it; traffic in either direction keeps it."""
        out = self.connector.flow_to(target())
        protocol, wire = self.connect()
        self.room.advance(100)
        out.send(OPTIONS)
        self.room.advance(100)
        protocol.dataReceived(OPTIONS)
        self.room.advance(119)
        self.assertFalse(wire.ending)
        self.room.advance(32)
        self.assertTrue(wire.disconnecting)
        lose(protocol, ConnectionDone())
        self.assertEqual(self.reasons, ["idle"])
        self.assertEqual((self.connector.count, self.room.wheel.count), (0, 0))

    def test_lost(self) -> None:
        """A connection that breaks is told once, leaves no timer, and the next request makes another."""
        out = self.connector.flow_to(target())
        protocol, _ = self.connect()
        lose(protocol, ConnectionDone())
        self.assertEqual(self.room.receiver.lost, [(out, "closed by peer")])
        self.assertEqual(out.failure, "")
        self.assertEqual(self.room.wheel.count, 0)
        self.assertIsNot(self.connector.flow_to(target()), out)

    def test_close(self) -> None:
        """Closing the connector closes what it made and what it is making."""
        self.connector.flow_to(target())
        _, wire = self.connect()
        self.connector.flow_to(target(port=5062))
        self.connector.close()
        self.reactor.advance(0)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(self.reasons, ["closed by us"])

    def test_bind_address(self) -> None:
        """We come from the listener's address, unless that is every address or could not reach the peer."""
        self.connector.flow_to(target(address="192.0.2.7"))
        self.listeners[1] = BoundListener(ListenerSpec("tcp", "0.0.0.0", 5060))
        self.connector.flow_to(target(address="127.0.0.2"))
        self.assertEqual([attempt.where[3] for attempt in self.reactor.attempts], [None, None])


class TlsTests(ConnectorCase):
    """T4: TLS to next hops, against a server in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority(self.mktemp())
        self.connector = self.connector_with(ClientTls(ClientTlsSettings(authorities=self.authority.file)))

    def meet(
        self,
        certificate: CertificateFiles,
        name: str = "example.org",
        tls: str = "",
        clients: ClientCertificates = ClientCertificates(),  # noqa: B008 - frozen
    ) -> tuple[Any, Heard]:
        """Dial ``name`` at a server that shows ``certificate``; gives the flow and what the server heard."""
        out = self.connector.flow_to(Target("tls", "192.0.2.7", 5061, name, tls))
        out.send(OPTIONS)
        heard = Heard()
        client = self.reactor.attempts[-1].factory.buildProtocol(None)  # type: ignore[arg-type]
        factory = Factory.forProtocol(lambda: heard)  # type: ignore[arg-type]
        server = TlsFactory(ServerTls([certificate], clients=clients), False, factory, self.reactor).buildProtocol(None)
        assert server is not None
        self.ends = joined(client, server)
        flow(self.reactor, *self.ends)
        return out, heard

    def test_proven(self) -> None:
        """A peer that proves the domain gets what waited; SNI named the domain."""
        out, heard = self.meet(self.authority.files("good", dns=["example.org"]))
        self.assertEqual((heard.data, heard.name), (OPTIONS, b"example.org"))
        self.assertTrue(out.secure)
        self.assertEqual((self.room.receiver.opened, out.failure), ([out], ""))
        self.assertEqual((out.tls.verified, out.tls.identities, len(out.tls.chain)), (True, ("example.org",), 1))

    def test_T4_nothing_is_sent(self) -> None:
        """T4: another's name, a wildcard, an expired, a self-signed certificate: nothing is sent, the flow is lost."""
        stranger = Authority(self.mktemp())
        for certificate, reason in (
            (self.authority.files("wrong", dns=["example.net"]), "not for example.org"),
            (self.authority.files("wild", dns=["*.org"]), "not for example.org"),
            (self.authority.files("expired", dns=["example.org"], expired=True), "certificate verify failed"),
            (stranger.files("stranger", dns=["example.org"]), "certificate verify failed"),
        ):
            self.room.receiver.lost.clear()
            out, heard = self.meet(certificate)
            self.assertEqual(heard.data, b"")
            self.assertTrue(out.closed)
            self.assertEqual([lost for lost, _ in self.room.receiver.lost], [out])
            self.assertIn(reason, self.reasons[0])
            self.assertEqual(out.failure, "tls")
        self.assertEqual((self.room.receiver.opened, self.room.wheel.count), ([], 0))

    def test_no_verification(self) -> None:
        """Switched off, any certificate will do; what there is to say against it can be read."""
        self.connector = self.connector_with(ClientTls(ClientTlsSettings(verify=False)))
        out, heard = self.meet(Authority(self.mktemp()).files("stranger", dns=["example.net"]))
        self.assertEqual(heard.data, OPTIONS)
        self.assertEqual((out.tls.verified, out.tls.identities), (False, ("example.net",)))
        self.assertIn("unable to get local issuer certificate", out.tls.error)

    def test_address(self) -> None:
        """Without a domain the certificate has to name the address, and SNI says nothing."""
        certificate = self.authority.files("address", addresses=["192.0.2.7"])
        _, heard = self.meet(certificate, "")
        self.assertEqual((heard.data, heard.name), (OPTIONS, None))

    def test_pool_key(self) -> None:
        """What was proven for one domain is not used for another at the same address."""
        first = self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.org"))
        self.assertIs(self.connector.flow_to(target("tls", "192.0.2.7", 5061, "Example.ORG")), first)
        self.assertIsNot(self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.net")), first)

    def test_handshake_too_slow(self) -> None:
        """The 4 s hold for TCP and TLS together."""
        self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.org"))
        self.room.advance(3)
        client, wire = self.connect()
        self.room.advance(1 + SLOT)
        self.assertTrue(wire.aborted)
        lose(client, ConnectionDone())
        self.assertEqual(self.reasons, ["connecting took too long"])
        self.assertEqual(self.room.receiver.lost[0][0].failure, "connect")

    def test_refused(self) -> None:
        """A refused connection is told as without TLS."""
        out = self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.org"))
        self.reactor.attempts[0].fail(ConnectionRefusedError())
        self.assertIn("refused", self.reasons[0])
        self.assertEqual(out.failure, "connect")

    def test_hung_up_in_handshake(self) -> None:
        """A peer that ends the connection in the handshake, or speaks no TLS, has failed at TLS."""
        for garbage in (b"", OPTIONS):
            out = self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.org"))
            client, _ = self.connect()
            if garbage:
                client.dataReceived(garbage)
            lose(client, ConnectionDone())
            self.assertEqual(out.failure, "tls")

    def test_they_want_ours(self) -> None:
        """A server that insists on a certificate of ours, which we have not: TLS 1.3 tells us after the handshake."""
        good = self.authority.files("good", dns=["example.org"])
        out, heard = self.meet(good, clients=ClientCertificates("require", self.authority.file))
        self.assertEqual((heard.data, out.closed, out.failure), (b"", True, "tls"))
        self.assertIn("certificate required", self.reasons[0])

    def test_settings_by_name(self) -> None:
        """A target names the settings to use; a name that nobody knows means the ordinary, strict ones."""
        stranger = Authority(self.mktemp())
        own = self.authority.files("own", dns=["us.example.org"])
        self.connector.use_tls(
            {
                "": ClientTls(ClientTlsSettings(authorities=self.authority.file)),
                "lax": ClientTls(ClientTlsSettings(verify=False)),
                "other": ClientTls(ClientTlsSettings(authorities=stranger.file, certificate=own)),
            }
        )
        theirs = stranger.files("theirs", dns=["example.org"])
        for name, failure in (("", "tls"), ("unknown", "tls"), ("lax", ""), ("other", "")):
            out, heard = self.meet(theirs, tls=name)
            self.assertEqual((out.failure, heard.data), (failure, b"" if failure else OPTIONS), name)
        out, _ = self.meet(theirs, tls="other", clients=ClientCertificates("require", self.authority.file))
        self.assertEqual(out.failure, "")

    def test_pool_of_settings(self) -> None:
        """What was made by lax settings does not serve those who want strict ones, nor after a reload."""
        lax = Target("tls", "192.0.2.7", 5061, "example.org", "lax")
        strict = ClientTls(ClientTlsSettings(authorities=self.authority.file))
        self.connector.use_tls({"": strict, "lax": ClientTls(ClientTlsSettings(verify=False)), "same": strict})
        first = self.connector.flow_to(lax)
        second = self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.org"))
        self.assertIsNot(first, second)
        self.assertIs(self.connector.flow_to(Target("tls", "192.0.2.7", 5061, "example.org", "same")), second)
        again = ClientTls(ClientTlsSettings(authorities=self.authority.file))
        self.connector.use_tls({"": again, "lax": again})
        self.assertIs(self.connector.flow_to(lax), second)
        self.assertEqual(self.connector.count, 2)

    def test_hook(self) -> None:
        """Somebody may look at the peer: what is to be sent waits; refused, it is as if the certificate were wrong."""
        good = self.authority.files("good", dns=["example.org"])
        for decision in (None, SIPError(403, "Not Them"), ZeroDivisionError("x"), "close"):
            self.room.receiver.lost.clear()
            self.room.receiver.opened.clear()
            decides: Deferred[None] = Deferred()
            seen: list[TlsPeer] = []

            async def look(
                flow: Flow, peer: TlsPeer, decides: Deferred[None] = decides, seen: list[TlsPeer] = seen
            ) -> None:
                seen.append(peer)
                await decides

            self.room.streams.tls_connected = look
            out, heard = self.meet(good)
            self.assertEqual([(peer.verified, peer.identities) for peer in seen], [(True, ("example.org",))])
            self.room.advance(4.5)
            self.assertEqual((heard.data, self.room.receiver.opened, out.closed), (b"", [], False))
            self.assertIs(self.connector.flow_to(target("tls", "192.0.2.7", 5061, "example.org")), out)
            if decision == "close":
                out.close()
            if isinstance(decision, Exception):
                decides.errback(Failure(decision))
            else:
                decides.callback(None)
            flow(self.reactor, *self.ends)
            if decision is None:
                self.assertEqual((heard.data, out.failure, self.room.receiver.opened), (OPTIONS, "", [out]))
                out.close()
                flow(self.reactor, *self.ends)
            else:
                self.assertEqual((heard.data, out.failure, self.room.receiver.opened), (b"", "tls", []))
            self.assertEqual([lost for lost, _ in self.room.receiver.lost], [out])
        self.assertEqual(self.room.wheel.count, 0)

    def test_lost_while_looking(self) -> None:
        """A peer that hangs up while it is looked at."""
        self.room.streams.tls_connected = lambda flow, peer: Deferred()
        out, _ = self.meet(self.authority.files("good", dns=["example.org"]))
        self.ends[1].loseConnection()
        flow(self.reactor, *self.ends)
        self.assertEqual([lost for lost, _ in self.room.receiver.lost], [out])
        self.assertEqual(self.room.wheel.count, 0)

    def test_own_certificate(self) -> None:
        """A certificate of ours can be shown to hops that ask for one."""
        own = self.authority.files("own", dns=["us.example.org"])
        settings = ClientTlsSettings(authorities=self.authority.file, certificate=own)
        self.connector = self.connector_with(ClientTls(settings))
        _, heard = self.meet(self.authority.files("good", dns=["example.org"]))
        self.assertEqual(heard.data, OPTIONS)


class Heard(Protocol):
    """The server's end: what it heard, and for which name."""

    def __init__(self) -> None:
        self.data = b""
        self.name: bytes | None = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.name = self.transport.getHandle().get_servername()  # type: ignore[union-attr]
