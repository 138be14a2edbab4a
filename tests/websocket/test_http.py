"""oversip_tw.transport.websocket.http: page and API beside the WebSocket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.static import Data

from oversip_tw.transport.limits import ConnectionLimits
from tests.websocket.wire import Client, head


class Api(Resource):
    """Gives back what is posted; a GET waits until ``later`` fires; ``?bug`` raises."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.later: Deferred[bytes] = Deferred()
        self.rendered = 0

    def render_POST(self, request: Request) -> bytes:
        self.rendered += 1
        assert request.content is not None
        return bytes(request.content.read())

    def render_GET(self, request: Request) -> Any:
        if b"bug" in (request.args or {}):
            raise ZeroDivisionError("secret")

        def done(data: bytes) -> None:
            request.write(data)
            request.finish()

        self.later.addCallback(done)
        return NOT_DONE_YET


class PageTest(SynchronousTestCase):
    def setUp(self) -> None:
        root = Resource()
        self.api = Api()
        root.putChild(b"", Data(b"the page", "text/plain"))
        root.putChild(b"api", self.api)
        self.root = root

    def request(self, text: str, body: bytes = b"", **options: Any) -> tuple[Client, bytes]:
        client = Client(resource=self.root, **options)
        client.send(text.replace("\n", "\r\n").encode() + b"\r\n" + body)
        return client, client.read()

    def test_page_and_websocket_share_a_path(self) -> None:
        """``/`` without an upgrade is the page, with one a WebSocket; ``/ws`` is no page."""
        client, answer = self.request("GET / HTTP/1.1\nHost: a\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "))
        self.assertTrue(answer.endswith(b"the page"))
        self.assertNotIn(b"Twisted", answer)
        self.assertTrue(client.wire.disconnecting)
        Client(resource=self.root).open(line="GET / HTTP/1.1")
        Client(resource=self.root).open()
        self.assertTrue(self.request("GET /ws HTTP/1.1\nHost: a\n")[1].startswith(b"HTTP/1.1 426 "))
        client = Client(resource=self.root)
        client.send(head(line="GET /api HTTP/1.1"))
        self.assertEqual(client.status(), 404)

    def test_connection_closes_after_one(self) -> None:
        """Each answer says ``Connection: close``; a second request in the same segment is not looked at."""
        one = "POST /api HTTP/1.1\nHost: a\nContent-Length: 2\n"
        client, answer = self.request(one, b"ab" + one.replace("\n", "\r\n").encode() + b"\r\ncd")
        self.assertEqual(answer.lower().count(b"\r\nconnection: close\r\n"), 1)
        self.assertEqual(self.api.rendered, 1)
        self.assertTrue(client.wire.disconnecting)
        client.send(head())
        self.assertNotIn(b" 101 ", client.read())

    def test_body_in_pieces(self) -> None:
        """A body that comes later is waited for."""
        client, answer = self.request("POST /api HTTP/1.1\nHost: a\nContent-Length: 4\n", b"ab")
        self.assertEqual(answer, b"")
        client.send(b"cd")
        self.assertTrue(client.read().endswith(b"abcd"))

    def test_bodies_have_limits(self) -> None:
        """Too large 413, chunked 411, no number or two 400: before twisted.web sees anything."""
        for text, status in (
            ("Content-Length: 65537\n", 413),
            ("Content-Length: 99999999999999999999\n", 413),
            ("Transfer-Encoding: chunked\n", 411),
            ("Content-Length: +5\n", 400),
            ("Content-Length: \xb2\n", 400),
            ("Content-Length: 5\nContent-Length: 5\n", 400),
        ):
            _, answer = self.request(f"POST /api HTTP/1.1\nHost: a\n{text}")
            self.assertEqual(int(answer.split(b" ")[1]), status, text)
        self.assertEqual(self.api.rendered, 0)

    def test_whole_exchange_has_a_deadline(self) -> None:
        """A body that never comes, or an answer that nobody reads, is cut; then nothing is left behind."""
        limits = ConnectionLimits(total=10)
        client, _ = self.request("POST /api HTTP/1.1\nHost: a\nContent-Length: 4\n", connections=limits)
        client.clock.advance(119)
        self.assertFalse(client.wire.aborted)
        client.clock.advance(1)
        self.assertTrue(client.wire.aborted)
        client.drop()
        self.assertEqual((client.clock.getDelayedCalls(), limits.count), ([], 0))

    def test_answers_later(self) -> None:
        """An API may take its time."""
        client, answer = self.request("GET /api HTTP/1.1\nHost: a\n")
        self.assertEqual(answer, b"")
        self.api.later.callback(b"now")
        self.assertIn(b"now", client.read())

    def test_bugs_show_no_internals(self) -> None:
        """An exception in a resource is logged, and the client sees 500 without a traceback."""
        _, answer = self.request("GET /api?bug=1 HTTP/1.1\nHost: a\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 500 "))
        self.assertNotIn(b"secret", answer)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
