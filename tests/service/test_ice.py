"""`GET /ice`: credentials of the TURN server, for those who prove who they are, and for nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw import config
from oversip_tw.auth.ephemeral import made
from oversip_tw.service.build import Parts, build
from oversip_tw.store.passwords import digests
from oversip_tw.testing import Clock, MemoryListener, MemoryLog
from oversip_tw.tokens.cookie import signed
from tests.auth.answers import answer
from tests.tokens.issuer import AUDIENCE, ISSUER, SECRET, token
from tests.transport.certificates import Authority
from tests.websocket.wire import Client

ORIGIN = "https://phone.example.com"


class Case(SynchronousTestCase):
    """One wss listener with everything configured."""

    listen = f'origins = "{ORIGIN}"\n'
    more = "[cookie]\nsecrets = 'cookie'\n[ephemeral]\nsecrets = 'ephemeral'\n"
    auth = ""
    transport = "wss"

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        for name in ("cookie", "ephemeral", "turn"):
            (self.folder / name).write_text(f"the secret of {name}\nthe former secret of {name}\n")
        (self.folder / "shared").write_bytes(SECRET)
        files = Authority(str(self.folder)).files("own")
        secure = f'certificate = "{files.certificate}"\nkey = "{files.key}"\n' if self.transport == "wss" else ""
        self.parts = self.build(secure)
        self.parts.users.set("alice", "example.com", digests("alice", "example.com", "wonderland"))

    def build(self, secure: str) -> Parts:
        text = (
            'domains = ["example.com", "example.org"]\n[store]\nkind = "memory"\n'
            f'[[listen]]\ntransport = "{self.transport}"\n{self.listen}{secure}[auth]\n{self.auth}{self.more}'
            f'[jwt]\nkeys = "shared"\nalgorithms = "HS256"\naudience = "{AUDIENCE}"\nissuer = "{ISSUER}"\n'
            '[turn]\nsecrets = "turn"\nuris = ["turn:turn.example.com:3478?transport=udp", "turns:turn.example.com"]\n'
        )
        self.config = config.loads(text, self.folder)
        parts = build(self.config, Clock(), MemoryLog())
        self.factory = parts.websocket(self.config.listen[0], MemoryListener(self.transport))  # type: ignore[arg-type]
        return parts

    def ask(
        self, path: str = "/ice", method: str = "GET", host: str = "192.0.2.7", **headers: str
    ) -> tuple[int, dict[str, Any], list[str]]:
        """Status, body and header lines of the answer."""
        client = Client(self.factory, host)
        lines = [f"{method} {path} HTTP/1.1", "Host: sip.example.com"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        client.send("\r\n".join([*lines, "", ""]).encode())
        head, _, body = client.read().decode().partition("\r\n\r\n")
        first, *fields = head.split("\r\n")
        return int(first.split(" ")[1]), json.loads(body) if body.startswith("{") else {}, fields

    def granted(self, user: str, path: str = "/ice", **headers: str) -> None:
        """They are that user's, and good for coturn."""
        status, answered, fields = self.ask(path, **headers)
        self.assertEqual(status, 200, answered)
        self.assertIn("Cache-Control: no-store", fields)
        [server] = answered["iceServers"]
        self.assertEqual(server["urls"], ["turn:turn.example.com:3478?transport=udp", "turns:turn.example.com"])
        expiry, name = server["username"].split(":", 1)
        self.assertEqual(name, user)
        self.assertLess(abs(int(expiry) - time.time() - 3600), 5)
        mac = hmac.digest(b"the secret of turn", server["username"].encode(), hashlib.sha1)
        self.assertEqual(server["credential"], base64.b64encode(mac).decode())
        self.assertEqual((answered["username"], answered["ttl"]), (server["username"], 3600))

    def refused(self, status: int, path: str = "/ice", **headers: str) -> list[str]:
        """Nothing is given; the challenges."""
        found, answered, fields = self.ask(path, **headers)
        self.assertEqual((found, "iceServers" in answered, "credential" in str(answered)), (status, False, False))
        return [field.partition(": ")[2] for field in fields if field.lower().startswith("www-authenticate: ")]


class ProvenTests(Case):
    """Those who get them."""

    def test_token(self) -> None:
        """By Bearer, as in a REGISTER."""
        self.granted("alice@example.com", Authorization=f"Bearer {token(now=time.time())}")
        self.granted("bob@example.org", Authorization=f"bearer {token(sub='bob@example.org', now=time.time())}")

    def test_cookie(self) -> None:
        """By the cookie of the handshake."""
        value = signed(b"the former secret of cookie", int(time.time()) + 60, "alice")
        self.granted("alice@example.com", Cookie=f"a=b; oversip={value}")

    def digest(self, name: str, password: str, domain: str = "", **headers: str) -> dict[str, str]:
        path = f"/ice?domain={domain}" if domain else "/ice"
        challenge, bearer = self.refused(401, path, **headers)
        self.assertTrue(bearer.startswith("Bearer "))
        return {"Authorization": answer(challenge, name, password, "GET", over={"uri": path}), "path": path}

    def test_password(self) -> None:
        """By digest with the password of SIP, once for each answer; of a domain that is asked for."""
        credentials = self.digest("alice", "wonderland")
        self.granted("alice@example.com", **credentials)
        self.assertIn("stale=true", self.refused(401, **credentials)[0])
        self.assertIn('realm="example.com"', self.refused(401)[0])
        self.assertIn('realm="example.org"', self.refused(401, "/ice?domain=Example.ORG")[0])
        self.assertIn('realm="example.com"', self.refused(401, "/ice?domain=elsewhere.example")[0])
        self.refused(401, **self.digest("alice", "wonderland", "example.org"))

    def test_ephemeral(self) -> None:
        """By credentials that bear their end."""
        name = f"{int(time.time()) + 60}:bob"
        self.granted("bob@example.com", **self.digest(name, made(b"the secret of ephemeral", name)))
        over = f"{int(time.time()) - 60}:bob"
        self.refused(403, **self.digest(over, made(b"the secret of ephemeral", over)))

    def test_they_open_nothing_else(self) -> None:
        """What is given out is no password and no cookie."""
        _, answered, _ = self.ask(Authorization=f"Bearer {token(now=time.time())}")
        self.refused(401, **self.digest(answered["username"], answered["credential"]))
        self.refused(403, Cookie=f"oversip={answered['username']}:{answered['credential']}")

    def test_new_secret(self) -> None:
        """After SIGHUP they are made with what the file says now."""
        assert self.parts.turn is not None
        self.parts.turn.use(b"another secret of turn")
        _, answered, _ = self.ask(Authorization=f"Bearer {token(now=time.time())}")
        self.assertEqual(answered["credential"], made(b"another secret of turn", answered["username"]))


