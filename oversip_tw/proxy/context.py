"""The response context (RFC 3261 §16.7): one request, its branches, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow, Target
from oversip_tw.proxy.absence import Absence
from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.best import Outcome, add_challenges, best
from oversip_tw.proxy.branch import Branch
from oversip_tw.proxy.endings import ELSEWHERE
from oversip_tw.proxy.forwarding import drop_identities, keep_privacy
from oversip_tw.proxy.hang_up import HangUp
from oversip_tw.proxy.original import restore
from oversip_tw.proxy.record_route import wants_record_route
from oversip_tw.proxy.repeats import Repeats
from oversip_tw.proxy.senders import absent_key
from oversip_tw.proxy.unheard import Unheard
from oversip_tw.proxy.watcher import Watcher
from oversip_tw.proxy.way import Way
from oversip_tw.registrar.preferences import keeps_ringing
from oversip_tw.sip import codes
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.non_invite_server import NonInviteServerTransaction
from oversip_tw.transaction.server import ServerTransaction

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core


class ResponseContext:
    """A ServerUser. Forks ``groups`` one after another, the ways within one side by side."""

    __slots__ = (
        "_absence",
        "_asking",
        "_branches",
        "_caller_gone",
        "_groups",
        "_outcomes",
        "_running",
        "_starting",
        "_unheard",
        "arrival",
        "breadth",
        "caller_key",
        "cancelled_by_caller",
        "core",
        "finished",
        "in_dialog",
        "is_invite",
        "record_route",
        "request",
        "transaction",
        "watcher",
    )

    def __init__(
        self,
        core: Core,
        arrival: Arrival,
        transaction: ServerTransaction,
        groups: Sequence[Sequence[Way]],
        caller_key: bytes = b"",
        watcher: Watcher | None = None,
    ) -> None:
        """``caller_key``: the binding key of the caller, b"" if it has none. ``watcher`` hears of everything first."""
        self.core = core
        self.transaction = transaction
        self.arrival = arrival
        self.request: Request = arrival.request
        self.is_invite = self.request.method == "INVITE"
        self.in_dialog = arrival.in_dialog
        self.record_route = wants_record_route(self.request) and not arrival.ours
        self.caller_key = caller_key
        self.watcher = watcher
        self.breadth = 0
        self.cancelled_by_caller = False
        self.finished = False
        self._caller_gone = False
        #: the caller's connection broke before it had its answer
        self._absence: Absence | None = None
        #: the same after that, a 2xx
        self._unheard: Unheard | None = None
        #: user code thinks about what to do with the outcome
        self._asking = False
        #: the next one last
        self._groups: list[Sequence[Way]] = list(groups)
        self._groups.reverse()
        self._branches: list[Branch] = []
        self._outcomes: list[Outcome] = []
        self._running = 0
        self._starting = False

    def start(self, breadth: int) -> None:
        """Send the request on its first ways; ``breadth`` is the Max-Breadth to share out (RFC 5393 §5.3.3)."""
        self.breadth = breadth
        self._start_next_group()

    def _start_next_group(self) -> None:
        if self._starting:
            return  # the loop below is under us in the stack: many groups must not make a deep one
        self._starting = True
        while self._groups and not self._running and not self.finished:
            ways = self._groups.pop()
            if len(ways) > self.breadth:
                # Too little breadth for all at once: the rest after these.
                self._groups.append(ways[self.breadth :])
                ways = ways[: self.breadth]
            branches = [Branch(self, way) for way in ways]
            self._branches += branches
            self._running += len(branches)
            for branch in branches:
                self._start(branch)
        self._starting = False

    def _start(self, branch: Branch) -> None:
        if branch.ended:  # one that was started before it has ended them all
            return
        try:
            branch.start()
        except Exception as error:
            # A defect on one way must not leave the request without an answer.
            self.core.broke(error, self.request)
            branch.end(Outcome(500))

    def inherit(self, former: ResponseContext) -> None:
        """The request was under way by ``former``: its caller may be away."""
        if former._absence is not None:
            self._absence = former._absence
            self._absence.follow(self)

    def give_up(self, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Somebody else answers the request by now: stop ringing, and pass on nothing but a 2xx that crosses that."""
        if not self.finished:
            self.finished = True
            self._groups.clear()
            self._cancel_all(headers)
            self._let_go()

    @property
    def breadth_of_a_branch(self) -> int:
        """What each branch that runs beside others may fork into in its turn."""
        return max(1, self.breadth // max(1, self._running))

    def leads_to_trusted(self, way: Way, flow: Flow) -> bool:
        """The next hop is one of the trusted sources."""
        return not way.flow_id and self.core.trusts(Target(flow.transport, *flow.peer))

    # -- from the branches ------------------------------------------------------------------------------------------

    def provisional(self, branch: Branch, response: Response) -> None:
        """Forward a 1xx, unless a final answer has gone out."""
        if not self.finished:
            if branch.way.flow_id:
                drop_identities(response)
            if self.watcher is None:
                self._forward(response)
            else:
                self.watcher.provisional(response, lambda: self._forward(response))

    def success(self, branch: Branch, response: Response) -> None:
        """Forward a 2xx to INVITE at once, each one that comes, and stop the others (§16.7 steps 5 and 10)."""
        successor = self.transaction.user
        first = not self.finished
        if first and self._absence is not None:
            self._absence.picked_up(branch, response)
        elif self.transaction.final_sent and not self.arrival.answered and branch.transaction is not None:
            HangUp.on(branch, response).go()  # the caller was refused before the CANCEL came to the callee
        elif self._unheard is not None and branch.transaction is not None:
            self._unheard.repeated(response, branch.transaction, self.transaction.flow)
        self.finished = self.arrival.answered = True
        self.core.calls.answered(self.request, response)
        if branch.way.flow_id:
            drop_identities(response)
        if self.watcher is None:
            self._forward(response)
        else:
            self.watcher.success(response, lambda: self._forward(response))
        branch.end(Outcome(response.status, response))
        if first and not (len(self._branches) > 1 and keeps_ringing(self.request)):
            self._cancel_all(ELSEWHERE)
        if successor is not self and isinstance(successor, ResponseContext):
            successor.give_up(ELSEWHERE)  # it was sent elsewhere before this one, given up already, picked up

    def repeats(self, branch: Branch) -> Repeats | None:
        """Who passes on what ``branch`` still says after its 2xx; None: that has to be done here."""
        if self.watcher is not None or self.core.on_response is not None:
            return None  # somebody wants to see it
        arrival = self.arrival
        transaction = self.transaction
        if not transaction.final_sent or arrival.original is not None or arrival.ours or self._absence is not None:
            return None
        if branch.way.branch:
            return None  # they come by the way of an INVITE that another server has sent
        repeats = Repeats(self.core, transaction, bool(branch.way.flow_id), not arrival.trusted, self.caller_key)
        transaction.let_go()
        if self.caller_key and transaction.flow.reliable:
            transaction.user = repeats
        return repeats

    def branch_ended(self, branch: Branch, outcome: Outcome) -> None:
        """A branch has its final answer; when it was the last one, the best of all goes out."""
        self._running -= 1
        if self.finished:
            self._let_go()
            return
        outcome = self._as_told_outside(branch, outcome)
        if not self.is_invite and 200 <= outcome.status < 300:
            self._finish(outcome)
            return
        self._outcomes.append(outcome)
        if outcome.decides:
            self._groups.clear()
            self._cancel_all(())
        if self._running or self.finished:
            return
        if self._groups and not self.cancelled_by_caller:
            self._start_next_group()
        else:
            self._finish(best(self._outcomes))

    def _as_told_outside(self, branch: Branch, outcome: Outcome) -> Outcome:
        """What may be said of an answer beyond the hop it came from."""
        status, response = outcome.status, outcome.response
        if status == 430 and not self.arrival.trusted:
            return Outcome(480, code=codes.FLOW_FAILED)
        if response is None:
            return outcome
        if status == 503:
            return Outcome(500, code=codes.UNAVAILABLE)
        if branch.way.flow_id:
            if status in (401, 407):
                return Outcome(403)  # a client does not challenge for credentials of ours (A16)
            drop_identities(response)
        return outcome

    # -- ServerUser -------------------------------------------------------------------------------------------------

    def cancelled(self, transaction: ServerTransaction, cancel: Request) -> None:
        """The caller gave up (§16.10); why goes along (RFC 3326)."""
        self.cancelled_by_caller = self.arrival.over = True
        self._groups.clear()
        if self.watcher is not None:
            self.watcher.cancelled()
        if self._asking:
            self._conclude(Outcome(487))  # whatever user code makes up its mind to, it comes too late
        self._cancel_all([("Reason", reason) for reason in cancel.get_all("Reason")])

    def failed(self, transaction: ServerTransaction) -> None:
        """The caller's connection is gone, or it never acknowledged: whoever still rings may stop."""
        self._caller_gone = True
        if self.is_invite:
            self.arrival.over = True
        if self.is_invite and not self.finished:
            self.cancelled_by_caller = True
            self._groups.clear()
            if self.watcher is not None:
                self.watcher.cancelled()
            self._cancel_all(())
        if self._absence is not None:
            self._absence.ended()
        if self._unheard is not None:
            self._unheard.gone()

    def lost(self) -> bytes:
        """The caller's connection broke: whom to wait for."""
        key = self.caller_key or absent_key(self.core, self.arrival)
        if key and self.is_invite and not self.in_dialog:
            if self.transaction.final_sent and self._absence is None:
                self._unheard = Unheard(self.core, key)
                return key
            if self._absence is None:
                self._absence = Absence(self)
            self._absence.begin()
        return key

    def moved(self, flow: Flow) -> None:
        """The caller is back, on ``flow``."""
        self.arrival.flow = flow
        if self._absence is not None:
            self._absence.over()
        if self._unheard is not None:
            self._unheard.back()

    # -- answers ----------------------------------------------------------------------------------------------------

    def _cancel_all(self, headers: Sequence[tuple[str, str]]) -> None:
        for branch in self._branches:
            branch.cancel(headers)

    def _finish(self, outcome: Outcome) -> None:
        self.finished = True
        self._let_go()
        if outcome.response is not None:
            add_challenges(outcome.response, self._outcomes)
        if self.watcher is None or self.cancelled_by_caller:
            self._conclude(outcome)
        else:
            self._asking = True
            self.watcher.ended(outcome, lambda: self._conclude(outcome))

    def _conclude(self, outcome: Outcome) -> None:
        """Nobody wants to try anything else."""
        self._asking = False
        if self.transaction.final_sent:
            return
        if self.is_invite and not 200 <= outcome.status < 300:
            how = "the loss of the caller's connection" if self._caller_gone else str(outcome.status)
            self.core.calls.refused(self.request, how)
        if outcome.response is None:
            self._answer_ourselves(outcome)
        else:
            self._forward(outcome.response)

    def _let_go(self) -> None:
        """Forget the branches once all have ended, so that no cycle is left for the collector."""
        if not self._running:
            self._branches = []

    def _answer_ourselves(self, outcome: Outcome) -> None:
        status, transaction = outcome.status, self.transaction
        if status == 408 and isinstance(transaction, NonInviteServerTransaction):
            transaction.abandon()  # a 408 would come too late to be of use (RFC 4320 §4.2)
            return
        transaction.respond(transaction.request.response(status, outcome.reason, self.core.new_id(), outcome.headers))

    def _forward(self, response: Response) -> None:
        if not self._caller_gone:
            if not self.arrival.trusted:
                keep_privacy(response)
            restore(response, self.arrival.original)
            self.core.respond(self.transaction, response, self.request)
            if self._absence is not None and self.core.on_response is None:  # else nobody knows when it will be sent
                self._absence.told(response)
