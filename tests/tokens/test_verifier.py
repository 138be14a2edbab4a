"""JSON Web Tokens: which count, and which do not (RFC 7519, RFC 8725)."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import NotProven, Proof
from oversip_tw.tokens.keys import ALGORITHMS, Key, jwk_set
from oversip_tw.tokens.verifier import Verifier
from tests.tokens.issuer import (
    NOW,
    SECRET,
    claims,
    ec_key,
    ed_key,
    jwk,
    jwks,
    pem,
    private_pem,
    raw_token,
    rsa_key,
    token,
    verified,
    verifier,
)

SHARED = Key(SECRET, ALGORITHMS["secret"])
PUBLIC = jwk_set(jwks(jwk(rsa_key(), "r"), jwk(ec_key(), "e"), jwk(ed_key(), "o")))


class Case(SynchronousTestCase):
    """A verifier of all kinds of keys."""

    def setUp(self) -> None:
        self.verifier = verifier([SHARED, *PUBLIC])

    def refused(self, text: str, by: Verifier | None = None, secure: bool = True) -> str:
        """Why; never with a word of the token in it."""
        why = str(self.assertRaises(NotProven, verified, by or self.verifier, text, secure))
        for part in text.split("."):
            if len(part) > 3:
                self.assertNotIn(part, why)
        return why


class GoodTests(Case):
    """Tokens that count."""

    def test_algorithms(self) -> None:
        """Each kind of key, with its name and without."""
        for key, algorithm, name in (
            (SECRET, "HS256", ""),
            (private_pem(rsa_key()), "RS256", "r"),
            (private_pem(ec_key()), "ES256", "e"),
            (private_pem(ed_key()), "EdDSA", "o"),
        ):
            for each in ("", name):
                proof = verified(self.verifier, token(key, algorithm, each))
                self.assertEqual(proof, Proof("sip:alice@example.com", NOW + 310))

    def test_names(self) -> None:
        """A bare name is one of the first domain; one with a domain may have "sip:" before it; the claim is chosen."""
        for said, aor in (
            ("bob", "sip:bob@example.com"),
            ("bob@example.org", "sip:bob@example.org"),
            ("sip:bob@EXAMPLE.org", "sip:bob@example.org"),
            ("Böb", "sip:B%C3%B6b@example.com"),
            ("%61lice", "sip:%2561lice@example.com"),
        ):
            self.assertEqual(verified(self.verifier, token(sub=said)).user, aor)
        by = verifier([SHARED], claim="preferred_username")
        self.assertEqual(verified(by, token(preferred_username="carol")).user, "sip:carol@example.com")

    def test_times(self) -> None:
        """Clocks may differ by the leeway, either way."""
        self.assertTrue(verified(self.verifier, token(exp=NOW - 9)))
        self.assertTrue(verified(self.verifier, token(exp=NOW + 0.5, nbf=NOW + 9, iat=NOW + 9)))

    def test_several_audiences(self) -> None:
        """One of them is enough."""
        self.assertTrue(verified(self.verifier, token(aud=["other", "sip.example.com"])))

    def test_plain(self) -> None:
        """Over a connection that others can read a token counts only where that is configured."""
        self.assertEqual(self.refused(token(), secure=False), "Token Without TLS")
        self.assertTrue(verified(verifier([SHARED], plain=True), token(), secure=False))


class BadTests(Case):
    """Tokens that do not."""

    def test_none(self) -> None:
        """No algorithm is none, in any letter case, signed or not."""
        for algorithm in ("none", "None", "NONE", "", None, 1, "hs256", "HS384", ["HS256"]):
            self.refused(raw_token({"alg": algorithm}, claims(), b""))
            self.refused(raw_token({"alg": algorithm}, claims(), b"x" * 32))
        self.refused(raw_token({}, claims()))
        self.refused(raw_token({"alg": "none"}, claims(), b""), verifier([SHARED], algorithms=("HS256",)))

    def test_public_key_as_secret(self) -> None:
        """The public key, which everybody has, signs nothing by HMAC."""
        by = verifier(list(PUBLIC))
        for material in (pem(rsa_key()), pem(rsa_key()).strip(), pem(ec_key())):
            unsigned = raw_token({"alg": "HS256", "kid": "r"}, claims()).rpartition(".")[0]
            mac = hmac.digest(material, unsigned.encode(), hashlib.sha256)
            forged = raw_token({"alg": "HS256", "kid": "r"}, claims(), mac)
            self.refused(forged, by)
            self.refused(forged)

    def test_other_keys(self) -> None:
        """A good signature of somebody else, and one under another key's name."""
        self.refused(token(private_pem(rsa_key(1)), "RS256", "r"))
        self.refused(token(private_pem(rsa_key()), "RS256", "e"))
        self.refused(token(b"another secret of thirty-two octets.", "HS256"))
        self.refused(token(private_pem(rsa_key()), "PS256", "r"))

    def test_key_in_the_token(self) -> None:
        """Keys that the token brings itself, or says where to find, are not looked at; critical extensions refuse."""
        for header in (
            {"alg": "RS256", "jwk": jwk(rsa_key(1))},
            {"alg": "RS256", "jku": "https://attacker.example/jwks"},
            {"alg": "RS256", "x5u": "https://attacker.example/x"},
            {"alg": "HS256", "crit": ["exp"]},
            {"alg": "HS256", "kid": ["a"]},
            {"alg": "HS256", "b64": False, "crit": ["b64"]},
        ):
            self.refused(raw_token(header, claims()))

    def test_claims(self) -> None:
        """Audience, issuer, end and user are needed, and have to be right."""
        for over in (
            {"exp": None},
            {"aud": None},
            {"iss": None},
            {"sub": None},
            {"aud": "other"},
            {"aud": []},
            {"iss": "https://login.example.org"},
            {"exp": "never"},
            {"exp": True},
            {"exp": float("inf")},
            {"exp": 1e300},
            {"nbf": "soon"},
        ):
            self.refused(token(**over))

    def test_times(self) -> None:
        """What is over, or has not begun."""
        self.assertEqual(self.refused(token(exp=NOW - 11)), "Token Expired")
        self.assertEqual(self.refused(token(exp=-5)), "Token Expired")
        self.assertEqual(self.refused(token(nbf=NOW + 11)), "Token Not Valid Yet")

    def test_names(self) -> None:
        """Nobody of ours."""
        for said in (
            "", "@", "alice@", "@example.com", "alice@elsewhere.example", "a:b", "a@b@example.com", "tel:+1", "\r\nx",
            "a" * 300, "sip:", "alice\x00",
        ):  # fmt: skip
            self.refused(token(sub=said))
        by = verifier([SHARED], claim="user")
        for said in (1, True, ["alice"], {"a": 1}, None):
            self.refused(token(user=said), by)

    @settings(max_examples=200)
    @given(text=st.text(max_size=200) | st.text("ab._-=A{}", max_size=200) | st.just("." * 5000))
    def test_garbage(self, text: str) -> None:
        """Whatever it is, it is refused, and nothing else escapes."""
        self.assertRaises(NotProven, verified, self.verifier, text)

    @settings(max_examples=100)
    @given(
        header=st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "crit", "zip", "b64"]),
            st.sampled_from(["HS256", "RS256", 1, None, []]),
        ),
        payload=st.binary(max_size=50) | st.dictionaries(st.text(max_size=5), st.integers()),
    )
    def test_made_up(self, header: dict[str, object], payload: object) -> None:
        """The same for what is a token by its form."""
        self.assertRaises(NotProven, verified, self.verifier, raw_token(header, payload))

    def test_every_bit(self) -> None:
        """A token of which one bit is another is refused."""
        good = token()
        for at in range(0, len(good), 3):
            flipped = good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1 :]
            if at == len(good) - 1:
                continue  # bits beyond the last octet, which base64 does not count
            self.refused(flipped)
        self.refused("a" * 9000)
        self.refused(good + "." + good)
