"""One branch of a request: a way out, the client transaction on it, and how it ended (RFC 3261 §16.6 to §16.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow, Running, Target
from oversip_tw.proxy import endings
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.hold import Hold, follow, wait, wait_for
from oversip_tw.proxy.nodes import hand_over, send_back
from oversip_tw.proxy.repeats import take_our_via_off
from oversip_tw.proxy.settings import Profile
from oversip_tw.proxy.way import Way
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.wheel import Timed, Timer

if TYPE_CHECKING:
    from oversip_tw.proxy.context import ResponseContext

#: answers of a dead flow or device, after which another flow of the same instance is tried (RFC 5626 §5.3)
_FLOW_FAILED: Final = (408, 430)
#: seconds between the CANCEL of Timer C and our 408: a 2xx that crosses the CANCEL still counts
_CROSSING: Final = 0.5
# which timer has fired
_TIMER_C: Final = 0
_CROSSED: Final = 1
_SILENT: Final = 2


class Branch(Timed):
    """A ClientUser. Reports to its context: `provisional`, `success` and, exactly once, `ended`."""

    __slots__ = (
        "_calling", "_failover_timer", "_look_up", "_others", "_target", "_targets", "_timer_c", "context", "ended",
        "expired", "flow", "held", "transaction", "way",
    )  # fmt: skip

    def __init__(self, context: ResponseContext, way: Way) -> None:
        self.context = context
        self.way = way
        self.flow: Flow | None = None
        self.transaction: ClientTransaction | None = None
        self.ended = False
        #: Timer C has fired: what the CANCEL brings back counts as 408
        self.expired = False
        self._calling = False
        self._others = way.others.copy() if way.others else []
        self._targets: list[Target] = []
        #: the next hop that is being tried; None on the flow of a client
        self._target: Target | None = None
        self._look_up: Running | None = None
        #: the client is waited for
        self.held: Hold | None = None
        self._timer_c: Timer | None = None
        self._failover_timer: Timer | None = None

    @property
    def profile(self) -> Profile:
        """How long what is waited for on this way."""
        core, way = self.context.core, self.way
        if way.profile is not None:
            return way.profile
        if way.flow_id:
            return core.profile("users")
        known = None if self._target is None else core.profile_of(self._target)
        return known or core.profile("in_dialog" if self.context.in_dialog else "default")

    def start(self) -> None:
        """Send the request, as soon as it is known where to."""
        if self.way.refused:
            self.end(Outcome(self.way.refused))
        elif self.way.flow_id:
            self.start_on_flow()
        elif self.way.targets:
            self._try_targets(self.way.targets)
        else:
            self.look_up_targets()

    def start_on_flow(self, failed: Flow | None = None) -> None:
        """``failed``: the flow on which it was sent in vain. One of UDP is never closed."""
        core = self.context.core
        if core.nodes is not None and core.nodes.leads_away(self):
            return
        flow = core.current_flow(self.way.flow_id, self.way.key)
        if flow is not None and flow != failed:
            self.send_on_flow(flow)
        elif self.context.in_dialog and self.way.key:
            wait(self)
        else:
            self.next_flow(endings.FLOW_GONE)

    def send_on_flow(self, flow: Flow) -> None:
        """Send the request, by ``flow``."""
        refused = self._send(flow)
        if refused is not None:
            self.next_flow(refused)

    def look_up_targets(self) -> None:
        core = self.context.core
        try:
            targets = core.targets_at_once(self.way, self.context.arrival)
        except SIPError as error:
            self.end(Outcome.of(error))
            return
        if targets is not None:
            self._try_targets(targets)
        else:
            self._look_up = core.spawn(self._resolve(), self._broke)

    async def _resolve(self) -> None:
        core = self.context.core
        try:
            targets = await core.targets_of(self.way, self.context.arrival)
        except SIPError as error:
            self.end(Outcome.of(error))
            return
        if not self.ended:
            self._try_targets(targets)

    def _broke(self, error: BaseException) -> None:
        self.context.core.broke(error, self.context.request)
        self.end(Outcome(500))

    def _try_targets(self, targets: Sequence[Target]) -> None:
        health = self.context.core.health
        usable = health.usable(targets)
        self._targets = list(usable)
        if targets and not usable:
            self.end(endings.all_down(health, targets))
        else:
            self._next_target(endings.NOT_FOUND)

    def _next_target(self, otherwise: Outcome) -> None:
        """Try the next target of the look-up (RFC 3263 §4.3), or end with ``otherwise`` when there is none."""
        self.transaction = None
        while self._targets:
            self._target = target = self._targets.pop(0)
            try:
                flow = self.context.core.connector.flow_to(target)
            except SIPError as error:
                otherwise = Outcome.of(error)
                continue
            refused = self._send(flow)
            if refused is None:
                return
            otherwise = refused
        self.end(otherwise)

    def next_flow(self, otherwise: Outcome) -> None:
        """Try the next flow of the same instance, or end with ``otherwise`` when there is none."""
        self.transaction = None
        if self._others and not self.context.cancelled_by_caller:
            other = self._others.pop(0)
            other.loop_hash = self.way.loop_hash
            self.way = other
            self.start()
        else:
            self.end(otherwise)

    def _send(self, flow: Flow) -> Outcome | None:
        """Send it by ``flow``. An Outcome: it must not go there, and this is the answer if nothing else is left."""
        context = self.context
        core = context.core
        profile = self.profile
        try:
            request = core.forwarding.outgoing(context, self.way, flow, profile.record_route)
            if self.way.near is not None:
                hand_over(request, self.way.near.branch)
            if context.watcher is not None:
                attempt = Attempt(core.health, self._target, flow, request)
                context.watcher.targeted(attempt)
                if self.ended or attempt.skipped is not None:  # it may have been answered there and then
                    return attempt.skipped
        except SIPError as error:
            self._give_up_others()
            return Outcome.of(error)
        self.flow = flow
        if self.way.configured and self._target is not None:
            core.remember_hop(self._target, profile)
        if context.is_invite:
            self.restart_timer_c()
        if profile.failover and (
            self._targets
            or (self._target is not None and profile.down_for)
            or (flow.reliable and (context.is_invite or context.in_dialog))
            or (context.is_invite and self._others)
        ):
            patience = min(profile.failover, profile.timers.b / 3)
            self._failover_timer = core.wheel.start(patience, self, _SILENT)
        self._calling = True
        transaction = core.transactions.call(request, flow, self, profile.timers, bool(self.way.flow_id))
        if self._calling:
            self._calling = False
            self.transaction = transaction
        return None

    def _is_mine(self, transaction: ClientTransaction) -> bool:
        """Not one that we gave up. It may answer before `call` has returned."""
        if self._calling:
            self._calling = False
            self.transaction = transaction
        return transaction is self.transaction

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came. 2xx to INVITE pass always, also late ones of a target we gave up (§16.7 step 5)."""
        status = response.status
        mine = self._is_mine(transaction)
        if status == 100:
            if mine:
                self._drop_failover_timer()
            return
        if self.way.branch:
            send_back(response, self.context.request)
        if not take_our_via_off(response) and not self.context.arrival.ours:
            if mine and status >= 200:
                self.end(Outcome(502))
        elif 200 <= status < 300 and self.context.is_invite:
            if not mine:
                self._stop_the_current()
            self.stop_timers()
            self.context.success(self, response)
            transaction.let_go()
            repeats = self.context.repeats(self)
            if repeats is not None:
                transaction.user = repeats
        elif mine and not self.ended:
            if status < 200:
                self._rings(response)
            else:
                self._final(response)

    def _stop_the_current(self) -> None:
        """A target that was given up has answered: the one that rings now need not."""
        self._give_up_others()
        if self.transaction is not None:
            self.transaction.cancel(endings.ELSEWHERE)

    def _give_up_others(self) -> None:
        self._targets.clear()
        self._others.clear()

    def _rings(self, response: Response) -> None:
        self._drop_failover_timer()
        if self.context.is_invite:
            if not self.expired:
                self.restart_timer_c()
            self.context.provisional(self, response)

    def _final(self, response: Response) -> None:
        outcome = Outcome(response.status, response)
        if self.expired:
            self.end(endings.RANG_TOO_LONG)
        elif response.status == 503 and self._targets and self.profile.failover_on_503:
            self._drop_failover_timer()
            self._next_target(outcome)
        elif response.status == 430 and self.way.near is not None and self.context.core.nodes is not None:
            self._drop_failover_timer()
            self.context.core.nodes.lost(self, response)
        elif response.status in _FLOW_FAILED and self._others:
            self.next_flow(outcome)
        else:
            self.end(outcome)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Timer B or F (§16.9): as if a 408 had come; or nothing but silence followed a CANCEL (§9.1)."""
        if not self._is_mine(transaction) or self.ended:
            return
        if self.context.cancelled_by_caller:
            self.end(Outcome(487))
        elif self._targets:
            self._next_target(endings.NO_ANSWER)
        else:
            self.next_flow(endings.NO_ANSWER)

    def failed(self, transaction: ClientTransaction, reason: str) -> None:
        """The flow is gone, or the next hop cannot be reached."""
        if not self._is_mine(transaction) or self.ended:
            return
        core, self.transaction = self.context.core, None
        self.stop_timers()
        if self.context.cancelled_by_caller:
            self.end(Outcome(487))
        elif self.way.near is not None and core.nodes is not None:
            core.nodes.lost(self)
        elif not self.way.flow_id:
            self._next_target(self._not_reached(reason))
        elif self.context.in_dialog:
            # Sent, unanswered, and the client is gone: it is sent again once that comes back (rules of carry-over).
            self.start_on_flow(self.flow)
        else:
            self.next_flow(endings.FLOW_GONE)

    def waits(self, transaction: ClientTransaction) -> bool:
        """The connection broke on which a client was ringing: it may come back, unless there is another one to try."""
        return not self._others and self._is_mine(transaction) and wait_for(self, transaction)

    def superseded(self, transaction: ClientTransaction, key: bytes, flow: Flow | None) -> None:
        """The client that has not answered is asked on ``flow``, or (None) elsewhere, though its old one looks open."""
        if key == self.way.key and self._is_mine(transaction):
            follow(self, transaction, flow)

    def _not_reached(self, reason: str) -> Outcome:
        """The next hop refused the connection, or nobody is there (ICMP): whoever comes next need not try."""
        if self.flow is not None and self.flow.failure == "tls":
            return endings.WRONG_PEER
        if self._target is not None:
            self.context.core.found_dead(self._target, self.profile.down_for, reason)
        return endings.CORE_NOT_CONNECTED if self.way.configured else endings.NOT_CONNECTED

    def cancel(self, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Stop ringing: nothing has been sent, or a CANCEL follows the first provisional answer (§9.1)."""
        if self.ended:
            return
        self._give_up_others()
        if self.transaction is None:
            self.end(Outcome(487))
        elif self.context.is_invite:
            self._drop_failover_timer()
            self.transaction.cancel(headers)
            if self.held is not None:
                self.held = None  # goes on waiting, to bring the CANCEL to the client; nobody else need wait for that
                self.end(Outcome(487))

    def end(self, outcome: Outcome) -> None:
        """The branch has its final answer."""
        if self.ended:
            return
        self.ended = True
        self.stop_timers()
        if self.held is not None:
            self.held.cancel()
        look_up, self._look_up = self._look_up, None
        self.context.branch_ended(self, outcome)
        if look_up is not None and not look_up.done:
            look_up.cancel()

    def _no_sign_of_life(self) -> None:
        """Nothing at all came: ask whether the connection lives, and try the next target or flow if there is one."""
        self._failover_timer = None
        if self.ended:
            return
        if self._target is not None:
            # One request may be odd: whether the target is dead shows an OPTIONS of our own.
            self.context.core.probes.suspect(self._target, self.profile.down_for)
        if not self._targets:
            if self.flow is not None:
                self.flow.ping()
            if not (self._others and self.context.is_invite):
                return
        silent, self.transaction = self.transaction, None
        if silent is not None:
            silent.cancel()
        if self._targets:
            self._next_target(endings.NO_ANSWER)
        else:
            self.next_flow(endings.NO_ANSWER)

    def fired(self, which: int) -> None:
        """A timer of this branch has fired."""
        if which == _TIMER_C:
            self._rang_too_long()
        elif which == _CROSSED:
            self.end(endings.RANG_TOO_LONG)
        else:
            self._no_sign_of_life()

    def restart_timer_c(self) -> None:
        """It rings: begin anew to count how long (§16.8)."""
        if self._timer_c is not None:
            self._timer_c.cancel()
        core = self.context.core
        self._timer_c = core.wheel.start(self.profile.timer_c or core.settings.timer_c, self, _TIMER_C)

    def _rang_too_long(self) -> None:
        """Timer C (§16.8): CANCEL, and 408 a moment later; a 2xx that crosses the CANCEL still counts."""
        self._timer_c = None
        if self.transaction is not None and not self.ended:
            self.expired = True
            self.transaction.cancel()
            if self.context.watcher is not None:
                self.context.watcher.rang_too_long()
            self._timer_c = self.context.core.wheel.start(_CROSSING, self, _CROSSED)

    def _drop_failover_timer(self) -> None:
        if self._failover_timer is not None:
            self._failover_timer.cancel()
            self._failover_timer = None

    def stop_timers(self) -> None:
        """Nothing is expected for now."""
        self._drop_failover_timer()
        if self._timer_c is not None:
            self._timer_c.cancel()
            self._timer_c = None
