"""What clients show of themselves in the TLS handshake, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL

from oversip_tw.interfaces import TlsPeer
from oversip_tw.transport.listener import CertificateFiles, ClientCertificates
from oversip_tw.transport.tls import CertificateError, ServerTls

from .certificates import Authority
from .test_tls import Call, ClientCreator, TlsCase
from .wires import OPTIONS


class ClientCertificateCase(TlsCase):
    """A server that asks; clients of one authority, and of another that nobody knows."""

    def setUp(self) -> None:
        super().setUp()
        self.stranger = Authority(self.mktemp()).files("stranger", dns=["stranger.example"])
        self.good = self.authority.files("good", uris=["sip:alice@example.net", "sip:Example.NET"], dns=["x.example"])

    def server(self, wanted: str = "ask", authorities: str | None = None) -> ServerTls:
        return ServerTls(
            [self.first, self.second],
            clients=ClientCertificates(wanted, self.authority.file if authorities is None else authorities),
        )

    def meet(
        self, server: ServerTls, shows: CertificateFiles | None, name: str = "", highest: int | None = None
    ) -> Call:
        """One more client comes."""
        return Call(self.room, server, ClientCreator(name, highest=highest, certificate=shows))

    @property
    def peer(self) -> TlsPeer | None:
        """What the last connection that stands has shown."""
        return self.room.receiver.opened[-1].tls


class AskedTests(ClientCertificateCase):
    """`client_certificate = "ask"`."""

    def test_good(self) -> None:
        """One that our authority vouches for: chain, verdict, RFC 5922 identities, and the user that a URI names."""
        for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.meet(self.server(), self.good, highest=highest)
            pem = Path(self.good.certificate).read_bytes()
            self.assertEqual(self.peer, TlsPeer((pem,), True, "", ("example.net",), ("sip:alice@example.net",)))

    def test_chain(self) -> None:
        """What comes with the certificate follows it."""
        leaf, authority = Path(self.good.certificate).read_bytes(), Path(self.authority.file).read_bytes()
        Path(self.good.certificate).write_bytes(leaf + authority)
        self.meet(self.server(), self.good)
        assert self.peer is not None
        self.assertEqual(self.peer.chain, (leaf, authority))

    def test_none(self) -> None:
        """Who shows none comes in, and there is nothing to judge."""
        self.meet(self.server(), None)
        self.assertEqual(self.peer, TlsPeer())

    def test_bad(self) -> None:
        """A bad one does not end the connection: the verdict is kept, with the reason, and messages pass."""
        for shows, words in (
            (self.stranger, "certificate signature failure"),
            (self.authority.files("old", dns=["old.example"], expired=True), "certificate has expired"),
            (self.authority.files("server", dns=["server.example"], servers_only=True), "unsuitable certificate"),
        ):
            call = self.meet(self.server(), shows)
            assert self.peer is not None
            self.assertEqual((self.peer.verified, len(self.peer.chain)), (False, 1))
            self.assertIn(words, self.peer.error)
            self.assertEqual(len(self.peer.identities), 1)
            call.tls.write(OPTIONS)
            call.move()
            self.assertEqual(self.room.receiver.messages[-1][0], OPTIONS)

    def test_no_authorities(self) -> None:
        """Without authorities there is a certificate, and no verdict."""
        self.meet(self.server(authorities=""), self.stranger)
        assert self.peer is not None
        self.assertEqual((self.peer.verified, self.peer.error), (None, ""))
        self.assertEqual(self.peer.identities, ("stranger.example",))

    def test_every_name(self) -> None:
        """Whichever certificate of ours a client asks for, it is asked for its own."""
        self.meet(self.server(), self.good, "sip.example.net")
        assert self.peer is not None
        self.assertTrue(self.peer.verified)
        self.meet(self.server("require"), None, "sip.example.net")
        self.assertEqual(len(self.room.receiver.opened), 1)

    def test_no_session_is_resumed(self) -> None:
        """A second connection is judged as the first: a resumed session would show no certificate."""
        for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = self.server()
            creator = ClientCreator(highest=highest, certificate=self.stranger)
            first = Call(self.room, server, creator)
            creator.session = first.tls.getHandle().get_session()
            second = Call(self.room, server, creator)
            self.assertIsNone(second.client.lost)
            assert self.peer is not None
            self.assertEqual((self.peer.verified, len(self.peer.chain)), (False, 1))

    def test_not_asked(self) -> None:
        """Where nobody asks there is nothing to know, though the client has one."""
        self.meet(ServerTls([self.first]), self.good)
        self.assertIsNone(self.peer)


class RequiredTests(ClientCertificateCase):
    """`client_certificate = "require"`."""

    def test_good(self) -> None:
        """Our authority vouches for it: come in."""
        self.meet(self.server("require"), self.good)
        assert self.peer is not None
        self.assertTrue(self.peer.verified)

    def test_others(self) -> None:
        """None, a stranger's, an expired one: the handshake fails, and nobody hears of it."""
        for shows in (None, self.stranger, self.authority.files("old", dns=["old.example"], expired=True)):
            for highest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                call = self.meet(self.server("require"), shows, highest=highest)
                self.assertIsNotNone(call.client.lost)
        self.assertEqual((self.room.receiver.opened, self.room.receiver.lost), ([], []))
        self.assertEqual(self.room.streams.connections.count, 0)


class FilesTests(ClientCertificateCase):
    """The file of authorities."""

    def test_reload(self) -> None:
        """It is read again with the certificates; who comes after that is judged by it."""
        other = Authority(self.mktemp())
        server = self.server("require")
        Path(self.authority.file).write_bytes(Path(other.file).read_bytes())
        server.reload()
        self.meet(server, self.good)
        self.assertEqual(self.room.receiver.opened, [])
        self.meet(server, other.files("other", dns=["other.example"]))
        self.assertEqual(len(self.room.receiver.opened), 1)

    def test_garbage(self) -> None:
        """One that became garbage is named, and the old one stays in use."""
        server = self.server("require")
        Path(self.authority.file).write_text("garbage")
        error = self.assertRaises(CertificateError, server.reload)
        self.assertEqual(error.path, self.authority.file)
        self.meet(server, self.good)
        self.assertEqual(len(self.room.receiver.opened), 1)
        error = self.assertRaises(CertificateError, self.server, "ask", "/nowhere.pem")
        self.assertIn("No such file", str(error))
