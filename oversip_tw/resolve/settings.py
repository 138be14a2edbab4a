"""What the resolver can be told, for all next hops or for some."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How next hops are found."""

    #: the transports that may be used, the favoured one first: "udp", "tcp", "tls"
    transports: tuple[str, ...] = ("udp", "tcp", "tls")
    #: the address families that may be used, the favoured one first: "ipv4", "ipv6"
    families: tuple[str, ...] = ("ipv4", "ipv6")
    #: ask for NAPTR records
    naptr: bool = True
    #: ask for SRV records
    srv: bool = True
    #: look names up at all; False: only addresses are dialled
    dns: bool = True
    #: try what NAPTR records offer in the order of ``transports``, whatever order their owner wants
    own_order: bool = False
    #: try TCP before UDP where the URI leaves the choice to us
    prefer_tcp: bool = False
    #: bytes; longer requests try TCP first where the URI leaves the choice to us (RFC 3261 §18.1.1)
    udp_max: int = 1300
    #: seconds for all look-ups of one URI together
    budget: float = 4.0
    #: which set of client TLS settings the targets are dialled with (`Target.tls`)
    tls: str = ""
