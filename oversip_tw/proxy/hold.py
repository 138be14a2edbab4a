"""A branch whose client has lost its connection, and may be back soon (rules: docs/explanation/outbound)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.proxy import endings
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.invite_client import InviteClientTransaction

if TYPE_CHECKING:
    from oversip_tw.proxy.branch import Branch
    from oversip_tw.transaction.client import ClientTransaction


class Hold:
    """Waits until the binding that a branch leads to is on another flow."""

    __slots__ = ("_branch", "_held", "_ringing")

    def __init__(self, branch: Branch, ringing: InviteClientTransaction | None = None) -> None:
        """``ringing``: an INVITE that goes on where its client comes back; None: the request is sent anew there.

        Where nothing can wait the branch has ended when this returns.
        """
        self._branch = branch
        self._ringing = ringing
        waiting = branch.context.core.waiting
        seconds = waiting.settings.seconds(branch.context.request.method)
        self._held = waiting.hold(
            branch.way.key, seconds, self._came_back, self._stayed_away, None, self._is_elsewhere
        )

    @property
    def active(self) -> bool:
        """Somebody is waited for."""
        return self._held.active

    def cancel(self) -> None:
        """Wait no more."""
        self._held.cancel()

    def _stayed_away(self) -> None:
        branch = self._branch
        branch.held = None
        if self._ringing is not None:
            self._ringing.terminate()
        branch.end(endings.FLOW_GONE)

    def _is_elsewhere(self) -> None:
        branch = self._branch
        branch.held = None
        if self._ringing is not None:
            _go_elsewhere(branch, self._ringing)
        elif not branch.ended:
            branch.start_on_flow()

    def _came_back(self, flow: Flow) -> None:
        branch = self._branch
        branch.held = None
        if self._ringing is not None:
            _go_on(branch, self._ringing, flow)
        elif not branch.ended:
            branch.send_on_flow(flow)


def wait(branch: Branch, ringing: InviteClientTransaction | None = None) -> None:
    """Give the client of ``branch`` time to come back."""
    hold = Hold(branch, ringing)
    if hold.active:
        branch.held = hold


def wait_for(branch: Branch, transaction: ClientTransaction) -> bool:
    """The same while it rings, by a first INVITE; False: nobody is waited for."""
    if not (isinstance(transaction, InviteClientTransaction) and _may_go_on(branch)):
        return False
    branch.stop_timers()
    nodes = branch.context.core.nodes
    if nodes is not None and nodes.rings_at_another(branch.way):
        _go_elsewhere(branch, transaction)
        return True
    wait(branch, transaction)
    return branch.held is not None


def follow(branch: Branch, transaction: ClientTransaction, flow: Flow | None) -> None:
    """A client that has not answered is on ``flow`` now, though its old connection looks open; None: it is at another
    server."""
    if branch.context.in_dialog or _may_go_on(branch):
        if flow is None:
            _go_elsewhere(branch, transaction)
        else:
            _go_on(branch, transaction, flow)


def _may_go_on(branch: Branch) -> bool:
    context = branch.context
    return bool(branch.way.key) and not (
        branch.ended or branch.expired or context.in_dialog or context.cancelled_by_caller
    )


def _go_on(branch: Branch, transaction: ClientTransaction, flow: Flow) -> None:
    """The client that was asked is on ``flow`` now: it is asked there.

    With the same branch: SIP.js, which knows it still, would refuse another one as a loop, or its CSeq as an old one.
    Its Contact is another one if it was started anew, or is found under another address; within a dialog the name
    stays that it has there.
    """
    way, context = branch.way, branch.context
    uri = transaction.request.uri
    binding = None if context.in_dialog else context.core.location.by_key(way.key)
    if binding is not None and _place(binding.target) != _place(uri):
        way.uri = uri = binding.target
    if (uri.secure or context.request.uri.secure) and not flow.secure:
        transaction.terminate()
        branch.end(endings.FLOW_GONE)
        return
    if not branch.ended:
        branch.flow = flow
        if context.is_invite:
            branch.restart_timer_c()
    transaction.move(flow, uri)


def _go_elsewhere(branch: Branch, transaction: ClientTransaction) -> None:
    """The client that was asked is at another server now, which asks it again, with the same branch."""
    known = transaction.request.via.branch or ""
    transaction.terminate()
    if not branch.ended:
        branch.transaction = None
        branch.way.branch = known
        branch.start_on_flow()


def _place(uri: Uri) -> tuple[str | None, str, int | None]:
    return (uri.user, uri.host, uri.port)
