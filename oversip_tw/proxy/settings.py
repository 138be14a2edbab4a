"""What the proxy core can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from oversip_tw.resolve import settings as resolve
from oversip_tw.sip.uri import Uri
from oversip_tw.transaction.timers import Timers


@dataclass(frozen=True, slots=True)
class Profile:
    """How next hops are found, how long they are waited for, and what is written for them. Times are seconds."""

    resolve: resolve.Settings = field(default_factory=resolve.Settings)
    timers: Timers = field(default_factory=Timers)
    #: seconds to go on with one target that gives no sign of life while another one is at hand; 0 = Timer B or F
    failover: float = 4.0
    #: a 503 of one target makes the next one be tried
    failover_on_503: bool = True
    #: Timer C; None: as `Settings.timer_c`
    timer_c: float | None = None
    #: how long a target that was found dead is passed over; 0: it is tried every time
    down_for: float = 30.0
    #: which requests get our Record-Route: "dialogs", those that open one; "all"; "none"
    record_route: str = "dialogs"


@dataclass(frozen=True, slots=True)
class NextHop:
    """Requests for ``domains`` (lower-case; "*" is every foreign one) go to the first of ``uris`` that works."""

    domains: frozenset[str]
    uris: tuple[Uri, ...]
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
    #: Max-Forwards leaves with this at most; 0: no such bound
    max_forwards_cap: int = 0
    #: what holds where no other profile is named
    profile: Profile = field(default_factory=Profile)
    #: further profiles, by name
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    #: an edge: the users are the core's, and callers are known by their From
    edge: bool = False
    #: the Route that users may write themselves, as their REGISTER was told (RFC 3608)
    service_route: tuple[Uri, ...] = ()
    #: by domain, who is called in the place of users that do not exist
    catch_all: Mapping[str, Uri] = field(default_factory=dict)

    def named(self, name: str) -> Profile:
        """The profile of that name, else the default one."""
        return self.profiles.get(name, self.profile)
