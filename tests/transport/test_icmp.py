"""Which errors of the network say that nobody is there."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport import icmp

PEER = ("192.0.2.7", 5060)
V4 = (socket.IPPROTO_IP, 11)
V6 = (socket.IPPROTO_IPV6, 25)


class FakeSocket:
    """An error queue of (control messages, whom the datagram was for)."""

    def __init__(self, *queue: tuple[list[Any], Any]) -> None:
        self.queue = list(queue)
        self.asked = 0

    def recvmsg(self, size: int, control: int, flags: int) -> Any:
        if not self.queue:
            raise BlockingIOError
        control_messages, address = self.queue.pop(0)
        return b"", control_messages, 0, address

    def getsockopt(self, level: int, option: int) -> int:
        self.asked += 1
        return 0


def error(origin: int, kind: int, code: int, where: tuple[int, int] = V4) -> tuple[int, int, bytes]:
    return (*where, struct.pack("=IBBBBII", 111, origin, kind, code, 0, 0, 0) + bytes(16))


class ErrorTests(SynchronousTestCase):
    """RFC 3261 §18.4."""

    def peers(self, *controls: tuple[int, int, bytes]) -> list[Any]:
        return icmp.unreachable_peers(FakeSocket(*[([control], PEER) for control in controls]))  # type: ignore[arg-type]

    def test_K14_unreachable(self) -> None:
        """K14: host, network, port and protocol unreachable and parameter problems are failures, told once each."""
        self.assertEqual(self.peers(*[error(2, 3, code) for code in (0, 1, 2, 3)], error(2, 12, 0)), [PEER])
        self.assertEqual(self.peers(error(3, 1, 4, V6)), [PEER])
        self.assertEqual(self.peers(error(3, 4, 0, V6)), [PEER])

    def test_not_failures(self) -> None:
        """Fragmentation needed, time exceeded, source quench and errors of our own kernel are not."""
        for origin, kind, code in ((2, 3, 4), (2, 11, 0), (2, 4, 0), (1, 0, 0), (3, 2, 0), (3, 3, 0)):
            self.assertEqual(self.peers(error(origin, kind, code)), [])

    def test_other_messages(self) -> None:
        """Other control messages, and ones cut short, say nothing."""
        self.assertEqual(self.peers((1, 1, b""), (*V4, b"\0")), [])

    def test_bounded(self) -> None:
        """A queue that fills as fast as it is read does not hold the reactor; the socket's own error is cleared."""
        queue = FakeSocket(*[([error(2, 3, 3)], ("192.0.2.7", port)) for port in range(1000)])
        self.assertEqual(len(icmp.unreachable_peers(queue)), 64)  # type: ignore[arg-type]
        self.assertEqual(queue.asked, 1)

    def test_elsewhere(self) -> None:
        """Where there is no error queue nothing is asked for and nothing is learnt."""
        self.patch(icmp, "_LINUX", False)
        queue = FakeSocket(([error(2, 3, 3)], PEER))
        self.assertEqual(icmp.unreachable_peers(queue), [])  # type: ignore[arg-type]
        icmp.prepare(queue)  # type: ignore[arg-type]

    def test_this_is_linux(self) -> None:
        """The tests above mean what they say."""
        self.assertEqual(sys.platform, "linux")
