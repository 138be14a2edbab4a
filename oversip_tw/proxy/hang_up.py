"""Ending a call for a caller who is gone for good: the callee picked up when nobody was there any more to hear it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oversip_tw.interfaces import Flow
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.users import NOBODY

if TYPE_CHECKING:
    from oversip_tw.proxy.branch import Branch
    from oversip_tw.proxy.core import Core

#: there is no such dialog, or nobody of that name any more (RFC 5057 §5.1)
KNOWS_NOTHING: Final = (404, 410, 481, 604)

#: RFC 3261 §8.1.1.6
_MAX_FORWARDS: Final = "70"


class HangUp:
    """The ACK to a 2xx and the BYE behind it (RFC 3261 §13.2.2.4, §15.1.1), as the caller would have sent them.

    Without them the callee waits for its Timer H, half a minute, in a call with nobody.
    """

    __slots__ = ("_ack", "_bye", "_client", "_core", "_flow", "_flow_id", "_key", "_timers")

    def __init__(
        self,
        core: Core,
        response: Response,
        routes: Sequence[str],
        flow: Flow | None,
        client: bool,
        timers: Timers,
        flow_id: bytes = b"",
        key: bytes = b"",
    ) -> None:
        """``response``: the 2xx that came, before anything in it is changed for the caller. ``routes``: from here to
        the callee, who is reached by ``flow``, that of a ``client`` or of a hop, or as a token of ``flow_id`` and
        ``key`` says."""
        self._core = core
        self._client = client
        self._flow = flow
        self._timers = timers
        self._flow_id = flow_id
        self._key = key
        self._ack = self._within_dialog("ACK", response.cseq, response, routes)
        self._bye = self._within_dialog("BYE", response.cseq + 1, response, routes)

    @classmethod
    def on(cls, branch: Branch, response: Response) -> HangUp:
        """That of the first 2xx on ``branch``."""
        assert branch.transaction is not None
        invite = branch.transaction.request
        recorded = response.values("Record-Route") if response.has("Record-Route") else []
        # those of proxies behind us stand above what the request bore when it left
        behind = len(recorded) - (len(invite.values("Record-Route")) if invite.has("Record-Route") else 0)
        routes = tuple(reversed(recorded[: max(0, behind)]))
        way, core = branch.way, branch.context.core
        client, timers = bool(way.flow_id), branch.profile.timers
        return cls(core, response, routes, branch.flow, client, timers, way.flow_id, way.key)

    @classmethod
    def after(cls, core: Core, response: Response, callee: ClientTransaction) -> HangUp | None:
        """That of a 2xx that is repeated, when nothing is left of the INVITE but its transaction. None: the dialog does
        not pass by us."""
        recorded = response.values("Record-Route") if response.has("Record-Route") else []
        for index, route in enumerate(recorded):
            if core.ours.is_place(NameAddr.parse(route).uri):
                behind = tuple(reversed(recorded[:index]))
                return cls(core, response, behind, callee.flow, callee.client_flow, callee.timers)
        return None

    def _within_dialog(self, method: str, cseq: int, response: Response, routes: Sequence[str]) -> Request:
        target = response.contacts[0].uri if response.contacts else response.to.uri
        lines = [
            ("Max-Forwards", _MAX_FORWARDS),
            ("From", response.get("From") or ""),
            ("To", response.get("To") or ""),
            ("Call-ID", response.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        request = Request.build(method, target, lines)
        self._core.forwarding.put_routes(request, routes)
        return request

    def go(self) -> None:
        """Send both, as soon as the callee can be reached."""
        core = self._core
        core.calls.ended(self._bye)
        flow = core.current_flow(self._flow_id, self._key) if self._flow_id else self._flow
        if flow is not None:
            self._send(flow)
        else:
            core.waiting.hold(self._key, core.waiting.settings.seconds("BYE"), self._send, lambda: None)

    def _send(self, flow: Flow) -> None:
        core = self._core
        core.forwarding.push_via(self._ack, flow)
        flow.send(self._ack.to_bytes())
        core.forwarding.push_via(self._bye, flow)
        core.transactions.call(self._bye, flow, NOBODY, self._timers, self._client)


def question(core: Core, target: Uri, response: Response, flow: Flow) -> Request:
    """An INFO without content to the caller, who is called ``target`` and reached by ``flow``, in the dialog that
    ``response`` has made: whether it knows of that."""
    lines = [
        ("Max-Forwards", _MAX_FORWARDS),
        ("From", response.get("To") or ""),
        ("To", response.get("From") or ""),
        ("Call-ID", response.call_id),
        # below whatever the callee will begin with
        ("CSeq", "0 INFO"),
    ]
    request = Request.build("INFO", target, lines)
    core.forwarding.push_via(request, flow)
    return request
