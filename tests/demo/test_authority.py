"""The demo's certificate: for every name, kept while it is good, made anew when it is not."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from OpenSSL import crypto
from twisted.trial import unittest

from oversip_tw.demo import authority

NAMES = ["localhost", "vm", "127.0.0.1", "::1", "192.0.2.7"]


class Authority(unittest.SynchronousTestCase):
    """What `ensure` leaves in the folder."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.assertTrue(authority.ensure(self.folder, NAMES))

    def read(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / name).read_bytes())

    def test_names(self) -> None:
        """The certificate is for every name and address that was given, as the kind that it is."""
        names = self.read("server.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["localhost", "vm"])
        self.assertEqual(names.get_values_for_type(x509.IPAddress), [ipaddress.ip_address(name) for name in NAMES[2:]])

    def test_chain(self) -> None:
        """OpenSSL accepts it by the authority, and browsers by its age."""
        store = crypto.X509Store()
        store.add_cert(crypto.X509.from_cryptography(self.read("ca.pem")))
        certificate = self.read("server.pem")
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(certificate)).verify_certificate()
        self.assertLess(certificate.not_valid_after_utc - certificate.not_valid_before_utc, timedelta(days=398))

    def test_secret(self) -> None:
        """Both keys are readable by their owner alone."""
        for name in ("ca.key", "server.key"):
            self.assertEqual((self.folder / name).stat().st_mode & 0o077, 0)

    def test_kept(self) -> None:
        """Nothing is made again while it is good; a new address needs a new certificate by the same authority."""
        before = self.read("server.pem"), self.read("ca.pem")
        self.assertFalse(authority.ensure(self.folder, NAMES))
        self.assertEqual((self.read("server.pem"), self.read("ca.pem")), before)
        self.assertTrue(authority.ensure(self.folder, [*NAMES, "192.0.2.8"]))
        self.assertEqual(self.read("ca.pem"), before[1])
        self.assertNotEqual(self.read("server.pem"), before[0])

    def test_renewed(self) -> None:
        """A certificate near its end is made anew, and a broken file is no obstacle."""
        now = datetime.now(UTC)
        self.assertTrue(authority.ensure(self.folder, NAMES, now + timedelta(days=380)))
        (self.folder / "server.key").write_text("nonsense")
        self.assertTrue(authority.ensure(self.folder, NAMES, now + timedelta(days=380)))
        (self.folder / "ca.key").unlink()
        (self.folder / "server.pem").unlink()
        self.assertTrue(authority.ensure(self.folder, NAMES))
