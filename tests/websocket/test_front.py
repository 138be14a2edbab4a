"""oversip_tw.transport.websocket.front"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow, HandshakeRequest
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import Clock, MemoryListener
from oversip_tw.transport.limits import ConnectionLimits
from oversip_tw.transport.websocket import Refusal
from tests.websocket.wire import Client, frame, head


class LimitsTest(SynchronousTestCase):
    def test_F7_head_too_long(self) -> None:
        """431 at the octet that is one too many, in one piece or in many, and nothing is read after that."""
        begin = b"GET /ws HTTP/1.1\r\nX: "
        for piece in (0, 1000):
            client = Client()
            client.send(begin + b"x" * (16_384 - len(begin)), piece)
            self.assertEqual(client.read(), b"")
            client.send(b"x")
            self.assertEqual(client.status(), 431)
            self.assertTrue(client.wire.disconnecting)
            client.send(b"x" * 100_000)
            client.send(b"\r\n\r\n")
            self.assertEqual(client.read(), b"")

    def test_F7_exactly_16_KiB(self) -> None:
        """A head of 16 KiB to the octet passes, one octet more does not."""
        bare = len(head(X=""))
        Client().open(X="x" * (16_384 - bare))
        client = Client()
        client.send(head(X="x" * (16_385 - bare)))
        self.assertEqual(client.status(), 431)

    def test_F7_too_many_headers(self) -> None:
        """100 headers pass; the 101st is 431, also before the head is complete."""
        own = head().count(b"\r\n") - 2
        Client().open(extra="A: b\r\n" * (100 - own))
        client = Client()
        client.send(head(extra="A: b\r\n" * (101 - own)))
        self.assertEqual(client.status(), 431)
        client = Client()
        client.send(b"GET /ws HTTP/1.1\r\n" + b"A: b\r\n" * 100, 7)
        self.assertEqual(client.read(), b"")
        client.send(b"A: b\r\n")
        self.assertEqual(client.status(), 431)

    def test_F6_slow_head(self) -> None:
        """An octet a second does not help: 5 s after accept the connection is cut."""
        client = Client()
        for octet in b"GET ":
            client.send(bytes([octet]))
            client.clock.advance(1)
        self.assertFalse(client.wire.aborted)
        client.send(b"/")
        client.clock.advance(1)
        self.assertTrue(client.wire.aborted)
        self.assertEqual(client.read(), b"")

    def test_F5_silence(self) -> None:
        """One that says nothing at all (a TLS handshake that never begins is the same to us) is cut after 5 s."""
        client = Client()
        client.clock.advance(5)
        self.assertTrue(client.wire.aborted)

    def test_refused_who_does_not_go(self) -> None:
        """After a refusal the deadline stays armed: under TLS a polite close waits for the client."""
        client = Client()
        client.clock.advance(4)
        client.send(head(Host=None))
        self.assertFalse(client.wire.aborted)
        client.clock.advance(5)
        self.assertTrue(client.wire.aborted)

    def test_nothing_left_behind(self) -> None:
        """Open, refused and broken connections leave no timer and nothing counted (K3, T10)."""
        limits = ConnectionLimits(total=100)
        for data in (head(), head(Host=None), b"GET", b""):
            client = Client(connections=limits)
            client.send(data)
            self.assertEqual(limits.count, 1)
            client.drop()
            self.assertEqual(limits.count, 0)
            self.assertEqual(client.clock.getDelayedCalls(), [])
            self.assertEqual((client.factory.open, client.flows.count), (0, 0))

    def test_F13_behind_a_proxy(self) -> None:
        """Behind a proxy, which may have any number of connections, each client has its own limit."""
        limits = ConnectionLimits(1, 3, lambda address: address == "10.0.0.1")
        statuses = []
        clients = []
        for host in ("198.51.100.4", "198.51.100.4", "198.51.100.5", "198.51.100.6"):
            client = Client(connections=limits, host="10.0.0.1", trusted_proxy=lambda peer: peer[0].startswith("10."))
            client.send(head(X_Forwarded_For=host))
            statuses.append(client.status())
            clients.append(client)
        self.assertEqual(statuses, [101, 503, 101, 101])
        clients.pop(1).drop()
        self.assertEqual(limits._by_address, {"198.51.100.4": 1, "198.51.100.5": 1, "198.51.100.6": 1})
        for client in clients:
            client.drop()
        self.assertEqual((limits.count, limits._by_address), (0, {}))

    def test_F13_no_room(self) -> None:
        """Beyond the limit: 503 with Retry-After at the first octets, and the seats of others stay taken."""
        limits = ConnectionLimits(per_address=1)
        first = Client(connections=limits).open()
        second = Client(connections=limits)
        second.send(b"G")
        answer = second.read()
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "))
        self.assertIn(b"\r\nRetry-After: 10\r\n", answer)
        second.drop()
        self.assertEqual(limits.count, 1)
        Client(connections=limits, host="192.0.2.8").open()
        first.drop()
        Client(connections=limits).open()

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(1, 60), max_size=20))
    def test_any_split(self, cuts: list[int]) -> None:
        """The head, and a frame behind it, may arrive cut anywhere."""
        data, client = b"\r\n" + head() + frame(1, b"hello"), Client()
        for cut in cuts:
            client.send(data[:cut])
            data = data[cut:]
        client.send(data)
        self.assertTrue(client.read().startswith(b"HTTP/1.1 101 "))
        self.assertEqual(client.receiver.data, [b"hello"])

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300))
    def test_junk(self, junk: bytes) -> None:
        """Whatever a stranger writes: an HTTP error, or silence until the deadline; never a logged exception."""
        client = Client()
        client.send(junk)
        client.send(b"\r\n\r\n")
        client.clock.advance(5)
        self.assertTrue(client.wire.aborted)
        self.assertEqual(self.flushLoggedErrors(), [])


class Hook:
    """An ``on_connect`` that a test answers when it likes."""

    def __init__(self) -> None:
        self.later: Deferred[None] = Deferred()
        self.seen: list[tuple[HandshakeRequest, Flow]] = []

    def __call__(self, request: HandshakeRequest, flow: Flow) -> Awaitable[None]:
        self.seen.append((request, flow))
        return self.later


class OnConnectTest(SynchronousTestCase):
    def refused(self, hook: Any, **options: Any) -> bytes:
        client = Client(on_connect=hook, **options)
        client.send(head())
        self.assertEqual((client.receiver.opened, client.receiver.lost, client.flows.count), ([], [], 0))
        return client.read()

    def test_sees_request_and_flow(self) -> None:
        """The hook reads the request and marks the flow that messages then come from."""

        def hook(request: HandshakeRequest, flow: Flow) -> None:
            flow.identity = request.header("X-User")
            flow.variables["token"] = request.query
            flow.send(b"too early")

        client = Client(on_connect=hook).open(X_User="sip:alice@example.com", line="GET /ws?abc HTTP/1.1")
        client.send(frame(1, b"hello"))
        flow = client.receiver.messages[0][1]
        self.assertEqual(flow.identity, "sip:alice@example.com")
        self.assertEqual(flow.variables, {"token": "abc"})
        assert flow.handshake is not None
        self.assertEqual(flow.handshake.path, "/ws")

    def test_refuses(self) -> None:
        """By Refusal or SIPError, plain or async, with status, reason and headers."""

        def plain(request: HandshakeRequest, flow: Flow) -> None:
            raise Refusal(401, "Who Are You", [("WWW-Authenticate", "Bearer")])

        async def later(request: HandshakeRequest, flow: Flow) -> None:
            raise SIPError(403, "Go Away", [("X-Why", "because")])

        answer = self.refused(plain)
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 Who Are You\r\n"))
        self.assertIn(b"\r\nWWW-Authenticate: Bearer\r\n", answer)
        answer = self.refused(later)
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 Go Away\r\n"))
        self.assertIn(b"\r\nX-Why: because\r\n", answer)

    def test_closing_the_flow_refuses_too(self) -> None:
        """A hook that closes the flow has said no."""
        self.assertTrue(self.refused(lambda request, flow: flow.close()).startswith(b"HTTP/1.1 403 "))

    def test_bug_is_logged(self) -> None:
        """An exception is 500 for this client without internals, and stands in the log."""

        def plain(request: HandshakeRequest, flow: Flow) -> None:
            raise ValueError("secret")

        async def later(request: HandshakeRequest, flow: Flow) -> None:
            raise ValueError("secret")

        for hook in (plain, later):
            answer = self.refused(hook)
            self.assertTrue(answer.startswith(b"HTTP/1.1 500 "))
            self.assertNotIn(b"secret", answer)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_waits(self) -> None:
        """While the hook thinks nothing is answered, whatever the clock of the head says; then the flow opens."""
        hook = Hook()
        client = Client(on_connect=hook)
        client.send(head())
        client.clock.advance(4.9)
        client.send(frame(1, b"early"))
        self.assertEqual(client.read(), b"")
        hook.later.callback(None)
        self.assertTrue(client.read().startswith(b"HTTP/1.1 101 "))
        self.assertEqual(client.receiver.data, [b"early"])
        client.clock.advance(1)
        self.assertFalse(client.wire.disconnecting)

    def test_too_slow(self) -> None:
        """A hook that does not answer within 5 s: 500, and it hears of it."""
        hook = Hook()
        client = Client(on_connect=hook)
        client.send(head())
        client.clock.advance(5)
        self.assertEqual(client.status(), 500)
        self.assertTrue(hook.later.called)
        client.clock.advance(5)
        self.assertTrue(client.wire.aborted)

    def test_client_goes_meanwhile(self) -> None:
        """A client that leaves while the hook thinks never was a flow."""
        hook = Hook()
        client = Client(on_connect=hook)
        client.send(head())
        client.drop()
        self.assertTrue(hook.later.called)
        self.assertEqual((client.receiver.opened, client.receiver.lost), ([], []))
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_talks_meanwhile(self) -> None:
        """Who fills our memory while the hook thinks is cut off."""
        client = Client(on_connect=Hook())
        client.send(head())
        client.send(b"x" * 131_072, 4096)
        self.assertTrue(client.wire.aborted)


class FlowTest(SynchronousTestCase):
    def test_what_a_flow_says(self) -> None:
        """Transport, addresses, id of nine octets, and the table finds it."""
        client = Client().open()
        (flow,) = client.receiver.opened
        self.assertEqual((flow.transport, flow.secure, flow.reliable, flow.accepted), ("wss", True, True, True))
        self.assertEqual((flow.local, flow.peer), (("192.0.2.1", 443), ("192.0.2.7", 49152)))
        self.assertEqual((flow.id[:1], len(flow.id)), (b"s", 9))
        self.assertIs(client.flows.find(flow.id), flow)
        self.assertIsNone(flow.identity)
        self.assertIn("WSS flow from 192.0.2.7:49152", repr(flow))

    def test_T9_trusted_proxy(self) -> None:
        """Behind a trusted proxy the client is whom it names, and its https makes a plain connection secure."""
        options: dict[str, Any] = {
            "listener": MemoryListener("ws", "192.0.2.1", 80),
            "trusted_proxy": lambda address: address[0] == "10.0.0.1",
        }
        headers = {"X_Forwarded_For": "198.51.100.4", "X_Forwarded_Proto": "https"}
        client = Client(host="10.0.0.1", origins=("same-origin",), **options)
        client.open(Origin="https://sip.example.com", **headers)
        (flow,) = client.receiver.opened
        self.assertEqual((flow.peer, flow.secure, flow.transport), (("198.51.100.4", 49152), True, "ws"))
        client = Client(host="10.0.0.2", **options).open(**headers)
        (flow,) = client.receiver.opened
        self.assertEqual((flow.peer, flow.secure), (("10.0.0.2", 49152), False))

    def test_handshake_can_be_dropped(self) -> None:
        """Where no hook asks for it, the request is not kept."""
        client = Client(keep_handshake=False).open()
        self.assertIsNone(client.receiver.opened[0].handshake)

    def test_connections_share_one_clock(self) -> None:
        """However many there are, the reactor's heap holds one timer for all pings."""
        clock = Clock()
        factory = Client(clock=clock).factory
        for _ in range(10):
            Client(factory=factory, clock=clock).open()
        self.assertLessEqual(len(clock.getDelayedCalls()), 2)
