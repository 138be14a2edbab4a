"""From and To as the sender of a request knows them: user code may change them on the way, and answers undo that."""

from __future__ import annotations

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.message import Request, Response


def remember(arrival: Arrival) -> None:
    """Keep From and To before user code sees the request."""
    request = arrival.request
    arrival.original = (request.get("From") or "", request.get("To") or "")


def restore(response: Response, request: Request, original: tuple[str, str] | None) -> None:
    """Give ``response`` the From and To that ``request`` came with, the callee's tag excepted, which is new."""
    if original is None:
        return
    caller, callee = original
    if request.get("From") != caller:
        response.set("From", caller)
    if request.get("To") != callee:
        tag = response.to_tag
        known = NameAddr.parse(callee).tag
        response.set("To", f"{callee};tag={tag}" if tag and known is None else callee)
