"""Short-lived credentials of a TURN server for whoever proves who they are."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from oversip_tw.interfaces import Address
from oversip_tw.promise import spawn

#: what a page may send, and read, where it comes from elsewhere
_ALLOWED, _EXPOSED = b"Authorization", b"WWW-Authenticate, Retry-After"


@dataclass(frozen=True, slots=True)
class Asking:
    """What a request shows of whoever makes it; "" is what it does not say."""

    authorization: str
    cookie: str
    #: path and query, as they came
    target: str
    #: the domain that it asks for
    domain: str
    #: of the client, behind whatever proxies are trusted
    peer: Address
    #: nobody on the way could read it
    secure: bool


class Unproven(Exception):
    """Somebody gets nothing; ``status``, the text and ``headers`` are what to answer."""

    def __init__(self, status: int, reason: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = tuple(headers)


#: what there is for a user, as JSON is made of it; raises Unproven
Servers = Callable[[Asking], Awaitable[dict[str, Any]]]
#: whether pages of an origin may read answers of ours, whom they called by that host, over TLS or not
Allows = Callable[[str | None, str, bool], bool]


class Ice(Resource):
    """``GET``: servers and credentials (JSON) as RTCPeerConnection takes them; 401 and 403 without a proof."""

    isLeaf = True

    def __init__(self, servers: Servers, allows: Allows) -> None:
        super().__init__()
        self._servers = servers
        self._allows = allows
        self._log = Logger(namespace="oversip_tw.web")

    def render_GET(self, request: Request) -> object:
        """The answer, when it is known who asks."""
        if not self._welcome(request):
            return _written(request, 403, {"error": "Origin Not Allowed"})
        asking = _asking(request)

        async def run() -> None:
            status, answer, headers = await self._answer(asking)
            for name, value in headers:
                request.responseHeaders.addRawHeader(name, value)
            request.write(_written(request, status, answer))
            request.finish()

        def broke(error: BaseException) -> None:
            self._log.failure("credentials for TURN", failure=Failure(error))
            request.write(_written(request, 500, {"error": "Internal Server Error"}))
            request.finish()

        task = spawn(run(), broke)
        if not task.done:
            request.notifyFinish().addErrback(lambda _: task.cancel())
        return NOT_DONE_YET

    async def _answer(self, asking: Asking) -> tuple[int, dict[str, Any], Sequence[tuple[str, str]]]:
        try:
            return 200, await self._servers(asking), ()
        except Unproven as refusal:
            return refusal.status, {"error": str(refusal)}, refusal.headers

    def render_OPTIONS(self, request: Request) -> bytes:
        """What a page from elsewhere asks before it asks (CORS)."""
        if not self._welcome(request):
            return _written(request, 403, {"error": "Origin Not Allowed"})
        if request.getHeader(b"Origin") is not None:
            request.setHeader(b"Access-Control-Allow-Methods", b"GET")
            request.setHeader(b"Access-Control-Allow-Headers", _ALLOWED)
            request.setHeader(b"Access-Control-Max-Age", b"600")
        request.setHeader(b"Allow", b"GET, HEAD, OPTIONS")
        request.setResponseCode(204)
        return b""

    def _welcome(self, request: Request) -> bool:
        """Whether the page that asks may; says so to its browser. Programs and pages of our own send no Origin."""
        request.setHeader(b"Vary", b"Origin")
        origin = request.getHeader(b"Origin")
        if origin is None:
            return True
        host = request.getHeader(b"Host") or b""
        if not self._allows(origin.decode("latin-1"), host.decode("latin-1"), _secure(request)):
            return False
        request.setHeader(b"Access-Control-Allow-Origin", origin)
        request.setHeader(b"Access-Control-Allow-Credentials", b"true")
        request.setHeader(b"Access-Control-Expose-Headers", _EXPOSED)
        return True


def _asking(request: Request) -> Asking:
    def header(name: bytes) -> str:
        return (request.getHeader(name) or b"").decode("utf-8", "surrogateescape")

    domain = (request.args or {}).get(b"domain", [b""])[0]
    return Asking(
        header(b"Authorization"),
        header(b"Cookie"),
        request.uri.decode("latin-1"),
        domain.decode("utf-8", "replace").lower(),
        _channel(request).peer,
        _secure(request),
    )


def _secure(request: Request) -> bool:
    return bool(_channel(request).secure)


def _channel(request: Request) -> Any:
    """What a WebSocket's port gives its pages, which knows more than Twisted's."""
    return request.channel


def _written(request: Request, status: int, answer: dict[str, Any]) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    body = json.dumps(answer).encode() + b"\n"
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
