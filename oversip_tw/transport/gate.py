"""The moment between a TLS handshake and the first message, in which somebody may look at the peer and refuse it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from oversip_tw.interfaces import Flow, Log, TlsPeer
from oversip_tw.promise import Task, spawn
from oversip_tw.sip.errors import SIPError, trail

#: Looks at who has shown what: None lets it in at once; what is awaited may raise, which refuses it, and has to end.
OnTls = Callable[[Flow, TlsPeer], Awaitable[None] | None]


def everybody(flow: Flow, peer: TlsPeer) -> None:
    """The `OnTls` of those who have no question."""


class Gate:
    """Keeps what arrives while the answer is waited for, ``limit`` octets at most."""

    __slots__ = ("_held", "_limit", "_task")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._task: Task | None = None

    def ask(
        self,
        answer: Awaitable[None],
        let_in: Callable[[bytes], None],
        turn_away: Callable[[BaseException], None],
    ) -> None:
        """Wait for ``answer``; one of the two others is called with how it went, at once if it is there."""

        async def wait() -> None:
            await answer
            let_in(bytes(self._held))

        self._task = spawn(wait(), turn_away)

    def hold(self, data: bytes) -> bool:
        """Keep ``data`` for later; False when that is too much."""
        self._held += data
        return len(self._held) <= self._limit

    def forget(self) -> None:
        """The connection is gone: nobody wants the answer any more."""
        if self._task is not None:
            self._task.cancel()


def words(error: BaseException, log: Log, flow: Flow) -> str:
    """Why a connection was refused, for who hears of its end. Defects and hooks that were too slow are logged."""
    if not isinstance(error, SIPError):
        log.error("hook failed: {error!r} at {trail}; closing {flow}", error=error, trail=trail(error), flow=flow)
        return "refused: hook failed"
    if error.status == 500:
        log.warn("{flow} refused: {reason}", flow=flow, reason=error.reason)
    return f"refused: {error.reason}"
