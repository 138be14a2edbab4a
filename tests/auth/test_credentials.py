"""Credentials for us do not leave (A14)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.credentials import strip_credentials
from oversip_tw.sip.parser import parse
from tests.auth.answers import request

OURS = 'Digest username="a", realm="example.com", nonce="n", uri="sip:b", response="0"'
THEIRS = 'Digest username="a",realm="core.example.net" ,nonce="n", uri="sip:b", response="0"'
REALMS = frozenset({"example.com"})


class StripTests(SynchronousTestCase):
    """What goes and what stays."""

    def test_a14_own_realm(self) -> None:
        """Credentials of our realms go, those of others stay as they came, in both headers."""
        for header in ("Authorization", "Proxy-Authorization"):
            message = request(THEIRS, OURS, OURS.replace("example.com", "EXAMPLE.com"), header=header)
            strip_credentials(message, REALMS)
            self.assertEqual(message.get_all(header), [THEIRS])

    def test_a14_bearer(self) -> None:
        """Every Bearer goes, also at an edge, where no realm is ours and digests pass."""
        message = request("Bearer abc.def", "BEARER  x", "Bearer", OURS, THEIRS)
        strip_credentials(message, frozenset())
        self.assertEqual(message.get_all("Authorization"), [OURS, THEIRS])

    def test_a14_unreadable(self) -> None:
        """What cannot be read goes if it names a realm of ours, and stays if it does not."""
        ours = 'Digest realm="example.com", realm="example.com", username="a"'
        message = request(ours, 'Digest realm="EXAMPLE.COM', "Digest realm=x,,,", "?")
        strip_credentials(message, REALMS)
        self.assertEqual(message.get_all("Authorization"), ["Digest realm=x,,,", "?"])

    def test_untouched(self) -> None:
        """A request with nothing of ours leaves byte for byte."""
        octets = request(THEIRS, "Basic Zm9v").to_bytes().replace(b"Authorization:", b"AUTHORIZATION :")
        message = parse(octets)
        strip_credentials(message, REALMS)  # type: ignore[arg-type]
        self.assertEqual(message.to_bytes(), octets)
