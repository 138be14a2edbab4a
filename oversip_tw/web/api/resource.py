"""Routes HTTP requests by a table of operations, and answers in JSON."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from oversip_tw.interfaces import Clock, Delayed, Spawn
from oversip_tw.web.api import problems, schema
from oversip_tw.web.api.guard import Guard
from oversip_tw.web.api.operations import Call, Operation, Reply, Schema
from oversip_tw.web.api.problems import Problem

#: seconds that an operation may take
PATIENCE = 10.0
#: octets of a request's body
MOST_BODY = 65_536

#: hears of a change: who made it, method, path, status
Changed = Callable[[str, str, str, int], None]


class Api(Resource):
    """All operations of a table. ``context`` is handed to their handlers."""

    isLeaf = True

    def __init__(
        self,
        table: Sequence[Operation],
        schemas: Mapping[str, Schema],
        resources: Mapping[str, Resource],
        context: Any,
        guard: Guard,
        clock: Clock,
        spawn: Spawn,
        failed: Callable[[BaseException], None],
        changed: Changed = lambda *what: None,
        refused: Callable[[str], None] = lambda peer: None,
    ) -> None:
        """``resources``: what stands at the paths of operations that have no handler. ``failed`` hears of defects,
        ``refused`` of whoever shows a token that is none."""
        super().__init__()
        self._routes = [(operation.path.split("/")[1:], operation) for operation in table]
        self._schemas = schemas
        self._resources = resources
        self._context = context
        self._guard = guard
        self._clock = clock
        self._spawn = spawn
        self._failed = failed
        self._changed = changed
        self._refused = refused

    def render(self, request: Request) -> Any:
        """The answer, now or later."""
        try:
            operations = self._at(request)
            self._guard.admit(request, all(operation.open for operation, _ in operations) and bool(operations))
            operation, segments = _with_method(request, operations)
            if operation.handler is None:
                return self._resources[operation.path].render(request)
            call = self._call(request, operation, segments)
        except Problem as problem:
            if problem.status == 401 and request.getHeader(b"Authorization"):
                self._refused(_peer(request))
            self._answer(request, problem)
            return NOT_DONE_YET
        _Work(self, request, operation, call)
        return NOT_DONE_YET

    # -- the request

    def _at(self, request: Request) -> list[tuple[Operation, dict[str, str]]]:
        """What can be done at the path, with the parameters in it."""
        path = request.path.split(b"/")[1:]
        found = []
        for segments, operation in self._routes:
            values = _matched(segments, path)
            if values is not None:
                found.append((operation, values))
        return found

    def _call(self, request: Request, operation: Operation, segments: Mapping[str, str]) -> Call:
        query = _query(request)
        parameters: dict[str, Any] = {}
        wrong: list[tuple[str, str]] = []
        for each in operation.parameters:
            text = segments.get(each.name, query.pop(each.name, None))
            if text is None:
                parameters[each.name] = each.schema.get("default")
                continue
            value = parameters[each.name] = schema.parameter(text, each.schema)
            wrong += [(each.name, words) for _, words in schema.mistakes(value, each.schema)]
        if query:
            wrong.append(("query", "has a parameter that is none here"))
        if wrong:
            raise Problem(400, "a parameter is wrong", wrong)
        return Call(parameters, self._body(request, self._schemas[operation.body]) if operation.body else None)

    @staticmethod
    def _body(request: Request, wanted: Schema) -> Any:
        if (request.getHeader(b"Content-Type") or b"").split(b";")[0].strip().lower() != b"application/json":
            raise Problem(415, "the body has to be application/json")
        assert request.content is not None
        data = request.content.read(MOST_BODY + 1)
        if len(data) > MOST_BODY or getattr(request, "too_long", False):
            raise Problem(413, f"the body may have {MOST_BODY} octets")
        try:
            body = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_no_number)
            json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no character
        except (ValueError, RecursionError):
            raise Problem(400, "the body is not JSON") from None
        wrong = list(schema.mistakes(body, wanted))
        if wrong:
            raise Problem(422, "the body is not as it should be", wrong)
        return body

    # -- the answer

    def run(self, operation: Operation, call: Call) -> Any:
        """What the operation's handler makes."""
        assert operation.handler is not None
        return operation.handler(self._context, call)

    def start(self, work: _Work) -> None:
        """Begin ``work``."""
        self._spawn(work.run(), self._failed)

    def after(self, seconds: float, call: Callable[[], None]) -> Delayed:
        """Call it later."""
        return self._clock.callLater(seconds, call)

    def done(self, request: Request, operation: Operation, reply: Reply | Problem) -> None:
        """Send the answer of an operation, and tell of changes."""
        self._answer(request, reply)
        if operation.method != "GET":
            self._changed(_peer(request), operation.method, request.path.decode("ascii", "replace"), reply.status)

    def broke(self, error: Exception) -> None:
        """A defect."""
        self._failed(error)

    def _answer(self, request: Request, reply: Reply | Problem) -> None:
        body = reply.body() if isinstance(reply, Problem) else reply.body
        request.setResponseCode(reply.status, HTTPStatus(reply.status).phrase.encode())  # Twisted's lack some
        for name, value in reply.headers.items():
            request.setHeader(name.encode(), value.encode())
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        if body is not None:
            media = problems.MEDIA_TYPE if isinstance(reply, Problem) else "application/json"
            data = json.dumps(body, ensure_ascii=True).encode() + b"\n"
            request.setHeader(b"Content-Type", media.encode())
            request.setHeader(b"Content-Length", str(len(data)).encode())
            request.write(data)
        else:
            request.defaultContentType = None
        request.finish()


