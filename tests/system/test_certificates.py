"""Desk phones and trunks that are known by their certificates."""

from __future__ import annotations

import ssl
import subprocess

from cryptography import x509

from oversip_tw.transport.peer_identity import users

from ..tokens.test_howto import snippet
from ..transport.certificates import Authority
from .baresip import Baresip
from .case import SystemCase
from .processes import Folder
from .raw_phone import ask, first, register, request, respond
from .server import Server, User
from .sockets import Tcp


class Certificates(SystemCase):
    """A server that asks for certificates on its TLS port."""

    def setUp(self) -> None:
        folder = Folder("clients")
        self.authority = Authority(str(folder.path / "ours"))
        self.strangers = Authority(str(folder.path / "theirs"))
        server = Server(
            extra='[auth]\ncertificates = true\n[[trusted]]\nrole = "trunk"\ncertificate = "sip.provider.test"\n',
            secure_more=f'client_certificate = "ask"\nauthorities = "{self.authority.file}"\n',
            users=2,
        )
        self.addCleanup(server.stop)
        self.use(server)

    def phone(self, authority: Authority | None = None, **names: list[str]) -> Tcp:
        """A TLS connection that shows a certificate for these names; without an authority it has none."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if authority is not None:
            files = authority.files("phone", **names)
            context.load_cert_chain(files.certificate, files.key)
        found = Tcp(("127.0.0.1", self.server.tls_port), context)
        self.addCleanup(found.close)
        return found

    def test_desk_phone(self) -> None:
        """The certificate is the password: no challenge, and nobody else on that connection."""
        alice, bob = self.server.user(), self.server.user()
        phone = self.phone(self.authority, uris=[alice.uri])
        unknown = User(alice.name, alice.domain, "no password")
        self.assertEqual(200, register(phone, unknown).status)
        self.assertEqual(403, register(phone, bob).status)

    def test_not_believed(self) -> None:
        """A certificate of somebody else's authority, or none, proves nobody: 401 as for everybody."""
        alice = self.server.user()
        for phone in (self.phone(self.strangers, uris=[alice.uri]), self.phone()):
            names = {"From": f"<{alice.uri}>;tag=1", "To": f"<{alice.uri}>"}
            phone.send(request("REGISTER", f"sip:{alice.domain}", phone, **names))
            self.assertEqual(401, first(phone).status)
            self.assertEqual(200, register(phone, alice).status)

    def test_trunk(self) -> None:
        """Who proves the provider's domain calls our users without credentials; a stranger who says so does not."""
        alice = self.server.user()
        called = self.phone(self.authority, uris=[alice.uri])
        self.assertEqual(200, register(called, alice).status)
        trunk = self.phone(self.authority, dns=["sip.provider.test"])
        trunk.send(request("INVITE", alice.uri, trunk, From="<sip:+1555@sip.provider.test>;tag=1"))
        invite = first(called)
        self.assertEqual("INVITE", invite.method)
        called.send(respond(invite, 486))
        self.assertEqual(486, first(trunk).status)
        strangers = (self.phone(self.strangers, dns=["sip.provider.test"]), self.phone(self.authority, dns=["x.test"]))
        for stranger in strangers:
            somebody = User("+1555", "sip.provider.test", "")
            self.assertEqual(403, ask(stranger, somebody, "INVITE", alice.uri).status)

    def test_own_authority(self) -> None:
        """What docs/howto/desk-phones-and-trunks.md has OpenSSL make names that user."""
        folder = Folder("openssl")
        authority = 'openssl req -x509 -new -newkey rsa:2048 -noenc -keyout ca.key -subj "/CN=CA" -out ca.pem -days 2\n'
        script = authority + snippet("phone", "docs/howto/desk-phones-and-trunks.md")
        made = subprocess.run(["sh", "-e"], cwd=folder.path, input=script.encode(), capture_output=True, check=False)
        self.assertEqual(0, made.returncode, made.stderr)
        certificate = x509.load_pem_x509_certificate((folder.path / "phone.pem").read_bytes())
        self.assertEqual(("sip:alice@example.com",), users(certificate))

    def test_baresip(self) -> None:
        """baresip over TLS with a certificate and a wrong password is registered."""
        alice = self.server.user()
        files = self.authority.files("baresip", uris=[alice.uri])
        with open(files.certificate, "a", encoding="ascii") as both, open(files.key, encoding="ascii") as key:
            both.write(key.read())
        phone = Baresip(
            User(alice.name, alice.domain, "wrong"),
            f"127.0.0.1:{self.server.tls_port}",
            "tls",
            more=f"sip_certificate {files.certificate}\n",
        )
        self.addCleanup(phone.close)
        phone.until_registered()
