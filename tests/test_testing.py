"""The test doubles that users get."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import LookupFailed, SrvRecord, Target
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.promise import spawn
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import (
    FakeConnector,
    FakeLookups,
    MemoryFlow,
    MemoryHandshake,
    MemoryListener,
    MemoryLog,
    RecordingReceiver,
    pair,
    pump,
)


class MemoryFlowTests(SynchronousTestCase):
    """A flow without a network."""

    def test_like_a_real_one(self) -> None:
        """Each transport gives the words that go with it."""
        for transport, reliable, secure in (
            ("udp", False, False),
            ("tcp", True, False),
            ("tls", True, True),
            ("ws", True, False),
            ("wss", True, True),
        ):
            flow = MemoryFlow(transport, ("2001:db8::1", 5060))
            self.assertEqual((flow.reliable, flow.secure), (reliable, secure))
            self.assertEqual(flow.listener.transport, transport)
            self.assertEqual(flow.local[0], "::1")

    def test_equality(self) -> None:
        """UDP flows with the same ends are one; connections are not. A flow table finds both."""
        listener = MemoryListener("udp")
        self.assertEqual(MemoryFlow("udp", listener=listener), MemoryFlow("udp", listener=listener))
        self.assertNotEqual(MemoryFlow("udp"), MemoryFlow("udp", ("127.0.0.1", 40001)))
        self.assertNotEqual(MemoryFlow("ws"), MemoryFlow("ws"))
        table, flow = FlowTable(), MemoryFlow("ws")
        table.add(flow)
        self.assertIs(table.find(flow.id), flow)

    def test_close(self) -> None:
        """Closing is remembered and told once; nothing is sent afterwards; UDP does not close."""
        receiver = RecordingReceiver()
        flow = MemoryFlow(receiver=receiver)
        flow.send(b"one")
        flow.close(1008, "bad")
        flow.close()
        flow.send(b"two")
        self.assertEqual((flow.sent, flow.close_code, flow.close_reason), ([b"one"], 1008, "bad"))
        self.assertEqual(receiver.lost, [(flow, "bad")])
        flow = MemoryFlow("udp")
        flow.close()
        self.assertFalse(flow.closed)

    def test_ping(self) -> None:
        """Pings are counted."""
        flow = MemoryFlow()
        flow.ping()
        self.assertEqual(flow.pings, 1)
        self.assertIn("ws 127.0.0.1:40000", repr(flow))


class PairTests(SynchronousTestCase):
    """Two ends of one connection."""

    def test_there_and_back(self) -> None:
        """What one sends the other gets; answers go back."""
        server, client = RecordingReceiver(answer=b"200"), RecordingReceiver()
        here, there = pair("tcp", server, client)
        there.send(b"OPTIONS")
        pump(here, there)
        self.assertEqual((server.data, client.data), ([b"OPTIONS"], [b"200"]))
        self.assertEqual((here.accepted, there.accepted), (True, False))
        self.assertEqual((here.peer, there.peer), (there.local, here.local))

    def test_bad_wire(self) -> None:
        """The wire may lose and double."""
        server = RecordingReceiver()
        here, there = pair(accepting=server)
        there.send(b"lost")
        there.send(b"doubled")

        def through(data: bytes) -> Iterable[bytes]:
            return [] if data == b"lost" else [data, data]

        pump(here, there, through=through)
        self.assertEqual(server.data, [b"doubled"] * 2)

    def test_circle(self) -> None:
        """Two ends that answer each other for ever are an error, and no hang."""
        here, there = pair(accepting=RecordingReceiver(b"a"), dialling=RecordingReceiver(b"b"))
        there.send(b"begin")
        self.assertRaises(AssertionError, pump, here, there, rounds=50)

    def test_end(self) -> None:
        """When one end breaks, the other does."""
        server, client = RecordingReceiver(), RecordingReceiver()
        here, there = pair("ws", server, client)
        there.lose()
        self.assertTrue(here.closed and there.closed)
        self.assertEqual((len(server.lost), len(client.lost)), (1, 1))
        here.receive(b"too late")
        self.assertEqual(server.data, [])


class OtherTests(SynchronousTestCase):
    """Listeners, connectors, look-ups, logs."""

    def test_listener(self) -> None:
        """sent_by is made of address and port."""
        self.assertEqual(MemoryListener("tls", "::1").sent_by, "[::1]:5061")
        self.assertEqual(MemoryListener("udp", sent_by="sip.example.org:5060").sent_by, "sip.example.org:5060")
        self.assertIn("udp", repr(MemoryListener()))

    def test_handshake(self) -> None:
        """Header names are found in any letter case."""
        handshake = MemoryHandshake("/ws", "a=b", [("Cookie", "c")])
        self.assertEqual((handshake.header("cookie"), handshake.header("Origin")), ("c", None))

    def test_connector(self) -> None:
        """One flow a target, a new one when it has closed; what is refused is 478."""
        connector = FakeConnector([MemoryListener("tcp", "127.0.0.1", 5070)])
        hop = Target("tcp", "192.0.2.1", 5060)
        flow = connector.flow_to(hop)
        self.assertEqual((flow.listener.port, flow.accepted), (5070, False))
        self.assertIs(connector.flow_to(hop), flow)
        flow.close()
        self.assertIsNot(connector.flow_to(hop), flow)
        self.assertEqual(connector.flow_to(Target("tls", "192.0.2.1", 5061)).listener.port, 5061)
        self.assertRaises(SIPError, connector.flow_to, Target("ws", "192.0.2.1", 80))

    def test_lookups(self) -> None:
        """Records, nothing, and failure; every question is remembered."""
        record = SrvRecord(0, 0, 5060, "sip.example.org")
        lookups = FakeLookups(srv={"_sip._udp.example.org": [record]}, a={"x": ["192.0.2.1"]}, broken=["Dead.example"])
        found: list[Any] = []
        errors: list[BaseException] = []

        async def ask() -> None:
            found.append(await lookups.srv("_sip._udp.Example.ORG."))
            found.append(await lookups.naptr("example.org"))
            found.append(await lookups.a("x"))
            found.append(await lookups.aaaa("x"))
            await lookups.a("dead.example")

        spawn(ask(), errors.append)
        self.assertEqual(found, [[record], [], ["192.0.2.1"], []])
        self.assertIsInstance(errors[0], LookupFailed)
        self.assertEqual(lookups.asked[0], ("srv", "_sip._udp.example.org"))

    def test_receiver(self) -> None:
        """It remembers everything, and answers what is malformed too."""
        receiver = RecordingReceiver(b"400")
        flow = MemoryFlow(receiver=receiver)
        receiver.flow_opened(flow)
        receiver.malformed(SIPError(400), flow)
        receiver.unreachable(("192.0.2.1", 5060))
        self.assertEqual((receiver.opened, flow.take(), receiver.unreached), ([flow], [b"400"], [("192.0.2.1", 5060)]))

    def test_log(self) -> None:
        """Lines are kept as they would be read."""
        log = MemoryLog()
        log.info("{a} and {b}", a=1, b=2)
        log.warn("careful")
        log.error("bad")
        self.assertEqual(log.lines, [("info", "1 and 2"), ("warn", "careful"), ("error", "bad")])
