"""The API of a running server, over HTTP."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, FileBodyProducer, readBody
from twisted.web.http_headers import Headers

from oversip_tw import config
from oversip_tw.promise import Promise
from oversip_tw.proxy.user_rules import Rules
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.service import Server, StartUpError, mistakes
from oversip_tw.service.admin import Strangers
from oversip_tw.service.api import TABLE, openapi
from oversip_tw.service.api.reference import DOCUMENT, PAGE, document, page
from oversip_tw.testing import Clock, MemoryLog
from tests.service.rewriting import HEAD, UDP, Rewriting

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "T9mS2xWn4Qe7LbVc0dRk"
TCP = '[[listen]]\ntransport = "tcp"\nport = 0\n'
ADMIN = "[admin]\nport = 0\n"
BOB, CAROL = "sip:bob@example.org", "sip:carol@example.org"


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ApiCase(Rewriting):
    """A server with TCP, UDP and an admin port."""

    text = TCP + UDP + ADMIN
    server: Server

    def setUp(self) -> None:
        super().setUp()
        self.write(self.text)

    def serve(self) -> None:
        self.server = self.start()
        self.parts = self.server.parts
        self.port = self.server._admin.getHost().port

    async def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        fields = Headers({name: [value] for name, value in (headers or {}).items()})
        producer = None
        if body is not None:
            fields.addRawHeader("Content-Type", "application/json")
            producer = FileBodyProducer(BytesIO(json.dumps(body).encode()))
        url = f"http://127.0.0.1:{self.port}{path}".encode()
        response = await Agent(reactor).request(method.encode(), url, fields, producer)
        return Answer(response.code, response.headers, await readBody(response))

    async def status(self, method: str, path: str, body: Any = None) -> int:
        return (await self.ask(method, path, body)).status

    def bind(self, name: str, flow_id: bytes = b"", **more: Any) -> Binding:
        """A binding of that user, known to the server alone."""
        now = self.parts.element.core.wheel.now()
        fields = {"expires_at": now + 600, "key": f"key-{name}".encode(), "flow_id": flow_id, "call_id": "c"} | more
        binding = Binding(f"sip:{name}@example.org", f"sip:{name}:s3cret@192.0.2.1;x=1", **fields)
        self.parts.location.commit_now([binding], ())
        return binding

    async def connection(self) -> bytes:
        """Somebody connects by TCP; the id of the flow."""
        before = {flow.id for flow in self.parts.flows.all()}
        place = TCP4ClientEndpoint(reactor, "127.0.0.1", self.parts.listeners.bound[0].port)
        line = await connectProtocol(place, Protocol())
        self.addCleanup(line.transport.abortConnection)
        while True:
            await self.signal(0)
            found = [flow.id for flow in self.parts.flows.all() if flow.id not in before]
            if found:
                return found[0]


def awaited(test: Any) -> Any:
    """The test, once it has served: trial waits for Deferreds."""

    def run(self: ApiCase) -> Deferred[None]:
        self.serve()
        return ensureDeferred(test(self))

    run.__doc__ = test.__doc__
    run.__name__ = test.__name__
    return run


class UsersTest(ApiCase):
    @awaited
    async def test_life_of_a_user(self) -> None:
        """Added, seen, given another password, removed; the server knows at once."""
        answer = await self.ask("POST", "/api/users", {"user": "bob", "password": "one"})
        self.assertEqual((201, {"user": "bob@example.org", "aor": BOB, "bindings": 0}), (answer.status, answer.json))
        self.assertEqual(["/api/users/bob@example.org"], answer.headers.getRawHeaders("Location"))
        first = self.parts.users.ha1_now("bob", "example.org", "MD5")
        self.assertIsNotNone(first)
        self.assertEqual(409, await self.status("POST", "/api/users", {"user": "bob@EXAMPLE.org", "password": "x"}))
        self.assertEqual(204, await self.status("PUT", "/api/users/bob/password", {"password": "two"}))
        self.assertNotEqual(first, self.parts.users.ha1_now("bob", "example.org", "MD5"))
        self.assertEqual(200, await self.status("GET", "/api/users/bob@example.org"))
        self.assertEqual(204, await self.status("DELETE", "/api/users/bob"))
        self.assertIsNone(self.parts.users.ha1_now("bob", "example.org", "MD5"))
        for method, path, body in (
            ("GET", "/api/users/bob", None),
            ("DELETE", "/api/users/bob", None),
            ("PUT", "/api/users/bob/password", {"password": "x"}),
            ("GET", "/api/users/bob/bindings", None),
            ("GET", "/api/users/bob@else.example", None),
        ):
            self.assertEqual(404, await self.status(method, path, body), path)

    @awaited
    async def test_pages(self) -> None:
        """By name, each user once, and the last page says that it is."""
        names = [f"u{number}" for number in range(5)] + ["ä#?%/x"]
        for name in names:
            self.assertEqual(201, await self.status("POST", "/api/users", {"user": name, "password": "x"}))
            self.assertEqual(200, await self.status("GET", f"/api/users/{quote(name, safe='')}"))
        seen: list[str] = []
        path = "/api/users?limit=2"
        while path:
            found = (await self.ask("GET", path)).json
            seen += [user["user"] for user in found["users"]]
            path = f"/api/users?limit=2&after={quote(found['next'])}" if found["next"] else ""
        self.assertEqual([f"{name}@example.org" for name in names], seen)

    @awaited
    async def test_A18_odd_names(self) -> None:
        """What could mean something to a database is a name, or none."""
        name = "x'OR'1'='1';--"
        self.assertEqual(201, await self.status("POST", "/api/users", {"user": name, "password": "x"}))
        self.assertEqual(204, await self.status("DELETE", f"/api/users/{quote(name)}"))
        for user in ("a b", "a:b", "a@b@c", "<a>", "", "a" * 300, "a\n"):
            self.assertEqual(422, await self.status("POST", "/api/users", {"user": user, "password": "x"}), user)

    @awaited
    async def test_A15_no_password_comes_back(self) -> None:
        """Neither in an answer, nor in the log."""
        for password in ("hunter2", "hunter2" * 1000):
            answer = await self.ask("POST", "/api/users", {"user": "bob", "password": password})
            self.assertNotIn(b"hunter2", answer.body)
        answer = await self.ask("PUT", "/api/users/bob/password", {"password": "hunter2", "hunter2": 1})
        self.assertNotIn(b"hunter2", answer.body)
        self.assertFalse(any("hunter2" in text for _, text in self.log.lines))


class FullDomainTest(ApiCase):
    text = f'{UDP}{ADMIN}[[domain]]\nname = "example.org"\nmax_users = 2\n[[domain]]\nname = "example.net"\n'

    @awaited
    async def test_one_too_many(self) -> None:
        """409, for the domain that is full alone; who is there already is told so."""
        for user, status in (("bob", 201), ("carol", 201), ("dave", 409), ("dave@example.net", 201), ("carol", 409)):
            answer = await self.ask("POST", "/api/users", {"user": user, "password": "x"})
            self.assertEqual((user, status), (user, answer.status))
        self.assertIn("already", answer.json["detail"])
        self.assertEqual(204, await self.status("DELETE", "/api/users/carol"))
        self.assertEqual(201, await self.status("POST", "/api/users", {"user": "dave", "password": "x"}))


class StoreTest(ApiCase):
    @awaited
    async def test_store_that_fails(self) -> None:
        """503 with its words; nothing is known that is not stored."""
        store = self.parts.store
        assert store is not None
        store._worker.write = lambda work: _failing()  # type: ignore[method-assign,assignment]
        answer = await self.ask("POST", "/api/users", {"user": "bob", "password": "one"})
        self.assertEqual((503, "the disk is full"), (answer.status, answer.json["detail"]))
        self.assertIsNone(self.parts.users.ha1_now("bob", "example.org", "MD5"))

    @awaited
    async def test_store_that_is_away(self) -> None:
        """Health says so, and that work goes on."""
        store: Any = self.parts.store
        answer = await self.ask("GET", "/health")
        self.assertEqual({"status": "ok", "parts": {"accepting": True, "store": True}}, answer.json)
        store._worker.read = lambda work: _failing()
        await store._look()
        answer = await self.ask("GET", "/health")
        self.assertEqual((200, "degraded"), (answer.status, answer.json["status"]))
        self.assertEqual({"accepting": True, "store": False}, answer.json["parts"])
        self.assertIn(b"oversip_store_up 0.0", (await self.ask("GET", "/metrics")).body)


def _failing() -> Promise[None]:
    promise: Promise[None] = Promise()
    promise.fail(StoreFailed("the disk is full"))
    return promise


class MemoryTest(UsersTest):
    """The same without a store."""

    text = f'{TCP}{UDP}{ADMIN}[store]\nkind = "memory"\n'

    @awaited
    async def test_rules(self) -> None:
        """They live as long as the server."""
        await self.ask("POST", "/api/users", {"user": "bob", "password": "x"})
        self.assertEqual(200, await self.status("PUT", "/api/users/bob/rules", {"forward_busy": "carol"}))
        self.assertEqual(CAROL, self.parts.element.core.rules.of(BOB).forward_busy)


class RulesTest(ApiCase):
    text = f'{TCP}{ADMIN}[[user_rules]]\nuser = "bob"\nforward_no_answer = "carol"\n'

    @awaited
    async def test_rules(self) -> None:
        """Set as a whole, seen beside what holds, forgotten with {} and with the user."""
        rules = self.parts.element.core.rules
        self.assertEqual(404, await self.status("GET", "/api/users/bob/rules"))
        self.assertEqual(404, await self.status("PUT", "/api/users/bob/rules", {}))
        await self.ask("POST", "/api/users", {"user": "bob", "password": "x"})
        nothing = {"forward_busy": None, "forward_no_answer": None, "forward_unregistered": None, "ring_timeout": None}
        configured = {**nothing, "forward_no_answer": CAROL, "ring_timeout": 25}
        found = (await self.ask("GET", "/api/users/bob/rules")).json
        self.assertEqual({**nothing, "effective": configured}, found)
        answer = await self.ask("PUT", "/api/users/bob/rules", {"forward_busy": "carol", "ring_timeout": 7})
        self.assertEqual(200, answer.status)
        self.assertEqual({**configured, "forward_busy": CAROL, "ring_timeout": 7}, answer.json["effective"])
        self.assertEqual(Rules(CAROL, CAROL, None, 7), rules.of(BOB))
        answer = await self.ask("PUT", "/api/users/bob/rules", {"forward_no_answer": ""})
        nowhere = {**nothing, "forward_no_answer": ""}
        self.assertEqual({**nowhere, "effective": nowhere}, answer.json)
        self.assertEqual(200, await self.status("PUT", "/api/users/bob/rules", {}))
        self.assertEqual(CAROL, rules.of(BOB).forward_no_answer)
        await self.ask("PUT", "/api/users/bob/rules", {"forward_busy": "carol"})
        self.assertEqual(204, await self.status("DELETE", "/api/users/bob"))
        self.assertIsNone(rules.of(BOB).forward_busy)

    @awaited
    async def test_refusals(self) -> None:
        """422 with the place of each mistake, and nothing changes."""
        await self.ask("POST", "/api/users", {"user": "bob", "password": "x"})
        for body, where in (
            ({"forward_busy": "bob"}, "/forward_busy"),
            ({"forward_busy": "tel:+1555", "forward_unregistered": "carol"}, "/forward_busy"),
            ({"forward_no_answer": "x@far.example"}, "/forward_no_answer"),
            ({"forward_no_answer": "x" * 600}, "/forward_no_answer"),
            ({"ring_timeout": 0}, "/ring_timeout"),
            ({"ring_timeout": 1e9}, "/ring_timeout"),
            ({"forward_always": "carol"}, "/"),
        ):
            answer = await self.ask("PUT", "/api/users/bob/rules", body)
            self.assertEqual((422, where), (answer.status, answer.json["errors"][0]["where"]))
        self.assertEqual(Rules(forward_no_answer=CAROL), self.parts.element.core.rules.of(BOB))


class BindingsTest(ApiCase):
    @awaited
    async def test_bindings(self) -> None:
        """Of all, in pages, and of one user; no password of a Contact shows, and odd octets are no trouble."""
        flow_id = await self.connection()
        await self.ask("POST", "/api/users", {"user": "bob", "password": "x"})
        self.bind("bob", flow_id, user_agent="odd \udcff", instance="urn:x", reg_id=1, q=0.5)
        for name in ("carol", "dave"):
            self.bind(name)
        first = (await self.ask("GET", "/api/bindings?limit=2")).json
        second = (await self.ask("GET", f"/api/bindings?limit=2&after={first['next']}")).json
        self.assertEqual((2, 1, None), (len(first["bindings"]), len(second["bindings"]), second["next"]))
        [mine] = (await self.ask("GET", "/api/users/bob/bindings")).json["bindings"]
        self.assertEqual(mine, first["bindings"][0])
        self.assertEqual(
            {
                "aor": BOB, "contact": "sip:bob@192.0.2.1;x=1", "q": 0.5, "instance": "urn:x", "reg_id": 1,
                "user_agent": "odd ?", "path": [], "node": "", "flow": flow_id.hex(), "transport": "tcp", "lost": False,
            },
            {name: value for name, value in mine.items() if name not in ("peer", "expires_in")},
        )  # fmt: skip
        self.assertEqual("127.0.0.1", mine["peer"]["address"])
        self.assertTrue(598 <= mine["expires_in"] <= 600)
        self.assertEqual(1, (await self.ask("GET", "/api/users/bob")).json["bindings"])

    @awaited
    async def test_kick_a_user(self) -> None:
        """The bindings end, in the store too, and so does a connection that is for nobody else."""
        alone, shared = await self.connection(), await self.connection()
        location = self.parts.location
        self.bind("bob", alone, key=b"1")
        self.bind("bob", shared, key=b"2")
        self.bind("carol", shared)
        answer = await self.ask("POST", "/api/users/bob/kick?reason=bye")
        self.assertEqual((200, {"removed": 2, "closed": 1}), (answer.status, answer.json))
        self.assertEqual([], location.bindings_now(BOB))
        self.assertEqual(1, len(location.bindings_now(CAROL)))
        self.assertIsNone(self.parts.flows.find(alone))
        self.assertIsNotNone(self.parts.flows.find(shared))
        self.assertEqual({"removed": 0, "closed": 0}, (await self.ask("POST", "/api/users/bob/kick")).json)

    @awaited
    async def test_remove_a_user(self) -> None:
        """Whoever is no user any more is not reached either, nor keeps a connection of their own."""
        flow_id = await self.connection()
        await self.ask("POST", "/api/users", {"user": "bob", "password": "x"})
        self.bind("bob", flow_id)
        self.assertEqual(204, await self.status("DELETE", "/api/users/bob"))
        self.assertEqual([], self.parts.location.bindings_now(BOB))
        self.assertIsNone(self.parts.flows.find(flow_id))

    @awaited
    async def test_newer_binding_stays(self) -> None:
        """What registers while the others end is none of them."""
        location = self.parts.location
        old = self.bind("bob")
        newer = self.bind("bob", cseq=2)
        await location.remove([old])
        self.assertEqual([newer], location.bindings_now(BOB))

    @awaited
    async def test_flows(self) -> None:
        """Connections, in pages; one can be closed, once."""
        ids = [(await self.connection()).hex() for _ in range(3)]
        self.bind("bob", bytes.fromhex(ids[0]))
        first = (await self.ask("GET", "/api/flows?limit=2")).json
        second = (await self.ask("GET", f"/api/flows?limit=2&after={first['next']}")).json
        self.assertEqual(ids, [flow["id"] for flow in first["flows"] + second["flows"]])
        self.assertIsNone(second["next"])
        one = (await self.ask("GET", f"/api/flows/{ids[0]}")).json
        self.assertEqual(
            ("tcp", True, False, [BOB]), (one["transport"], one["accepted"], one["secure"], one["aors"])
        )
        self.assertEqual(204, await self.status("DELETE", f"/api/flows/{ids[0]}"))
        self.assertEqual(404, await self.status("DELETE", f"/api/flows/{ids[0]}"))
        for id in ("00", "s" * 18, "75" + "0" * 16, "73" + "0" * 15):
            self.assertEqual(400, await self.status("GET", f"/api/flows/{id}"))
        self.assertEqual(404, await self.status("GET", f"/api/flows/73{'0' * 16}"))
        self.assertEqual(400, await self.status("DELETE", f"/api/flows/{ids[1]}?reason=a%0Ab"))


class EdgeTest(ApiCase):
    text = f'{UDP}{ADMIN}[edge]\ncore = "127.0.0.1:5999"\nprobe = 0\n'

    @awaited
    async def test_no_users(self) -> None:
        """409: they are the core's. Bindings and connections are there."""
        for method, path in (("GET", ""), ("POST", "/kick"), ("GET", "/rules")):
            self.assertEqual(409, await self.status(method, f"/api/users/bob{path}"))
        self.assertEqual(409, await self.status("POST", "/api/users", {"user": "bob", "password": "x"}))
        self.assertEqual({"bindings": [], "next": None}, (await self.ask("GET", "/api/bindings")).json)
        self.assertEqual(200, await self.status("GET", "/api/flows"))


