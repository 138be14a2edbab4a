"""The table of flows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address, Flow, Target
from oversip_tw.outbound.flow_id import pack_hop, pack_udp
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.testing import MemoryFlow, MemoryListener

LOCAL = ("127.0.0.1", 5060)
PEER = ("192.0.2.1", 4000)


def udp_flow(peer: Address = PEER) -> MemoryFlow:
    return MemoryFlow("udp", peer, id=pack_udp(LOCAL, peer))


class FlowTableTests(SynchronousTestCase):
    """What is found, and what no more."""

    def test_connections(self) -> None:
        """A connection is found by its id until it closes or is removed."""
        table = FlowTable()
        one, two = MemoryFlow(), MemoryFlow()
        table.add(one)
        table.add(two)
        self.assertEqual((table.count, list(table.all())), (2, [one, two]))
        self.assertIs(table.find(one.id), one)
        one.closed = True
        self.assertIsNone(table.find(one.id))
        table.remove(one)
        table.remove(one)
        self.assertEqual((table.count, list(table.all())), (1, [two]))
        self.assertIsNone(table.find(b"s87654321"))
        self.assertIsNone(table.find(b""))

    def test_remove_keeps_another(self) -> None:
        """Only the very object that is there is removed."""
        table = FlowTable()
        there = MemoryFlow(id=b"s12345678")
        table.add(there)
        table.remove(MemoryFlow(id=b"s12345678"))
        self.assertIs(table.find(b"s12345678"), there)

    def test_udp_flows_are_values(self) -> None:
        """A UDP flow is made from its id by the listener it names, without having been added."""
        listener = MemoryListener("udp")

        def at_listener(local: Address, peer: Address) -> Flow | None:
            return udp_flow(peer) if local == (listener.address, listener.port) else None

        table = FlowTable()
        table.serve_udp(lambda local, peer: None)
        table.serve_udp(at_listener)
        table.add(udp_flow())
        self.assertEqual(table.count, 0)
        found = table.find(pack_udp(LOCAL, PEER))
        self.assertEqual(found and found.peer, PEER)
        self.assertIsNone(table.find(pack_udp(("127.0.0.2", 5060), PEER)))
        table.remove(udp_flow())

    def test_what_names_no_flow(self) -> None:
        """A hop's id and a broken one find nothing."""
        table = FlowTable()
        table.serve_udp(lambda local, peer: udp_flow(peer))
        for id in (pack_hop(Target("udp", "192.0.2.1", 5060)), b"u", b"u\x04abc", b"h"):
            self.assertIsNone(table.find(id))
