"""What the proxy core can be told."""

from __future__ import annotations

from dataclasses import dataclass, field

from oversip_tw.resolve import settings as resolve
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.timers import Timers


@dataclass(frozen=True, slots=True)
class Profile:
    """How next hops are found, and how long they are waited for."""

    resolve: resolve.Settings = field(default_factory=resolve.Settings)
    timers: Timers = field(default_factory=Timers)
    #: seconds to go on with one target that gives no sign of life while another one is at hand; 0 = Timer B or F
    failover: float = 4.0


@dataclass(frozen=True, slots=True)
class NextHop:
    """Requests for ``domains`` (lower-case; "*" means every foreign one) go to ``uri``."""

    domains: frozenset[str]
    uri: Uri
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are seconds."""

    #: the domains whose users we know, lower-case, the first one is the default
    domains: tuple[str, ...] = ()
    #: "deny": requests for foreign domains are refused with 403; "open": they are sent there
    outbound: str = "deny"
    #: "open": anybody may call local users, without credentials
    inbound: str = "closed"
    next_hops: tuple[NextHop, ...] = ()
    #: Max-Forwards of a request that has none (RFC 3261 §16.6 step 3)
    max_forwards: int = 70
    #: Max-Breadth that a request may have, and gets when it has none (RFC 5393 §5.3.3)
    max_breadth: int = 60
    #: Timer C: how long an INVITE may ring after the last provisional answer (§16.6 step 11)
    timer_c: float = 181.0
    #: of clients' flows, and of next hops that no `NextHop` names
    profile: Profile = field(default_factory=Profile)
