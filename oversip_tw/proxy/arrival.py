"""One request that has come in, and what is known of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request

if TYPE_CHECKING:
    from oversip_tw.outbound.token import Token
    from oversip_tw.transaction.server import ServerTransaction


@dataclass(slots=True)
class Arrival:
    """Filled step by step, in the order in which `oversip_tw.server` works on a request."""

    request: Request
    #: where answers go
    flow: Flow
    #: the source is a core, trunk, node or edge of ours
    trusted: bool
    #: the source is one of those and may use path tokens, call local users and is not challenged
    unchallenged: bool
    #: the source is a client: it came in on a listener and is not trusted
    client: bool
    #: it belongs to a dialog, by its To tag
    in_dialog: bool
    #: the source is what stands behind this edge, or another node
    core: bool = False
    #: it is a request of our own: below our Via there is no other
    ours: bool = False
    #: the octets that it came as
    size: int = 0
    #: how many Routes of ours were taken off the top, and the token in each (None: it bore none)
    tokens: list[Token | None] = field(default_factory=list)
    #: the AoR that credentials or the handshake proved
    user: str | None = None
    transaction: ServerTransaction | None = None
    #: the Max-Breadth to share out (RFC 5393 §5.3.3)
    breadth: int = 1
    #: From and To as they came, where user code may have changed them: answers show these
    original: tuple[str, str] | None = None
    #: user code has answered it, or somebody has picked up: no other answer counts
    answered: bool = False
    #: how often user code has routed it
    routed: int = 0
    #: the caller cancelled or is gone
    over: bool = False

    @property
    def handled(self) -> bool:
        """User code has decided what becomes of it."""
        return self.answered or self.routed > 0
