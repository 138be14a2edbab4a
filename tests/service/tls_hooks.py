"""Hooks that let in who has a good certificate, for the tests of the running server."""

from __future__ import annotations

from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow, TlsPeer
from oversip_tw.sip.errors import SIPError


class House(Hooks):
    """Keeps what it has seen of clients, and of next hops."""

    def __init__(self) -> None:
        self.clients: list[tuple[str, TlsPeer]] = []
        self.hops: list[TlsPeer] = []

    async def on_tls_accepted(self, flow: Flow, peer: TlsPeer) -> None:
        self.clients.append((flow.transport, peer))
        if not peer.verified:
            raise SIPError(403)

    def on_tls_connected(self, flow: Flow, peer: TlsPeer) -> None:
        self.hops.append(peer)
