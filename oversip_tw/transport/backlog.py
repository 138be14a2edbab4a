"""What a peer that does not read may make us keep (F19)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import implementer

from oversip_tw.transaction.wheel import Timer, TimerWheel
from oversip_tw.transport.accepted import AcceptedSocket


def unsent(transport: Any) -> int:
    """Octets in a Twisted transport's own queue, the kernel's not counted; 0 where it shows none."""
    if isinstance(transport, AcceptedSocket):
        # Nearly always.
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    waiting = len(getattr(transport, "dataBuffer", b"")) - int(getattr(transport, "offset", 0))
    return waiting + int(getattr(transport, "_tempDataLen", 0))


@implementer(IPushProducer)
class Backlog:
    """Watches one connection's write queue; ``give_up(reason)`` is called once, when the peer has to go.

    That is when more than ``limit`` octets wait, or when none has left for ``patience`` seconds while the transport is
    full. As long as it is not (Twisted's 64 KiB), watching costs one comparison per message.
    """

    __slots__ = ("_drained", "_fed", "_give_up", "_limit", "_patience", "_timer", "_transport", "_wheel")

    def __init__(
        self, transport: Any, wheel: TimerWheel, limit: int, patience: float, give_up: Callable[[str], None]
    ) -> None:
        self._transport = transport
        self._wheel = wheel
        self._limit = limit
        self._patience = patience
        self._give_up = give_up
        self._timer: Timer | None = None
        #: octets that wait or were handed over since the transport is full; 0 until the write that filled it is counted
        self._fed = 0
        #: how many of them had left when we last looked
        self._drained = 0
        transport.registerProducer(self, True)

    def wrote(self, length: int) -> None:
        """``length`` octets were handed to the transport."""
        if self._timer is not None:
            waiting = unsent(self._transport)
            # The write that filled the transport is in there already.
            self._fed = self._fed + length if self._fed else waiting
            if waiting > self._limit:
                self._over(f"more than {self._limit} octets wait for it")

    def stop(self) -> None:
        """Watch no more: before the connection is closed, which a registered producer would put off."""
        self._free()
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport is full."""
        if self._timer is None:
            self._fed = self._drained = 0
            self._timer = self._wheel.after(self._patience, self._look)

    def resumeProducing(self) -> None:
        """Everything has left."""
        self._free()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self._free()

    def _look(self) -> None:
        drained = self._fed - unsent(self._transport)
        if drained <= self._drained:
            self._over(f"took nothing for {self._patience:g} s")
        else:
            self._drained = drained
            self._timer = self._wheel.after(self._patience, self._look)

    def _over(self, reason: str) -> None:
        self._free()
        self._give_up(reason)

    def _free(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
