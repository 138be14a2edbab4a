"""oversip_tw.web.api.resource: routing, checking, answering."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.test.requesthelper import DummyChannel

from oversip_tw.promise import Promise, spawn
from oversip_tw.testing import Clock
from oversip_tw.web.api import Api, Call, Guard, Operation, Parameter, Problem, Reply
from oversip_tw.web.limited import BoundedRequest
from tests.web.site import Answer

NAME = Parameter("name", "", {"type": "string", "pattern": "^[a-zé/]+$"})
LIMIT = Parameter("limit", "", {"type": "integer", "minimum": 1, "maximum": 9, "default": 5})
SCHEMAS = {
    "Thing": {
        "type": "object",
        "required": ["size"],
        "properties": {"size": {"type": "number"}, "secret": {"type": "string", "maxLength": 4}},
        "additionalProperties": False,
    }
}


class Plain(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"plain"


class Waiting:
    """The context: what handlers were called with, and what they wait for."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.promise: Promise[Reply] = Promise()


async def get(context: Waiting, call: Call) -> Reply:
    context.calls.append(call)
    return Reply(200, {"name": call.parameters["name"], "limit": call.parameters["limit"]})


async def put(context: Waiting, call: Call) -> Reply:
    context.calls.append(call)
    return Reply(204)


async def wait(context: Waiting, call: Call) -> Reply:
    return await context.promise


async def fail(context: Waiting, call: Call) -> Reply:
    if call.parameters["limit"] == 1:
        raise Problem(409, "taken")
    raise ValueError("a defect with s3cret in it")


TABLE = (
    Operation("GET", "/things/{name}", "get", "", get, (NAME, LIMIT)),
    Operation("PUT", "/things/{name}", "put", "", put, (NAME,), body="Thing", status=204),
    Operation("GET", "/wait", "wait", "", wait),
    Operation("POST", "/fail", "fail", "", fail, (LIMIT,)),
    Operation("GET", "/plain", "plain", ""),
    Operation("GET", "/open", "open", "", wait, open=True),
)


class ApiCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.context = Waiting()
        self.failures: list[BaseException] = []
        self.changes: list[tuple[str, str, str, int]] = []
        self.strangers: list[str] = []
        self.channel = DummyChannel()
        self.api = self.make(Guard())

    def make(self, guard: Guard) -> Api:
        return Api(
            TABLE, SCHEMAS, {"/plain": Plain()}, self.context, guard, self.clock, spawn, self.failures.append,
            lambda *what: self.changes.append(what),  # type: ignore[arg-type]
            self.strangers.append,
        )  # fmt: skip

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        self.channel = DummyChannel()
        self.channel.site = Site(self.api)
        self.request = request = BoundedRequest(self.channel, False)
        request.content = BytesIO(body)
        for name, value in {"Host": "localhost", **headers}.items():
            request.requestHeaders.addRawHeader(name.replace("_", "-"), value)
        request.requestReceived(method.encode(), path.encode(), b"HTTP/1.1")

    def answer(self) -> Answer:
        head, _, body = self.channel.transport.written.getvalue().partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        return Answer(int(line.split(" ")[1]), dict(field.split(": ", 1) for field in fields), body)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        self.send(method, path, body, **headers)
        return self.answer()

    def put(self, body: bytes, **headers: str) -> Answer:
        return self.ask("PUT", "/things/a", body, **({"Content_Type": "application/json"} | headers))

    def problem(self, answer: Answer) -> dict[str, Any]:
        """The problem details, which say the same as the status."""
        self.assertEqual("application/problem+json", answer.headers["Content-Type"])
        told: dict[str, Any] = json.loads(answer.body)
        self.assertEqual((answer.status, "about:blank"), (told["status"], told["type"]))
        return told


class RoutingTest(ApiCase):
    def test_path_and_query(self) -> None:
        """Segments are decoded one by one; what is left out has its default."""
        answer = self.ask("GET", "/things/%C3%A9%2Fa?limit=7")
        self.assertEqual({"name": "é/a", "limit": 7}, json.loads(answer.body))
        self.assertEqual((200, "application/json"), (answer.status, answer.headers["Content-Type"]))
        self.assertEqual("no-store", answer.headers["Cache-Control"])
        self.assertEqual("nosniff", answer.headers["X-Content-Type-Options"])
        self.assertEqual(5, json.loads(self.ask("GET", "/things/a").body)["limit"])

    def test_head(self) -> None:
        """As GET, without the body."""
        answer = self.ask("HEAD", "/things/a")
        self.assertEqual((200, b""), (answer.status, answer.body))

    def test_nothing_there(self) -> None:
        """404, whatever the method; a path that is no UTF-8 is none of ours."""
        for path in ("/", "/thing", "/things", "/things/a/b", "/things/%FF", "//things/a", "/things/a/"):
            self.problem(answer := self.ask("GET", path))
            self.assertEqual(404, answer.status, path)

    def test_methods(self) -> None:
        """405, and which there are (RFC 9110 §15.5.6)."""
        for method in ("POST", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "X"):
            self.problem(answer := self.ask(method, "/things/a"))
            self.assertEqual((405, "GET, HEAD, PUT"), (answer.status, answer.headers["Allow"]))

    def test_other_resources(self) -> None:
        """What has no handler is a resource of its own, behind the same guard."""
        self.assertEqual(b"plain", self.ask("GET", "/plain").body)
        self.assertEqual(403, self.ask("GET", "/plain", Origin="http://evil.example").status)

    def test_guard(self) -> None:
        """Nobody without a token learns what there is; what is open is open."""
        self.api = self.make(Guard(["T9mS2xWn4Qe7LbVc0dRk"]))
        for path in ("/things/a", "/nothing", "/plain"):
            self.assertEqual(401, self.ask("GET", path).status)
        self.assertEqual([], self.strangers)
        self.ask("GET", "/plain", Authorization="Bearer T9mS2xWn4Qe7LbVc0dRj")
        self.assertEqual(["192.168.1.1"], self.strangers)
        self.send("GET", "/open")
        self.context.promise.resolve(Reply(200, {}))
        self.assertEqual(200, self.answer().status)


