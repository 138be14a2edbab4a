"""A call to a user who has rules: to the phones first, and where those come to nothing, to where the rules say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.proxy.attempt import Attempt
from oversip_tw.proxy.best import Outcome
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.destinations import Destinations, Groups
from oversip_tw.proxy.early_dialogs import EarlyDialogs
from oversip_tw.proxy.endings import RANG_TOO_LONG
from oversip_tw.proxy.history import History
from oversip_tw.proxy.user_rules import NONE, Rules
from oversip_tw.proxy.watcher import GoOn
from oversip_tw.sip import codes
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.wheel import Timed, Timer

#: as `Destinations.find`
Find = Callable[[Arrival], Awaitable[Groups]]

#: how often one call may be forwarded, here and before it came here
MOST_FORWARDS: Final = 5

#: what an AoR may hold and the value of a URI parameter may not
_NO_PVALUE: Final = re.compile(r"[@;=,?]")

_BUSY: Final = (486, 600)
#: what a phone says to a call of its own that comes back to it (RFC 3261 §8.2.2.2): who calls oneself is busy
_LOOP: Final = 482
#: 430 is what a trusted caller would hear of a phone that was lost
_NO_ANSWER: Final = (408, 430, 480)
#: nobody has heard the phone ring: its connection is gone, or it is silent
_UNREACHED: Final = (codes.FLOW_FAILED, codes.CLIENT_TIMEOUT, codes.CONNECTION_ERROR)


class Why:
    """What makes a call go elsewhere."""

    __slots__ = ("cause", "status")

    def __init__(self, cause: int, status: int) -> None:
        #: the URI parameter of RFC 4458 §2.1
        self.cause: Final = cause
        #: what the caller would have been told
        self.status: Final = status


BUSY: Final = Why(486, 486)
NO_ANSWER: Final = Why(408, 408)
UNREGISTERED: Final = Why(404, 480)


def user_with_rules(core: Core, arrival: Arrival) -> str:
    """The AoR of the user whose rules hold for the call; "": it is none, or there are no rules for it."""
    rules, request = core.rules, arrival.request
    if rules.empty or request.method != "INVITE" or arrival.in_dialog or request.has("Route"):
        return ""
    for token in arrival.tokens:
        if token is not None:  # a Path: it names one phone; a Route of ours without token is an outbound proxy's
            return ""
    aor = _user_of(core, request.uri)
    return "" if not aor or rules.of(aor) == NONE else aor


def _user_of(core: Core, uri: Uri) -> str:
    """The user of ours that ``uri`` means. A GRUU means one phone and no user."""
    if not uri.user or uri.has_param("gr") or not core.ours.owns(uri):
        return ""
    return core.ours.user(uri)


def _as_value(aor: str) -> str:
    """``aor`` as the value of a URI parameter (`pvalue`, RFC 3261 §25.1)."""
    return _NO_PVALUE.sub(lambda found: f"%{ord(found[0]):02X}", aor)


class Retargeting(Timed):
    """A `Watcher` of the whole call: all phones of a user, all groups, count as one try."""

    __slots__ = (
        "_aor", "_arrival", "_core", "_early", "_ending", "_find", "_history", "_moving", "_rang", "_rules", "_seen",
        "_timer",
    )  # fmt: skip

    def __init__(self, core: Core, arrival: Arrival, aor: str, find: Find) -> None:
        """``aor``: as of `user_with_rules`."""
        self._core = core
        self._arrival = arrival
        self._find = find
        #: the user whose phones ring
        self._aor = aor
        self._rules: Rules = core.rules.of(aor)
        self._seen = [aor]
        #: None: it is still with whom it was meant for
        self._history: History | None = None
        self._timer: Timer | None = None
        self._early = EarlyDialogs()
        #: how it ended where it goes on from; None: it begins
        self._ending: Outcome | None = None
        self._rang = False
        #: it is on its way to somewhere else: what else comes of the former place counts no more
        self._moving = False

    async def begin(self) -> None:
        """Send the call on its way. Raises SIPError where there is nobody and no rule for that."""
        refused: SIPError | None = None
        try:
            self._relay(await self._find(self._arrival))
        except SIPError as error:
            refused = error
        if refused is None:
            return
        if refused.status not in (404, 480) or not await self._move(await self._if_unregistered(), UNREGISTERED):
            raise refused

    # -- where to

    async def _move(self, target: str, why: Why) -> bool:
        """To ``target``, or on by its own rules if nobody is there. False: to nowhere."""
        while target and self._enter(target, why):
            refused: SIPError | None = None
            groups: Groups = []
            try:
                groups = await self._find(self._arrival)
            except SIPError as error:
                refused = error
            if refused is None:
                self._relay(groups)
                return True
            if refused.status not in (404, 480):
                self._say(f"{refused.status} {refused.reason}")
                return False
            target, why = await self._if_unregistered(), UNREGISTERED
        return False

    def _enter(self, target: str, why: Why) -> bool:
        """Make the request one for ``target``. False: it has been there, or was sent round too often."""
        arrival, core = self._arrival, self._core
        uri = Uri.parse(target)
        aor = _user_of(core, uri)
        if (aor or uri.aor) in self._seen:
            return False
        if self._history is None:
            self._history = History(arrival.request, arrival.trusted)
            self._seen += [""] * self._history.forwards
        if len(self._seen) > MOST_FORWARDS:
            self._say(f"it was forwarded {MOST_FORWARDS} times")
            return False
        self._seen.append(aor or uri.aor)
        if not (aor or self._history.private or uri.has_param("target")):
            # a server that holds many mailboxes finds the one by it; a user of ours is one
            uri = uri.replace(params=(*uri.params, ("target", _as_value(self._aor))))
        if not uri.has_param("cause"):
            uri = uri.replace(params=(*uri.params, ("cause", str(why.cause))))
        if arrival.request.uri.secure:
            uri = uri.replace(scheme="sips")  # whoever asked for a secure way gets no other (RFC 5630 §5.3)
        self._history.retargeted(uri, why.status)
        arrival.request = request = arrival.request.copy()
        request.uri = uri
        self._aor = aor
        self._rules = core.rules.of(aor) if aor else NONE
        return True

    async def _if_unregistered(self) -> str:
        """Where to, as no phone is there; what a domain says holds for the users that there are."""
        aor, target = self._aor, self._rules.forward_unregistered
        if not target:
            return ""
        if self._core.rules.own(aor).forward_unregistered is not None:
            return target
        try:
            return target if await self._core.knows(aor) else ""
        except SIPError:  # nobody can say
            return ""

    def _relay(self, groups: Groups) -> None:
        arrival, core = self._arrival, self._core
        transaction = arrival.transaction
        if transaction is None or transaction.final_sent or arrival.over or arrival.handled:
            return
        self._stop_timer()
        self._rang = False
        if self._rules.patience:
            self._timer = core.wheel.start(self._rules.patience, self, 0)
        self._moving = False
        ending, self._ending = self._ending, None
        if ending is not None:
            self._early.end(core, arrival, ending)
        if self._history is not None:
            self._say_forwarded(self._history)
        core.relay(arrival, transaction, groups, arrival.breadth, Destinations(core).caller_key(arrival), self)

    def _say_forwarded(self, history: History) -> None:
        """Tell the caller that it will take longer (RFC 3261 §21.1.3)."""
        arrival = self._arrival
        transaction = arrival.transaction
        assert transaction is not None
        if "100rel" not in arrival.request.values("Require"):  # a proxy cannot repeat what has to be reliable
            response = transaction.request.response(181, to_tag=self._core.new_id())
            history.tell(response, arrival)
            self._core.respond(transaction, response, arrival.request)

    def _tell(self, response: Response) -> None:
        if self._history is not None:
            self._history.tell(response, self._arrival)

    def _say(self, why: str) -> None:
        self._core.log.warn(
            "{call_id} is not forwarded to {uri}: {why}",
            call_id=self._arrival.request.call_id,
            uri=self._arrival.request.uri.aor,
            why=why,
        )

    # -- Watcher ----------------------------------------------------------------------------------------------------

    def targeted(self, attempt: Attempt) -> None:
        """A copy is about to leave: it says where the call has been."""
        if self._history is not None:
            self._history.write(attempt.request, self._core.trusts(attempt.target), attempt.to_phone)

    def provisional(self, response: Response, go_on: GoOn) -> None:
        """It rings."""
        self._rang = True
        self._early.begun(self._arrival.request, response)
        self._tell(response)
        go_on()

    def success(self, response: Response, go_on: GoOn) -> None:
        """Somebody has picked up, perhaps where it was given up already."""
        self._stop_timer()
        self._tell(response)
        go_on()

    def ended(self, outcome: Outcome, go_on: GoOn) -> None:
        """All phones have come to nothing."""
        self._stop_timer()
        if self._moving:
            return  # it ended while the next place was looked up, which is told the caller's answer
        why = self._why(outcome)
        target = "" if why is None else self._target(why)
        if why is None or not target:
            if outcome.response is not None:
                self._tell(outcome.response)
            go_on()
            return
        self._moving = True
        self._ending = outcome
        self._core.spawn(self._go_elsewhere(target, why, go_on), partial(self._broke, go_on))

    def rang_too_long(self) -> None:
        """Timer C has fired: `ended` follows."""
        self._rang = True

    def cancelled(self) -> None:
        """The caller gave up."""
        self._stop_timer()

    # -- what follows

    def _why(self, outcome: Outcome) -> Why | None:
        status = outcome.status
        if status in _BUSY or (status == _LOOP and self._arrival.user == self._aor):
            return BUSY
        if not self._rang and (status == 430 or outcome.code in _UNREACHED):
            return UNREGISTERED if self._rules.forward_unregistered else NO_ANSWER
        return NO_ANSWER if status in _NO_ANSWER else None

    def _target(self, why: Why) -> str:
        rules = self._rules
        if why is BUSY:
            return rules.forward_busy or ""
        return (rules.forward_unregistered if why is UNREGISTERED else rules.forward_no_answer) or ""

    async def _go_elsewhere(self, target: str, why: Why, otherwise: Callable[[], None]) -> None:
        moved = await self._move(target, why)
        self._moving = False
        if not moved:
            otherwise()

    def fired(self, which: int) -> None:
        """It has rung for long enough."""
        self._timer = None
        if self._moving or self._arrival.over or self._arrival.answered:
            return
        self._rang = self._moving = True
        self._ending = RANG_TOO_LONG
        target = self._rules.forward_no_answer or ""
        self._core.spawn(
            self._go_elsewhere(target, NO_ANSWER, self._nobody_answers), partial(self._broke, self._nobody_answers)
        )

    def _nobody_answers(self) -> None:
        """Stop what rings, and say so (Q.850 cause 19: they were alerted and did not answer)."""
        self._core.reply(
            self._arrival, 480, headers=[("Reason", 'Q.850;cause=19;text="No answer from the user"')]
        )

    def _broke(self, otherwise: Callable[[], None], error: BaseException) -> None:
        request: Request = self._arrival.request
        self._core.broke(error, request)
        self._moving = False
        otherwise()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
