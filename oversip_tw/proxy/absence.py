"""A caller whose connection broke while its call was being set up: does it know of that call when it is back?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.proxy.hang_up import KNOWS_NOTHING, HangUp, question
from oversip_tw.sip.message import Response
from oversip_tw.sip.parser import parse
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.invite_server import InviteServerTransaction
from oversip_tw.transaction.users import Nobody

if TYPE_CHECKING:
    from oversip_tw.proxy.branch import Branch
    from oversip_tw.proxy.context import ResponseContext


class Absence(Nobody):
    """Of the caller of one first INVITE.

    SIP.js takes the answer on its new connection. JsSIP, and every page that was loaded anew, has given the call up
    without being able to say so: the callee would ring, and pick up, for nobody. So a caller who is back is asked, by
    an INFO without content in the dialog that the latest response made: 481 means that it knows of none, 404 that even
    its Contact is another one.
    """

    __slots__ = ("_asked", "_back", "_context", "_gone", "_hang_up")

    def __init__(self, context: ResponseContext) -> None:
        self._context = context
        self._back = False
        #: the question is on its way
        self._asked = False
        self._gone = False
        #: the callee has picked up, and nobody knows whether the caller has heard that
        self._hang_up: HangUp | None = None

    def follow(self, context: ResponseContext) -> None:
        """The INVITE was sent elsewhere: what becomes of it there counts."""
        self._context = context

    def begin(self) -> None:
        """The connection broke."""
        self._back = self._asked = False

    def over(self) -> None:
        """The caller is back, and has been told the latest response again."""
        transaction = self._context.transaction
        if transaction.final_sent and self._hang_up is None:
            return  # it had its answer in time
        self._back = True
        if isinstance(transaction, InviteServerTransaction):
            latest = parse(transaction.last)
            if isinstance(latest, Response):
                self.told(latest)

    def told(self, response: Response) -> None:
        """``response`` was passed on to the caller."""
        if self._back and _makes_a_dialog(response):
            self._back = False
            self._ask(response)

    def picked_up(self, branch: Branch, response: Response) -> None:
        """The first 2xx came, and is about to be passed on."""
        if self._gone:
            HangUp.on(branch, response).go()
        elif self._back or self._asked or self._context.transaction.flow.closed:
            self._hang_up = HangUp.on(branch, response)

    def ended(self) -> None:
        """The caller is gone for good."""
        self._gone = True
        hang_up, self._hang_up = self._hang_up, None
        if hang_up is not None:
            hang_up.go()

    def _ask(self, response: Response) -> None:
        context = self._context
        core, flow, invite = context.core, context.transaction.flow, context.transaction.request
        if not invite.contacts:
            return
        request = question(core, invite.contacts[0].uri, response, flow)
        self._asked = True
        core.transactions.call(request, flow, self, client_flow=True)

    def _knows(self) -> None:
        self._asked = False
        self._hang_up = None

    # -- ClientUser -------------------------------------------------------------------------------------------------

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """It knows of the call, or it does not."""
        if response.status in KNOWS_NOTHING:
            self._asked = False
            self._context.transaction.stay_away()
        elif response.status >= 200:
            self._knows()

    def timed_out(self, transaction: ClientTransaction) -> None:
        """One who says nothing is believed."""
        self._knows()


def _makes_a_dialog(response: Response) -> bool:
    """A caller knows of a dialog by it (RFC 3261 §12.1): not by a 181 of ours or by a 180 without Contact, which SIP.js
    drops, nor by the 199 that says of one that it has ended."""
    status = response.status
    return 100 < status < 300 and status != 199 and bool(response.to_tag) and response.has("Contact")
