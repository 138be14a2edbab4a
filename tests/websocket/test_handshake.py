"""oversip_tw.transport.websocket.handshake and refusal"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.websocket import Refusal
from tests.websocket.wire import ACCEPT, Client, frame, head, key


class HandshakeTest(SynchronousTestCase):
    def answer(self, client: Client | None = None, **changes: str | None) -> str:
        client = client or Client()
        client.send(head(**changes))
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual(client.receiver.opened, [])
        return client.read().decode()

    def refused(self, status: int, client: Client | None = None, **changes: str | None) -> str:
        answer = self.answer(client, **changes)
        self.assertEqual(answer.split(" ")[:2], ["HTTP/1.1", str(status)], answer)
        return answer

    def test_accepted(self) -> None:
        """The 101 proves the key (RFC 6455 §1.3's own example), names ``sip`` and no extension."""
        client = Client()
        client.send(head(Sec_WebSocket_Extensions="permessage-deflate"))
        answer = client.read().decode()
        self.assertTrue(answer.startswith("HTTP/1.1 101 "))
        self.assertIn(f"\r\nSec-WebSocket-Accept: {ACCEPT}\r\n", answer)
        self.assertIn("\r\nSec-WebSocket-Protocol: sip\r\n", answer)
        self.assertNotIn("Extensions", answer)
        self.assertEqual(len(client.receiver.opened), 1)

    def test_lenient_where_the_rfc_is(self) -> None:
        """Token lists in any case, several subprotocols, the root path, HTTP fields in any order."""
        Client().open(Upgrade="foo, WebSocket", Connection="keep-alive, Upgrade")
        Client().open(Sec_WebSocket_Protocol="chat, sip")
        Client().open(line="GET / HTTP/1.1")
        Client().open(line="GET /ws?token=x HTTP/1.1")

    def test_T7_no_subprotocol(self) -> None:
        """Without ``sip`` among the subprotocols: 400, and the reason says so."""
        self.assertIn("sip", self.refused(400, Sec_WebSocket_Protocol=None))
        self.refused(400, Sec_WebSocket_Protocol="chat, SIP")

    def test_T7_version(self) -> None:
        """Any version but 13: 426 that names 13."""
        for version in ("8", "12", "", None):
            self.assertIn(
                "\r\nSec-WebSocket-Version: 13\r\n", self.refused(426, Sec_WebSocket_Version=version), version
            )

    def test_T7_no_upgrade(self) -> None:
        """A plain GET where only WebSockets live: 426."""
        answer = self.refused(426, Upgrade=None)
        self.assertIn("\r\nUpgrade: websocket\r\n", answer)
        self.assertIn("426 Upgrade Required", answer)
        self.refused(426, line="GET /ws HTTP/1.0")

    def test_T7_method(self) -> None:
        """Any method but GET: 405 with Allow."""
        for method in ("POST", "HEAD", "OPTIONS", "get"):
            self.assertIn("\r\nAllow: GET\r\n", self.refused(405, line=f"{method} /ws HTTP/1.1"), method)

    def test_T7_path(self) -> None:
        """Any other path: 404, with and without an upgrade."""
        self.refused(404, line="GET /elsewhere HTTP/1.1")
        self.refused(404, line="GET /ws/ HTTP/1.1", Upgrade=None)

    def test_bad_headers(self) -> None:
        """What RFC 6455 §4.2.1 demands and is not there, or twice: 400."""
        self.refused(400, Host=None)
        self.refused(400, Connection="keep-alive")
        for value in (
            None,
            "",
            "x",
            key(b"1" * 15),
            key(b"1" * 17),
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25jZB==",
        ):
            self.refused(400, Sec_WebSocket_Key=value)
        for name in ("Host: b", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key(b'2' * 16)}"):
            self.refused(400, extra=name + "\r\n")
        self.refused(400, Content_Length="5")
        self.refused(400, Transfer_Encoding="chunked")

    def test_T6_origin(self) -> None:
        """With a list: 403 for another Origin, for ``null`` and for none; the listed one passes."""
        origins = ("https://phone.example",)
        for origin in ("https://evil.example", "null", None):
            self.refused(403, Client(origins=origins), Origin=origin)
        Client(origins=origins).open(Origin="https://phone.example")
        Client(origins=("same-origin",)).open(Origin="https://sip.example.com")
        Client(origins=origins, allow_missing_origin=True).open()
        self.refused(400, Client(origins=origins), Origin="https://phone.example", extra="Origin: null\r\n")

    def test_4_kB_cookie(self) -> None:
        """Browsers bring long cookies along."""
        Client().open(Cookie="c" * 4096)

    def test_frame_behind_the_head(self) -> None:
        """A message in the same segment as the head is not lost."""
        client = Client()
        client.send(head() + frame(1, b"hello"))
        self.assertEqual(client.receiver.data, [b"hello"])

    def test_counted(self) -> None:
        """Refusals are counted by status."""
        client = Client()
        self.refused(400, client, Host=None)
        self.assertEqual(client.factory.refusals, {400: 1})


class RefusalTest(SynchronousTestCase):
    def test_P7_no_line_ends_from_reasons(self) -> None:
        """A reason or header value with line ends in it (a hook's) cannot start a header of its own."""
        octets = Refusal(403, "No\r\nSet-Cookie: a=b", [("X-Why", "a\r\nb\x00")]).to_bytes()
        head, _, body = octets.partition(b"\r\n\r\n")
        self.assertNotIn(b"\nSet-Cookie", head)
        self.assertIn(b"X-Why: a  b ", head)
        self.assertIn(f"Content-Length: {len(body)}".encode(), head)

    def test_default_reason(self) -> None:
        """A known status brings its phrase, an unknown one has some word."""
        self.assertTrue(Refusal(426).to_bytes().startswith(b"HTTP/1.1 426 Upgrade Required\r\n"))
        self.assertTrue(Refusal(499).to_bytes().startswith(b"HTTP/1.1 499 Refused\r\n"))
