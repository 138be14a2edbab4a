"""Whether this process can do its work, for load balancers and watchdogs."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping

from twisted.web.resource import Resource
from twisted.web.server import Request

#: gives each part's name and whether it works
Check = Callable[[], Mapping[str, bool]]


class Health(Resource):
    """``GET``: 503 while a part that nothing goes without fails, else 200; the body names the parts (JSON)."""

    isLeaf = True

    def __init__(self, check: Check = dict, spared: Collection[str] = ()) -> None:
        """``spared``: the parts that most work goes without; who asks shall not send that work elsewhere."""
        super().__init__()
        self._check = check
        self._spared = frozenset(spared)

    def render_GET(self, request: Request) -> bytes:
        """The answer of this moment."""
        parts = dict(self._check())
        broken = {name for name, works in parts.items() if not works}
        serves = broken <= self._spared
        status = "failing" if not serves else "degraded" if broken else "ok"
        request.setResponseCode(200 if serves else 503)
        request.setHeader(b"Content-Type", b"application/json")
        request.setHeader(b"Cache-Control", b"no-store")
        return json.dumps({"status": status, "parts": parts}).encode() + b"\n"
