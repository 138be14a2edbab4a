"""UDP sockets without a network: the reader is fair, with and without recvmmsg; Twisted's own port serves."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionDone, ConnectionLost, MessageLengthError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryLog, RecordingReceiver
from oversip_tw.transport import icmp, udp
from oversip_tw.transport.listener import ListenError, ListenerSpec
from oversip_tw.transport.udp import TwistedUdp, UdpReader, udp_listener

SPEC = ListenerSpec("udp", "127.0.0.1", 5060)
PEER = ("192.0.2.7", 40000)


class FakeSocket:
    """A socket that gives out ``waiting``: datagrams, or errors to raise; then nothing."""

    def __init__(self, waiting: list[Any]) -> None:
        self.waiting = waiting
        self.closed = False

    def recvfrom(self, size: int) -> Any:
        if not self.waiting:
            raise BlockingIOError
        found = self.waiting.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    def fileno(self) -> int:
        return 9

    def close(self) -> None:
        self.closed = True


class ReaderTests(SynchronousTestCase):
    """The socket in the reactor, read by recvfrom."""

    def setUp(self) -> None:
        self.receiver = RecordingReceiver()
        self.reader = UdpReader(SPEC, self.receiver, MemoryLog())
        self.reactor = MemoryReactorClock()
        self.errors = 0
        self.patch(icmp, "unreachable_peers", self.network_errors)
        self.patch(udp, "native", None)

    def network_errors(self, sock: Any) -> list[Address]:
        self.errors += 1
        return [PEER] if self.errors == 1 else []

    def watch(self, *waiting: Any) -> FakeSocket:
        sock = FakeSocket(list(waiting))
        self.reader._socket = sock  # type: ignore[assignment]
        self.reader._reactor = self.reactor
        return sock

    def test_fair(self) -> None:
        """Others get their turn after 64 datagrams."""
        sock = self.watch(*[(b"x%d" % number, PEER) for number in range(100)])
        self.reader.doRead()
        self.assertEqual(len(self.receiver.messages), 64)
        self.reader.doRead()
        self.assertEqual(self.receiver.data[-1], b"x99")
        self.assertEqual(sock.waiting, [])

    def test_K14_error_between(self) -> None:
        """K14: an ICMP error between two datagrams is reported and costs neither."""
        self.watch((b"x1", PEER), ConnectionRefusedError(), (b"x2", PEER))
        self.reader.doRead()
        self.assertEqual(self.receiver.data, [b"x1", b"x2"])
        self.assertEqual(self.receiver.unreached, [PEER])

    def test_only_errors(self) -> None:
        """A reactor that calls errors readable does not turn in circles: they are fetched."""
        self.watch()
        self.reader.doRead()
        self.assertEqual(self.errors, 1)

    def test_epoll_error(self) -> None:
        """epoll's reactor takes a waiting error for the end of the socket: it is fetched, and reading goes on."""
        sock = self.watch()
        self.reader.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.receiver.unreached, [PEER])
        self.assertIn(self.reader, self.reactor.getReaders())
        self.assertFalse(sock.closed)

    def test_end(self) -> None:
        """When the reactor stops, the socket is closed and nothing is read any more."""
        sock = self.watch((b"x", PEER))
        self.assertEqual((self.reader.fileno(), self.reader.logPrefix()), (9, "SIP/UDP"))
        self.reader.connectionLost(Failure(ConnectionLost()))
        self.assertTrue(sock.closed)
        self.reader.doRead()
        self.reader.network_errors()
        self.reader.close()
        self.assertEqual((self.reader.fileno(), self.receiver.messages), (-1, []))

    def test_closed_from_within(self) -> None:
        """A message may make us close: the loop ends."""
        self.watch((b"x1", PEER), (b"x2", PEER))
        self.receiver.received = lambda data, flow: self.reader.close()  # type: ignore[method-assign]
        self.reader.doRead()
        self.assertEqual(self.receiver.messages, [])


class FakeBatches:
    """recvmmsg on a `FakeSocket`: an error behind datagrams waits for the next call, as it does in the kernel."""

    sock: FakeSocket

    def receive(self, fd: int, most: int) -> list[Any]:
        waiting = self.sock.waiting
        if waiting and isinstance(waiting[0], OSError):
            raise waiting.pop(0)
        count = next((at for at, found in enumerate(waiting) if isinstance(found, OSError)), len(waiting))
        batch = waiting[: min(count, most)]
        del waiting[: len(batch)]
        return batch


