"""RFC 5922: which certificate proves which domain."""

from __future__ import annotations

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.client_tls import ClientTls, ClientTlsSettings, _server_name
from oversip_tw.transport.peer_identity import WrongPeer, check_identity, identities, users
from oversip_tw.transport.tls import CertificateError

from .certificates import Authority


class IdentityTests(SynchronousTestCase):
    """§7.1 and §7.2."""

    def setUp(self) -> None:
        self.authority = Authority(self.mktemp())

    def certificate(self, **what: object) -> x509.Certificate:
        return self.authority.certificate(**what)[0]  # type: ignore[arg-type]

    def test_sip_uri_before_dns(self) -> None:
        """A sip URI is the identity; DNS names count only where there is none."""
        both = self.certificate(uris=["sip:example.org"], dns=["other.example.org"])
        self.assertEqual(identities(both), ("example.org",))
        self.assertEqual(
            identities(self.certificate(dns=["A.Example.org", "b.example.org"])), ("a.example.org", "b.example.org")
        )

    def test_uris_that_do_not_count(self) -> None:
        """Other schemes, sips included, and URIs with a user prove nothing."""
        odd = self.certificate(
            uris=["sip:alice@example.org", "sips:example.org", "https://example.org", "sip:[", "urn:x"],
            dns=["dns.example.org"],
        )
        self.assertEqual(identities(odd), ("dns.example.org",))

    def test_users(self) -> None:
        """sip URIs with a user name users, each once; nothing else does."""
        several = self.certificate(
            uris=["sip:alice@Example.org", "sip:alice@example.org;transport=tls", "sip:bob@example.org", "sip:[",
                  "sips:carol@example.org", "tel:+1555", "mailto:dave@example.org", "sip:example.org"],
        )  # fmt: skip
        self.assertEqual(users(several), ("sip:alice@example.org", "sip:bob@example.org"))
        self.assertEqual(users(self.certificate(common_name="alice@example.org")), ())
        self.assertEqual(users(self.certificate(dns=["alice.example.org"])), ())

    def test_common_name(self) -> None:
        """The common name counts where there is no subjectAltName at all."""
        self.assertEqual(identities(self.certificate(common_name="Example.org")), ("example.org",))
        self.assertEqual(identities(self.certificate(common_name="example.org", addresses=["192.0.2.1"])), ())
        self.assertEqual(identities(self.certificate()), ())

    def test_T4_wrong_name(self) -> None:
        """T4: another domain, a subdomain, a parent and a wildcard that would fit elsewhere are all refused."""
        for dns in (["other.org"], ["a.example.org"], ["org"], ["*.org"], ["*.example.org", "*"]):
            error = self.assertRaises(WrongPeer, check_identity, self.certificate(dns=dns), "example.org")
            self.assertIn("not for example.org", str(error))
        self.assertRaises(WrongPeer, check_identity, self.certificate(dns=["*.example.org"]), "a.example.org")
        self.assertRaises(WrongPeer, check_identity, self.certificate(), "example.org")

    def test_right_name(self) -> None:
        """Letter case and a final dot make no difference."""
        certificate = self.certificate(dns=["Example.ORG"])
        for name in ("example.org", "EXAMPLE.org", "example.org."):
            check_identity(certificate, name)

    def test_addresses(self) -> None:
        """Where only an address is known, the certificate has to name it."""
        certificate = self.certificate(addresses=["192.0.2.1", "2001:db8::1"], dns=["192.0.2.9"])
        check_identity(certificate, "192.0.2.1")
        check_identity(certificate, "2001:db8:0::1")
        self.assertRaises(WrongPeer, check_identity, certificate, "192.0.2.9")
        self.assertRaises(WrongPeer, check_identity, self.certificate(common_name="192.0.2.1"), "192.0.2.1")


class ServerNameTests(SynchronousTestCase):
    """SNI (RFC 6066 §3)."""

    def test_names(self) -> None:
        """Domains are said, in their ASCII form; addresses and labels that cannot be are not."""
        for name, said in (
            ("Example.org.", b"example.org"),
            ("bücher.example", b"xn--bcher-kva.example"),
            ("192.0.2.1", b""),
            ("2001:db8::1", b""),
            ("x" * 64 + ".example", b""),
            ("a..b", b""),
        ):
            self.assertEqual(_server_name(name), said)


class SettingsTests(SynchronousTestCase):
    """The files that are named."""

    def test_authorities(self) -> None:
        """A CA file that is missing or garbage is named with its reason."""
        authority = Authority(self.mktemp())
        self.assertRaises(CertificateError, ClientTls, ClientTlsSettings(authorities="/nowhere.pem"))
        settings = ClientTlsSettings(authorities=authority.file)
        ClientTls(settings)
        with open(authority.file, "w") as file:
            file.write("garbage")
        error = self.assertRaises(CertificateError, ClientTls, settings)
        self.assertIn("no usable PEM", str(error))