class _Work:
    """One operation under way: it ends by itself, when its time is over, or when nobody waits any more."""

    def __init__(self, api: Api, request: Request, operation: Operation, call: Call) -> None:
        self._api = api
        self._request = request
        self._operation = operation
        self._call = call
        self._over = False
        self._patience = api.after(PATIENCE, self._took_too_long)
        request.notifyFinish().addErrback(self._gone)
        api.start(self)

    async def run(self) -> None:
        """Do it and answer."""
        reply: Reply | Problem
        try:
            reply = await self._api.run(self._operation, self._call)
        except Problem as problem:
            reply = problem
        except Exception as defect:
            self._api.broke(defect)
            reply = Problem(500)
        self._end(reply)

    def _end(self, reply: Reply | Problem) -> None:
        if not self._over:
            self._over = True
            self._stop_the_clock()
            self._api.done(self._request, self._operation, reply)

    def _took_too_long(self) -> None:
        # What it waits for may happen yet: a change that was begun is not undone.
        self._end(Problem(503, "it takes too long"))

    def _gone(self, why: object) -> None:
        self._over = True
        self._stop_the_clock()

    def _stop_the_clock(self) -> None:
        if self._patience.active():
            self._patience.cancel()


def _peer(request: Request) -> str:
    """Who asks."""
    return getattr(request.getClientAddress(), "host", "?")


def _matched(segments: Sequence[str], path: Sequence[bytes]) -> dict[str, str] | None:
    """The parameters in ``path``; None: it is another one."""
    if len(segments) != len(path):
        return None
    values = {}
    for segment, given in zip(segments, path, strict=True):
        if segment.startswith("{"):
            try:
                values[segment[1:-1]] = unquote_to_bytes(given).decode()
            except UnicodeDecodeError:
                return None
        elif segment.encode() != given:
            return None
    return values


def _with_method(
    request: Request, operations: Sequence[tuple[Operation, dict[str, str]]]
) -> tuple[Operation, dict[str, str]]:
    if not operations:
        raise Problem(404)
    method = "GET" if request.method == b"HEAD" else request.method.decode("latin-1")
    for operation, values in operations:
        if operation.method == method:
            return operation, values
    methods = [operation.method for operation, _ in operations]
    allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
    raise Problem(405, headers={"Allow": ", ".join(allowed)})


def _query(request: Request) -> dict[str, str]:
    text = request.uri.partition(b"?")[2].decode("ascii", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise Problem(400, "the query cannot be read") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise Problem(400, "a parameter is wrong", [("query", "has the same parameter twice")])
    return dict(pairs)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("the same name twice")
    return dict(pairs)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
