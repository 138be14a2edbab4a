"""[jwt], [cookie], [ephemeral] and [turn], from the file to what reads tokens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from oversip_tw import config
from oversip_tw.config import Config, ConfigError
from oversip_tw.interfaces import NotProven, Proof
from oversip_tw.promise import spawn
from oversip_tw.service import proofs, settings
from oversip_tw.service.build import StartUpError, build, mistakes
from oversip_tw.service.proofs import Proving, WrongFile, proving
from oversip_tw.testing import Clock, MemoryFlow, MemoryHandshake, MemoryLog
from oversip_tw.tokens.cookie import signed
from tests.tokens.issuer import AUDIENCE, ISSUER, SECRET, jwk, jwks, pem, private_pem, rsa_key, token
from tests.transport.certificates import Authority

HEAD = 'domains = ["example.com"]\n[store]\nkind = "memory"\n'
JWT = f'[jwt]\naudience = "{AUDIENCE}"\nissuer = "{ISSUER}"\n'


class Case(SynchronousTestCase):
    """Files in a folder of their own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.write("rsa.pem", pem(rsa_key()))
        self.write("shared", SECRET)
        for name in ("cookie", "ephemeral", "turn"):
            self.write(name, f"the secret of {name}\n".encode())

    def write(self, name: str, octets: bytes) -> None:
        (self.folder / name).write_bytes(octets)

    def config(self, text: str) -> Config:
        return config.loads(HEAD + text, self.folder)

    def wrong(self, text: str) -> list[str]:
        """What is told of a file that cannot be used."""
        try:
            loaded = self.config(text)
        except ConfigError as error:
            return error.lines()
        return [str(each) for each in mistakes(loaded)]

    def made(self, text: str) -> Proving:
        return proving(self.config(text), Clock(), MemoryLog())

    def prove(self, by: Proving, query: str = "", cookie: str = "", secure: bool = True) -> Proof | None:
        """What a handshake proves; raises what refuses it."""
        found: list[Any] = []
        flow = MemoryFlow("wss" if secure else "ws")
        headers = [("Cookie", cookie)] if cookie else []
        assert by.handshakes is not None
        spawn(self._prove(by, MemoryHandshake("/ws", query, headers), flow, found), found.append)
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]  # type: ignore[no-any-return]

    async def _prove(self, by: Proving, handshake: MemoryHandshake, flow: MemoryFlow, found: list[Any]) -> None:
        assert by.handshakes is not None
        found.append(await by.handshakes.prove(handshake, flow))


