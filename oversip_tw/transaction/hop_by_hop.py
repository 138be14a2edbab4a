"""The two requests that a client transaction makes by itself, for the next hop alone."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.sip.message import Request, Response

#: §8.1.1.6
MAX_FORWARDS = "70"


def ack(invite: Request, response: Response) -> Request:
    """The ACK to a response other than 2xx (§17.1.1.3)."""
    return _hop_by_hop("ACK", invite, response.get("To") or "", ())


def cancel(invite: Request, headers: Sequence[tuple[str, str]] = ()) -> Request:
    """The CANCEL of ``invite`` (§9.1), with these further ``headers``."""
    return _hop_by_hop("CANCEL", invite, invite.get("To") or "", headers)


def _hop_by_hop(method: str, invite: Request, to: str, headers: Sequence[tuple[str, str]]) -> Request:
    return Request.build(
        method,
        invite.uri,
        [
            # One Via alone, the top one: it takes the branch of the INVITE along.
            ("Via", str(invite.via)),
            *[("Route", route) for route in invite.get_all("Route")],
            ("Max-Forwards", MAX_FORWARDS),
            ("From", invite.get("From") or ""),
            ("To", to),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{invite.cseq} {method}"),
            *headers,
        ],
    )
