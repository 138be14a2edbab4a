"""From and To as the sender of a request knows them: user code may change them on the way, and answers undo that."""

from __future__ import annotations

from oversip_tw.proxy.arrival import Arrival
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.message import Response


def remember(arrival: Arrival) -> None:
    """Keep the request as it came before user code sees it: answers of ours are made from that."""
    request, transaction = arrival.request, arrival.transaction
    arrival.original = (request.get("From") or "", request.get("To") or "")
    if transaction is not None:
        transaction.request = request.copy()


def restore(response: Response, original: tuple[str, str] | None) -> None:
    """Give ``response`` the ``original`` From and To of its request, the callee's tag excepted, which is new."""
    if original is None:
        return
    caller, callee = original
    if response.get("From") != caller:
        response.set("From", caller)
    tag = response.to_tag
    if tag and NameAddr.parse(callee).tag is None:
        callee = f"{callee};tag={tag}"
    if response.get("To") != callee:
        response.set("To", callee)
