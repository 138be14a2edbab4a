"""Keeping the way to phones on UDP open: a NAT forgets a mapping that nothing passes, often after 30 s.

Every phone has its slot in a ring, by a hash that is its own; the hand goes round once per interval. So thousands of
phones that registered in one second, after a restart say, are still asked evenly over time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.outbound import flow_id as flow_ids
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import Nobody
from oversip_tw.transaction.wheel import Timed, Timer

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core

#: slots of the ring per second: that often a few phones are asked
PER_SECOND: Final = 10
#: slots that are asked in one go when the timer comes late
MOST_AT_ONCE: Final = 4
#: what a phone skips, and a NAT does not (RFC 5626 §3.5.1)
CRLF: Final = b"\r\n\r\n"
#: an OPTIONS is repeated after 0.5 and 1.5 s and given up after 4; an answer need not be remembered for long
_TIMERS: Final = Timers(f=4.0, k=0.1)


@dataclass(frozen=True, slots=True)
class Settings:
    """How phones on UDP are asked."""

    #: "options", which they answer, "crlf", which they need not understand, or "off"
    how: str = "off"
    #: seconds from one time to the next; NATs forget after 30 s
    interval: float = 25.0
    #: OPTIONS in a row without an answer, after which a phone's bindings end; 0: they end by themselves alone
    misses: int = 3


class NatPings(Timed):
    """Asks one slot after another. What it knows of bindings it hears as they change (`heard`)."""

    __slots__ = ("_asked", "_bound", "_core", "_due", "_hand", "_missed", "_node", "_slots", "_step", "_timer", "sent",
                 "settings")  # fmt: skip

    def __init__(self, core: Core, settings: Settings, node: str, bound: Callable[[], Iterable[Binding]]) -> None:
        """``node``: this process; others ask theirs themselves. ``bound``: all bindings there are."""
        self._core = core
        self._bound = bound
        self._node = node
        self.settings = settings
        #: binding keys by slot
        self._slots: list[dict[bytes, None]] = [{} for _ in range(max(1, int(settings.interval * PER_SECOND)))]
        self._hand = 0
        #: seconds for one slot, and when the next one is due
        self._step = settings.interval / len(self._slots)
        self._due = 0.0
        self._timer: Timer | None = None
        #: by binding key, while it is not 0: OPTIONS in a row without an answer
        self._missed: dict[bytes, int] = {}
        #: whose OPTIONS is on its way
        self._asked: set[bytes] = set()
        #: pings that have left
        self.sent = 0

    @property
    def count(self) -> int:
        """How many phones are asked."""
        return sum(map(len, self._slots))

    def start(self) -> None:
        """Begin, with what is bound already."""
        for binding in self._bound():
            self.heard(Change.ADDED, binding)
        self._due = self._core.wheel.now() + self._step
        self._next()

    def stop(self) -> None:
        """Ask nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self, change: Change, binding: Binding) -> None:
        """A binding was added, refreshed, or has ended."""
        key = binding.key
        slot = self._slots[int.from_bytes(key[:4], "big") % len(self._slots)]
        self._missed.pop(key, None)
        lives = change is Change.ADDED or change is Change.REFRESHED
        if lives and binding.node == self._node and flow_ids.is_udp(binding.flow_id):
            slot[key] = None
        else:
            slot.pop(key, None)

    def fired(self, which: int) -> None:
        """The time of the next slot has come, and maybe that of those behind it."""
        now = self._core.wheel.now()
        for _ in range(MOST_AT_ONCE):
            if self._due > now:
                break
            self._due += self._step
            slot, self._hand = self._slots[self._hand], (self._hand + 1) % len(self._slots)
            self._ask(slot)
        else:
            self._due = now  # nothing moved for a while: go on from here, and not all at once
        self._next()

    def _next(self) -> None:
        self._timer = self._core.wheel.start(max(0.0, self._due - self._core.wheel.now()), self, 0)

    def _ask(self, slot: dict[bytes, None]) -> None:
        for key in tuple(slot):
            binding = self._core.location.by_key(key)
            flow = None if binding is None or binding.ended else self._core.flows.find(binding.flow_id)
            if binding is None or flow is None or flow.reliable:
                slot.pop(key, None)
            else:
                self._ping(binding, flow)

    def _ping(self, binding: Binding, flow: Flow) -> None:
        if self.settings.how == "crlf":
            self.sent += 1
            flow.send(CRLF)
        elif binding.key not in self._asked:
            self.sent += 1
            self._asked.add(binding.key)
            core = self._core
            ourselves = f"<sip:{flow.listener.sent_by}>"
            request = Request.build(
                "OPTIONS",
                binding.target,
                [
                    ("Max-Forwards", "1"),
                    ("From", f"{ourselves};tag={core.new_id()}"),
                    ("To", f"<{binding.aor}>"),
                    ("Call-ID", core.new_id()),
                    ("CSeq", "1 OPTIONS"),
                ],
            )
            core.forwarding.push_via(request, flow)
            core.transactions.call(request, flow, _Asked(self, binding.key, flow), _TIMERS, True)

    def answered(self, key: bytes) -> None:
        """Whatever it said: it is there."""
        self._asked.discard(key)
        self._missed.pop(key, None)

    def silent(self, key: bytes, flow: Flow) -> None:
        """Nothing came back from it, or that nobody is there (ICMP)."""
        self._asked.discard(key)
        core = self._core
        binding = core.location.by_key(key)
        if binding is None or binding.ended or binding.flow_id != flow.id:
            return
        missed = self._missed[key] = self._missed.get(key, 0) + 1
        if 0 < self.settings.misses <= missed:
            # not those of other accounts at the same address, which are asked themselves, and may answer
            core.spawn(core.location.lost((binding,)), core.unexpected)


class _Asked(Nobody):
    """The ClientUser of one OPTIONS."""

    __slots__ = ("_flow", "_key", "_pings")

    def __init__(self, pings: NatPings, key: bytes, flow: Flow) -> None:
        self._pings = pings
        self._key = key
        self._flow = flow

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        self._pings.answered(self._key)

    def timed_out(self, transaction: ClientTransaction) -> None:
        self._pings.silent(self._key, self._flow)

    def failed(self, transaction: object, reason: str = "") -> None:
        self._pings.silent(self._key, self._flow)