class CheckingTest(ApiCase):
    def test_parameters(self) -> None:
        """400 says which and why."""
        for path, where in (
            ("/things/a?limit=0", "limit"), ("/things/a?limit=x", "limit"), ("/things/a?limit=", "limit"),
            ("/things/1", "name"), ("/things/a?other=1", "query"), ("/things/a?limit=1&limit=1", "query"),
        ):  # fmt: skip
            answer = self.ask("GET", path)
            self.assertEqual(400, answer.status, path)
            self.assertEqual(where, self.problem(answer)["errors"][0]["where"])
        for path in ("/things/a?limit=%FF", "/things/a?" + "x=1&" * 30):
            self.assertEqual(400, self.ask("GET", path).status)

    def test_body(self) -> None:
        """One that is as it should be gets to the handler."""
        answer = self.put(b'{"size": 1}', Content_Type="Application/JSON; charset=utf-8")
        self.assertEqual((204, b""), (answer.status, answer.body))
        self.assertNotIn("Content-Type", answer.headers)
        self.assertEqual({"size": 1}, self.context.calls[0].body)

    def test_body_that_is_none(self) -> None:
        """400, 413, 415, 422; nothing gets to the handler."""
        for body, status in (
            (b"", 400), (b"{", 400), (b'{"size": NaN}', 400), (b'{"size": 1, "size": 2}', 400), (b"\xff", 400),
            (b"[" * 50_000, 400), (b'{"size": 1, "secret": "\\ud800"}', 400), (b'{"size": ' + b"1" * 5000 + b"}", 400),
            (b"[]", 422), (b"{}", 422), (b'{"size": "1"}', 422), (b'{"size": 1, "more": 1}', 422),
            (b'{"size": 1}' + b" " * 70_000, 413),
        ):  # fmt: skip
            self.problem(answer := self.put(body))
            self.assertEqual(status, answer.status, body[:40])
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            self.assertEqual(415, self.put(b'{"size": 1}', Content_Type=kind).status)
        self.assertEqual([], self.context.calls)

    def test_reason(self) -> None:
        """Each status has its phrase, those too that Twisted does not know."""
        self.put(b"{}")
        self.assertTrue(self.channel.transport.written.getvalue().startswith(b"HTTP/1.1 422 Unprocessable "))

    def test_A15_no_secret_comes_back(self) -> None:
        """What is wrong is told without what was sent."""
        secret = b'"hunter2"'
        for body in (b'{"size": 1, "secret": %b}', b'{"size": 1, %b: 1}', b'{"size": %b}', b"hunter2%b"):
            body = body % secret
            self.assertNotIn(b"hunter2", self.put(body).body)


class AnsweringTest(ApiCase):
    def test_problem_of_a_handler(self) -> None:
        """As it was raised."""
        self.assertEqual("taken", self.problem(self.ask("POST", "/fail?limit=1"))["detail"])

    def test_defect(self) -> None:
        """500 without a word of what it was; the log has that."""
        answer = self.ask("POST", "/fail")
        self.assertEqual(500, self.problem(answer)["status"])
        self.assertNotIn(b"s3cret", answer.body)
        self.assertEqual([ValueError], [type(failure) for failure in self.failures])

    def test_later(self) -> None:
        """The answer comes when there is one, and no timer is left."""
        self.send("GET", "/wait")
        self.assertEqual(b"", self.channel.transport.written.getvalue())
        self.context.promise.resolve(Reply(200, {"a": 1}))
        self.assertEqual({"a": 1}, json.loads(self.answer().body))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_too_late(self) -> None:
        """503 after ten seconds; what comes then goes nowhere."""
        self.send("GET", "/wait")
        self.clock.advance(10)
        self.assertEqual(503, self.problem(self.answer())["status"])
        self.context.promise.resolve(Reply(200, {}))
        self.assertEqual([], self.failures)

    def test_nobody_waits(self) -> None:
        """The connection went: nothing is written, no timer is left."""
        self.send("GET", "/wait")
        self.request.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([], self.clock.getDelayedCalls())
        self.context.promise.resolve(Reply(200, {}))
        self.assertEqual(b"", self.channel.transport.written.getvalue())
        self.assertEqual([], self.failures)

    def test_changes_are_told(self) -> None:
        """Whatever may have changed something, with what became of it; never a body."""
        self.put(b'{"size": 1}')
        self.ask("POST", "/fail?limit=1")
        self.ask("GET", "/things/a")
        self.assertEqual([("PUT", "/things/a", 204), ("POST", "/fail", 409)], [change[1:] for change in self.changes])
