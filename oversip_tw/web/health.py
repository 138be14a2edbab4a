"""Whether this process can do its work, for load balancers and watchdogs."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from twisted.web.resource import Resource
from twisted.web.server import Request

#: gives each part's name and whether it works
Check = Callable[[], Mapping[str, bool]]


class Health(Resource):
    """``GET``: 200 while every part works, else 503; the body names the parts (JSON)."""

    isLeaf = True

    def __init__(self, check: Check = dict) -> None:
        super().__init__()
        self._check = check

    def render_GET(self, request: Request) -> bytes:
        """The answer of this moment."""
        parts = dict(self._check())
        works = all(parts.values())
        request.setResponseCode(200 if works else 503)
        request.setHeader(b"Content-Type", b"application/json")
        request.setHeader(b"Cache-Control", b"no-store")
        return json.dumps({"status": "ok" if works else "failing", "parts": parts}).encode() + b"\n"
