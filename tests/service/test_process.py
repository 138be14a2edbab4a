"""Clock, log, threads and signals of the process."""

from __future__ import annotations

import io
import os
import signal
import threading
import time

from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python import runtime
from twisted.trial import unittest

from oversip_tw.promise import Promise
from oversip_tw.service.bridge import FromThread, deferred
from oversip_tw.service.clock import monotonic
from oversip_tw.service.logs import SafeLog
from oversip_tw.service.process import on_signal


class Reactor(ReactorBase):
    """A reactor that waits for nothing."""

    def installWaker(self) -> None:
        """None is needed: nobody calls from another thread."""

    def removeAll(self) -> list[object]:
        """It watches nothing."""
        return []


class MonotonicClock(unittest.SynchronousTestCase):
    """K8: the wall clock may be set at any time."""

    def setUp(self) -> None:
        self.reactor = Reactor()

    def test_k8_seconds(self) -> None:
        """The reactor measures time by the monotonic clock, and a step of the wall clock fires nothing."""
        reactor = monotonic(self.reactor)
        self.assertLess(abs(reactor.seconds() - time.monotonic()), 5)
        fired: list[int] = []
        reactor.callLater(3600, fired.append, 1)
        self.patch(runtime, "seconds", lambda: time.time() + 86400)
        reactor.runUntilCurrent()
        self.assertEqual(fired, [])

    def test_k8_calls_of_before(self) -> None:
        """Calls that wait already keep the time they have left, and can be moved."""
        call = self.reactor.callLater(100, lambda: None)
        monotonic(self.reactor)
        self.assertApproximates(call.getTime() - time.monotonic(), 100, 5)
        call.reset(200)
        self.assertApproximates(call.getTime() - time.monotonic(), 200, 5)

    def test_other_clocks(self) -> None:
        """A reactor with a clock of its own stays as it is."""
        clock = Clock()
        self.assertIs(monotonic(clock), clock)
        self.assertEqual(clock.seconds(), 0)
        self.assertIs(monotonic(monotonic(self.reactor)), self.reactor)


class Log(unittest.SynchronousTestCase):
    """What is written."""

    def setUp(self) -> None:
        self.events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_p7_fields(self) -> None:
        """P7: what came from outside can neither begin a line nor colour one; numbers and tracebacks stay."""
        SafeLog().info("{a} {b} {n} {trace}", a="x\r\ny\x1b[31m\x9b", b=b"\xff\n", n=5, trace="one\ntwo")
        (event,) = (event for event in self.events if event["log_namespace"] == "oversip")
        self.assertEqual(event["a"], "x\\r\\ny\\x1b[31m\\x9b")
        self.assertEqual(event["b"], "\\xff\\n")
        self.assertEqual((event["n"], event["trace"]), (5, "one\ntwo"))

    def test_surrogates(self) -> None:
        """Octets that are no UTF-8, as heads carry them, can be written to any stream."""
        SafeLog().warn("{a}", a="caf\udce9")
        (event,) = (event for event in self.events if event["log_namespace"] == "oversip")
        io.TextIOWrapper(io.BytesIO(), "utf-8").write(str(event["a"]))
        self.assertEqual(event["a"], "caf\\udce9")

    def test_level(self) -> None:
        """What is less important than the level is not even made."""
        log = SafeLog(level="error")
        log.info("a")
        log.warn("b")
        log.error("c")
        self.assertEqual([event["log_format"] for event in self.events], ["c"])


class Threads(unittest.TestCase):
    """Results that other threads bring."""

    def test_wait(self) -> None:
        """At start-up the caller blocks until a thread has brought the result, without the reactor."""

        def never(call: object) -> None:
            raise AssertionError("the reactor was asked")

        class Reactor:
            callFromThread = staticmethod(never)

        bridge = FromThread(Reactor)
        promise: Promise[int] = Promise()

        async def ask() -> int:
            threading.Thread(target=lambda: bridge(lambda: promise.resolve(7))).start()
            return await promise

        self.assertEqual(bridge.wait(ask()), 7)

    def test_wait_raises(self) -> None:
        """What the coroutine raises is raised to whoever waits."""

        async def fail() -> None:
            raise ValueError("no")

        with self.assertRaises(ValueError):
            FromThread(None).wait(fail())

    def test_afterwards(self) -> None:
        """Once nobody waits, calls go to the reactor."""
        calls: list[object] = []

        class Reactor:
            callFromThread = staticmethod(calls.append)

        FromThread(Reactor)(print)
        self.assertEqual(calls, [print])

    def test_deferred(self) -> None:
        """A coroutine that waits for a promise fires a Deferred, with its failure too."""
        promise: Promise[None] = Promise()

        async def wait() -> None:
            await promise

        async def fail() -> None:
            raise ValueError("no")

        waiting = deferred(wait())
        self.assertNoResult(waiting)
        promise.resolve(None)
        self.successResultOf(waiting)
        self.failureResultOf(deferred(fail()), ValueError)


class Signals(unittest.SynchronousTestCase):
    """Signals come back to where they belonged."""

    def test_on_signal(self) -> None:
        """A handler hears of its signal until it is undone; then the former one does."""
        former, ours = [], []
        undo_former = on_signal(signal.SIGHUP, lambda: former.append(1))
        undo = on_signal(signal.SIGHUP, lambda: ours.append(1))
        os.kill(os.getpid(), signal.SIGHUP)
        undo()
        os.kill(os.getpid(), signal.SIGHUP)
        undo_former()
        self.assertEqual((former, ours), ([1], [1]))

    def test_other_threads(self) -> None:
        """Python allows signal handlers in the main thread alone: elsewhere nothing is done."""
        thread = threading.Thread(target=lambda: on_signal(signal.SIGHUP, lambda: None)())
        thread.start()
        thread.join()