class AccessTest(ApiCase):
    text = f'{TCP}{ADMIN}token = "{TOKEN}"\n'

    @awaited
    async def test_token(self) -> None:
        """All but /health asks for it."""
        for path in ("/api/users", "/metrics", "/openapi.json", "/nothing"):
            answer = await self.ask("GET", path)
            self.assertEqual(401, answer.status, path)
            self.assertEqual("application/problem+json", (answer.headers.getRawHeaders("Content-Type") or [""])[0])
        self.assertEqual(200, await self.status("GET", "/health"))
        shown = {"Authorization": f"Bearer {TOKEN}"}
        for path in ("/api/users", "/metrics", "/openapi.json"):
            self.assertEqual(200, (await self.ask("GET", path, headers=shown)).status, path)
        self.assertEqual(403, (await self.ask("GET", "/api/users", headers={**shown, "Origin": "http://a"})).status)


class FileTest(ApiCase):
    text = f'{TCP}{ADMIN}token_file = "token"\n'

    def setUp(self) -> None:
        super().setUp()
        (self.folder / "token").write_text(f"{TOKEN}\nthe-one-before-that\n\n")

    @awaited
    async def test_token_file(self) -> None:
        """Each line is one: so a new one can be brought in before the old one goes."""
        self.assertEqual(401, await self.status("GET", "/api/users"))
        for token in (TOKEN, "the-one-before-that"):
            shown = {"Authorization": f"Bearer {token}"}
            self.assertEqual(200, (await self.ask("GET", "/api/users", headers=shown)).status)

    @awaited
    async def test_another_token(self) -> None:
        """SIGHUP reads the file again; one that holds none leaves the tokens as they are."""
        shown = {"Authorization": f"Bearer {TOKEN}"}
        for content, status, level in (("short", 200, "error"), ("the-one-after-that\n", 401, "info")):
            (self.folder / "token").write_text(content)
            self.assertEqual(level, (await self.hang_up())[0])
            self.assertEqual(status, (await self.ask("GET", "/api/users", headers=shown)).status)
        shown = {"Authorization": "Bearer the-one-after-that"}
        self.assertEqual(200, (await self.ask("GET", "/api/users", headers=shown)).status)

    @awaited
    async def test_other_section(self) -> None:
        """Tokens and names may change, as long as the port stays where it is."""
        self.write(f'{TCP}[admin]\nport = 0\ntoken = "another-token-altogether"\n')
        await self.hang_up()
        shown = {"Authorization": "Bearer another-token-altogether"}
        self.assertEqual(200, (await self.ask("GET", "/api/users", headers=shown)).status)
        self.write(f'{TCP}[admin]\nport = 0\naddress = "127.0.0.2"\n')
        await self.hang_up()
        self.assertIn(("warn", "admin: what has changed there waits for the next start"), self.log.lines)
        self.assertEqual(401, await self.status("GET", "/api/users"))

    def test_no_token_in_it(self) -> None:
        """The server does not start, and a check says so; what stands in the file is not repeated."""
        for content in ("", "\n", f"{TOKEN}\nshort", "a b" * 20, "ä" * 30):
            (self.folder / "token").write_text(content)
            with self.assertRaises(StartUpError) as refused:
                self.start()
            self.assertIn("must be at least 16", str(refused.exception))
            self.assertEqual(1, len(str(refused.exception).splitlines()))
            [found] = mistakes(self.read())
            self.assertEqual("admin.token_file", found.path)


