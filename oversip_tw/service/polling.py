"""The reactor's loop over epoll without what Twisted puts around each event."""

# mypy: allow-untyped-calls

from __future__ import annotations

import errno
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.python import log

#: seconds that epoll can be told
_LONGEST = 1_000_000.0
#: events taken at once: more make the kernel's list longer and nobody's turn shorter
_MOST = 512


class Poll:
    """Looks at epoll, and does whatever is due by it. Stands for `EPollReactor.doPoll`.

    It looks again, as long as there is nothing else for the reactor to do: no timer was set or is due, no thread has
    called, and nobody has stopped it. What the reactor does in between takes as long as reading a socket.
    """

    __slots__ = ("_poller", "_reactor", "_selectables")

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._poller: Any = reactor._poller
        self._selectables: dict[int, Any] = reactor._selectables

    def __call__(self, timeout: Any) -> None:
        """``timeout`` in seconds; None: for as long as it takes; 0: look once."""
        while self._look(timeout) and timeout != 0:
            timeout = self._rest()
            if timeout == 0:
                return

    def _rest(self) -> Any:
        """Until when nothing but sockets has to be looked at: seconds as of `__call__`, 0 if there is something."""
        reactor = self._reactor
        if reactor._newTimedCalls or reactor.threadCallQueue or reactor._justStopped or not reactor.running:
            return 0
        waiting = reactor._pendingTimedCalls
        if not waiting:
            return None
        rest: float = waiting[0].time - reactor.seconds()
        return min(rest, _LONGEST) if rest > 0 else 0

    def _look(self, timeout: Any) -> bool:
        """False: a signal came in between."""
        selectables = self._selectables
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, min(len(selectables), _MOST))
        except OSError as error:
            if error.errno == errno.EINTR:
                return False
            raise
        for number, event in events:
            selectable = selectables.get(number)
            # Else it has ended by what another of these events brought about.
            if selectable is not None:
                if event == EPOLLIN:
                    self._read(selectable)
                else:
                    self._anything(selectable, number, event)
        return True

    def _read(self, selectable: Any) -> None:
        """By far the most."""
        try:
            why = selectable.doRead()
        except Exception as error:
            log.err()
            why = error
        if why:
            self._end(selectable, why)

    def _anything(self, selectable: Any, number: int, event: int) -> None:
        try:
            self._reactor._doReadOrWrite(selectable, number, event)
        except Exception:
            log.err()

    def _end(self, selectable: Any, why: BaseException) -> None:
        try:
            self._reactor._disconnectSelectable(selectable, why, True)
        except Exception:
            log.err()


def lean(reactor: Any) -> Any:
    """``reactor``, if it is Twisted's for epoll, going about its events directly from now on; others stay as they are.

    Twisted makes a context for its log around each event, which says in old-style log lines what connection they
    belong to. Nothing here writes such lines, and the context costs as much as reading the socket does.
    """
    if type(reactor) is EPollReactor:
        instance: Any = reactor
        instance.doIteration = instance.doPoll = Poll(reactor)
    return reactor
