"""Where a request may go: one way for each branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Target
from oversip_tw.sip.uri import Uri

if TYPE_CHECKING:
    from oversip_tw.proxy.settings import Profile


class Way:
    """One target of a request: down a client's flow, or to the next hop that a URI names.

    No dataclass, as every request makes one: the ``__init__`` of those is not compiled.
    """

    __slots__ = (
        "allowed",
        "anywhere",
        "branch",
        "configured",
        "flow_id",
        "hops",
        "instance",
        "key",
        "loop_hash",
        "named_by_us",
        "near",
        "next_hops",
        "node",
        "others",
        "path",
        "preference",
        "profile",
        "q",
        "refused",
        "targets",
        "uri",
    )

    def __init__(
        self,
        uri: Uri,
        flow_id: bytes = b"",
        key: bytes = b"",
        path: tuple[str, ...] = (),
        next_hops: tuple[Uri, ...] = (),
        profile: Profile | None = None,
        targets: tuple[Target, ...] = (),
        q: float = 1.0,
        instance: str = "",
        loop_hash: str = "",
        refused: int = 0,
        configured: bool = False,
        named_by_us: bool = False,
        allowed: tuple[str, ...] = (),
        anywhere: bool = True,
        hops: int = 0,
        node: str = "",
    ) -> None:
        #: the R-URI the request leaves with
        self.uri = uri
        #: the flow of a client of ours (`interfaces.Flow.id`), b"" for a next hop; and whose it is: the `binding_key`
        self.flow_id = flow_id
        self.key = key
        #: further Routes to put on, topmost first: the Path of a binding that came through an edge
        self.path = path
        #: what RFC 3263 is asked for, one after another; none: the topmost Route, else the R-URI
        self.next_hops = next_hops
        #: how to find and how long to wait for it; None: as the settings say
        self.profile = profile
        #: targets known beforehand, in place of a look-up
        self.targets = targets
        #: preference of the binding, 0.0 to 1.0: higher ones first; among equal ones what the caller prefers (RFC 3841)
        self.q = q
        self.preference = 1.0
        #: other flows of the same instance, for when this one fails (RFC 5626 §5.3)
        self.others: list[Way] = []
        #: the name of the instance, so that one gets no two branches
        self.instance = instance
        #: the loop hash that goes into the branch (RFC 5393 §4.2)
        self.loop_hash = loop_hash
        #: an answer known beforehand, in place of a branch: a loop, a dead flow
        self.refused = refused
        #: the next hop is one of the configuration: when it fails the answer is 503 with Retry-After
        self.configured = configured
        #: the next hop was named by our configuration or by a trusted source: no address but our own is out of bounds
        self.named_by_us = named_by_us
        #: addresses that are in bounds beside those of trusted sources; ``anywhere``: all that are not local are
        self.allowed = allowed
        self.anywhere = anywhere
        #: how often the request was sent on among our own users before it leaves: each time is a hop (Max-Forwards)
        self.hops = hops
        #: what it was before it became a way by another server: for when that is gone, or the phone is back
        self.near: Way | None = None
        #: the server that holds ``flow_id``, as far as is known; "": this one
        self.node = node
        #: of the Via by which the phone knows the request, which rang on another flow of it; "": a new one
        self.branch = ""
