"""All transactions of the element, and how messages find theirs (RFC 3261 §17.1.3, §17.2.3)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Final, TypeVar

from oversip_tw.interfaces import Address, Flow
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.invite_client import InviteClientTransaction
from oversip_tw.transaction.invite_server import InviteServerTransaction
from oversip_tw.transaction.non_invite_client import NonInviteClientTransaction
from oversip_tw.transaction.non_invite_server import NonInviteServerTransaction
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import ClientUser, ServerUser
from oversip_tw.transaction.wheel import TimerWheel

#: branch, sent-by, method, and of a client's flow its id. One text and no tuple: it stands as long as its transaction,
#: and several objects in place of one would have to be fetched when that ends, long after they were last looked at
Key = str
#: branch, which is ours and random, and method
ClientKey = str
Transaction = ServerTransaction | ClientTransaction
P = TypeVar("P")
X = TypeVar("X", bound=Transaction)
Reconnect = Callable[[Request, Flow], Flow | None]

#: transactions at once; a terminated one is gone, so half of them are usually absorbing repetitions (K1)
LIMIT = 50_000
#: for whoever is refused at the limit: by then the transactions of now have ended (64*T1)
RETRY_AFTER = 32

_TO_INVITE: Final = {"ACK": "INVITE", "CANCEL": "INVITE"}


def _never(request: Request, flow: Flow) -> Flow | None:
    return None


class Transactions:
    """The transaction layer.

    The element asks `absorb` about every request first, calls `serve` once it wants to answer statefully, and hands
    every response to `answered`. ``reconnect`` gives a new flow to the peer of a request whose connection closed
    before its answer (§18.2.2), or None.
    """

    __slots__ = (
        "_clients", "_key", "_keyed", "_on_flow", "_servers", "_to_peer", "absorbed", "limit", "reconnect", "refused",
        "timers", "wheel",
    )  # fmt: skip

    def __init__(
        self, wheel: TimerWheel, timers: Timers | None = None, limit: int = LIMIT, reconnect: Reconnect = _never
    ) -> None:
        self.wheel = wheel
        self.timers = timers or Timers()
        self.limit = limit
        self.reconnect = reconnect
        #: messages that went no further: repetitions, ACKs to refusals, CANCELs
        self.absorbed = 0
        #: requests refused at the limit
        self.refused = 0
        self._servers: dict[Key, ServerTransaction] = {}
        self._clients: dict[ClientKey, ClientTransaction] = {}
        #: whom a lost connection concerns, and whom an unreachable UDP peer: what has no final response
        self._on_flow: dict[Flow, set[Transaction]] = {}
        self._to_peer: dict[Address, set[ClientTransaction]] = {}
        # serve() comes right after absorb() as a rule and need not make the key again
        self._keyed: Request | None = None
        self._key: Key = ""

    @property
    def count(self) -> int:
        """Transactions that stand, those included that only absorb repetitions."""
        return len(self._servers) + len(self._clients)

    @property
    def idle(self) -> bool:
        """Every request that came in or went out has its final response. Walks over all: ask seldom."""
        return all(server.final_sent for server in self._servers.values()) and all(
            client.finished for client in self._clients.values()
        )

    def absorb(self, request: Request, flow: Flow, client_flow: bool) -> bool:
        """Whether ``request`` ends here: repeated, an ACK to a refusal, or a CANCEL, which is answered 200.

        False: a new request, an ACK to a 2xx, or a CANCEL that belongs to nothing (481). ``client_flow``: the flow is
        a client's and part of the key; False: a hop's.
        """
        key = self._key_of(request, flow, client_flow)
        transaction = self._servers.get(key)
        if transaction is None:
            self._keyed = request
            self._key = key
            return False
        if isinstance(transaction, InviteServerTransaction):
            method = request.method
            if method == "ACK":
                absorbed = transaction.acknowledged()
            elif method == "CANCEL":
                absorbed = self._cancel(transaction, request, flow)
            else:
                transaction.received()
                absorbed = True
        else:
            transaction.received()
            absorbed = True
        self.absorbed += absorbed
        return absorbed

    def serve(
        self,
        request: Request,
        flow: Flow,
        client_flow: bool,
        user: ServerUser,
        quiet: bool = False,
        in_this_call: bool = False,
    ) -> ServerTransaction:
        """Begin to answer ``request``, which `absorb` did not know; an INVITE is answered 100, at once or (``quiet``)
        when it is not refused soon. ``in_this_call``: the answer may come before whoever calls goes on to other things,
        and has to call `ServerTransaction.go_on_waiting` then: a timer that nobody needs is not set.

        Raises SIPError (503) at the limit; requests within a dialog pass up to twice that (K1). Raises ValueError if
        it is being served: after an ``await``, ask `absorb` again.
        """
        count = len(self._servers) + len(self._clients)
        if count >= self.limit and not (request.in_dialog and count < 2 * self.limit):
            self.refused += 1
            raise SIPError(503, headers=(("Retry-After", str(RETRY_AFTER)),))
        key = self._key if request is self._keyed else self._key_of(request, flow, client_flow)
        self._keyed = None
        transaction: ServerTransaction
        if request.method == "INVITE":
            transaction = InviteServerTransaction(self, key, request, flow, client_flow, user)
        else:
            transaction = NonInviteServerTransaction(self, key, request, flow, client_flow, user)
        if self._servers.setdefault(key, transaction) is not transaction:
            raise ValueError("this request is being served")
        if client_flow and flow.reliable:
            _put(self._on_flow, flow, transaction)
        transaction.quiet = quiet
        if not in_this_call or request.method == "INVITE":
            transaction.start()
        return transaction

    def call(
        self,
        request: Request,
        flow: Flow,
        user: ClientUser,
        timers: Timers | None = None,
        client_flow: bool | None = None,
    ) -> ClientTransaction:
        """Send ``request``, whose top Via is ours with a branch never used before (at least 64 random bits), at once.

        ``client_flow``: what the loss of the connection means, failure or waiting for an answer on another one; by
        default true for a flow that was accepted. The user may hear of a response before this returns. Raises
        ValueError for a branch that is in use.
        """
        method = request.method
        key = f"{request.via.branch or ''} {method}"
        if client_flow is None:
            client_flow = flow.accepted
        timers = timers or self.timers
        transaction: ClientTransaction
        if method == "INVITE":
            transaction = InviteClientTransaction(self, key, request, flow, client_flow, user, timers)
        else:
            transaction = NonInviteClientTransaction(self, key, request, flow, client_flow, user, timers)
        if self._clients.setdefault(key, transaction) is not transaction:
            raise ValueError("a branch is used twice")
        if flow.reliable:
            _put(self._on_flow, flow, transaction)
        else:
            _put(self._to_peer, flow.peer, transaction)
        if flow.closed:
            transaction.start_lost()
        else:
            transaction.start()
        return transaction

    def answered(self, response: Response) -> bool:
        """Hand ``response`` to its transaction, on whatever flow it came. False: a stray, to be dropped."""
        transaction = self._clients.get(f"{response.via.branch or ''} {response.cseq_method}")
        if transaction is None:
            return False
        transaction.answered(response)
        return True

    def flow_lost(
        self,
        flow: Flow,
        reason: str = "connection lost",
        opened: bool = True,
        kept: Collection[ServerTransaction] = (),
    ) -> None:
        """A connection has gone. ``opened``: False if it could never be made, so that nothing was sent on it.

        A client's transactions fail, those excepted that are ``kept`` until it is back and the INVITEs whose users
        wait for that. A hop's run on: its answers may come on another connection, ours open one; only what was never
        sent fails.
        """
        for transaction in list(self._on_flow.get(flow, ())):
            if isinstance(transaction, ServerTransaction):
                if transaction not in kept:
                    transaction.flow_lost()
            elif transaction.client_flow or not opened:
                transaction.flow_lost(reason)

    def served_on(self, flow: Flow) -> list[ServerTransaction]:
        """The requests that came by this connection of a client and whose transactions stand."""
        return [each for each in self._on_flow.get(flow, ()) if isinstance(each, ServerTransaction)]

    def superseded(self, old: Flow, key: bytes, flow: Flow | None) -> None:
        """The binding ``key`` is on ``flow`` now, though ``old`` still looks open: what is under way goes there. None:
        it is at another server, and answers to its requests stay here."""
        if flow is not None:
            for served in self.served_on(old) if old.reliable else self._served_by(old):
                if served.user.lost() == key:
                    served.move(flow)
        sent: Collection[Transaction] = self._on_flow.get(old, ()) if old.reliable else self._to_peer.get(old.peer, ())
        for transaction in list(sent):
            if isinstance(transaction, ClientTransaction) and transaction.flow == old:
                transaction.superseded(key, flow)

    def _served_by(self, flow: Flow) -> list[ServerTransaction]:
        """The calls from a UDP address that have no answer yet. Walks over all transactions: when a phone has changed
        its address, which is seldom; a list for each would be paid for by every request."""
        return [
            each
            for each in self._servers.values()
            if not each.final_sent
            and each.client_flow
            and isinstance(each, InviteServerTransaction)
            and each.flow.id == flow.id
        ]

    def unreachable(self, peer: Address, reason: str = "unreachable") -> None:
        """The network says that nobody listens at this UDP address (ICMP): what waits for a sign of life fails."""
        for transaction in list(self._to_peer.get(peer, ())):
            transaction.unreachable(reason)

    def moved_server(self, transaction: ServerTransaction, flow: Flow) -> bool:
        """For server transactions alone: ``transaction`` goes on by ``flow``. False: there is an equal one."""
        # both kinds of key end with the id of a client's flow
        key = transaction.key.removesuffix(transaction.flow.id.hex()) + flow.id.hex()
        if self._servers.setdefault(key, transaction) is not transaction:
            return False
        self.ended_server(transaction)
        transaction.key = key
        self._servers[key] = transaction
        if flow.reliable:
            _put(self._on_flow, flow, transaction)
        return True

    def moved_client(self, transaction: ClientTransaction, flow: Flow) -> None:
        """For client transactions alone: ``transaction`` goes on by ``flow``."""
        old = transaction.flow
        if old.reliable:
            _drop(self._on_flow, old, transaction)
        else:
            _drop(self._to_peer, old.peer, transaction)
        if flow.reliable:
            _put(self._on_flow, flow, transaction)
        else:
            _put(self._to_peer, flow.peer, transaction)

    def ended_server(self, transaction: ServerTransaction) -> None:
        """For server transactions alone: forget ``transaction``."""
        del self._servers[transaction.key]
        if transaction.client_flow and transaction.flow.reliable:
            _drop(self._on_flow, transaction.flow, transaction)

    def finished_client(self, transaction: ClientTransaction) -> None:
        """For client transactions alone: ``transaction`` has its final response, or waits for none."""
        flow = transaction.flow
        if not flow.reliable:
            _drop(self._to_peer, flow.peer, transaction)

    def ended_client(self, transaction: ClientTransaction) -> None:
        """For client transactions alone: forget ``transaction``."""
        del self._clients[transaction.key]
        if transaction.flow.reliable:
            _drop(self._on_flow, transaction.flow, transaction)

    def _key_of(self, request: Request, flow: Flow, client_flow: bool) -> Key:
        via = request.via
        method = request.method
        method = _TO_INVITE.get(method, method)
        if not via.has_magic_cookie:
            # §17.2.3, second half: an element of RFC 2543. The To tag is left out, or an ACK would not match.
            # No line holds a line end, and no URI a blank, which the other kind of key has before the first line end.
            parts = (request.uri.text, request.from_tag or "", request.call_id, request.cseq, via.text, method)
            return "\n".join(map(str, (*parts, flow.id.hex() if client_flow else "")))
        if client_flow:
            # Browsers make branches of seven digits at most: the flow tells them apart.
            return f"{via.branch} {via.sent_by} {method} {flow.id.hex()}"
        return f"{via.branch} {via.sent_by} {method}"

    def _cancel(self, transaction: InviteServerTransaction, request: Request, flow: Flow) -> bool:
        if not (transaction.client_flow or _same_peer(transaction, request, flow)):
            return False
        flow.send(request.response(200, to_tag=_tag(request)).to_bytes())
        transaction.cancelled(request)
        return True


def _put(index: dict[P, set[X]], place: P, transaction: X) -> None:
    there = index.get(place)
    if there is None:
        index[place] = {transaction}
    else:
        there.add(transaction)


def _drop(index: dict[P, set[X]], place: P, transaction: X) -> None:
    there = index[place]
    there.discard(transaction)
    if not there:
        del index[place]


def _same_peer(transaction: InviteServerTransaction, cancel: Request, flow: Flow) -> bool:
    """A CANCEL counts from the peer of the INVITE; from another port of it only if the call is named rightly (A17)."""
    if flow.peer == transaction.flow.peer:
        return True
    return flow.peer[0] == transaction.flow.peer[0] and transaction.is_named_by(cancel)


def _tag(cancel: Request) -> str:
    """The same To tag for every copy of a CANCEL; nobody takes it for a secret."""
    return sha256(f"{cancel.via.branch} {cancel.call_id}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
