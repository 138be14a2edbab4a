"""TLS where clients connect to us, joined in memory to a client of OpenSSL's."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from oversip_tw.testing import MemoryListener
from oversip_tw.transport.listener import CertificateFiles
from oversip_tw.transport.stream import StreamFactory
from oversip_tw.transport.tls import HTTP, CertificateError, ServerTls, TlsFactory

from .certificates import Authority
from .wires import OPTIONS, SLOT, Room, Wire, flow, joined

_END = Failure(ConnectionError("end of the test"))


@implementer(IOpenSSLClientConnectionCreator)
class ClientCreator:
    """A client that asks for ``name`` and offers what else it is told to."""

    def __init__(
        self,
        name: str = "",
        alpn: tuple[bytes, ...] = (),
        highest: int | None = None,
        certificate: CertificateFiles | None = None,
    ) -> None:
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        #: to be resumed
        self.session: SSL.Session | None = None
        if certificate is not None:
            self.context.use_certificate_chain_file(certificate.certificate)
            self.context.use_privatekey_file(certificate.key)
        if highest is not None:
            self.context.set_cipher_list(b"DEFAULT@SECLEVEL=0")
            self.context.set_min_proto_version(SSL.TLS1_VERSION)
            self.context.set_max_proto_version(highest)
        if alpn:
            self.context.set_alpn_protos(list(alpn))
        self.name = name

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        if self.name:
            connection.set_tlsext_host_name(self.name.encode())
        if self.session is not None:
            connection.set_session(self.session)
        return connection


class Client(Protocol):
    """The client's end: remembers what it got and why it ended."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = _END) -> None:
        self.lost = reason


class Call:
    """One client over TLS to one server of ours."""

    def __init__(self, room: Room, tls: ServerTls, creator: ClientCreator) -> None:
        self.room = room
        self.client = Client()
        factory = Factory.forProtocol(lambda: self.client)  # type: ignore[arg-type]
        client = TLSMemoryBIOFactory(creator, True, factory, room.reactor).buildProtocol(None)
        ours = StreamFactory(room.streams, MemoryListener("tls"))
        server = TlsFactory(tls, False, ours, room.reactor).buildProtocol(Wire().getPeer())
        assert server is not None
        self.server = server
        self.ends = joined(client, server)
        self.tls = client
        self.move()

    def move(self) -> None:
        flow(self.room.reactor, *self.ends)

    @property
    def name(self) -> str:
        """The common name of the certificate that the server showed."""
        certificate = self.tls.getHandle().get_peer_certificate(as_cryptography=True)
        return str(certificate.subject.rfc4514_string())


class TlsCase(SynchronousTestCase):
    """An authority with two certificates."""

    def setUp(self) -> None:
        self.room = Room(answer=b"SIP/2.0 200 OK\r\n\r\n")
        self.authority = Authority(self.mktemp())
        self.first = self.authority.files("first", common_name="first", dns=["example.org"])
        self.second = self.authority.files("second", common_name="second", dns=["sip.example.net", "*.example.com"])

    def call(self, tls: ServerTls, name: str = "", alpn: tuple[bytes, ...] = (), highest: int | None = None) -> Call:
        return Call(self.room, tls, ClientCreator(name, alpn, highest))


