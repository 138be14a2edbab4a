"""The arithmetic of digest authentication against the examples of the RFCs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.digest import ALGORITHMS, ha1, hashed, response


class DigestTests(SynchronousTestCase):
    """RFC 7616 §3.9 and what octets are hashed."""

    def test_rfc_7616_example(self) -> None:
        """The example of RFC 7616 §3.9.1, by MD5 and by SHA-256."""
        nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        for algorithm, expected in (
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ):
            stored = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
            made = response(algorithm, stored, nonce, "00000001", cnonce, "GET", "/dir/index.html")
            self.assertEqual(made, expected)

    def test_sha_512_256(self) -> None:
        """SHA-512/256 is that function of FIPS 180-4, and no SHA-512 cut short."""
        self.assertEqual(
            hashed("SHA-512-256", "abc"), "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
        )
        self.assertEqual(list(ALGORITHMS), ["MD5", "SHA-256", "SHA-512-256"])

    def test_octets_as_they_came(self) -> None:
        """Text that was no UTF-8 on the wire is hashed as its octets."""
        latin = b"Andr\xe9:example.com:x".decode("utf-8", "surrogateescape")
        self.assertEqual(hashed("MD5", latin), ha1("MD5", latin.split(":")[0], "example.com", "x"))
