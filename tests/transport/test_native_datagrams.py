"""recvmmsg and sendmmsg, where they were built, and the reader with and without them: on loopback sockets."""

from __future__ import annotations

import errno
import gc
import select
import socket
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import skipUnless

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Flow
from oversip_tw.testing import MemoryLog, RecordingReceiver
from oversip_tw.transport import udp
from oversip_tw.transport.listener import ListenError, ListenerSpec
from oversip_tw.transport.udp import UdpReader, bound_socket

LONGEST = 65507


def bound(address: str = "127.0.0.1") -> socket.socket:
    return bound_socket(ListenerSpec("udp", address, 0))


def arrived(sock: socket.socket) -> None:
    """Loopback delivers at once, or almost so."""
    if not select.select([sock], [], [], 10)[0]:
        raise AssertionError("nothing arrived")


def free_port() -> int:
    """One where nobody listens."""
    with bound() as sock:
        return int(sock.getsockname()[1])


def has_ipv6() -> bool:
    try:
        bound("::1").close()
    except ListenError:
        return False
    return True


def link_local() -> list[Any]:
    """Addresses of this machine that need a scope, as the kernel lists them."""
    try:
        with open("/proc/net/if_inet6") as lines:
            found = [line.split() for line in lines]
    except OSError:
        return []
    return [
        (socket.inet_ntop(socket.AF_INET6, bytes.fromhex(each[0])), 0, 0, int(each[1], 16))
        for each in found
        if each[0].startswith("fe80")
    ]


class Repeating(RecordingReceiver):
    """Sends back what it hears."""

    def received(self, data: bytes, flow: Flow) -> None:
        super().received(data, flow)
        flow.send(data)


class ReaderTests(SynchronousTestCase):
    """A whole listener on a socket, by recvfrom and sendto."""

    native: Any = None

    def setUp(self) -> None:
        self.patch(udp, "native", self.native)
        self.receiver = Repeating()
        self.log = MemoryLog()

    def reader(self, address: str = "127.0.0.1") -> UdpReader:
        reader = UdpReader(ListenerSpec("udp", address, 0), self.receiver, self.log)
        reader.open(MemoryReactorClock())
        self.addCleanup(reader.close)
        return reader

    def client(self, address: str = "127.0.0.1") -> socket.socket:
        sock = bound(address)
        self.addCleanup(sock.close)
        return sock

    def turn(self, reader: UdpReader) -> None:
        assert reader._socket is not None
        arrived(reader._socket)
        reader.doRead()

    def heard(self, sock: socket.socket) -> bytes:
        arrived(sock)
        return sock.recv(udp.DATAGRAM)

    def test_order(self) -> None:
        """Hundreds of answers come back whole and in order."""
        reader, client = self.reader(), self.client()
        sent = [b"message %d" % number for number in range(200)]
        for data in sent:
            client.sendto(data, ("127.0.0.1", reader.listener.port))
        while len(self.receiver.messages) < len(sent):
            self.turn(reader)
        self.assertEqual([self.heard(client) for _ in sent], sent)
        self.assertEqual((reader.unsent, self.log.lines), (0, []))

    def test_sizes(self) -> None:
        """From nothing to the longest that there can be, beside each other."""
        reader, client = self.reader(), self.client()
        sent = [b"", b"x" * LONGEST, b"y", b"z" * 9000]
        for data in sent:
            client.sendto(data, ("127.0.0.1", reader.listener.port))
        while len(self.receiver.messages) < len(sent) - 1:
            self.turn(reader)
        self.assertEqual([self.heard(client) for _ in sent[1:]], sent[1:])

    @skipUnless(has_ipv6(), "no IPv6")
    def test_ipv6(self) -> None:
        """IPv6, by a flow that came in and by one made from host and port."""
        reader, client = self.reader("::1"), self.client("::1")
        for data in (b"one", b"two"):
            client.sendto(data, ("::1", reader.listener.port))
        while len(self.receiver.messages) < 2:
            self.turn(reader)
        reader.flow(("::1", client.getsockname()[1])).send(b"three")
        self.assertEqual([self.heard(client) for _ in range(3)], [b"one", b"two", b"three"])

    def test_K14_unreachable(self) -> None:
        """K14: what nobody takes is told of, and costs no other datagram in either direction."""
        reader, client = self.reader(), self.client()
        nobody = ("127.0.0.1", free_port())
        reader.flow(nobody).send(b"lost")
        for data in (b"one", b"two"):
            client.sendto(data, ("127.0.0.1", reader.listener.port))
        while len(self.receiver.messages) < 2:
            self.turn(reader)
        self.assertEqual([self.heard(client) for _ in range(2)], [b"one", b"two"])
        self.assertEqual((self.receiver.unreached, reader.unsent), ([nobody], 0))

    def test_odd_destinations(self) -> None:
        """What cannot be sent is counted and costs what stands behind it nothing."""
        reader, client = self.reader(), self.client()
        odd: list[Any] = [("127.0.0.1", 70000), ("127.0.0.1", -1), ("::1", 5060), ("", 0), ("255.255.255.255", 5060)]

        def received(data: bytes, flow: Flow) -> None:
            for address in odd:
                reader.write(data, address)
            flow.send(data)

        self.receiver.received = received  # type: ignore[method-assign]
        for data in (b"one", b"two"):
            client.sendto(data, ("127.0.0.1", reader.listener.port))
        self.turn(reader)
        self.assertEqual([self.heard(client) for _ in range(2)], [b"one", b"two"])
        self.assertEqual((reader.unsent, self.log.lines), (10, []))


