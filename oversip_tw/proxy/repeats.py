"""What is left of a response context once somebody has picked up (RFC 3261 §16.7 step 5, RFC 6026 §7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.proxy.forwarding import drop_identities, keep_privacy
from oversip_tw.proxy.unheard import Unheard
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.message import Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.users import Nobody

if TYPE_CHECKING:
    from oversip_tw.proxy.core import Core


class Repeats(Nobody):
    """A ClientUser in the place of a branch that has ended with a 2xx: passes on each further one. The ServerUser of
    the INVITE, too, where its caller may lose his connection, and with it that 2xx.

    An accepted INVITE stands for half a minute, and a busy server has 100,000s of them: they keep this, and neither
    request nor ways.
    """

    __slots__ = ("_caller_key", "_core", "_from_client", "_to_stranger", "_transaction", "_unheard")

    def __init__(
        self, core: Core, transaction: ServerTransaction, from_client: bool, to_stranger: bool, caller_key: bytes = b""
    ) -> None:
        """``from_client``: they come by a client's flow; ``to_stranger``: they go to somebody who is not trusted, whose
        binding is called ``caller_key``."""
        self._core = core
        #: the caller's connection broke
        self._unheard: Unheard | None = None
        self._caller_key = caller_key
        self._transaction = transaction
        self._from_client = from_client
        self._to_stranger = to_stranger

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A further 2xx came."""
        if take_our_via_off(response):
            if self._from_client:
                drop_identities(response)
            if self._to_stranger:
                keep_privacy(response)
            if self._unheard is not None:
                self._unheard.repeated(response, transaction, self._transaction.flow)
            self._transaction.respond(response)

    def lost(self) -> bytes:
        """The caller's connection broke: whom to wait for."""
        if self._caller_key:
            self._unheard = Unheard(self._core, self._caller_key)
        return self._caller_key

    def moved(self, flow: Flow) -> None:
        """The caller is back."""
        if self._unheard is not None:
            self._unheard.back()

    def failed(self, transaction: object, reason: str = "") -> None:
        """The caller stays away."""
        if self._unheard is not None:
            self._unheard.gone()


def take_our_via_off(response: Response) -> bool:
    """False: there is no Via left to send it by; it was never meant to go further than here."""
    try:
        return response.pop_via()
    except ParseError:
        return False
