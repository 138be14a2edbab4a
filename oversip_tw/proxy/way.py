"""Where a request may go: one way for each branch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Target
from oversip_tw.sip.uri import Uri

if TYPE_CHECKING:
    from oversip_tw.proxy.settings import Profile


@dataclass(slots=True, eq=False)
class Way:
    """One target of a request: down a client's flow, or to the next hop that a URI names."""

    #: the R-URI the request leaves with
    uri: Uri
    #: the flow of a client of ours (`oversip_tw.interfaces.Flow.id`); b"" for a next hop
    flow_id: bytes = b""
    #: whose flow it is: names the binding over reconnects (RFC 5626: AoR, instance and reg-id)
    key: bytes = b""
    #: further Routes to put on, topmost first: the Path of a binding that came through an edge
    path: tuple[str, ...] = ()
    #: what RFC 3263 is asked for, one after another; none: the topmost Route, else the R-URI
    next_hops: tuple[Uri, ...] = ()
    #: how to find and how long to wait for it; None: as the settings say
    profile: Profile | None = None
    #: targets known beforehand, in place of a look-up
    targets: tuple[Target, ...] = ()
    #: preference of the binding, 0.0 to 1.0; higher ones are tried first
    q: float = 1.0
    #: other flows of the same instance, for when this one fails (RFC 5626 §5.3)
    others: list[Way] = field(default_factory=list)
    #: the name of the instance, so that one gets no two branches
    instance: str = ""
    #: the loop hash that goes into the branch (RFC 5393 §4.2)
    loop_hash: str = ""
    #: an answer known beforehand, in place of a branch: a loop, a dead flow
    refused: int = 0
    #: the next hop is one of the configuration: when it fails the answer is 503 with Retry-After
    configured: bool = False
    #: the next hop was named by our configuration or by a trusted source: no address but our own is out of bounds
    named_by_us: bool = False
    #: addresses that are in bounds beside those of trusted sources
    allowed: tuple[str, ...] = ()
    #: every other address that is not local is in bounds too
    anywhere: bool = True
    #: how often the request was sent on among our own users before it leaves: each time is a hop (Max-Forwards)
    hops: int = 0