class StrangersTest(SynchronousTestCase):
    def test_seldom(self) -> None:
        """Who shows a wrong token is told at most once a second."""
        log, clock = MemoryLog(), Clock()
        strangers = Strangers(log, clock)
        for _ in range(25):
            strangers.refused("192.0.2.1")
            clock.advance(0.1)
        self.assertEqual([("warn", "admin: wrong token from 192.0.2.1")] * 3, log.lines)


class ConfiguredTest(SynchronousTestCase):
    """[admin]"""

    def wrong(self, text: str) -> str:
        try:
            config.loads(f"{HEAD}[admin]\nport = 9090\n{text}")
        except config.ConfigError as error:
            return "\n".join(error.lines())
        return ""

    def test_not_loopback(self) -> None:
        """Any other address needs a token."""
        for address in ("0.0.0.0", "::", "192.0.2.1"):
            self.assertIn("is not loopback: it needs token", self.wrong(f'address = "{address}"'))
            self.assertEqual("", self.wrong(f'address = "{address}"\ntoken = "{TOKEN}"'))
        for address in ("127.0.0.1", "127.1.2.3", "::1"):
            self.assertEqual("", self.wrong(f'address = "{address}"'))
        config.loads(f'{HEAD}[admin]\naddress = "0.0.0.0"\n')  # no port: nothing is opened

    def test_tokens(self) -> None:
        """One that could be guessed, or never be sent, is none."""
        for token in ("short", "x" * 15, "with a blank in it!", "ä" * 20, "=" * 20):
            self.assertIn("admin.token: must be at least 16", self.wrong(f'token = "{token}"'))


class DocumentTest(SynchronousTestCase):
    """What is said of the API."""

    def test_references(self) -> None:
        """The documents in docs/reference are those of the code (`make reference`)."""
        self.assertEqual(page(), (ROOT / PAGE).read_text())
        self.assertEqual(document(), (ROOT / DOCUMENT).read_text())

    def test_whole(self) -> None:
        """Each operation of the table is in the document once, and every name in it leads somewhere."""
        made = openapi()
        ids = [operation["operationId"] for path in made["paths"].values() for operation in path.values()]
        self.assertEqual(sorted(operation.id for operation in TABLE), sorted(ids))
        self.assertEqual(len(set(ids)), len(ids))
        text = json.dumps(made)
        for name in made["components"]["schemas"]:
            self.assertIn(f'"#/components/schemas/{name}"', text)
        for operation in TABLE:
            names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
            self.assertEqual(names, [each.name for each in operation.parameters][: len(names)])
