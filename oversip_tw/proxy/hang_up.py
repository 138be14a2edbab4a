"""Ending a call for a caller who is gone for good: the callee picked up when nobody was there any more to hear it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.transaction.users import NOBODY

if TYPE_CHECKING:
    from oversip_tw.proxy.branch import Branch

#: RFC 3261 §8.1.1.6
_MAX_FORWARDS = "70"


class HangUp:
    """The ACK to a 2xx and the BYE behind it (RFC 3261 §13.2.2.4, §15.1.1), as the caller would have sent them.

    Without them the callee waits for its Timer H, half a minute, in a call with nobody.
    """

    __slots__ = ("_ack", "_branch", "_bye")

    def __init__(self, branch: Branch, response: Response) -> None:
        """``response``: the 2xx that came on ``branch``, before anything in it is changed for the caller."""
        assert branch.transaction is not None
        invite = branch.transaction.request
        recorded = response.values("Record-Route") if response.has("Record-Route") else []
        # those of proxies behind us stand above what the request bore when it left
        behind = len(recorded) - (len(invite.values("Record-Route")) if invite.has("Record-Route") else 0)
        routes = tuple(reversed(recorded[: max(0, behind)]))
        self._branch = branch
        self._ack = self._within_dialog("ACK", invite.cseq, invite, response, routes)
        self._bye = self._within_dialog("BYE", invite.cseq + 1, invite, response, routes)

    def _within_dialog(
        self, method: str, cseq: int, invite: Request, response: Response, routes: tuple[str, ...]
    ) -> Request:
        target = response.contacts[0].uri if response.contacts else invite.uri
        request = Request.build(
            method,
            target,
            [
                ("Max-Forwards", _MAX_FORWARDS),
                ("From", invite.get("From") or ""),
                ("To", response.get("To") or ""),
                ("Call-ID", invite.call_id),
                ("CSeq", f"{cseq} {method}"),
            ],
        )
        self._branch.context.core.forwarding.put_routes(request, routes)
        return request

    def go(self) -> None:
        """Send both, as soon as the callee can be reached."""
        branch = self._branch
        core, way = branch.context.core, branch.way
        core.calls.ended(self._bye)
        flow = core.current_flow(way.flow_id, way.key) if way.flow_id else branch.flow
        if flow is not None:
            self._send(flow)
        else:
            core.waiting.hold(way.key, core.waiting.settings.seconds("BYE"), self._send, lambda: None)

    def _send(self, flow: Flow) -> None:
        branch = self._branch
        core = branch.context.core
        core.forwarding.push_via(self._ack, flow)
        flow.send(self._ack.to_bytes())
        core.forwarding.push_via(self._bye, flow)
        core.transactions.call(self._bye, flow, NOBODY, branch.profile.timers, bool(branch.way.flow_id))
