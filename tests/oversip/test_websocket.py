"""Checks 2 and 3: the opening handshake of WebSockets, and what user code has to say about it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Arrival, Flow, HandshakeRequest, Hooks, SIPError
from oversip_tw.transport.websocket import Settings, WebSocketFactory
from tests.edge.behind import EdgeWorld
from tests.websocket.wire import ACCEPT, TEXT, Client, frame, head


class HandshakeTests(SynchronousTestCase):
    """2."""

    def refused(self, status: int, **changes: str | None) -> str:
        """The answer, which has to be this status, after which the connection closes."""
        client = Client()
        client.send(head(**changes))
        answer = client.read().decode()
        self.assertTrue(answer.startswith(f"HTTP/1.1 {status} "), answer)
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual([], client.receiver.opened)
        return answer

    def test_02_several_subprotocols(self) -> None:
        """`foo, sip` and version 13: 101 that names `sip`, and the right proof of the key."""
        client = Client()
        client.send(head(Sec_WebSocket_Protocol="foo, sip"))
        answer = client.read().decode()
        self.assertTrue(answer.startswith("HTTP/1.1 101 "))
        self.assertIn("\r\nSec-WebSocket-Protocol: sip\r\n", answer)
        self.assertIn(f"\r\nSec-WebSocket-Accept: {ACCEPT}\r\n", answer)

    def test_02_no_sip(self) -> None:
        """`foo` alone: 400 and closed; so is none at all (OverSIP: 501, and 101 without one)."""
        self.refused(400, Sec_WebSocket_Protocol="foo")
        self.refused(400, Sec_WebSocket_Protocol=None)

    def test_02_other_version(self) -> None:
        """9, and 7 and 8 as well, which OverSIP took: 426 that names 13 in the header of RFC 6455."""
        for version in ("9", "8", "7"):
            self.assertIn("\r\nSec-WebSocket-Version: 13\r\n", self.refused(426, Sec_WebSocket_Version=version))

    def test_02_no_websocket(self) -> None:
        """POST: 405. No key: 400."""
        self.refused(405, line="POST /ws HTTP/1.1")
        self.refused(400, Sec_WebSocket_Key=None)

    def test_02_long_cookie(self) -> None:
        """A cookie of 4 kB is no hindrance (OverSIP closed without a word from 2 kB of head on)."""
        Client().open(Cookie="c" * 4096)


class Policy(Hooks):
    """Refuses one Origin, breaks for another, and marks everybody else by the cookie."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        if handshake.header("Origin") == "https://x.example":
            raise SIPError(403, "Not From There", [("X-Why", "origin")])
        if handshake.header("Origin") == "https://broken.example":
            raise ValueError("secret")
        flow.variables["cookie"] = handshake.header("Cookie")

    def on_request(self, arrival: Arrival) -> None:
        self.seen.append(arrival.flow.variables.get("cookie"))


class PolicyTests(SynchronousTestCase):
    """3: sockets end at the whole edge here."""

    def setUp(self) -> None:
        self.hooks = Policy()
        self.world = world = EdgeWorld(hooks=self.hooks)
        self.factory = WebSocketFactory(
            world.element, world.flows, world.ws, world.clock, Settings(), on_connect=world.element.connecting
        )

    def refused(self, origin: str) -> str:
        client = Client(self.factory)
        client.send(head(Origin=origin))
        self.assertTrue(client.wire.disconnecting)
        return client.read().decode()

    def message(self, client: Client, number: int) -> None:
        phone = self.world.phone("alice")
        client.send(frame(TEXT, phone.build("MESSAGE", f"sip:desk{number}@example.com").to_bytes()))

    def test_03_rejected(self) -> None:
        """SIPError: that status, reason and headers, and no 101."""
        answer = self.refused("https://x.example")
        self.assertTrue(answer.startswith("HTTP/1.1 403 Not From There\r\n"), answer)
        self.assertIn("\r\nX-Why: origin\r\n", answer)
        self.assertNotIn(" 101 ", answer)

    def test_03_raises(self) -> None:
        """Anything else: 500 without its text."""
        answer = self.refused("https://broken.example")
        self.assertTrue(answer.startswith("HTTP/1.1 500 "), answer)
        self.assertNotIn("secret", answer)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)) + len(self.world.errors()))

    def test_03_variables(self) -> None:
        """What is kept of the handshake is there in every request of that connection, and in none of others."""
        one = Client(self.factory).open(Cookie="one", Origin="https://phone.example")
        two = Client(self.factory).open(Cookie="two")
        for number, client in enumerate((one, two, one, two)):
            self.message(client, number)
        phone = self.world.phone("bob", "udp")
        phone.send(phone.build("MESSAGE", "sip:desk@example.com"))
        self.assertEqual(["one", "two", "one", "two", None], self.hooks.seen)
        self.assertEqual(5, len(self.world.core.requests("MESSAGE")))