class SectionTests(Case):
    """What may stand in the file."""

    def test_nothing(self) -> None:
        """Without the sections there is nothing, and whoever comes is challenged."""
        self.assertEqual(self.made(""), Proving())

    def test_jwt(self) -> None:
        """Keys, algorithms, parameter and cookie reach what reads them."""
        by = self.made(JWT + 'keys = "rsa.pem"\nquery = "t"\nquery_life = 600\n')
        good = token(private_pem(rsa_key()), "RS256", now=time.time())
        proof = self.prove(by, f"t={good}")
        assert proof is not None
        self.assertEqual(proof.user, "sip:alice@example.com")
        self.assertRaises(NotProven, self.prove, by, f"t={token(SECRET, now=time.time())}")
        by = self.made(JWT + 'keys = ["rsa.pem", "shared"]\nalgorithms = ["HS256"]\ncookie = "c"\n' + ORIGINS)
        self.assertTrue(self.prove(by, cookie=f"c={token(SECRET, now=time.time())}"))
        self.assertIsNone(self.prove(by, cookie=f"c={good}"))

    def test_plain(self) -> None:
        """Without TLS only where the file says so."""
        text = JWT + 'keys = "shared"\nalgorithms = "HS256"\nquery = "t"\nquery_life = 600\n'
        query = f"t={token(SECRET, now=time.time())}"
        self.assertRaises(NotProven, self.prove, self.made(text), query, secure=False)
        self.assertTrue(self.prove(self.made(text + "[auth]\nplain_tokens = true\n"), query, secure=False))

    def test_required(self) -> None:
        """Nobody comes in without, even where nothing could be shown."""
        self.assertRaises(NotProven, self.prove, self.made('[auth]\nhandshake = "required"\n'))

    def test_challenge(self) -> None:
        """Bearer is offered on listeners with TLS alone."""
        loaded = self.config(JWT + 'keys = "rsa.pem"\nchallenge = true\nauthz_server = "https://login.example.com/"\n')
        certificate = Authority(str(self.folder)).files("own")
        secure = config.Listen("wss", certificate=(certificate.certificate,), key=(certificate.key,))
        self.assertEqual(settings.challenges_of(loaded, secure), ("MD5", "Bearer"))
        self.assertEqual(settings.challenges_of(loaded, config.Listen("ws")), ("MD5",))
        self.assertEqual(settings.challenges(loaded).authz_server, "https://login.example.com/")

    def test_wrong_sections(self) -> None:
        """What makes no sense, or opens a door, is told at once."""
        for text, told in (
            ("[jwt]\n", "needs keys or jwks"),
            ('[jwt]\nkeys = "rsa.pem"\n', "audience, issuer and algorithms"),
            (JWT + 'jwks = "http://login.example.com/"\n', "https URL"),
            (JWT + 'keys = "rsa.pem"\nalgorithms = ["none"]\n', "algorithms"),
            (JWT + 'keys = "rsa.pem"\nauthz_server = "https://a.b"\n', "challenge = true"),
            (JWT + 'keys = "rsa.pem"\ncookie = "a b"\n', "cookie"),
            (JWT + 'keys = "rsa.pem"\ncookie = "c"\n[[listen]]\ntransport = "ws"\n', "listen[1].origins"),
            ('[cookie]\nsecrets = "cookie"\n[[listen]]\ntransport = "ws"\norigins = "*"\n', "listen[1].origins"),
            ('[cookie]\nsecrets = "cookie"\n[ephemeral]\nsecrets = "cookie"\n', "secrets of their own"),
            ('[[trusted]]\nrole = "trunk"\n', "needs network or certificate"),
            ('[[trusted]]\nrole = "proxy"\ncertificate = "a.b"\n', "by its network alone"),
            ('[[trusted]]\nrole = "core"\ncertificate = "a.b"\ntransports = ["tcp"]\n', "over tls and wss alone"),
            ('[turn]\nsecrets = "turn"\nuris = []\n', "uris"),
            ('[turn]\nsecrets = "turn"\nuris = "turn:a b"\n', "turn.uris"),
            ('[turn]\nsecrets = "turn"\nuris = "turn:a.b"\npath = "/a/b"\n', "one name"),
            ('[turn]\nsecrets = "turn"\nuris = "turn:a.b"\n[edge]\ncore = "sip:c.d"\n', "turn: the core of an [edge]"),
            ('[users]\nkind = "http"\nurl = "http://a.b/"\n[auth]\nuserhash = true\n', "auth.userhash: "),
        ):
            self.assertIn(told, " ".join(self.wrong(text)), text)

    def test_wrong_files(self) -> None:
        """A file that holds nothing of use is told with its name, not with what it holds."""
        self.write("short", b"too-short")
        for text, told in (
            (JWT + 'keys = "short"\n', "jwt.keys[1]: "),
            (JWT + 'keys = "shared"\n', "jwt.algorithms: none of them goes with the keys"),
            (JWT + 'jwks = "https://a.b/"\njwks_authorities = "short"\n', "jwt.jwks_authorities: "),
            ('[cookie]\nsecrets = "short"\n', "cookie.secrets: "),
            ('[ephemeral]\nsecrets = "short"\n', "ephemeral.secrets: "),
            ('[turn]\nsecrets = "short"\nuris = "turn:a.b"\n', "turn.secrets: "),
        ):
            [line] = self.wrong(text)
            self.assertIn(told, line)
            self.assertNotIn("too-short", line)
            if not text.startswith("[turn]"):
                error = self.assertRaises(StartUpError, build, self.config(text), Clock(), MemoryLog())
                self.assertIn(told, str(error))

    def test_without_pyjwt(self) -> None:
        """One line says what to install."""
        self.patch(proofs, "READY", False)
        self.assertEqual(self.wrong(JWT + 'keys = "rsa.pem"\n'), ["jwt: needs PyJWT: pip install 'oversip-tw[jwt]'"])

    def test_reread(self) -> None:
        """SIGHUP takes over what the files say now, or leaves all as it was."""
        text = JWT + 'keys = "rsa.pem"\nquery = "t"\nquery_life = 600\n'
        text += '[cookie]\nsecrets = "cookie"\n[ephemeral]\nsecrets = "ephemeral"\n' + ORIGINS
        loaded = self.config(text)
        by = proving(loaded, Clock(), MemoryLog())
        end = int(time.time()) + 60
        assert by.ephemeral is not None
        old = by.ephemeral.passwords("1:a")
        self.write("ephemeral", b"another secret, and longer\n")
        self.write("cookie", b"another secret of cookies\n")
        self.write("rsa.pem", b"garbage")
        self.assertRaises(WrongFile, by.reread, loaded)
        self.assertEqual(by.ephemeral.passwords("1:a"), old)
        self.assertTrue(self.prove(by, cookie=f"oversip={signed(b'the secret of cookie', end, 'bob')}"))
        self.write("rsa.pem", pem(rsa_key(1)))
        by.reread(loaded)
        self.assertNotEqual(by.ephemeral.passwords("1:a"), old)
        self.assertTrue(self.prove(by, cookie=f"oversip={signed(b'another secret of cookies', end, 'bob')}"))
        self.assertTrue(self.prove(by, f"t={token(private_pem(rsa_key(1)), 'RS256', now=time.time())}"))


