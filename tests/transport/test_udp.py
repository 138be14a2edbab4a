"""UDP without a network: what arrives is told apart, what leaves never raises, the reader is fair."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionDone, ConnectionLost, MessageLengthError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address, Flow
from oversip_tw.outbound.flow_id import unpack_udp
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryLog, RecordingReceiver
from oversip_tw.transport import icmp, udp
from oversip_tw.transport.listener import ListenError, ListenerSpec
from oversip_tw.transport.udp import TwistedUdp, UdpListener, UdpReader, udp_listener

SPEC = ListenerSpec("udp", "127.0.0.1", 5060)
PEER = ("192.0.2.7", 40000)
BINDING = bytes.fromhex("000100002112a442b7e7a701bc34d686fa87dfae")


class Raising(RecordingReceiver):
    """A receiver with a bug."""

    def received(self, data: bytes, flow: Flow) -> None:
        raise ZeroDivisionError

    def unreachable(self, peer: Address) -> None:
        raise ZeroDivisionError


class Sent(list[tuple[bytes, Any]]):
    """A sendto that remembers, and fails as often as ``errors`` says."""

    def __init__(self, *errors: int) -> None:
        super().__init__()
        self.errors = list(errors)

    def __call__(self, data: bytes, address: Any) -> None:
        if self.errors and (number := self.errors.pop(0)):
            raise OSError(number, "no")
        self.append((data, address))


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


class ArrivalTests(SynchronousTestCase):
    """What a datagram is."""

    def setUp(self) -> None:
        self.receiver = RecordingReceiver()
        self.asked: list[Flow] = []
        self.udp = UdpListener(SPEC, self.receiver, MemoryLog(), self.admit)
        self.sent = Sent()
        self.udp.sendto = self.sent
        self.admitted = True

    def admit(self, flow: Flow) -> bool:
        self.asked.append(flow)
        return self.admitted

    def test_message(self) -> None:
        """SIP goes to the receiver as it came, on the flow of its source."""
        self.udp.arrived(b"OPTIONS sip:a SIP/2.0\r\n\r\n", PEER)
        ((data, flow),) = self.receiver.messages
        self.assertEqual(data, b"OPTIONS sip:a SIP/2.0\r\n\r\n")
        self.assertEqual((flow.transport, flow.reliable, flow.secure, flow.accepted), ("udp", False, False, True))
        self.assertEqual((flow.local, flow.peer), (("127.0.0.1", 5060), PEER))
        self.assertIs(flow.listener, self.udp.listener)
        self.assertEqual(self.asked, [])

    def test_empty_lines_before(self) -> None:
        """Empty lines before a message are dropped (RFC 3261 §7.5)."""
        self.udp.arrived(b"\r\n\r\nACK sip:a SIP/2.0\r\n\r\n", PEER)
        self.assertEqual(self.receiver.data, [b"ACK sip:a SIP/2.0\r\n\r\n"])
        self.assertEqual(self.sent, [])

    def test_keep_alive(self) -> None:
        """A double CRLF is answered with one."""
        self.udp.arrived(b"\r\n\r\n", PEER)
        self.assertEqual(self.sent, [(b"\r\n", PEER)])
        self.assertEqual(self.receiver.data, [])

    def test_nothing(self) -> None:
        """Empty datagrams, NULs and a lone CRLF keep a NAT open and need no answer."""
        for data in (b"", b"\0\0\0\0", b"\r\n", b"\0", b" \r\n", b"\t"):
            self.udp.arrived(data, PEER)
        self.assertEqual((self.sent, self.receiver.messages), ([], []))

    def test_stun(self) -> None:
        """A binding request is answered with the source's address."""
        self.udp.arrived(BINDING, PEER)
        self.assertEqual(len(self.sent), 1)
        self.assertEqual(self.sent[0][0][:4], b"\1\1\0\x0c")
        self.udp.arrived(BINDING[:-1], PEER)
        self.assertEqual(len(self.sent), 1)

    def test_F3_flood(self) -> None:
        """F3: keep-alives and STUN beyond the bucket get nothing."""
        self.admitted = False
        self.udp.arrived(b"\r\n\r\n", PEER)
        self.udp.arrived(BINDING, PEER)
        self.assertEqual(self.sent, [])
        self.assertEqual([flow.peer for flow in self.asked], [PEER, PEER])

    def test_bug(self) -> None:
        """A receiver that raises costs that datagram alone, and a line in the log."""
        log = MemoryLog()
        port = UdpListener(SPEC, Raising(), log)
        port.arrived(b"OPTIONS", PEER)
        port.unreachable([PEER])
        self.assertEqual([level for level, _ in log.lines], ["error", "error"])
        self.assertIn("ZeroDivisionError", log.lines[0][1])


