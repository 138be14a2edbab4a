"""Loops and breadth (RFC 3261 §16.3 step 4, RFC 5393)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.uri import Uri
from oversip_tw.sip.via import MAGIC_COOKIE

#: divides the random part of a branch from the hash of what routed the request
_MARK = "-"
#: headers that decide where a request goes, by their `names.key`
_DECIDING: Final = frozenset(("proxy-require", "route"))


def loop_hash(request: Request, uri: Uri) -> str:
    """Everything that decides where ``request`` goes when it is for ``uri`` (RFC 5393 §4.2), as 16 hex digits.

    Python keys the hash of a text anew for each process: nobody else can make one, and nobody else has to read it.
    """
    rare = request.may_have(_DECIDING)
    value = hash(
        (
            uri.text,
            tuple(request.get_all("Route")) if rare else (),
            request.from_tag,
            request.to_tag,
            request.call_id,
            request.cseq,
            tuple(request.get_all("Proxy-Require")) if rare else (),
        )
    )
    return "%016x" % (value & 0xFFFFFFFFFFFFFFFF)


def make_branch(random: str, hash_: str = "") -> str:
    """The branch of a Via of ours; with a hash where the request could come back to us."""
    return f"{MAGIC_COOKIE}{random}{_MARK}{hash_}" if hash_ else MAGIC_COOKIE + random


_BREADTH: Final = frozenset(("max-breadth",))


def check_loop(request: Request, sent_bys: Collection[str]) -> None:
    """Raise 482 if ``request`` has been here with everything the same; a spiral, changed on its way, may pass.

    ``sent_bys``: what our own Via headers name.
    """
    if request.has_one("Via"):
        return
    ours = [via for via in request.vias if via.branch and _MARK in via.branch and via.sent_by in sent_bys]
    if ours:
        now = loop_hash(request, request.uri)
        if any(via.branch is not None and via.branch.rpartition(_MARK)[2] == now for via in ours):
            raise SIPError(482)


def breadth(request: Request, most: int) -> int:
    """The Max-Breadth that ``request`` may use, at most ``most``. Raises 400 on a bad one, 440 on none left."""
    text = request.get("Max-Breadth") if request.may_have(_BREADTH) else None
    if text is None:
        return most
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise SIPError(400, "Bad Max-Breadth")
    if int(text) == 0:
        raise SIPError(440)
    return min(most, int(text))
