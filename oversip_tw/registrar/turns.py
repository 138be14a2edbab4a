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
    """`enter` a name and `leave` it; whoever comes in between waits, first come first served."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def waiting(self, name: str) -> int:
        """How many wait for their turn."""
        line = self._lines.get(name)
        return len(line.waiting) if line is not None else 0

    async def enter(self, name: str) -> None:
        """Wait until everybody who entered ``name`` before has left."""
        line = self._lines.get(name)
        if line is None:
            self._lines[name] = _Line()
            return
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