class HandshakeTests(TlsCase):
    """What a client may ask for."""

    def test_message(self) -> None:
        """Messages pass both ways, on a flow that is secure and was told of after the handshake."""
        call = self.call(ServerTls([self.first]))
        (opened,) = self.room.receiver.opened
        self.assertTrue(opened.secure)
        call.tls.write(OPTIONS)
        call.move()
        self.assertEqual(self.room.receiver.data, [OPTIONS])
        self.assertEqual(call.client.data, b"SIP/2.0 200 OK\r\n\r\n")

    def test_T3_sni(self) -> None:
        """T3: the name asked for chooses the certificate, wildcards of ours included; unknown and none: the first."""
        tls = ServerTls([self.first, self.second])
        for name, shown in (
            ("", "first"),
            ("example.org", "first"),
            ("unknown.invalid", "first"),
            ("sip.example.net", "second"),
            ("SIP.Example.NET", "second"),
            ("a.example.com", "second"),
            ("a.b.example.com", "first"),
        ):
            self.assertEqual(self.call(tls, name).name, f"CN={shown}", name)

    def test_T1_old_versions(self) -> None:
        """T1: TLS 1.1 and older are refused, 1.2 and 1.3 taken."""
        tls = ServerTls([self.first])
        for highest in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
            call = self.call(tls, highest=highest)
            self.assertIsNotNone(call.client.lost)
        for highest, version in ((SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")):
            call = self.call(tls, highest=highest)
            self.assertEqual(call.tls.getHandle().get_protocol_version_name(), version)
        self.assertEqual(len(self.room.receiver.opened), 2)
        self.assertEqual(self.room.receiver.lost, [])

    def test_T2_renegotiation(self) -> None:
        """T2: a client that wants to negotiate again does not get it."""
        call = self.call(ServerTls([self.first]), highest=SSL.TLS1_2_VERSION)
        handle = call.tls.getHandle()
        handle.renegotiate()
        self.assertRaises(SSL.WantReadError, handle.do_handshake)
        call.tls._flushSendBIO()
        call.move()
        self.assertRaises(SSL.Error, handle.do_handshake)

    def test_alpn(self) -> None:
        """A browser's ALPN is answered with HTTP/1.1; one without a protocol of ours goes on without (no alert)."""
        tls = ServerTls([self.first, self.second], HTTP)
        for name in ("", "sip.example.net"):
            call = self.call(tls, name, alpn=(b"h2", b"http/1.1"))
            self.assertEqual(call.tls.negotiatedProtocol, b"http/1.1")
        for server, offered in ((tls, (b"h2",)), (ServerTls([self.first]), (b"sip/2",))):
            call = self.call(server, alpn=offered)
            self.assertIsNone(call.tls.negotiatedProtocol)
            self.assertIsNone(call.client.lost)

    def test_memory_is_given_back(self) -> None:
        """MODE_RELEASE_BUFFERS is on: it halves what an idle connection costs."""
        context = ServerTls([self.first])._contexts.default
        self.assertTrue(context.set_mode(0) & SSL.MODE_RELEASE_BUFFERS)


class DeadlineTests(TlsCase):
    """F5 under TLS."""

    def test_F5_silent(self) -> None:
        """F5: a client that never begins the handshake is gone after 5 s, and nobody was told of it."""
        wire = Wire()
        ours = StreamFactory(self.room.streams, MemoryListener("tls"))
        server = TlsFactory(ServerTls([self.first]), False, ours, self.room.reactor).buildProtocol(wire.getPeer())
        assert server is not None
        server.makeConnection(wire)
        self.room.advance(4.9)
        self.assertFalse(wire.ending)
        self.room.advance(0.1 + SLOT)
        self.assertTrue(wire.aborted)
        server.connectionLost(Failure(ConnectionError()))
        self.assertEqual((self.room.receiver.opened, self.room.receiver.lost), ([], []))
        self.assertEqual((self.room.wheel.count, self.room.streams.connections.count), (0, 0))

    def test_F5_silent_after_handshake(self) -> None:
        """F5: after the handshake the 20 s of every connection begin."""
        self.call(ServerTls([self.first]))
        self.room.advance(19)
        self.assertEqual(self.room.flows.count, 1)
        self.room.advance(1 + SLOT)
        self.assertEqual(self.room.flows.count, 0)

    def test_garbage(self) -> None:
        """Who speaks no TLS is hung up on without a word to the receiver."""
        wire = Wire()
        ours = StreamFactory(self.room.streams, MemoryListener("tls"))
        server = TlsFactory(ServerTls([self.first]), False, ours, self.room.reactor).buildProtocol(wire.getPeer())
        assert server is not None
        server.makeConnection(wire)
        server.dataReceived(OPTIONS)
        self.assertTrue(wire.ending)
        server.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.room.receiver.lost, [])
        self.assertEqual(self.room.wheel.count, 0)

    def test_framing_lost(self) -> None:
        """P3 under TLS: the answer reaches the client before the end."""
        call = self.call(ServerTls([self.first]))
        call.tls.write(OPTIONS.replace(b"Content-Length: 0\r\n", b""))
        call.move()
        self.assertEqual(call.client.data, b"SIP/2.0 200 OK\r\n\r\n")
        self.assertEqual([reason for _, reason in self.room.receiver.lost], ["framing lost"])


class ReloadTests(TlsCase):
    """Certificates change while the server runs."""

    def test_new_handshakes(self) -> None:
        """Who comes after the reload sees the new certificate; who is connected stays."""
        tls = ServerTls([self.first])
        before = self.call(tls)
        self.authority.files("first", common_name="renewed", dns=["example.org"])
        self.assertEqual(self.call(tls).name, "CN=first")
        tls.reload()
        self.assertEqual(self.call(tls).name, "CN=renewed")
        before.tls.write(OPTIONS)
        before.move()
        self.assertEqual(self.room.receiver.data, [OPTIONS])

    def test_T3_garbage(self) -> None:
        """T3: a file that became garbage is named, and the old certificate stays in use."""
        tls = ServerTls([self.first, self.second])
        Path(self.second.certificate).write_text("garbage")
        error = self.assertRaises(CertificateError, tls.reload)
        self.assertEqual(error.path, self.second.certificate)
        self.assertEqual(self.call(tls, "sip.example.net").name, "CN=second")

    def test_refused_files(self) -> None:
        """Missing, unreadable, mixed up and locked files: file and reason in one line."""
        locked = self.authority.files("locked", common_name="locked")
        key = serialization.load_pem_private_key(Path(locked.key).read_bytes(), None)
        Path(locked.key).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        for files, path, reason in (
            (CertificateFiles("/nowhere.pem", self.first.key), "/nowhere.pem", "No such file"),
            (CertificateFiles(self.first.certificate, "/nowhere.key"), "/nowhere.key", "No such file"),
            (CertificateFiles(self.first.key, self.first.key), self.first.key, "no usable PEM certificate"),
            (CertificateFiles(self.first.certificate, self.second.key), self.second.key, "no key for"),
            (locked, locked.key, "no key for"),
        ):
            error = self.assertRaises(CertificateError, ServerTls, [files])
            self.assertEqual(error.path, path)
            self.assertIn(reason, str(error))
            self.assertNotIn("\n", str(error))
        self.assertRaises(ValueError, ServerTls, [])


class FactoryTests(TlsCase):
    """TLS around a factory."""

    def test_F13_refusal(self) -> None:
        """F13: a factory that refuses a connection refuses it under TLS too."""

        class Full(Factory):
            def buildProtocol(self, addr: object) -> None:
                return None

        factory = TlsFactory(ServerTls([self.first]), False, Full(), self.room.reactor)
        self.assertIsNone(factory.buildProtocol(Wire().getPeer()))
