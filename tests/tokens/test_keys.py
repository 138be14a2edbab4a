"""Files of keys and secrets."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.tokens.keys import BadKey, fitting, jwk_set, read_keys
from oversip_tw.tokens.secrets import BadSecrets, read_secrets
from tests.tokens.issuer import SECRET, ec_key, ed_key, jwk, jwks, pem, private_pem, rsa_key
from tests.transport.certificates import Authority


class KeyTests(SynchronousTestCase):
    """What may stand in a file of keys."""

    def file(self, octets: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return str(path)

    def test_pem(self) -> None:
        """Public keys of each kind, several in one file."""
        kinds = [key.algorithms[0] for key in read_keys(self.file(pem(rsa_key()) + pem(ec_key()) + pem(ed_key())))]
        self.assertEqual(kinds, ["RS256", "ES256", "EdDSA"])
        p384 = ec.generate_private_key(ec.SECP384R1())
        self.assertEqual(read_keys(self.file(pem(p384)))[0].algorithms, ("ES384",))

    def test_certificate(self) -> None:
        """A certificate stands for its key."""
        certificate = Path(Authority(self.mktemp()).file).read_bytes()
        self.assertTrue(read_keys(self.file(certificate))[0].algorithms)

    def test_jwk(self) -> None:
        """A JWK, or a set of them; ``kid`` is the name, ``alg`` narrows what it is for, other uses are left out."""
        one = read_keys(self.file(json.dumps(jwk(rsa_key(), "a", alg="PS256")).encode()))
        self.assertEqual([(key.name, key.algorithms) for key in one], [("a", ("PS256",))])
        secret = {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET).rstrip(b"=").decode(), "kid": "s"}
        several = jwk_set(jwks(jwk(ec_key(), "e"), jwk(rsa_key(), "x", use="enc"), {"kty": "new"}, secret))
        self.assertEqual([(key.name, key.algorithms[0]) for key in several], [("e", "ES256"), ("s", "HS256")])
        self.assertEqual(several[1].material, SECRET)

    def test_secret(self) -> None:
        """Anything else is a shared secret, without the end of its line."""
        [key] = read_keys(self.file(SECRET + b"\r\n"))
        self.assertEqual((key.material, key.algorithms), (SECRET, ("HS256", "HS384", "HS512")))

    def test_no_key(self) -> None:
        """What is none, or none to trust, is named by its file, and never shown."""
        short = rsa.generate_private_key(65537, 1024)
        for octets, words in (
            (b"", "32 octets"),
            (b"too-short-a-secret", "32 octets"),
            (private_pem(rsa_key()), "private"),
            (pem(short), "2048"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "PEM"),
            (pem(ec.generate_private_key(ec.SECP256K1())), "no kind"),
            (b"{", "JSON"),
            (b'{"keys": 1}', "JWK Set"),
            (b'{"keys": []}', "no key"),
            (b'{"keys": [1]}', "no public key"),
            (b'{"kty": "RSA", "n": "AQ", "e": "x"}', "JWK"),
            (b'{"kty": "RSA", "n": 1, "e": []}', "JWK"),
            (b'{"kty": "oct", "k": "AAAA"}', "32 octets"),
            (b'{"kty": "oct", "k": "A"}', "base64"),
            (json.dumps({**jwk(rsa_key()), "d": "AQ"}).encode(), "public"),
        ):
            file = self.file(octets)
            error = str(self.assertRaises(BadKey, read_keys, file))
            self.assertIn(words, error)
            self.assertIn(file, error)
            self.assertNotIn("too-short", error)
        self.assertRaises(BadKey, read_keys, "/nowhere/key")

    def test_fitting(self) -> None:
        """A key is tried for its own algorithms and its own name; one without name for every name."""
        keys = jwk_set(jwks(jwk(rsa_key(), "a"), jwk(rsa_key(1), "b"), jwk(ec_key())))
        self.assertEqual([key.name for key in fitting(keys, "b", "RS256")], ["b"])
        self.assertEqual([key.name for key in fitting(keys, "", "RS256")], ["a", "b"])
        self.assertEqual([key.name for key in fitting(keys, "b", "ES256")], [""])
        self.assertEqual(fitting(keys, "", "HS256"), [])
        self.assertEqual(fitting(keys, "", "none"), [])

    def test_secrets(self) -> None:
        """One secret on a line; comments and empty lines are none; short ones are a mistake that does not show them."""
        self.assertEqual(
            read_secrets(self.file(b"# new\n" + b"n" * 16 + b"\n\n  " + b"o" * 32 + b"\r\n")), (b"n" * 16, b"o" * 32)
        )
        for octets in (b"", b"# nothing\n", b"n" * 16 + b"\nshort-one\n"):
            self.assertNotIn("short-one", str(self.assertRaises(BadSecrets, read_secrets, self.file(octets))))
        self.assertRaises(BadSecrets, read_secrets, "/nowhere/secrets")
