"""oversip_tw.service.polling"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.service.polling import lean


class Descriptor:
    """A socket that the reactor watches; ``reads`` and ``writes`` say what comes of an event."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.calls: list[str] = []
        self.lost: Failure | None = None
        self.reads: Callable[[], Any] = lambda: None
        self.writes: Callable[[], Any] = lambda: None

    def fileno(self) -> int:
        return self.sock.fileno()

    def logPrefix(self) -> str:
        return "-"

    def doRead(self) -> Any:
        self.calls.append("read")
        return self.reads()

    def doWrite(self) -> Any:
        self.calls.append("write")
        return self.writes()

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason


class PollTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = lean(EPollReactor())
        self.addCleanup(self.reactor._poller.close)
        self.addCleanup(self.reactor.waker.connectionLost, None)
        self.one, self.other = self.pair(), self.pair()

    def pair(self) -> Descriptor:
        """A descriptor that has something to read."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        far.send(b"x")
        descriptor = Descriptor(near)
        self.reactor.addReader(descriptor)
        return descriptor

    def test_events(self) -> None:
        """Each is told of what it waits for, and of nothing else."""
        self.reactor.addWriter(self.one)
        self.reactor.doIteration(0)
        self.assertEqual((self.one.calls, self.other.calls), (["read", "write"], ["read"]))
        self.one.sock.recv(1)
        self.other.sock.recv(1)
        self.reactor.removeWriter(self.one)
        self.reactor.iterate(0)
        self.assertEqual((self.one.calls, self.other.calls), (["read", "write"], ["read"]))

    def test_waits(self) -> None:
        """Without a timeout it returns when there is something; with one, also when there is nothing."""
        self.reactor.doIteration(None)
        self.assertEqual(self.one.calls, ["read"])
        self.reactor.removeAll()
        self.reactor.doIteration(0)
        self.assertEqual(self.one.calls, ["read"])

    def test_ends(self) -> None:
        """What a read gives back ends the connection, and it is watched no more."""
        self.one.reads = lambda: CONNECTION_DONE
        self.other.reads = lambda: CONNECTION_LOST
        self.reactor.doIteration(0)
        assert self.one.lost is not None
        assert self.other.lost is not None
        self.one.lost.trap(ConnectionDone)
        self.other.lost.trap(ConnectionLost)
        self.reactor.doIteration(0)
        self.assertEqual((self.one.calls, self.other.calls), (["read"], ["read"]))

    def test_failures(self) -> None:
        """A read or write that raises is logged and ends its own connection, not the other's turn."""
        self.one.reads = lambda: 1 // 0
        self.other.writes = lambda: {}["nothing"]
        self.reactor.addWriter(self.other)
        self.reactor.doIteration(0)
        self.assertEqual((self.one.calls, self.other.calls), (["read"], ["read", "write"]))
        assert self.one.lost is not None
        assert self.other.lost is not None
        self.one.lost.trap(ZeroDivisionError)
        self.other.lost.trap(KeyError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError, KeyError)), 2)

    def test_failures_of_ends(self) -> None:
        """An end that raises is logged too, after a read and after anything else."""
        for each in (self.one, self.other):
            each.connectionLost = lambda reason: 1 // 0  # type: ignore[method-assign]
            each.reads = lambda: CONNECTION_LOST
        self.reactor.addWriter(self.other)
        self.reactor.doIteration(0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_ended_by_another(self) -> None:
        """One that has ended by what came before in the same turn is not asked any more."""
        self.one.reads = lambda: self.reactor.removeReader(self.other)
        self.other.reads = lambda: self.reactor.removeReader(self.one)
        self.reactor.doIteration(0)
        self.assertEqual(len(self.one.calls) + len(self.other.calls), 1)

    def test_interrupted(self) -> None:
        """A signal is no error; another failure of epoll is."""

        class Poller:
            def poll(self, timeout: float, most: int) -> None:
                raise InterruptedError(4, "EINTR")

        self.reactor.doPoll._poller = Poller()
        self.reactor.doIteration(0)
        self.reactor.doPoll._poller = self.reactor._poller
        self.reactor._poller.close()
        self.assertRaises(ValueError, self.reactor.doIteration, 0)

    def go_on(self, until: Callable[[], object], looks: int) -> None:
        """It looks ``looks`` times, as what is read brings ``until`` about at last."""
        self.reactor.running = True
        self.reactor.removeReader(self.other)

        def read() -> None:
            if len(self.one.calls) == looks:
                until()

        self.one.reads = read
        self.reactor.doPoll(None)
        self.assertEqual(len(self.one.calls), looks)

    def test_looks_again(self) -> None:
        """It goes on as long as there are only sockets to look at, and a timer that is not due."""
        self.reactor.callLater(1000, self.fail)
        self.reactor.runUntilCurrent()
        self.go_on(lambda: self.reactor.callLater(0, self.fail), 4)

    def test_stopped(self) -> None:
        """It ends when somebody stops the reactor."""
        self.go_on(lambda: setattr(self.reactor, "_justStopped", True), 3)

    def test_crashed(self) -> None:
        """The same when it does not run any more."""
        self.go_on(lambda: setattr(self.reactor, "running", False), 3)

    def test_called_from_a_thread(self) -> None:
        """It ends for what another thread wants to be called."""
        self.go_on(lambda: self.reactor.threadCallQueue.append((self.fail, (), {})), 3)

    def test_due(self) -> None:
        """It ends when a timer is due, and sleeps no longer than until then."""
        call = self.reactor.callLater(1000, self.fail)
        self.reactor.runUntilCurrent()
        self.go_on(lambda: call.reset(0), 3)
        self.reactor.removeAll()
        call.reset(0.02)
        self.reactor.doPoll(0.02)

    def test_once(self) -> None:
        """Without time it looks once."""
        self.reactor.running = True
        self.reactor.doPoll(0)
        self.assertEqual(self.one.calls, ["read"])

    def test_other_reactors(self) -> None:
        """What is not Twisted's own for epoll stays as it is."""
        reactor = MemoryReactorClock()
        before = dict(vars(reactor))
        self.assertIs(lean(reactor), reactor)
        self.assertEqual(vars(reactor), before)
