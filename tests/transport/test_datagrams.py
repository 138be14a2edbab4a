"""UDP without a socket: what arrives is told apart, what leaves never raises and keeps its order."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address, Flow
from oversip_tw.outbound.flow_id import unpack_udp
from oversip_tw.testing import MemoryLog, RecordingReceiver
from oversip_tw.transport import datagrams
from oversip_tw.transport.datagrams import UdpListener
from oversip_tw.transport.listener import ListenerSpec

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
        for port in range(datagrams.FLOWS + 10):
            self.udp.flow((f"10.0.{port >> 8}.{port & 255}", 5060))
        self.assertLessEqual(len(self.udp._flows), datagrams.FLOWS)

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


class Gate(list[tuple[bytes, Any]]):
    """A send_many that remembers, takes ``most`` at a time and refuses first datagrams that ``refused`` names."""

    def __init__(self, most: int = 64, refused: dict[bytes, Exception] | None = None) -> None:
        super().__init__()
        self.most = most
        self.refused = refused or {}
        self.calls = 0

    def __call__(self, waiting: list[tuple[bytes, Any]]) -> int:
        self.calls += 1
        taken = 0
        for data, address in waiting[: self.most]:
            if data in self.refused:
                if not taken:
                    raise self.refused[data]
                break
            self.append((data, address))
            taken += 1
        return taken


class Repeating(RecordingReceiver):
    """Sends back what it hears; ``then`` is called with each datagram after that."""

    then: Callable[[bytes], None] = staticmethod(lambda data: None)

    def received(self, data: bytes, flow: Flow) -> None:
        flow.send(data)
        self.then(data)


class Told(UdpListener):
    """``news`` is called when errors of the network are read."""

    news: Callable[[], None] = staticmethod(lambda: None)

    def network_errors(self) -> None:
        self.news()


class TogetherTests(SynchronousTestCase):
    """What one system call brought is answered by one."""

    def setUp(self) -> None:
        self.receiver = Repeating()
        self.log = MemoryLog()
        self.udp = Told(SPEC, self.receiver, self.log)
        self.use(Gate())

    def use(self, gate: Gate) -> None:
        """One wire for both ways out, so that their order shows."""
        self.gate = self.udp.send_many = gate

        def sendto(data: bytes, address: Any) -> None:
            if data in gate.refused:
                raise gate.refused[data]
            gate.append((data, address))

        self.udp.sendto = sendto

    def arrive(self, *data: bytes) -> None:
        self.udp.arrived_together([(each, PEER) for each in data])

    @property
    def left(self) -> list[bytes]:
        return [data for data, _ in self.gate]

    def test_together(self) -> None:
        """The answers leave in order, together and behind the last datagram."""
        seen: list[int] = []
        self.receiver.then = lambda data: seen.append(len(self.gate))
        self.arrive(b"a", b"b", b"c")
        self.assertEqual((self.gate.calls, self.gate, seen), (1, [(b"a", PEER), (b"b", PEER), (b"c", PEER)], [0, 0, 0]))

    def test_alone(self) -> None:
        """The answer to a single datagram leaves at once, and so does what no datagram caused."""
        seen: list[int] = []
        self.receiver.then = lambda data: seen.append(len(self.gate))
        self.arrive(b"a")
        self.udp.flow(PEER).send(b"timer")
        self.assertEqual((self.gate.calls, self.left, seen), (0, [b"a", b"timer"], [1]))

    def test_at_once_afterwards(self) -> None:
        """When the batch is over, nothing waits any more."""
        self.arrive(b"a", b"b")
        self.udp.flow(PEER).send(b"timer")
        self.assertEqual((self.gate.calls, self.left), (1, [b"a", b"b", b"timer"]))

    def test_partly(self) -> None:
        """What was not taken is tried again, in order."""
        self.use(Gate(most=2))
        self.arrive(b"a", b"b", b"c", b"d", b"e")
        self.assertEqual((self.gate.calls, self.left, self.udp.unsent), (3, [b"a", b"b", b"c", b"d", b"e"], 0))

    def test_K14_lost(self) -> None:
        """What the kernel refuses twice is counted and costs the others nothing, wherever it stands."""
        for lost, rest in ((b"a", [b"b", b"c"]), (b"b", [b"a", b"c"]), (b"c", [b"a", b"b"])):
            self.use(Gate(refused={lost: OSError(errno.EPERM, "no")}))
            self.udp.unsent = 0
            self.arrive(b"a", b"b", b"c")
            self.assertEqual((self.left, self.udp.unsent), (rest, 1))

    def test_K14_news(self) -> None:
        """The error of an earlier datagram does not cost the one it is told to: after the news it leaves."""
        self.use(Gate(refused={b"a": ConnectionRefusedError()}))
        self.udp.news = self.gate.refused.clear
        self.arrive(b"a", b"b")
        self.assertEqual((self.left, self.udp.unsent), ([b"a", b"b"], 0))

    def test_news_make_others_send(self) -> None:
        """What is sent on the news of an error leaves behind what waited before."""
        self.use(Gate(refused={b"a": ConnectionRefusedError()}))

        def news() -> None:
            self.gate.refused.clear()
            self.udp.flow(PEER).send(b"elsewhere")

        self.udp.news = news
        self.arrive(b"a", b"b")
        self.assertEqual(self.left, [b"a", b"b", b"elsewhere"])

    def test_news_make_us_close(self) -> None:
        """Who closes on the news of an error still sends what waits, each once."""
        self.use(Gate(refused={b"a": ConnectionRefusedError()}))

        def news() -> None:
            self.gate.refused.clear()
            self.udp.closed()

        self.udp.news = news
        self.arrive(b"a", b"b")
        self.assertEqual((self.left, self.udp.unsent), ([b"a", b"b"], 0))

    def test_no_such_port(self) -> None:
        """A port that there cannot be is lost like the rest."""
        self.use(Gate(refused={b"a": OverflowError("port must be 0-65535")}))
        self.arrive(b"a", b"b")
        self.assertEqual((self.left, self.udp.unsent, self.log.lines), ([b"b"], 1, []))

    def test_bug(self) -> None:
        """What is no datagram is a line in the log and costs the others nothing."""
        self.use(Gate(refused={b"a": TypeError("not bytes")}))
        self.arrive(b"a", b"b")
        self.assertEqual(self.left, [b"b"])
        self.assertEqual([level for level, _ in self.log.lines], ["error"])
        self.assertIn("TypeError: not bytes", self.log.lines[0][1])

    def test_taken_by_the_last_word(self) -> None:
        """What send_many cannot read, a host name or a bytearray, sendto may."""
        self.use(Gate(refused={b"a": TypeError("not bytes")}))
        self.udp.sendto = lambda data, address: self.gate.append((data, address))
        self.arrive(b"a", b"b")
        self.assertEqual((self.left, self.udp.unsent, self.log.lines), ([b"a", b"b"], 0, []))

    def test_exception_escapes(self) -> None:
        """Nothing stays behind when the process is told to end in the midst of a batch."""

        def end(data: bytes) -> None:
            raise SystemExit

        self.receiver.then = end
        self.assertRaises(SystemExit, self.arrive, b"a", b"b")
        self.assertEqual(self.left, [b"a"])
        self.udp.flow(PEER).send(b"timer")
        self.assertEqual((self.left, self.gate.calls), ([b"a", b"timer"], 1))

    def test_exception_from_the_wire(self) -> None:
        """Nor does what is sent later wait for ever."""
        self.use(Gate(refused={b"a": KeyboardInterrupt()}))  # type: ignore[dict-item]
        self.assertRaises(KeyboardInterrupt, self.arrive, b"a", b"b")
        self.udp.flow(PEER).send(b"timer")
        self.assertEqual(self.left, [b"timer"])

    def test_closed_from_within(self) -> None:
        """What was sent before the listener closes leaves; what comes after is lost, and nothing more is looked at."""

        def close(data: bytes) -> None:
            if data == b"b":
                self.udp.closed()
                self.udp.flow(PEER).send(b"late")

        self.receiver.then = close
        self.arrive(b"a", b"b", b"c")
        self.assertEqual((self.left, self.udp.unsent), ([b"a", b"b"], 1))

    def test_closed(self) -> None:
        """Without a socket all is lost, and nothing raises."""
        self.udp = Told(SPEC, self.receiver, self.log)
        self.arrive(b"a", b"b")
        self.assertEqual((self.udp.unsent, self.log.lines), (2, []))