ORIGINS = '[[listen]]\ntransport = "ws"\norigins = "https://phone.example.com"\n'


class FetchTests(TestCase):
    """A JWK Set behind TLS."""

    async def fetched(self, trusted: bool) -> tuple[Proving, MemoryLog]:
        authority = Authority(self.mktemp())
        files = authority.files("own", dns=["localhost"])
        page = Resource()
        page.putChild(b"jwks", _Page(jwks(jwk(rsa_key(), "r"))))
        context = ssl.DefaultOpenSSLContextFactory(files.key, files.certificate, SSL.TLS_METHOD)
        port = reactor.listenSSL(0, Site(page), context, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        other = Authority(self.mktemp())
        ca = authority.file if trusted else other.file
        text = f'{HEAD}{JWT}jwks = "https://localhost:{port.getHost().port}/jwks"\njwks_authorities = "{ca}"\n'
        log = MemoryLog()
        by = proving(config.loads(text), reactor, log)
        assert by.remote is not None
        by.remote.start()
        self.addCleanup(by.remote.stop)
        done: Deferred[None] = Deferred()

        async def run() -> None:
            assert by.remote is not None
            await by.remote.find("r", "RS256")

            done.callback(None)

        spawn(run(), done.errback)
        await done
        return by, log

    def test_fetched(self) -> Deferred[None]:
        """The keys are there, and verify."""

        async def run() -> None:
            by, log = await self.fetched(True)
            assert by.bearers is not None
            found: list[object] = []

            async def verify() -> None:
                assert by.bearers is not None
                found.append(await by.bearers.verify(token(private_pem(rsa_key()), "RS256", "r", time.time()), True))

            spawn(verify(), found.append)
            self.assertIsInstance(found[0], Proof)
            self.assertEqual(log.lines, [])

        return ensureDeferred(run())

    def test_not_believed(self) -> Deferred[None]:
        """A certificate that nobody vouches for: no keys, one line."""

        async def run() -> None:
            by, log = await self.fetched(False)
            assert by.remote is not None
            self.assertFalse(by.remote.loaded)
            self.assertEqual(len(log.lines), 1)

        return ensureDeferred(run())


class _Page(Resource):
    isLeaf = True

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self._octets = octets

    def render_GET(self, request: Any) -> bytes:
        return self._octets
