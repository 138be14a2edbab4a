"""Answers that cost no state: refusals before a transaction, and what comes back to them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s
from hmac import compare_digest

from oversip_tw.interfaces import Flow, Flows
from oversip_tw.outbound.flow_id import pack_udp
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.status import REASONS

#: begins each To tag of these answers; an ACK with such a tag may be for us and is worth the hash
_TAG = "sl-"
#: 48 bits: nobody has to make one to any purpose, and short answers amplify less
_HASH_OCTETS = 6
_SENT_BY_DEFAULT_PORT = 5060
#: a stateless answer over UDP that is longer than so many times its request does without further headers
_AMPLIFICATION = 1.5
#: nobody gets any further without the challenge in these; a request of 240 octets, less than any phone sends, gets no
#: more than `_AMPLIFICATION` times its own length even so
_CHALLENGES = (401, 407)

Headers = Sequence[tuple[str, str]]


class Stateless:
    """Makes and recognises stateless answers."""

    def __init__(self, secret: bytes, flows: Flows) -> None:
        self._mac = blake2s(b"stateless", digest_size=_HASH_OCTETS, key=secret)
        self._flows = flows

    def note_source(self, request: Request, flow: Flow) -> Flow:
        """Write into the top Via where ``request`` came from, and give the flow by which answers go (RFC 3581).

        UDP without rport: to the port that sent-by names, if its host is the source; never to another address.
        """
        via = request.via
        address, port = flow.peer
        if "%" in address:
            address = address.partition("%")[0]  # the zone of a link-local address means nothing to the peer
        wants_port = via.rport is not None
        request.replace_via(via.replace_params(received=address, rport=port if wants_port else None))
        if flow.reliable or wants_port or via.host != address:
            return flow
        named = via.port or _SENT_BY_DEFAULT_PORT
        if named == port:
            return flow
        return self._flows.find(pack_udp(flow.local, (flow.peer[0], named))) or flow

    def refuse(self, request: Request, flow: Flow, error: SIPError, size: int) -> None:
        """Answer ``request``, which came as ``size`` octets, with ``error``, once, and remember nothing (RFC 3261
        §8.2.7). An ACK gets no answer."""
        if request.method != "ACK":
            self._answer(request, flow, size, error.status, error.reason, error.headers)

    def ok(self, request: Request, flow: Flow, size: int, headers: Headers = ()) -> None:
        """Answer 200."""
        self._answer(request, flow, size, 200, REASONS[200], headers)

    def _answer(self, request: Request, flow: Flow, size: int, status: int, reason: str, headers: Headers) -> None:
        tag = self._hash(request) if request.to_tag is None else None
        data = request.response(status, reason, tag, headers).to_bytes()
        if status not in _CHALLENGES and not flow.reliable and len(data) > _AMPLIFICATION * size:
            # Whoever wrote the source address may not be who lives there (F2): without what can be done without.
            data = request.response(status, reason, tag).to_bytes()
        flow.send(data)

    def acknowledges(self, ack: Request) -> bool:
        """``ack`` is for a refusal of ours."""
        tag = ack.to_tag
        return tag is not None and tag.startswith(_TAG) and compare_digest(tag, self._hash(ack))

    def _hash(self, request: Request) -> str:
        mac = self._mac.copy()  # the block of the key lies behind it: what was hashed after it made sure of that
        mac.update(f"{request.via.branch} {request.call_id} {request.from_tag}".encode("utf-8", "surrogateescape"))
        return _TAG + mac.hexdigest()
