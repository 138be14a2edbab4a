"""What transactions tell those who use them (RFC 3261 calls these the transaction user)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from oversip_tw.sip.message import Request

if TYPE_CHECKING:
    from oversip_tw.interfaces import Flow
    from oversip_tw.sip.message import Response
    from oversip_tw.transaction.client import ClientTransaction
    from oversip_tw.transaction.server import ServerTransaction


class ServerUser(Protocol):
    """Who answers a request."""

    def cancelled(self, transaction: ServerTransaction, cancel: Request) -> None:
        """``cancel`` came for this INVITE, which has no final response yet; it has been answered 200. Called once."""

    def failed(self, transaction: ServerTransaction) -> None:
        """Nobody is there to hear an answer: the client's flow is lost before a final response, or no ACK came
        (Timer H), or the client did not come back in time. The transaction has ended."""

    def lost(self) -> bytes:
        """The client's flow is lost. The key of the binding that is to be waited for, so that the transaction goes on
        (`moved`) or fails later; b"": it fails at once."""

    def moved(self, flow: Flow) -> None:
        """The client has come back: the transaction goes on by ``flow``."""


class ClientUser(Protocol):
    """Who sent a request."""

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came: every provisional one, 100 too, the final one, and each further 2xx to an INVITE."""

    def timed_out(self, transaction: ClientTransaction) -> None:
        """No response in time (Timer B or F), or no final one to an INVITE that was cancelled (§9.1).
        The transaction has ended."""

    def failed(self, transaction: ClientTransaction, reason: str) -> None:
        """The request cannot arrive, or its response cannot come: the flow is gone. The transaction has ended."""

    def waits(self, transaction: ClientTransaction) -> bool:
        """The client's flow is gone before the final response to this INVITE. True: the transaction stays until its
        user has it `move` to another flow or ends it. False: it fails."""

    def superseded(self, transaction: ClientTransaction, key: bytes, flow: Flow | None) -> None:
        """The binding ``key``, which was on the flow that this request went by, is on ``flow`` now; None: at another
        server."""


class Nobody:
    """Hears nothing: the user of CANCEL transactions and of those that have ended (so that no cycle stays)."""

    __slots__ = ()

    def cancelled(self, transaction: ServerTransaction, cancel: Request) -> None:
        """Nothing is done."""

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """Nothing is done."""

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Nothing is done."""

    def failed(self, transaction: object, reason: str = "") -> None:
        """Nothing is done."""

    def lost(self) -> bytes:
        """Nobody is waited for."""
        return b""

    def waits(self, transaction: ClientTransaction) -> bool:
        """Nobody waits."""
        return False

    def moved(self, flow: Flow) -> None:
        """Nothing is done."""

    def superseded(self, transaction: ClientTransaction, key: bytes, flow: Flow | None) -> None:
        """Nothing is done."""


NOBODY: Final = Nobody()

#: Stands for the request of a transaction that has only repetitions to absorb. There are many times more of those than
#: of others, for half a minute each; what they do not keep is free at once, and no collector has to look at it.
GONE: Final = Request.build(
    "GONE",
    "sip:gone.invalid",
    [
        ("Via", "SIP/2.0/UDP gone.invalid;branch=z9hG4bKgone"),
        ("From", "<sip:gone.invalid>;tag=gone"),
        ("To", "<sip:gone.invalid>"),
        ("Call-ID", "gone"),
        ("CSeq", "1 GONE"),
        ("Max-Forwards", "70"),
    ],
)
