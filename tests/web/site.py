"""Asks a twisted.web resource without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.web.test.requesthelper import DummyChannel


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def ask(resource: Resource, path: str, method: str = "GET", **headers: str) -> Answer:
    """What ``resource`` answers; headers are given with ``_`` for ``-``."""
    channel = DummyChannel()
    channel.site = Site(resource)
    request = Request(channel, False)
    request.content = BytesIO()
    for name, value in {"Host": "sip.example.com", **headers}.items():
        request.requestHeaders.addRawHeader(name.replace("_", "-"), value)
    request.requestReceived(method.encode(), path.encode(), b"HTTP/1.1")
    head, _, body = channel.transport.written.getvalue().partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    found = dict(field.split(": ", 1) for field in fields)
    return Answer(int(line.split(" ")[1]), found, body)
