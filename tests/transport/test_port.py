"""Accepting connections, with the kernel's answers made up."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import MemoryLog
from oversip_tw.transport.listener import BoundListener, ListenerSpec
from oversip_tw.transport.port import AcceptingPort

PEER = ("192.0.2.7", 40000)


class Accepted:
    """A socket that was accepted."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Accepting:
    """A listening socket that answers ``accept`` from a list; then nobody is there."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    def accept(self) -> Any:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else BlockingIOError()
        if isinstance(answer, OSError):
            raise answer
        return answer, PEER


class Remembering(Factory):
    """Builds protocols, or refuses."""

    noisy = False

    def __init__(self) -> None:
        self.built: list[Protocol] = []
        self.full = False

    def buildProtocol(self, addr: Any) -> Protocol | None:
        if self.full:
            return None
        self.built.append(Protocol())
        return self.built[-1]


class PortTests(SynchronousTestCase):
    """K2 and the small faults of accept()."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.factory = Remembering()
        self.log = MemoryLog()
        self.port = AcceptingPort(BoundListener(ListenerSpec("tcp")), self.factory, self.reactor, self.log)
        self.port.numberAccepts = 100
        self.port.transport = lambda *args: StringTransport()  # type: ignore[assignment]
        self.port.startReading()  # type: ignore[no-untyped-call]

    def listen(self, *answers: Any) -> Accepting:
        self.port.socket = sock = Accepting(*answers)  # type: ignore[assignment]
        return sock

    @property
    def reading(self) -> bool:
        return self.port in self.reactor.getReaders()

    def test_one_that_cannot_be_served(self) -> None:
        """What breaks while one connection is set up costs that one alone: the port goes on, and says so."""

        def broken(*args: Any) -> StringTransport:
            raise OSError(errno.ENOSPC, "no space left in epoll")

        self.port.transport, works = broken, self.port.transport
        unlucky = Accepted()
        self.listen(unlucky)
        self.port.doRead()
        self.assertTrue(unlucky.closed and self.reading)
        self.assertIn("no space left in epoll", self.log.lines[-1][1])
        self.port.transport = works
        self.listen(Accepted())
        self.port.doRead()
        self.assertIsNotNone(self.factory.built[-1].transport)

    def test_accepts(self) -> None:
        """Everybody who waits is let in at one go."""
        self.listen(Accepted(), Accepted())
        self.port.doRead()
        self.assertEqual(len(self.factory.built), 2)
        self.assertIsNotNone(self.factory.built[0].transport)

    def test_fair(self) -> None:
        """But not more than a hundred: others have work too."""
        self.listen(*[Accepted() for _ in range(150)])
        self.port.doRead()
        self.assertEqual(len(self.factory.built), 100)

    def test_F13_refused(self) -> None:
        """F13: who is one too many is closed."""
        self.factory.full = True
        sock = Accepted()
        self.listen(sock)
        self.port.doRead()
        self.assertTrue(sock.closed)

    def test_gone_already(self) -> None:
        """A client that left before it was let in does not keep the next one waiting."""
        self.listen(OSError(errno.ECONNABORTED, "gone"), OSError(errno.EPERM, "filtered"), Accepted())
        self.port.doRead()
        self.assertEqual(len(self.factory.built), 1)

    def test_K2_exhausted(self) -> None:
        """K2: without descriptors accepting pauses (no busy loop) and comes back within a second."""
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            sock = self.listen(OSError(number, "none left"), Accepted())
            self.port.doRead()
            self.assertFalse(self.reading)
            self.assertEqual(sock.asked, 1)
            self.reactor.advance(0.5)
            self.assertTrue(self.reading)
            self.port.doRead()
        self.assertEqual(len(self.factory.built), 4)

    def test_K2_log(self) -> None:
        """K2: the log says so at most once a second."""
        for _ in range(10):
            self.listen(OSError(errno.EMFILE, "Too many open files"))
            self.port.doRead()
            self.reactor.advance(0.5)
        self.assertEqual(len(self.log.lines), 5)
        self.assertIn("Too many open files", self.log.lines[0][1])

    def test_K2_closed_in_pause(self) -> None:
        """K2: a port that is closed in its pause does not wake up again."""
        self.listen(OSError(errno.EMFILE, "none left"))
        self.port.doRead()
        self.port.stopListening()
        self.reactor.advance(1)
        self.assertFalse(self.reading)
