"""RFC 3261 §20.7, §20.44: credentials and challenges."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.credentials import (
    Credentials,
    build_challenge,
    parse_challenge,
    parse_credentials,
    parse_params,
)
from oversip_tw.sip.errors import ParseError


class Reading(SynchronousTestCase):
    def test_digest(self) -> None:
        """Names in lower case, values without quotes; commas and spaces as they like."""
        read = parse_credentials(' dIgest Username="al\\"ice" ,realm="a, b",nc=00000001 , QOP = auth')
        self.assertTrue(read.is_digest)
        self.assertEqual(read.params, {"username": 'al"ice', "realm": "a, b", "nc": "00000001", "qop": "auth"})
        self.assertEqual((read.param("nc"), read.param("uri"), read.token), ("00000001", None, ""))

    def test_both_ways_of_reading(self) -> None:
        """With a quoted pair somewhere in the list or without one, the rest reads alike."""
        lists = (
            'a=b,c="d, e=f" ,G = h',
            ' a="",b\t=\t"=" , c="x y"',
            "a=b,",
            'uri="sip:a@b;c=d",nc=00000001',
        )
        for text in lists:
            plain = parse_params(text)
            self.assertEqual(parse_params(f'zz="\\"",{text}'), {"zz": '"', **plain}, text)

    def test_as_phones_write_them(self) -> None:
        """What is usual takes a shorter way to the same; what is not, however near to it, is read by the grammar."""
        usual = 'username="alice", realm="a b",nonce="x=,y", uri="b;c=d", qop=auth, nc=00000001, opaque="", cnonce="ü"'
        for text in (
            usual.replace("x=,y", "x=y"),
            usual,
            'realm="a"',
            'realm=a, algorithm=SHA-256, username="b"',
            'realm="a", nc=00000001, qop=auth',
            'realm="a", nc=00000001, other=b',
            "realm=a",
            'Realm="a"',
            'realm="a" ',
            'realm ="a"',
            'realm="a\\"b"',
            'realm="a\tb"',
            'other="a", realm="b"',
        ):
            self.assertEqual(Credentials.parse(f"Digest {text}"), Credentials("Digest", parse_params(text)), text)
        for text in (
            'realm="a", realm="b"',
            'realm="a", nonce',
            'realm="a", nonce=',
            'realm="a", nonce="',
            'realm="a", nonce="b',
            'realm="a", nonce="b"c"',
            'realm="a", nonce="b"c',
            'realm="a", nonce=b c',
            'realm="a\x01"',
        ):
            self.assertRaises(ParseError, parse_params, text)
            self.assertRaises(ParseError, Credentials.parse, f"Digest {text}")

    def test_bearer(self) -> None:
        """A token of RFC 6750 is no list of parameters."""
        read = Credentials.parse("Bearer eyJhbGciOiJ.e30.x-_~+/==")
        self.assertEqual((read.scheme, read.token, read.params), ("Bearer", "eyJhbGciOiJ.e30.x-_~+/==", {}))
        self.assertEqual(str(read), "Bearer eyJhbGciOiJ.e30.x-_~+/==")

    def test_scheme_alone(self) -> None:
        """No parameters."""
        self.assertEqual(Credentials.parse("Negotiate"), Credentials("Negotiate"))

    def test_a13_refused(self) -> None:
        """A13: ParseError for all that is none, a parameter twice among it."""
        for text in (
            "",
            "Digest a",
            'Digest a="b',
            "Digest a=b c=d",
            "Digest a=b,A=c",
            "Digest =b",
            "Digest ,",
            "Digest a=b;c=d",
        ):
            if text != "Digest a":  # which is a token68
                self.assertRaises(ParseError, parse_challenge, text)

    def test_a13_long(self) -> None:
        """A13: 64 KiB of parameters."""
        self.assertEqual(len(parse_params(",".join(f"a{number}=b" for number in range(8000)))), 8000)
        self.assertRaises(ParseError, parse_params, "a=b, " * 13000)

    @settings(max_examples=100)
    @given(st.text('Digest ab=",\\;\t\u0661', max_size=30))
    def test_nothing_but_parse_errors(self, text: str) -> None:
        """What is read can be written and read again."""
        for whole in (text, f"Digest {text}"):
            try:
                read = Credentials.parse(whole)
            except ParseError:
                continue
            self.assertEqual(Credentials.parse(str(read)) if read.params or read.token else read, read)


class Writing(SynchronousTestCase):
    def test_challenge(self) -> None:
        """Quoted and bare as RFC 7616 §3.3 has it."""
        written = build_challenge(
            "Digest", [("realm", "a"), ("nonce", "n"), ("qop", "auth"), ("algorithm", "MD5"), ("stale", "true")]
        )
        self.assertEqual(written, 'Digest realm="a", nonce="n", qop="auth", algorithm=MD5, stale=true')

    def test_credentials(self) -> None:
        """Quoted and bare as RFC 7616 §3.4 has it."""
        params = {"username": 'a"', "qop": "auth", "nc": "00000001", "algorithm": "MD5"}
        self.assertEqual(
            str(Credentials("Digest", params)), 'Digest username="a\\"", qop=auth, nc=00000001, algorithm=MD5'
        )

    def test_p7_values(self) -> None:
        """P7: a value that would break the line is refused."""
        self.assertRaises(ValueError, build_challenge, "Digest", [("realm", "a\r\nX: y")])
        self.assertRaises(ValueError, build_challenge, "Digest", [("algorithm", "\n")])
