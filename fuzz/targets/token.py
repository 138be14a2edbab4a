"""Flow tokens and the flow ids inside: what we did not sign opens nothing, and nothing but BadToken escapes (R2)."""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.targets import must
from oversip_tw.interfaces import Target
from oversip_tw.outbound.flow_id import pack_hop, pack_udp, stream_id, unpack_hop, unpack_udp
from oversip_tw.outbound.token import BadToken, Tokens, is_token

MOST = 2_048
CALL_ID, FROM_TAG, TO_TAG = "3848276298220188511@atlanta.example.com", "9fxced76sl", "8321234356"
KEY = b"bindings"
FLOWS = (
    stream_id(b"12345678"),
    pack_udp(("192.0.2.1", 5060), ("2001:db8::1", 40000)),
    pack_udp(("::1", 5060), ("fe80::1%eth0", 40000)),
    pack_hop(Target("tls", "192.0.2.7", 5061, "example.net")),
)
TOKENS = Tokens([b"k" * 32, b"l" * 32], "node1")
OLD = Tokens([b"l" * 32], "node1")
FOREIGN = Tokens([b"x" * 32], "node1")
PATHS = {tokens.path(flow, KEY): flow for flow in FLOWS for tokens in (TOKENS, OLD)}
ROUTES = {tokens.record_route(flow, KEY, CALL_ID, FROM_TAG): flow for flow in FLOWS for tokens in (TOKENS, OLD)}


def seeds() -> Sequence[bytes]:
    """A token, or octets of a flow id behind NUL."""
    foreign = [FOREIGN.path(flow, KEY) for flow in FLOWS]
    return [text.encode() for text in (*PATHS, *ROUTES, *foreign)] + [b"\0" + flow for flow in FLOWS]


def run(data: bytes) -> object:
    if data[:1] == b"\0":
        return _flow_id(data[1:])
    text = data.decode("utf-8", "surrogateescape")
    shaped = is_token(text)
    try:
        flow = TOKENS.read_path(text).flow_id
    except BadToken:
        must(text not in PATHS, "refused what we signed")
    else:
        must(PATHS.get(text) == flow and shaped, "a path token that we never signed")
        return "path"
    for call_id, tags in ((CALL_ID, (FROM_TAG, TO_TAG)), (CALL_ID, (TO_TAG, FROM_TAG)), (text, (text, text))):
        try:
            flow = TOKENS.read_record_route(text, call_id, *tags)
        except BadToken:
            must(text not in ROUTES or call_id == text, "refused what we signed")
        else:
            must(ROUTES.get(text) == flow.flow_id and call_id == CALL_ID, "a route token that we never signed")
            return "route"
    return shaped


def _flow_id(octets: bytes) -> object:
    """What a token can be made to carry only by who knows a key; it raises ValueError alone all the same."""
    try:
        local, peer = unpack_udp(octets)
        must(unpack_udp(pack_udp(local, peer)) == (local, peer), "no fixed point")
        return "udp"
    except ValueError:
        pass
    try:
        hop = unpack_hop(octets)
        pack_hop(hop)
        return "hop"
    except ValueError:
        return None
