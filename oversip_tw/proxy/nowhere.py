"""Where the answers to a request of our own go: nowhere, behind its `Uac`."""

from __future__ import annotations

from oversip_tw.sip.message import Request
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.users import NOBODY


class Nowhere(ServerTransaction):
    """Takes the place of the transaction that a proxied request came by: nobody waits for an answer there."""

    __slots__ = ()

    def __init__(self, request: Request) -> None:
        self.request = request
        self.final_sent = False
        self.user = NOBODY