class Native:
    """What the tests of the built module itself share."""

    def setUp(self) -> None:
        self.receive = udp.native.receive  # type: ignore[union-attr]
        self.send = udp.native.send  # type: ignore[union-attr]

    @contextmanager
    def pair(self, address: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
        with bound(address) as one, bound(address) as other:
            yield one, other


class ReceiveTests(Native, SynchronousTestCase):
    """receive()."""

    def test_nothing(self) -> None:
        """Nothing there is an empty list."""
        with bound() as sock:
            self.assertEqual(self.receive(sock.fileno(), 64), [])

    def test_as_recvfrom(self) -> None:
        """Data and addresses are what recvfrom gives, on IPv4, IPv6 and behind a scope."""
        ipv6 = [("::1", 0, 0, 0), *link_local()] if has_ipv6() else []
        for own in [("127.0.0.1", 0), *ipv6]:
            family = socket.AF_INET if len(own) == 2 else socket.AF_INET6
            with (
                socket.socket(family, socket.SOCK_DGRAM) as sock,
                bound("0.0.0.0" if family == socket.AF_INET else "::") as to,
            ):
                sock.bind(own)
                way = (own[0], to.getsockname()[1], *own[2:])
                for _ in range(3):
                    sock.sendto(b"x", way)
                arrived(to)
                expected = to.recvfrom(10)
                self.assertEqual(self.receive(to.fileno(), 2), [expected, expected])
                self.assertEqual([type(each) for each in expected[1]], [str, *[int] * (len(expected[1]) - 1)])

    def test_same_object(self) -> None:
        """One sender is one tuple; another is another."""
        with self.pair() as (one, other), bound() as third:
            for sock in (one, one, third):
                sock.sendto(b"x", other.getsockname())
            arrived(other)
            (_, first), (_, second), (_, last) = self.receive(other.fileno(), 64)
            self.assertIs(first, second)
            self.assertEqual((first, last), (one.getsockname(), third.getsockname()))

    def test_most(self) -> None:
        """No more are taken than were asked for."""
        with self.pair() as (one, other):
            for number in range(5):
                one.sendto(b"%d" % number, other.getsockname())
            arrived(other)
            self.assertEqual([data for data, _ in self.receive(other.fileno(), 2)], [b"0", b"1"])
            self.assertEqual([data for data, _ in self.receive(other.fileno(), 64)], [b"2", b"3", b"4"])

    def test_error(self) -> None:
        """An error that waits is raised alone; the datagrams beside it come with the next call."""
        with self.pair() as (one, other):
            other.sendto(b"lost", ("127.0.0.1", free_port()))
            one.sendto(b"x", other.getsockname())
            arrived(other)
            self.assertRaises(ConnectionRefusedError, self.receive, other.fileno(), 64)
            self.assertEqual(self.receive(other.fileno(), 64), [(b"x", one.getsockname())])

    def test_no_socket(self) -> None:
        """What is no socket raises what recvfrom raises."""
        self.assertEqual(self.assertRaises(OSError, self.receive, -1, 64).errno, errno.EBADF)

    def test_arguments(self) -> None:
        """Wrong arguments are told."""
        for wrong in ((), (1,), (1, 2, 3), ("1", 2), (1, "2"), (1.5, 2), (None, 1)):
            self.assertRaises(TypeError, self.receive, *wrong)
        for most in (0, -1, 65):
            self.assertRaises(ValueError, self.receive, 0, most)
        for huge in ((1 << 80, 1), (1, 1 << 80), (1 << 32, 1)):
            self.assertRaises(OverflowError, self.receive, *huge)


class SendTests(Native, SynchronousTestCase):
    """send()."""

    def test_many(self) -> None:
        """At most 64 leave at a time, in order, and the number is told."""
        with self.pair() as (one, other):
            waiting = [(b"%d" % number, other.getsockname()) for number in range(70)]
            self.assertEqual(self.send(one.fileno(), waiting), 64)
            self.assertEqual(self.send(one.fileno(), waiting[64:]), 6)
            self.assertEqual(self.send(one.fileno(), []), 0)
            self.assertEqual([other.recv(10) for _ in waiting], [data for data, _ in waiting])

    @skipUnless(has_ipv6(), "no IPv6")
    def test_ipv6(self) -> None:
        """All forms of an address that sendto takes."""
        with self.pair("::1") as (one, other):
            port = other.getsockname()[1]
            waiting = [(b"x", address) for address in (("::1", port), ("::1", port, 0), ("::1", port, 0, 0))]
            self.assertEqual(self.send(one.fileno(), waiting), 3)
            arrived(other)
            self.assertEqual(self.receive(other.fileno(), 64), [(b"x", one.getsockname())] * 3)

    def test_too_long(self) -> None:
        """The longest datagram leaves, a longer one is the kernel's EMSGSIZE."""
        with self.pair() as (one, other):
            to = other.getsockname()
            self.assertEqual(self.send(one.fileno(), [(bytes(LONGEST), to), (b"", to)]), 2)
            self.assertEqual([len(data) for data, _ in self.receive(other.fileno(), 64)], [LONGEST, 0])
            for rest in ([], [(b"x", to)]):
                error = self.assertRaises(OSError, self.send, one.fileno(), [(bytes(LONGEST + 1), to), *rest])
                self.assertEqual(error.errno, errno.EMSGSIZE)

    def test_bad_first(self) -> None:
        """What cannot be sent raises when it stands first, and stops what stands before it from nothing."""
        host = "127.0.0.1"
        wrong: list[tuple[type[Exception], Any]] = [
            (TypeError, None),
            (TypeError, (b"x",)),
            (TypeError, [b"x", (host, 5060)]),
            (TypeError, ("x", (host, 5060))),
            (TypeError, (bytearray(b"x"), (host, 5060))),
            (TypeError, (b"x", [host, 5060])),
            (TypeError, (b"x", (host,))),
            (TypeError, (b"x", (host, 5060, 0))),
            (TypeError, (b"x", ("::1", 5060, 0, 0, 0))),
            (TypeError, (b"x", (host.encode(), 5060))),
            (TypeError, (b"x", (host, "5060"))),
            (TypeError, (b"x", (host, 5060.0))),
            (TypeError, (b"x", ("::1", 5060, "0"))),
            (OverflowError, (b"x", (host, 65536))),
            (OverflowError, (b"x", (host, -1))),
            (OverflowError, (b"x", (host, 1 << 80))),
            (OverflowError, (b"x", ("::1", 5060, 1 << 20))),
            (OverflowError, (b"x", ("::1", 5060, 0, 1 << 32))),
            (OSError, (b"x", ("localhost", 5060))),
            (OSError, (b"x", ("", 5060))),
            (OSError, (b"x", ("127.0.0.1\0", 5060))),
            (OSError, (b"x", ("fe80::1%lo", 5060))),
            (OSError, (b"x", ("\udc80", 5060))),
            (OSError, (b"x", ("::1", 5060))),
        ]
        with self.pair() as (one, other):
            good = (b"good", other.getsockname())
            for error, datagram in wrong:
                self.assertRaises(error, self.send, one.fileno(), [datagram, good])
                self.assertEqual(self.send(one.fileno(), [good, datagram, good]), 1)
            self.assertEqual([other.recv(10) for _ in wrong], [b"good"] * len(wrong))

    def test_arguments(self) -> None:
        """Wrong arguments are told."""
        for arguments in ((), (1,), (1, ()), ("1", []), (1, [], 2)):
            self.assertRaises(TypeError, self.send, *arguments)
        self.assertEqual(self.assertRaises(OSError, self.send, -1, [(b"x", ("127.0.0.1", 9))]).errno, errno.EBADF)


class MemoryTests(Native, SynchronousTestCase):
    """Nothing is kept but what the table of senders may hold."""

    def test_counts(self) -> None:
        """Who is counted once stays counted once, however often it comes and goes."""
        with self.pair() as (one, other):
            waiting: list[Any] = [(b"once", other.getsockname())] * 2
            bad: list[Any] = [(b"never", ("127.0.0.1", 70000))]
            self.send(one.fileno(), waiting)
            address = self.receive(other.fileno(), 64)[0][1]
            counted = [sys.getrefcount(each) for each in (*waiting[0], *bad[0], waiting, address, *address)]
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(2000):
                self.send(one.fileno(), waiting)
                self.receive(other.fileno(), 64)
                self.receive(other.fileno(), 64)
                self.assertRaises(OverflowError, self.send, one.fileno(), bad)
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            self.assertEqual(
                [sys.getrefcount(each) for each in (*waiting[0], *bad[0], waiting, address, *address)], counted
            )
            self.assertLess(grown, 10_000)

    def test_many_senders(self) -> None:
        """A sender that the table has to forget is known again, by an equal tuple."""
        with bound() as to:
            for _ in range(2):
                for number in range(1, 6000):
                    # all of 127.0.0.0/8 is this machine
                    host = f"127.0.{number >> 8}.{number & 255}"
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                        sock.bind((host, 0))
                        sock.sendto(b"x", to.getsockname())
                        arrived(to)
                        self.assertEqual(self.receive(to.fileno(), 1), [(b"x", sock.getsockname())])


if udp.native is None:
    del ReceiveTests, SendTests, MemoryTests
else:

    class NativeReaderTests(ReaderTests):
        """A whole listener on a socket, by recvmmsg and sendmmsg."""

        native = udp.native
