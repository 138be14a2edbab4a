"""What the registrar may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from oversip_tw.registrar.aliases import Aliases


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are whole seconds, as SIP has them."""

    #: whose users are ours; names in lower case
    domains: frozenset[str] = frozenset()
    #: less is refused by 423 (RFC 3261 §10.3 step 7)
    min_expires: int = 60
    #: more is cut down to this
    max_expires: int = 3600
    #: for phones that do not say
    default_expires: int = 3600
    #: for so many seconds after the start phones are granted less than they ask for, down to a half, each another span:
    #: those that all come back at once after a restart do not all refresh at once for ever after
    spread_for: float = 300.0
    #: bindings of one user at a time
    max_bindings: int = 10
    #: Contacts in one REGISTER
    max_contacts: int = 10
    #: what one binding too many does: take the place of a dead one, else of the oldest; or be refused by 403
    when_full: Literal["replace", "refuse"] = "replace"
    #: REGISTERs of one user that may wait for each other
    queue: int = 64
    #: Flow-Timer (RFC 5626 §5.4) for phones with ``outbound`` on a connection; 0 = none is sent
    flow_timer: int = 120
    #: the same over UDP: NATs forget an idle mapping after 30 s
    flow_timer_udp: int = 25
    #: temporary GRUUs (RFC 5627) beside the public ones
    temporary_gruus: bool = True
    #: Service-Route values (RFC 3608), the one to visit first on top; (): none is sent
    service_route: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Domains:
    """What differs between our domains; names in lower case."""

    #: the realms of those that are not called by their own name; no two share one
    realms: Mapping[str, str] = field(default_factory=dict)
    #: how many bindings the users of one may have together
    registrations: Mapping[str, int] = field(default_factory=dict)
    #: how many bindings one user of them may have at a time, where that is not what all may have
    bindings: Mapping[str, int] = field(default_factory=dict)
    #: how many calls they may be in at a time
    calls: Mapping[str, int] = field(default_factory=dict)
    #: further names of users
    aliases: Aliases = field(default_factory=Aliases)


@dataclass(frozen=True, slots=True)
class Remembering:
    """How long is remembered what is over."""

    #: seconds that a restart leaves a connection's phone to come back
    lost_for: float = 120.0
    #: seconds that an ended binding stays known to `Location.by_key`
    remember: float = 3600.0
    #: ended bindings remembered at most; the oldest are forgotten first
    remembered: int = 50_000
    #: the name of this server where several share a store: bindings of others are theirs to end; "": all are ours
    node: str = ""
