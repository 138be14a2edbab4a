"""One branch of a request: a way out, the client transaction on it, and how it ended (RFC 3261 §16.6 to §16.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow, Running, Target
from oversip_tw.outbound.waiting import Held
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.invite_client import InviteClientTransaction
from oversip_tw.transaction.wheel import Timer

if TYPE_CHECKING:
    from oversip_tw.proxy.context import ResponseContext

#: answers of a dead flow or device, after which another flow of the same instance is tried (RFC 5626 §5.3)
_FLOW_FAILED = (408, 430)


class Branch:
    """A ClientUser. Reports to its context: `provisional`, `success` and, exactly once, `ended`."""

    __slots__ = (
        "_calling",
        "_failover_timer",
        "_held",
        "_look_up",
        "_others",
        "_targets",
        "_timer_c",
        "context",
        "ended",
        "flow",
        "ringing",
        "transaction",
        "way",
    )

    def __init__(self, context: ResponseContext, way: Way) -> None:
        self.context = context
        self.way = way
        self.flow: Flow | None = None
        self.transaction: ClientTransaction | None = None
        self.ringing = False
        self.ended = False
        self._calling = False
        self._others = list(way.others)
        self._targets: list[Target] = []
        self._look_up: Running | None = None
        self._held: Held | None = None
        self._timer_c: Timer | None = None
        self._failover_timer: Timer | None = None

    # -- on the way out ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Send the request, as soon as it is known where to."""
        if self.way.refused:
            self.end(Outcome(self.way.refused))
        elif self.way.flow_id:
            self._start_on_flow()
        elif self.way.targets:
            self._try_targets(self.way.targets)
        else:
            self._look_up = self.context.core.spawn(self._resolve(), self._broke)

    def _start_on_flow(self) -> None:
        flow = self.context.core.current_flow(self.way.flow_id, self.way.key)
        if flow is not None:
            self._send(flow)
        elif self.context.in_dialog and self.way.key:
            self._hold()
        else:
            self._next_flow(Outcome(430))

    def _hold(self) -> None:
        """The client lost its connection in mid-dialog: give it time to come back."""
        waiting = self.context.core.waiting
        seconds = waiting.settings.seconds(self.context.request.method)
        held = waiting.hold(self.way.key, seconds, self._resumed, self._nobody_came_back)
        if held.active:
            self._held = held

    def _nobody_came_back(self) -> None:
        self._held = None
        self.end(Outcome(430))

    def _resumed(self, flow: Flow) -> None:
        self._held = None
        if not self.ended:
            self._send(flow)

    async def _resolve(self) -> None:
        core = self.context.core
        try:
            targets = await core.targets_of(self.way, self.context.arrival)
        except SIPError as error:
            self.end(Outcome(error.status))
            return
        if not self.ended:
            self._try_targets(targets)

    def _broke(self, error: BaseException) -> None:
        self.context.core.broke(error, self.context.request)
        self.end(Outcome(500))

    def _try_targets(self, targets: Sequence[Target]) -> None:
        self._targets = list(targets)
        self._next_target(Outcome(404))

    def _next_target(self, otherwise: Outcome) -> None:
        """Try the next target of the look-up (RFC 3263 §4.3), or end with ``otherwise`` when there is none."""
        while self._targets:
            target = self._targets.pop(0)
            try:
                flow = self.context.core.connector.flow_to(target)
            except SIPError as error:
                otherwise = Outcome(error.status)
                continue
            self._send(flow)
            return
        self.end(otherwise)

    def _next_flow(self, otherwise: Outcome) -> None:
        """Try the next flow of the same instance, or end with ``otherwise`` when there is none."""
        if self._others and not self.context.cancelled_by_caller:
            other = self._others.pop(0)
            other.loop_hash = self.way.loop_hash
            self.way = other
            self.start()
        else:
            self.end(otherwise)

    def _send(self, flow: Flow) -> None:
        context = self.context
        core = context.core
        try:
            request = core.forwarding.outgoing(context, self.way, flow)
        except SIPError as error:
            self.end(Outcome(error.status))
            return
        self.flow = flow
        if context.is_invite:
            self._restart_timer_c()
        profile = self.way.profile or core.settings.profile
        if (self._targets or (context.is_invite and flow.reliable)) and profile.failover:
            self._failover_timer = core.wheel.after(profile.failover, self._no_sign_of_life)
        self.transaction = None
        self._calling = True
        transaction = core.transactions.call(request, flow, self, profile.timers, bool(self.way.flow_id))
        if self._calling:
            self._calling = False
            self.transaction = transaction

    def _is_mine(self, transaction: ClientTransaction) -> bool:
        """Not one that we gave up. It may answer before `call` has returned."""
        if self._calling:
            self._calling = False
            self.transaction = transaction
        return transaction is self.transaction

    # -- ClientUser -------------------------------------------------------------------------------------------------

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came. 2xx to INVITE pass always, also late ones of a target we gave up (§16.7 step 5)."""
        status = response.status
        mine = self._is_mine(transaction)
        if status == 100 and mine:
            self._lives()
            return
        if 200 <= status < 300 and self.context.is_invite:
            self._stop_timers()
            self.context.success(self, response)
            return
        if not mine or self.ended:
            return
        if status < 200:
            self._lives()
            self.ringing = True
            if self.context.is_invite and status > 100:
                self._restart_timer_c()
            self.context.provisional(self, response)
        else:
            self._final(response)

    def _final(self, response: Response) -> None:
        outcome = Outcome(response.status, response)
        if response.status == 503 and self._targets:
            self._drop_failover_timer()
            self._next_target(outcome)
        elif response.status in _FLOW_FAILED and self._others:
            self._next_flow(outcome)
        else:
            self.end(outcome)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Timer B or F (§16.9): as if a 408 had come."""
        if self._is_mine(transaction) and not self.ended:
            if self._targets:
                self._next_target(Outcome(408))
            else:
                self._next_flow(Outcome(408))

    def failed(self, transaction: ClientTransaction, reason: str) -> None:
        """The flow is gone, or the next hop cannot be reached."""
        if not self._is_mine(transaction) or self.ended:
            return
        self.transaction = None
        self._stop_timers()
        if not self.way.flow_id:
            self._next_target(Outcome(503))
        elif self.context.in_dialog and not self.context.cancelled_by_caller:
            # Sent, unanswered, and the client is gone: it is sent again once that comes back (rules of carry-over).
            self._start_on_flow()
        else:
            self._next_flow(Outcome(430))

    # -- ending -----------------------------------------------------------------------------------------------------

    def cancel(self, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Stop ringing: nothing has been sent, or a CANCEL follows the first provisional answer (§9.1)."""
        if self.ended:
            return
        if self.transaction is None:
            self.end(Outcome(487))
        elif isinstance(self.transaction, InviteClientTransaction):
            self._targets.clear()
            self._others.clear()
            self._drop_failover_timer()
            self.transaction.cancel(headers)

    def end(self, outcome: Outcome) -> None:
        """The branch has its final answer."""
        if self.ended:
            return
        self.ended = True
        self._stop_timers()
        if self._held is not None:
            self._held.cancel()
        look_up, self._look_up = self._look_up, None
        self.context.branch_ended(self, outcome)
        if look_up is not None and not look_up.done:
            look_up.cancel()

    def _lives(self) -> None:
        self._drop_failover_timer()

    def _no_sign_of_life(self) -> None:
        """Nothing at all came: ask whether the connection lives, or try the next target if there is one."""
        self._failover_timer = None
        if self.ended:
            return
        if not self._targets:
            if self.flow is not None:
                self.flow.ping()
            return
        silent, self.transaction = self.transaction, None
        if isinstance(silent, InviteClientTransaction):
            silent.cancel()
        self._next_target(Outcome(408))

    def _restart_timer_c(self) -> None:
        if self._timer_c is not None:
            self._timer_c.cancel()
        core = self.context.core
        self._timer_c = core.wheel.after(core.settings.timer_c, self._rang_too_long)

    def _rang_too_long(self) -> None:
        """Timer C (§16.8)."""
        self._timer_c = None
        if isinstance(self.transaction, InviteClientTransaction) and not self.ended:
            self.transaction.cancel()
            self.end(Outcome(408))

    def _drop_failover_timer(self) -> None:
        if self._failover_timer is not None:
            self._failover_timer.cancel()
            self._failover_timer = None

    def _stop_timers(self) -> None:
        self._drop_failover_timer()
        if self._timer_c is not None:
            self._timer_c.cancel()
            self._timer_c = None
