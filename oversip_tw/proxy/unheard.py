"""A caller whose connection broke after its call had been picked up: has it heard of that?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.proxy.hang_up import KNOWS_NOTHING, HangUp, question
from oversip_tw.sip.message import Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.users import Nobody

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core


class Unheard(Nobody):
    """Of the caller of one first INVITE, whose 2xx may have left into a dead connection.

    A callee that repeats its 2xx has seen no ACK. Once the caller is back it is asked whether it knows of the call, for
    JsSIP has given it up by itself, and would ignore all repetitions; and one that stays away knows of none.
    """

    __slots__ = ("_back", "_core", "_gone", "_hang_up", "_key")

    def __init__(self, core: Core, key: bytes) -> None:
        """``key``: of the caller's binding."""
        self._core = core
        self._key = key
        self._back = self._gone = False
        #: what is done if it knows nothing
        self._hang_up: HangUp | None = None

    def back(self) -> None:
        """The caller is back."""
        self._back = True

    def gone(self) -> None:
        """The caller stays away. Where nobody is waited for, a 2xx may have come again just before its ACK."""
        self._gone = self._core.waiting.settings.resume > 0

    def repeated(self, response: Response, callee: ClientTransaction, caller: Flow) -> None:
        """The 2xx came again by ``callee``, the INVITE as it was sent; it is passed on by ``caller``."""
        if not (self._back or self._gone):
            return
        hang_up = HangUp.after(self._core, response, callee)
        if hang_up is None:
            self._back = self._gone = False
        elif self._gone:
            self._gone = False
            hang_up.go()
        else:
            self._back = False
            binding = self._core.location.by_key(self._key)
            if binding is not None and not caller.closed:
                self._hang_up = hang_up
                request = question(self._core, binding.target, response, caller)
                self._core.transactions.call(request, caller, self, client_flow=True)

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """It knows of the call, or it does not."""
        hang_up = self._hang_up
        if response.status >= 200:
            self._hang_up = None
            if hang_up is not None and response.status in KNOWS_NOTHING:
                hang_up.go()
