"""What the HTTP request of a WebSocket proves: subprotocol, URL, cookies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import NotProven, Proof
from oversip_tw.promise import spawn
from oversip_tw.testing import MemoryFlow, MemoryHandshake
from oversip_tw.tokens.cookie import SignedCookies, signed
from oversip_tw.tokens.handshakes import Handshakes, Settings
from oversip_tw.tokens.keys import ALGORITHMS, Key
from tests.tokens.issuer import DOMAIN, NOW, SECRET, token, verifier

COOKIES = (b"new secret of cookies", b"old secret of cookies")


class Case(SynchronousTestCase):
    """Everything is configured."""

    settings = Settings("token", 60.0, "session", "oversip")

    def setUp(self) -> None:
        self.bearers = verifier([Key(SECRET, ALGORITHMS["secret"])])
        self.cookies = SignedCookies(COOKIES, (DOMAIN,), lambda: NOW)
        self.use(self.settings)

    def use(self, settings: Settings) -> None:
        plain = verifier([Key(SECRET, ALGORITHMS["secret"])], plain=settings.plain)
        self.handshakes = Handshakes(settings, plain, self.cookies, lambda: NOW)

    def prove(
        self,
        query: str = "",
        protocol: str = "sip",
        cookie: str = "",
        transport: str = "wss",
        identity: str | None = None,
    ) -> Proof | None:
        headers = [("Sec-WebSocket-Protocol", protocol), *([("Cookie", cookie)] if cookie else [])]
        flow = MemoryFlow(transport)
        flow.identity = identity
        found: list[Proof | None] = []
        errors: list[BaseException] = []

        async def run() -> None:
            found.append(await self.handshakes.prove(MemoryHandshake("/ws", query, headers), flow))

        spawn(run(), errors.append)
        if errors:
            raise errors[0]
        return found[0]

    def refused(self, **how: str) -> str:
        return str(self.assertRaises(NotProven, self.prove, **how))


class HandshakeTests(Case):
    """Where it stands."""

    def test_nothing(self) -> None:
        """Without a token nobody is proven, which is no fault."""
        for how in ({}, {"query": "a=b&token2=x"}, {"protocol": "sip, x.bearer"}, {"cookie": "a=b; c"}):
            self.assertIsNone(self.prove(**how))

    def test_subprotocol(self) -> None:
        """Beside "sip", in any order."""
        for protocol in (f"sip, bearer.{token()}", f"bearer.{token()},sip"):
            self.assertEqual(self.prove(protocol=protocol), Proof("sip:alice@example.com", NOW + 310))
        self.refused(protocol="sip, bearer.")
        self.refused(protocol="sip, bearer.x.y.z")

    def test_query(self) -> None:
        """In the URL, if it has less than a minute left (T8)."""
        text = token(exp=NOW + 40)
        self.assertTrue(self.prove(query=f"a=b&token={text}&c"))
        self.assertEqual(self.refused(query=f"token={token()}"), "Token In URL Lives Too Long")
        self.refused(query="token=")
        self.refused(query="&".join(f"a{n}=1" for n in range(200)) + f"&token={text}")
        self.use(Settings())
        self.assertIsNone(self.prove(query=f"token={text}"))

    def test_cookies(self) -> None:
        """A token or our own value in a cookie; a wrong cookie is none, for the browser sends it whatever one wants."""
        good = signed(COOKIES[0], int(NOW) + 50, "bob")
        self.assertEqual(self.prove(cookie=f"x=1; oversip={good}"), Proof("sip:bob@example.com", NOW + 50))
        self.assertEqual(self.prove(cookie=f'session="{token()}"'), Proof("sip:alice@example.com", NOW + 310))
        for cookie in (f"oversip={good}x", "oversip=", f"session={token(exp=1)}", f"other={token()}", "oversip"):
            self.assertIsNone(self.prove(cookie=cookie))
        self.assertTrue(self.prove(cookie=f"oversip=old; oversip={good}"))

    def test_order(self) -> None:
        """What the page has chosen comes before what the browser sends by itself."""
        mine = signed(COOKIES[0], int(NOW) + 50, "bob")
        proof = self.prove(protocol=f"sip, bearer.{token()}", cookie=f"oversip={mine}")
        self.assertEqual(proof and proof.user, "sip:alice@example.com")

    def test_plain(self) -> None:
        """T8: nothing of it counts where others can read it, unless configured."""
        good = signed(COOKIES[0], int(NOW) + 50, "bob")
        self.refused(protocol=f"sip, bearer.{token()}", transport="ws")
        self.refused(query=f"token={token(exp=NOW + 40)}", transport="ws")
        self.assertIsNone(self.prove(cookie=f"oversip={good}; session={token()}", transport="ws"))
        self.use(Settings("token", 60.0, "session", "oversip", plain=True))
        self.assertTrue(self.prove(protocol=f"sip, bearer.{token()}", transport="ws"))
        self.assertTrue(self.prove(cookie=f"oversip={good}", transport="ws"))

    def test_required(self) -> None:
        """Nobody comes in without, unless a certificate has said who it is."""
        self.use(Settings("token", 60.0, "session", "oversip", required=True))
        self.assertEqual(self.refused(), "Token Required")
        self.assertEqual(self.refused(cookie="oversip=x"), "Token Required")
        self.assertIsNone(self.prove(identity="sip:alice@example.com"))
        self.assertTrue(self.prove(protocol=f"sip, bearer.{token()}"))

    def test_parts(self) -> None:
        """Tokens without cookies, and cookies without tokens."""
        good = signed(COOKIES[0], int(NOW) + 50, "bob")
        self.handshakes = Handshakes(self.settings, None, self.cookies, lambda: NOW)
        self.assertIsNone(self.prove(protocol=f"sip, bearer.{token()}"))
        self.assertTrue(self.prove(cookie=f"session={token()}; oversip={good}"))
        self.handshakes = Handshakes(self.settings, self.bearers, None, lambda: NOW)
        self.assertIsNone(self.prove(cookie=f"oversip={good}"))


class CookieTests(Case):
    """Our own value."""

    def test_form(self) -> None:
        """As the how-to says it is made; a cookie's characters alone, whatever the user is called."""
        self.assertRegex(signed(COOKIES[0], 1700000050, "Jürgen O'Neil; x"), r"\A1700000050:[!#-+.-:<-\[\]-~-]+\Z")
        self.assertEqual(
            self.cookies.read(signed(COOKIES[0], int(NOW) + 1, "Jürgen")).user, "sip:J%C3%BCrgen@example.com"
        )
        self.assertEqual(
            signed(b"0123456789abcdef", 1700000050, "alice@example.com"),
            "1700000050:alice@example.com:" + "O0BGskWzDNglRWgyGNTR0ykMTIIgkO-BSr_S55cr2EU",
        )

    def test_secrets(self) -> None:
        """Each of several counts; others do not; they may be exchanged."""
        for secret in COOKIES:
            self.assertTrue(self.cookies.read(signed(secret, int(NOW) + 1, "bob")))
        other = signed(b"another secret of cookies", int(NOW) + 1, "bob")
        self.assertRaises(NotProven, self.cookies.read, other)
        self.cookies.use([b"another secret of cookies"])
        self.assertTrue(self.cookies.read(other))

    def test_refused(self) -> None:
        """What is over, of another domain, or has another bit."""
        for expiry, user in ((int(NOW), "bob"), (0, "bob"), (int(NOW) + 9, "bob@example.net"), (int(NOW) + 9, "")):
            self.assertRaises(NotProven, self.cookies.read, signed(COOKIES[0], expiry, user))
        good = signed(COOKIES[0], int(NOW) + 9, "bob")
        for at in range(len(good) - 1):
            flipped = good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1 :]
            self.assertRaises(NotProven, self.cookies.read, flipped)

    @given(st.text(max_size=100))
    def test_garbage(self, value: str) -> None:
        """Whatever it is, it is refused."""
        self.assertRaises(NotProven, self.cookies.read, value)
