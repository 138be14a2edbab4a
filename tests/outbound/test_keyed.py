"""HMAC under a key that is hashed once."""

from __future__ import annotations

import hmac

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.outbound.keyed import Keyed


class KeyedTests(SynchronousTestCase):
    """It is HMAC-SHA-256: what has been stored stays right."""

    def test_digest(self) -> None:
        """Keys shorter and longer than a block; the second digest as the first."""
        for key in (b"k", b"k" * 32, b"k" * 64, b"k" * 65):
            keyed = Keyed(key)
            for octets in (b"", b"text", b"o" * 200):
                self.assertEqual(hmac.digest(key, octets, "sha256"), keyed.digest(octets))

    def test_binding_key(self) -> None:
        """The names of bindings are in stores and tokens."""
        for secret in (bytes([number]) * 32 for number in range(20)):
            named = b"binding" + b"10:sip:a@b.cd" + b"1:i" + b"3:urn" + b"1:7"
            expected = hmac.digest(secret, named, "sha256")[:8]
            self.assertEqual(expected, binding_key(secret, "sip:a@b.cd", "urn", 7, "sip:x@y.test"))
            named = b"binding" + b"10:sip:a@b.cd" + b"1:c" + b"13:sip:\xc3\xa4@y.test"
            expected = hmac.digest(secret, named, "sha256")[:8]
            self.assertEqual(expected, binding_key(secret, "sip:a@b.cd", None, 7, "sip:\xe4@y.test"))
