"""The Record-Routes we leave behind (RFC 3261 §16.6 step 4, RFC 5658, RFC 5626 §4.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from oversip_tw.interfaces import Address, Flow, Target
from oversip_tw.outbound.flow_id import pack_hop
from oversip_tw.outbound.token import Tokens
from oversip_tw.sip.message import Request

#: methods that open a dialog; the proxy stays on their path
DIALOG_FORMING: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER"})

_BENEATH_TLS: Final = {"tls": "tcp", "wss": "ws"}
_URI_TRANSPORT: Final = {"udp": "udp", "tcp": "tcp", "tls": "tls", "ws": "ws", "wss": "ws"}


def wants_record_route(request: Request) -> bool:
    """INVITE, SUBSCRIBE and REFER out of dialog, and every NOTIFY, which may open the dialog as well (RFC 6665)."""
    return (request.method in DIALOG_FORMING and request.to_tag is None) or request.method == "NOTIFY"


def own_uri(flow: Flow, token: str = "", scheme: str = "sip") -> str:
    """Our address on the side of ``flow``, with a flow token (if any) as user part, as a Route value."""
    if not token:
        return f"<{scheme}:{flow.listener.sent_by};transport={_URI_TRANSPORT[flow.transport]};lr>"
    if scheme == "sips":
        # RFC 5630 §3.1.3: the scheme says TLS, the parameter what is beneath it.
        return f"<sips:{token}@{flow.listener.sent_by};transport={_BENEATH_TLS.get(flow.transport, flow.transport)};lr>"
    return f"<{scheme}:{token}@{flow.listener.sent_by};transport={_URI_TRANSPORT[flow.transport]};lr>"


@lru_cache(4096)
def _hop(transport: str, peer: Address) -> bytes:
    return pack_hop(Target(transport, *peer))


class RecordRoutes:
    """Writes the Record-Routes of requests."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def write(
        self,
        request: Request,
        came_by: Flow,
        came_key: bytes,
        leaves_by: Flow,
        leaves_key: bytes,
        came_from_client: bool,
        leaves_to_client: bool,
    ) -> None:
        """Put ours on ``request``: the side it leaves by on top, the side it came in by below, each with its token.

        One is enough where neither side is a client's flow and both use the same listener.
        """
        call_id, tag = request.call_id, request.from_tag
        scheme = "sips" if request.uri.secure else "sip"
        inside = came_by.id if came_from_client else _hop(came_by.transport, came_by.peer)
        request.prepend(
            "Record-Route", own_uri(came_by, self._tokens.record_route(inside, came_key, call_id, tag), scheme)
        )
        if came_from_client or leaves_to_client or came_by.listener is not leaves_by.listener:
            outside = leaves_by.id if leaves_to_client else _hop(leaves_by.transport, leaves_by.peer)
            request.prepend(
                "Record-Route", own_uri(leaves_by, self._tokens.record_route(outside, leaves_key, call_id, tag), scheme)
            )