class BatchReaderTests(ReaderTests):
    """The same, read by recvmmsg."""

    def setUp(self) -> None:
        super().setUp()
        self.batches = FakeBatches()
        self.patch(udp, "native", self.batches)

    def watch(self, *waiting: Any) -> FakeSocket:
        self.batches.sock = super().watch(*waiting)
        return self.batches.sock

    def test_errors_without_end(self) -> None:
        """Others get their turn when there are nothing but errors."""
        sock = self.watch(*[ConnectionRefusedError() for _ in range(100)])
        self.reader.doRead()
        self.assertEqual(len(sock.waiting), 36)

    def test_closed_by_news(self) -> None:
        """The news of an error may make us close."""
        sock = self.watch(ConnectionRefusedError(), (b"x", PEER))
        self.receiver.unreachable = lambda peer: self.reader.close()  # type: ignore[method-assign]
        self.reader.doRead()
        self.assertEqual((self.receiver.messages, len(sock.waiting)), ([], 1))


class FakePort:
    """What listenUDP gives."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.stopped = False

    def getHost(self) -> Any:
        class Host:
            port = 5099

        return Host

    def write(self, data: bytes, address: Any) -> None:
        if len(data) > 65000:
            raise MessageLengthError("message too long")
        self.sent.append((data, address))

    def stopListening(self) -> None:
        self.stopped = True


class FakeUdpReactor:
    """A reactor that watches no file descriptors."""

    def __init__(self, error: OSError | None = None) -> None:
        self.port = FakePort()
        self.error = error

    def listenUDP(self, port: int, protocol: Any, interface: str, maxPacketSize: int) -> FakePort:
        if self.error is not None:
            raise CannotListenError(interface, port, self.error)
        return self.port


class FallbackTests(SynchronousTestCase):
    """Over listenUDP."""

    def test_chosen(self) -> None:
        """The reactor decides which kind it is."""
        receiver, log = RecordingReceiver(), MemoryLog()
        self.assertIsInstance(udp_listener(MemoryReactorClock(), SPEC, receiver, log), UdpReader)
        self.assertIsInstance(udp_listener(FakeUdpReactor(), SPEC, receiver, log), TwistedUdp)

    def test_both_ways(self) -> None:
        """Datagrams arrive and leave; one too long is lost without an exception."""
        reactor, receiver = FakeUdpReactor(), RecordingReceiver()
        port = TwistedUdp(ListenerSpec("udp", "127.0.0.1", 0), receiver, MemoryLog())
        port.open(reactor)
        self.assertEqual(port.listener.sent_by, "127.0.0.1:5099")
        port.datagramReceived(b"OPTIONS", PEER)
        self.assertEqual(receiver.data, [b"OPTIONS"])
        port.flow(PEER).send(b"200")
        port.flow(PEER).send(bytes(65001))
        self.assertEqual(reactor.port.sent, [(b"200", PEER)])
        self.assertEqual(port.unsent, 1)
        port.close()
        port.close()
        self.assertTrue(reactor.port.stopped)

    def test_taken(self) -> None:
        """A port that is taken is one clear exception."""
        port = TwistedUdp(SPEC, RecordingReceiver(), MemoryLog())
        error = self.assertRaises(
            ListenError, port.open, FakeUdpReactor(OSError(errno.EADDRINUSE, "Address already in use"))
        )
        self.assertIn("cannot listen on udp 127.0.0.1:5060", str(error))
        self.assertIn("Address already in use", str(error))


class NoSocket(SynchronousTestCase):
    """Opening."""

    def test_no_such_family(self) -> None:
        """A kernel without IPv6 makes one clear exception."""

        def refuse(*args: Any) -> socket.socket:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

        self.patch(socket, "socket", refuse)
        reader = UdpReader(ListenerSpec("udp", "::1", 5060), RecordingReceiver(), MemoryLog())
        error = self.assertRaises(ListenError, reader.open, MemoryReactorClock())
        self.assertEqual(str(error), "cannot listen on udp [::1]:5060: Address family not supported by protocol")

    def test_error_is_no_sip_error(self) -> None:
        """It is for the operator, not for a caller."""
        self.assertFalse(issubclass(ListenError, SIPError))
