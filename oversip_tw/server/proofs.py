"""What connections have proven at their handshake, and when that is over."""

from __future__ import annotations

from collections.abc import Callable

from oversip_tw.interfaces import Bearers, Flow, HandshakeRequest, Handshakes, NotProven, Proof, TlsPeer
from oversip_tw.proxy.ours import Ours
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.wheel import Timer, TimerWheel


class Proofs:
    """A connection is its user's from the handshake to its end, and proves that until the token's end.

    What is over proves nothing any more: the next request out of dialog has to show credentials of the same user, and
    nobody else's will do. Calls go on. A fresh token of that user in a request makes it good again.
    """

    def __init__(
        self,
        ours: Ours,
        wheel: TimerWheel,
        wall: Callable[[], float],
        bearers: Bearers | None = None,
        handshakes: Handshakes | None = None,
        certificates: bool = False,
    ) -> None:
        """``ours``: whose users they are. ``wall``: seconds since 1970. ``bearers``: who reads tokens in requests,
        ``handshakes``: those before. ``certificates``: client certificates prove users."""
        self.bearers = bearers
        self._handshakes = handshakes
        self._certificates = certificates
        self._ours = ours
        self._wheel = wheel
        self._wall = wall
        #: by the ids of flows that still prove something
        self._timers: dict[bytes, Timer] = {}
        #: the ids of flows that did
        self.over: set[bytes] = set()

    def look_at(self, flow: Flow, peer: TlsPeer) -> None:
        """A client has shown ``peer``: if that names one user of ours, the connection is his. One that names several
        leaves it open who it is, and proves nobody."""
        if self._certificates and peer.verified:
            named = [Uri.parse(aor) for aor in peer.users]
            users = {self._ours.user(uri) for uri in named if self._ours.is_domain(uri.host)}
            if len(users) == 1:
                [flow.identity] = users

    async def prove(self, handshake: HandshakeRequest, flow: Flow) -> Proof | None:
        """What ``handshake`` proves about ``flow``; None: nothing. Raises SIPError: its status is that of HTTP."""
        if self._handshakes is None:
            return None
        try:
            proof = await self._handshakes.prove(handshake, flow)
        except NotProven as refusal:
            raise SIPError(401, str(refusal), headers=[("WWW-Authenticate", "Bearer")]) from None
        if proof is not None:
            proof = self._of_user(proof)
        if proof is not None and flow.identity is not None and flow.identity != proof.user:
            raise SIPError(403, "Certificate Of Another User")
        return proof

    async def verify(self, token: str, secure: bool) -> Proof:
        """Whom ``token`` in a request proves, which others could not read if ``secure``. Raises NotProven; SIPError
        when nobody can tell."""
        assert self.bearers is not None
        return self._of_user(await self.bearers.verify(token, secure))

    def _of_user(self, proof: Proof) -> Proof:
        """An alias proves whom it stands for."""
        return Proof(self._ours.user(Uri.parse(proof.user)), proof.until) if self._ours.has_aliases else proof

    def bind(self, flow: Flow, proof: Proof) -> None:
        """``flow`` is that user's from now on, whom nobody asks again before the end of ``proof``."""
        flow.identity = proof.user
        self.over.discard(flow.id)
        before = self._timers.pop(flow.id, None)
        if before is not None:
            before.cancel()
        left = max(0.0, proof.until - self._wall())
        self._timers[flow.id] = self._wheel.after(left, lambda: self._ends(flow.id))

    def _ends(self, flow_id: bytes) -> None:
        del self._timers[flow_id]
        self.over.add(flow_id)

    def flow_lost(self, flow: Flow) -> None:
        """Nothing is to be remembered of it."""
        if flow.identity is not None:
            self.over.discard(flow.id)
            timer = self._timers.pop(flow.id, None)
            if timer is not None:
                timer.cancel()
