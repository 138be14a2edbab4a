"""What is left of a response context once somebody has picked up (RFC 3261 §16.7 step 5, RFC 6026 §7.1)."""

from __future__ import annotations

from oversip_tw.proxy.forwarding import drop_identities, keep_privacy
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.message import Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.users import Nobody


class Repeats(Nobody):
    """A ClientUser in the place of a branch that has ended with a 2xx: passes on each further one. The ServerUser of
    the INVITE, too, where its caller may lose his connection, and with it that 2xx.

    An accepted INVITE stands for half a minute, and a busy server has 100,000s of them: they keep this, and neither
    request nor ways.
    """

    __slots__ = ("_caller_key", "_from_client", "_to_stranger", "_transaction")

    def __init__(
        self, transaction: ServerTransaction, from_client: bool, to_stranger: bool, caller_key: bytes = b""
    ) -> None:
        """``from_client``: they come by a client's flow; ``to_stranger``: they go to somebody who is not trusted, whose
        binding is called ``caller_key``."""
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
            self._transaction.respond(response)

    def lost(self) -> bytes:
        """The caller's connection broke: whom to wait for."""
        return self._caller_key


def take_our_via_off(response: Response) -> bool:
    """False: there is no Via left to send it by; it was never meant to go further than here."""
    try:
        return response.pop_via()
    except ParseError:
        return False