class FlowTests(SynchronousTestCase):
    """A UDP flow is a value."""

    def setUp(self) -> None:
        self.udp = UdpListener(SPEC, RecordingReceiver(), MemoryLog())
        self.sent = Sent()
        self.udp.sendto = self.sent

    def test_equal(self) -> None:
        """Flows are equal when both ends are, whichever object they are."""
        other = UdpListener(SPEC, RecordingReceiver(), MemoryLog())
        self.assertEqual(self.udp.flow(PEER), other.flow(PEER))
        self.assertEqual(len({self.udp.flow(PEER), other.flow(PEER), other.flow(("192.0.2.7", 40001))}), 2)
        self.assertNotEqual(self.udp.flow(PEER), PEER)

    def test_id(self) -> None:
        """The id holds both addresses, so that a token finds the flow again."""
        self.assertEqual(unpack_udp(self.udp.flow(PEER).id), (("127.0.0.1", 5060), PEER))

    def test_bounded(self) -> None:
        """Sources nobody ever hears of again do not pile up (F1)."""
        for port in range(udp.FLOWS + 10):
            self.udp.flow((f"10.0.{port >> 8}.{port & 255}", 5060))
        self.assertLessEqual(len(self.udp._flows), udp.FLOWS)

    def test_forgets(self) -> None:
        """What a hook writes onto a UDP flow is thrown away."""
        variables = self.udp.flow(PEER).variables
        variables["a"] = 1
        variables.update(b=2)
        self.assertEqual(variables.setdefault("c", 3), 3)
        self.assertEqual(variables, {})

    def test_connection_words(self) -> None:
        """Closing and pinging do nothing."""
        flow = self.udp.flow(PEER)
        flow.close()
        flow.ping()
        self.assertFalse(flow.closed)
        self.assertEqual(self.sent, [])
        self.assertIn("192.0.2.7:40000", repr(flow))

    def test_ipv6_scope(self) -> None:
        """An answer goes back with the scope that the datagram had (link-local addresses need it)."""
        address = ("fe80::1", 5060, 0, 2)
        self.udp.arrived(b"\r\n\r\n", address)
        self.assertEqual(self.sent, [(b"\r\n", address)])


class SendTests(SynchronousTestCase):
    """K14: sending never raises."""

    def udp_with(self, *errors: int) -> tuple[UdpListener, Sent]:
        port = UdpListener(SPEC, RecordingReceiver(), MemoryLog())
        port.sendto = sent = Sent(*errors)
        return port, sent

    def test_K14_refused(self) -> None:
        """The error of an earlier datagram does not cost this one: it is sent again."""
        port, sent = self.udp_with(errno.ECONNREFUSED)
        port.flow(PEER).send(b"x")
        self.assertEqual(sent, [(b"x", PEER)])
        self.assertEqual(port.unsent, 0)

    def test_K14_lost(self) -> None:
        """What the kernel will not take is counted and lost."""
        for number in (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE, errno.EPERM, errno.ENETUNREACH):
            port, sent = self.udp_with(number, number)
            port.flow(PEER).send(b"x")
            self.assertEqual((sent, port.unsent), ([], 1))

    def test_no_such_port(self) -> None:
        """A port that there cannot be is lost like the rest."""
        port = UdpListener(SPEC, RecordingReceiver(), MemoryLog())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            port.sendto = sock.sendto
            port.write(b"x", ("127.0.0.1", 70000))
        self.assertEqual(port.unsent, 1)

    def test_closed(self) -> None:
        """A flow of a listener that was closed loses what is sent."""
        port = UdpListener(SPEC, RecordingReceiver(), MemoryLog())
        port.flow(PEER).send(b"x")
        self.assertEqual(port.unsent, 1)


class ReaderTests(SynchronousTestCase):
    """The socket in the reactor."""

    def setUp(self) -> None:
        self.receiver = RecordingReceiver()
        self.reader = UdpReader(SPEC, self.receiver, MemoryLog())
        self.reactor = MemoryReactorClock()
        self.errors = 0
        self.patch(icmp, "unreachable_peers", self.network_errors)

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
