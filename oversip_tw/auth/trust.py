"""Who is trusted by where it comes from, or by its certificate: the ``[[trusted]]`` entries of the configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from oversip_tw.auth.networks import REMEMBERED, Networks
from oversip_tw.interfaces import Address, Flow, TlsPeer


class Role(Enum):
    """What a trusted source is to us."""

    #: the registrar or proxy behind an edge
    CORE = "core"
    #: a provider
    TRUNK = "trunk"
    #: another node of this installation
    NODE = "node"
    #: an edge of ours in front of this registrar: its Path counts, its clients are challenged by us
    EDGE = "edge"
    #: an HTTP or PROXY-protocol balancer: tells us addresses, and says nothing about SIP
    PROXY = "proxy"

    @property
    def hop(self) -> bool:
        """A trusted hop: path tokens count from it, 430 goes to it, its 401 and 407 pass."""
        return self is not Role.PROXY

    @property
    def unchallenged(self) -> bool:
        """Its requests need no credentials and may call local users."""
        return self in _UNCHALLENGED


_UNCHALLENGED = frozenset({Role.CORE, Role.TRUNK, Role.NODE})

#: an entry that names no transports means these; a WebSocket has to be named
_DEFAULT_TRANSPORTS = frozenset({"udp", "tcp", "tls"})


@dataclass(frozen=True, slots=True)
class TrustedSource:
    """One entry."""

    #: "192.0.2.0/24", "2001:db8::1"; none: anywhere, for one that is known by its certificate
    networks: tuple[str, ...]
    role: Role
    #: the peer's port, compared on UDP and on connections that we dialled (those it dials have any port)
    port: int | None = None
    #: None: udp, tcp and tls; with a port and without transports: not the connections that the source dials
    transports: frozenset[str] | None = None
    #: the SIP domain that its certificate has to prove (RFC 5922 §7), besides its address
    certificate: str = ""

    def matches(self, transport: str, port: int, accepted: bool, proven: Collection[str] = ()) -> bool:
        """Whether an address of these networks is meant when it is seen so. ``accepted``: the peer dialled.
        ``proven``: the domains that its certificate is for."""
        if self.certificate and self.certificate not in proven:
            return False
        if transport not in (self.transports if self.transports is not None else _DEFAULT_TRANSPORTS):
            return False
        if self.role is Role.PROXY and (transport == "udp" or not accepted):
            return False  # it passes on connections, and nothing else comes from there: a core beside it is no proxy
        if self.port is None:
            return True
        if transport == "udp" or not accepted:
            return port == self.port
        return self.transports is not None


class Trust:
    """All entries. The first that matches counts."""

    __slots__ = ("_by_name", "_learnt", "_remembered", "_sources", "_written")

    def __init__(self, sources: Iterable[TrustedSource] = ()) -> None:
        """Raises ValueError for what is no network."""
        self._remembered: dict[str, tuple[TrustedSource, ...]] = {}
        self._learnt: tuple[TrustedSource, ...] = ()
        self.rewrite(sources)

    def learn(self, sources: Iterable[TrustedSource]) -> None:
        """Trust ``sources`` besides those that were written down, in the place of what was learnt before."""
        self._learnt = tuple(sources)
        self.rewrite(self._written)

    def rewrite(self, sources: Iterable[TrustedSource]) -> None:
        """Other entries were written down. What was learnt stays."""
        self._written = tuple(sources)
        self._sources = tuple((source, Networks(source.networks)) for source in (*self._written, *self._learnt))
        #: some are known by their certificates
        self._by_name = any([source.certificate for source, _ in self._sources])  # noqa: C419
        self._remembered.clear()

    def role(self, flow: Flow) -> Role | None:
        """What the peer of ``flow`` is to us; None for a stranger or a user."""
        if not self._sources:
            return None
        if not self._by_name:
            return self.role_of(flow.transport, flow.peer, flow.accepted)
        tls = flow.tls
        return self.role_of(flow.transport, flow.peer, flow.accepted, () if tls is None else _proven(tls))

    def role_of(
        self, transport: str, peer: Address, accepted: bool = True, proven: Collection[str] = ()
    ) -> Role | None:
        """As `role`, where there is no flow yet. ``proven``: as of `TrustedSource.matches`."""
        address, port = peer
        for source in self._of_address(address):
            if source.matches(transport, port, accepted, proven):
                return source.role
        return None

    def _of_address(self, address: str) -> tuple[TrustedSource, ...]:
        found = self._remembered.get(address)
        if found is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            found = tuple(
                source for source, networks in self._sources if not source.networks or address in networks
            )
            self._remembered[address] = found
        return found


def _proven(peer: TlsPeer) -> Collection[str]:
    """The domains that a certificate proves: none unless our authorities vouch for it."""
    return peer.identities if peer.verified else ()