class NamesTests(Case):
    """Where a domain has a realm of its own, and users have further names."""

    more = (
        Case.more + '[[domain]]\nname = "example.com"\nrealm = "The Realm"\n'
        '[[alias]]\nuser = "alice@example.com"\nnames = ["info@example.com"]\n'
    )

    def test_password(self) -> None:
        """By digest in that realm."""
        [challenge, bearer] = self.refused(401)
        self.assertIn('realm="The Realm"', challenge)
        self.assertIn('realm="The Realm"', bearer)
        self.parts.users.set("alice", "example.com", digests("alice", "The Realm", "wonderland"))
        credentials = answer(challenge, "alice", "wonderland", "GET", over={"uri": "/ice"})
        self.granted("alice@example.com", Authorization=credentials)

    def test_alias(self) -> None:
        """A token that names the user by an alias."""
        self.granted("alice@example.com", Authorization=f"Bearer {token(sub='info', now=time.time())}")


class StrangerTests(Case):
    """Those who get nothing."""

    def test_nobody(self) -> None:
        """Without a proof, with a wrong one, or with one for something else."""
        self.refused(401)
        self.refused(401, Authorization="Basic YWxpY2U6d29uZGVybGFuZA==")
        self.refused(401, Authorization="Bearer x")
        self.refused(401, Authorization="Bearer")
        self.refused(401, Authorization=f"Bearer {token(now=1)}")
        self.assertEqual(self.refused(403, Cookie="oversip=x"), [])
        [challenge, _] = self.refused(401)
        for over in ({"uri": "/other"}, {"uri": "sip:example.com"}, {"uri": "/ice?a"}, {"realm": "example.org"}):
            self.refused(401, Authorization=answer(challenge, "alice", "wonderland", "GET", over=over))
        self.refused(401, Authorization=answer(challenge, "alice", "wonderland", "REGISTER", over={"uri": "/ice"}))
        self.refused(401, Authorization=answer(challenge, "alice", "wrong", "GET", over={"uri": "/ice"}))
        self.assertIn('error="invalid_token"', self.refused(401, Authorization="Bearer x")[1])

    def test_a7_guesses(self) -> None:
        """A7: they count as those at the registrar's door do."""
        for _ in range(10):
            [challenge, _] = self.refused(401)
            self.refused(401, Authorization=answer(challenge, "alice", "wrong", "GET", over={"uri": "/ice"}))
        [challenge, _] = self.refused(401)
        right = answer(challenge, "alice", "wonderland", "GET", over={"uri": "/ice"})
        self.refused(403, Authorization=right)

    def test_origins(self) -> None:
        """Pages from elsewhere neither ask nor read; those that are listed may (CORS)."""
        good = f"Bearer {token(now=time.time())}"
        self.refused(403, Authorization=good, Origin="https://evil.example")
        self.refused(403, Authorization=good, Origin="null")
        status, _, fields = self.ask(method="OPTIONS", Origin="https://evil.example")
        self.assertEqual((status, [each for each in fields if "Allow" in each]), (403, []))
        self.granted("alice@example.com", Authorization=good, Origin=ORIGIN)
        status, _, fields = self.ask(method="OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="GET")
        self.assertEqual(status, 204)
        for field in (
            f"Access-Control-Allow-Origin: {ORIGIN}",
            "Access-Control-Allow-Headers: Authorization",
            "Access-Control-Allow-Credentials: true",
            "Vary: Origin",
        ):
            self.assertIn(field.lower(), [each.lower() for each in fields])

    def test_other_requests(self) -> None:
        """There is nothing else, neither below nor beside it."""
        for path, method, status in (("/ice/x", "GET", 404), ("/", "GET", 404), ("/ice", "POST", 405)):
            found, _, _ = self.ask(path, method, Content_Length="0")
            self.assertIn(found, (status, 401), path)
        self.assertEqual(self.ask("/ice", "HEAD", Authorization=f"Bearer {token(now=time.time())}")[0], 200)


class PlainTests(Case):
    """Without TLS, where others can read what is given."""

    transport = "ws"
    listen = 'origins = "http://phone.example.com"\n'

    def test_refused(self) -> None:
        """Nobody gets anything, whatever it proves."""
        self.refused(403, Authorization=f"Bearer {token(now=time.time())}")
        self.refused(403)


class PlainAllowedTests(PlainTests):
    """The same where the file allows it."""

    auth = "plain_tokens = true\n"

    def test_refused(self) -> None:
        """It is as with TLS then."""
        self.granted("alice@example.com", Authorization=f"Bearer {token(now=time.time())}")
        self.refused(401)
