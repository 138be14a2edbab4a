"""One request that has come in, and what is known of it so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request

if TYPE_CHECKING:
    from oversip_tw.outbound.token import Token
    from oversip_tw.proxy.way import Way
    from oversip_tw.transaction.server import ServerTransaction


class Arrival:
    """Filled step by step, in the order in which `oversip_tw.server` works on a request."""

    __slots__ = (
        "answered", "breadth", "caller_key", "client", "core", "flow", "from_node", "in_dialog", "original", "ours",
        "over",
        "request", "routed", "size", "tokens", "transaction", "trusted", "unchallenged", "user", "way",
    )  # fmt: skip

    # Written out: compiled, it takes a tenth of what a dataclass takes, and this is made for each request.
    def __init__(
        self,
        request: Request,
        flow: Flow,
        trusted: bool,
        unchallenged: bool,
        client: bool,
        in_dialog: bool,
        core: bool = False,
        ours: bool = False,
        size: int = 0,
        breadth: int = 1,
        from_node: bool = False,
    ) -> None:
        self.request = request
        #: where answers go
        self.flow = flow
        #: the source is a core, trunk, node or edge of ours
        self.trusted = trusted
        #: the source is one of those and may use path tokens, call local users and is not challenged
        self.unchallenged = unchallenged
        #: the source is a client: it came in on a listener and is not trusted
        self.client = client
        #: it belongs to a dialog, by its To tag
        self.in_dialog = in_dialog
        #: the source is what stands behind this edge, or another node
        self.core = core
        #: the source is another server that shares our users
        self.from_node = from_node
        #: it is a request of our own: below our Via there is no other
        self.ours = ours
        #: the octets that it came as
        self.size = size
        #: how many Routes of ours were taken off the top, and the token in each (None: it bore none)
        self.tokens: list[Token | None] = []
        #: within a dialog: the way, where it is known and nothing that it depends on has changed since
        self.way: Way | None = None
        #: the AoR that credentials or the handshake proved
        self.user: str | None = None
        self.transaction: ServerTransaction | None = None
        #: the binding key of a caller whose connection broke before it was looked for; else b""
        self.caller_key = b""
        #: the Max-Breadth to share out (RFC 5393 §5.3.3)
        self.breadth = breadth
        #: From and To as they came, where user code may have changed them: answers show these
        self.original: tuple[str, str] | None = None
        #: user code has answered it, or somebody has picked up: no other answer counts
        self.answered = False
        #: how often user code has routed it
        self.routed = 0
        #: the caller cancelled or is gone
        self.over = False

    @property
    def handled(self) -> bool:
        """User code has decided what becomes of it."""
        return self.answered or self.routed > 0
