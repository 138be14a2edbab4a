"""The phone page: a few files, read once and served from memory."""

# mypy: allow-untyped-calls

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

from twisted.web.http import NOT_MODIFIED
from twisted.web.resource import NoResource, Resource
from twisted.web.server import Request

STATIC = Path(__file__).parent / "static"

_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}
#: what may follow "ws://" in the policy
_HOST = re.compile(rb"[A-Za-z0-9.\-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
#: Nothing from elsewhere, nothing inline, no HTML made from text, nobody's frame.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
    b"connect-src 'self'%b; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'"
)
_HEADERS = {
    b"Cache-Control": b"no-cache",
    b"Cross-Origin-Opener-Policy": b"same-origin",
    b"Cross-Origin-Resource-Policy": b"same-origin",
    b"Permissions-Policy": b"camera=(self), microphone=(self), geolocation=()",
    b"Referrer-Policy": b"no-referrer",
    b"X-Content-Type-Options": b"nosniff",
}


def is_built(directory: Path = STATIC) -> bool:
    """Whether the phone's bundle is there (``make page`` makes it)."""
    return (directory / "bundle" / "phone.js").is_file()


def phone_page(domain: str = "", directory: Path = STATIC, ice: str = "") -> Resource:
    """The page and its parts, below ``/``. Without the bundle, a page that says how to get it (503).

    ``domain``: whose users log in with their name alone; "" leaves that to the host of the page's own address. ``ice``:
    the path where they get credentials for a TURN server; "": nowhere.
    What other resources stand on the same port are put beside it with ``putChild``.
    """
    root = _Directory()
    built = is_built(directory)
    name = "index.html" if built else "missing.html"
    start = _File((directory / name).read_bytes(), ".html", 200 if built else 503)
    root.putChild(b"", start)
    home = {"domain": domain} | ({"ice": ice} if ice else {})
    root.putChild(b"phone.json", _File(json.dumps(home).encode(), ".json"))
    bundle = _Directory()
    root.putChild(b"bundle", bundle)
    for folder, resource in ((directory, root), (directory / "bundle", bundle)):
        for file in sorted(folder.glob("*.*")):
            if file.suffix in _TYPES and file.name not in ("index.html", "missing.html"):
                resource.putChild(file.name.encode(), _File(file.read_bytes(), file.suffix))
    return root


class _Directory(Resource):
    """Shows no listing."""

    def render_GET(self, request: Request) -> bytes:
        return bytes(NoResource().render(request))


class _File(Resource):
    """One file, in memory, compressed where that pays."""

    isLeaf = True

    def __init__(self, content: bytes, suffix: str, status: int = 200) -> None:
        super().__init__()
        self._status = status
        self._plain = content
        # mtime 0: the same file is the same answer on every node
        packed = gzip.compress(self._plain, mtime=0)
        self._packed = packed if len(packed) < len(self._plain) else None
        self._type = _TYPES[suffix]
        self._tag = b'"%b"' % hashlib.sha256(self._plain).hexdigest()[:16].encode()

    def render_GET(self, request: Request) -> bytes:
        """The file, 304 if the browser has it."""
        if request.postpath:
            return bytes(NoResource().render(request))
        self._set_headers(request)
        if request.setETag(self._tag):
            request.setResponseCode(NOT_MODIFIED)
            return b""
        request.setResponseCode(self._status)
        accepted = request.getHeader(b"Accept-Encoding") or b""
        if self._packed is not None and re.search(rb"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", accepted):
            request.setHeader(b"Content-Encoding", b"gzip")
            return self._packed
        return self._plain

    def _set_headers(self, request: Request) -> None:
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        request.setHeader(b"Content-Type", self._type)
        request.setHeader(b"Vary", b"Accept-Encoding")
        host = request.getHeader(b"Host") or b""
        # Older Safari takes 'self' for http and https alone.
        sockets = b" ws://%b wss://%b" % (host, host) if _HOST.fullmatch(host) else b""
        request.setHeader(b"Content-Security-Policy", _POLICY % sockets)
