"""The reactor's loop over epoll without what Twisted puts around each event."""

# mypy: allow-untyped-calls

from __future__ import annotations

import errno
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.python import log

#: events taken at once: more make the kernel's list longer and nobody's turn shorter
_MOST = 512


class Poll:
    """One look at epoll, and whatever is due by it. Stands for `EPollReactor.doPoll`."""

    __slots__ = ("_poller", "_reactor", "_selectables")

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._poller = reactor._poller
        self._selectables: dict[int, Any] = reactor._selectables

    def __call__(self, timeout: float | None) -> None:
        selectables = self._selectables
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, min(len(selectables), _MOST))
        except OSError as error:
            if error.errno == errno.EINTR:
                return
            raise
        for number, event in events:
            selectable = selectables.get(number)
            # Else it has ended by what another of these events brought about.
            if selectable is not None:
                if event == EPOLLIN:
                    self._read(selectable)
                else:
                    self._anything(selectable, number, event)

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
