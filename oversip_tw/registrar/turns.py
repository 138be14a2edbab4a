"""One after another, per name: the order in which REGISTERs of one AoR change its bindings (RFC 3261 §10.3)."""

from __future__ import annotations

from collections import deque

from oversip_tw.promise import Cancelled, Promise


class _Line:
    __slots__ = ("advancing", "busy", "waiting")

    def __init__(self) -> None:
        self.busy = True
        self.advancing = False
        self.waiting: deque[Promise[None]] = deque()


class Turns:
    """`enter` a name, or `take` it where it is free, and `leave` it; whoever comes in between waits, first come first
    served."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        #: None: somebody has the turn and nobody waits
        self._lines: dict[str, _Line | None] = {}

    def waiting(self, name: str) -> int:
        """How many wait for their turn."""
        line = self._lines.get(name)
        return len(line.waiting) if line is not None else 0

    def take(self, name: str) -> bool:
        """Enter ``name`` if nobody is there; False: somebody is."""
        if name in self._lines:
            return False
        self._lines[name] = None
        return True

    async def enter(self, name: str) -> None:
        """Wait until everybody who entered ``name`` before has left."""
        if self.take(name):
            return
        line = self._lines[name]
        if line is None:
            line = self._lines[name] = _Line()
        turn: Promise[None] = Promise()
        line.waiting.append(turn)
        try:
            await turn
        except Cancelled:
            line.waiting.remove(turn)
            raise

    def leave(self, name: str) -> None:
        """Let the next one in."""
        line = self._lines[name]
        if line is None:
            del self._lines[name]
            return
        line.busy = False
        if line.advancing:
            return  # the loop below is under us in the stack: a long line must not become a deep one
        line.advancing = True
        while line.waiting and not line.busy:
            line.busy = True
            line.waiting.popleft().resolve(None)
        line.advancing = False
        if not line.busy:
            del self._lines[name]
