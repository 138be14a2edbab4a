"""The element itself: what transports report to. A message is read here and goes to its transaction or to `Intake`."""

from __future__ import annotations

from collections.abc import Awaitable

from oversip_tw.auth.authenticator import Authenticator
from oversip_tw.auth.floods import Pings
from oversip_tw.edge.watch import Watch
from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Address, Flow, HandshakeRequest, Listener, TlsPeer
from oversip_tw.logic import EdgeLogic
from oversip_tw.proxy.core import Core
from oversip_tw.proxy.resuming import Resuming
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.server.admission import Admission
from oversip_tw.server.changes import BindingChanges
from oversip_tw.server.counters import Counters
from oversip_tw.server.events import RegistrationEvents
from oversip_tw.server.hooking import Hooking
from oversip_tw.server.intake import Intake
from oversip_tw.server.nat_pings import NatPings
from oversip_tw.server.pace import Pace
from oversip_tw.server.proofs import Proofs
from oversip_tw.server.serving import Serving
from oversip_tw.server.stateless import Stateless
from oversip_tw.server.trace import Trace
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import Framing, parse

#: WebSocket close code for what cannot be answered
UNREADABLE = 4000

_FRAMING: dict[str, Framing] = {
    "udp": "datagram",
    "tcp": "stream",
    "tls": "stream",
    "ws": "websocket",
    "wss": "websocket",
}


class Element:
    """A `Receiver`: transports report to it. Everything it works with is handed in."""

    __slots__ = (
        "_changes", "_dialled", "_intake", "_limits", "_proofs", "_serving", "_stateless", "_trace", "authenticator",
        "core", "counters", "hooking", "logic", "nat_pings", "pace", "pings", "resuming", "watch",
    )  # fmt: skip

    def __init__(
        self,
        core: Core,
        authenticator: Authenticator,
        admission: Admission,
        registrar: Registrar,
        stateless: Stateless,
        resuming: Resuming,
        pace: Pace,
        hooking: Hooking,
        changes: BindingChanges,
        proofs: Proofs,
        pings: Pings,
        limits: Limits,
        trace: Trace | None = None,
        logic: EdgeLogic | None = None,
        watch: Watch | None = None,
        events: RegistrationEvents | None = None,
        nat_pings: NatPings | None = None,
    ) -> None:
        """``trace``: where every message is written; None: nowhere. ``logic``, ``watch``: of an edge. ``events``: what
        answers those who watch registrations; None: nobody does."""
        self.core = core
        #: who knows the users' passwords
        self.authenticator = authenticator
        self.hooking = hooking
        self.pings = pings
        self._changes = changes
        self.counters = Counters()
        self._proofs = proofs
        self._stateless = stateless
        self._limits = limits
        self._trace = trace
        self.resuming = resuming
        #: how many clients may come in; tell it how late timers come
        self.pace = pace
        self.logic = logic
        #: what keeps an eye on the core of an edge; start and stop it
        self.watch = watch
        #: what keeps the way to phones on UDP open; start and stop it
        self.nat_pings = nat_pings
        self._serving = Serving(core, registrar, hooking, logic, events)
        edge = None if logic is None else logic.edge
        self._intake = Intake(core, admission, stateless, pings, self._serving, self.counters, pace, edge)
        #: connections to next hops that have been made; what waits for one that cannot be made fails
        self._dialled: set[bytes] = set()

    @property
    def draining(self) -> bool:
        """No new work: the process is about to end. What is in a dialog goes on."""
        return self._intake.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._intake.draining = draining
        if draining and self.core.nodes is None:  # nobody comes back, unless to another server
            self.core.waiting.close()

    @property
    def waiting(self) -> int:
        """Requests that wait for a credential look-up."""
        return self._intake.waiting

    def use_hooks(self, hooks: Hooks) -> None:
        """Call other hooks from now on; requests that are with the old ones stay there."""
        hooks.core = self.core
        hooks.edge = None if self.logic is None else self.logic.edge
        self.hooking.hooks = hooks
        self._serving.look_at_hooks()
        self._changes.hooks = self.hooking.binding_changed if self.hooking.hears_of_bindings else None

    def listens(self, listener: Listener) -> None:
        """A listener is open: its address is ours."""
        self.core.ours.listens(listener)
        if self._trace is not None:
            listener.tap = self._trace.sent

    # -- Receiver ---------------------------------------------------------------------------------------------------

    def flow_opened(self, flow: Flow) -> None:
        """A connection stands."""
        if not flow.accepted:
            self._dialled.add(flow.id)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection is gone, or could not be made: so is what waited on it, and the bindings that name it."""
        core = self.core
        # Who sent what while the bindings still name the flow.
        kept = self.resuming.hold(flow) if flow.accepted else ()
        opened = flow.accepted or flow.id in self._dialled
        self._dialled.discard(flow.id)
        # The bindings then: what the loss sets going must not be sent to them.
        core.spawn(core.location.flow_lost(flow.id), core.unexpected)
        self._intake.flow_lost(flow)
        self._proofs.flow_lost(flow)
        if self.logic is not None:
            self.logic.edge.flow_lost(flow)
        core.transactions.flow_lost(flow, reason, opened, kept)
        if flow.accepted and self.hooking.overrides("on_disconnect"):
            self.hooking.tell(lambda: self.hooking.hooks.on_disconnect(flow))

    def unreachable(self, peer: Address) -> None:
        """Nobody listens there."""
        self.core.transactions.unreachable(peer)

    def malformed(self, error: SIPError, flow: Flow) -> None:
        """Framing was lost on a stream; the transport closes it after the answer."""
        self._unreadable(error, flow)

    def tls_accepted(self, flow: Flow, peer: TlsPeer) -> Awaitable[None] | None:
        """A client has ended its TLS handshake. None: let it in; what is awaited may raise, to refuse it."""
        self._proofs.look_at(flow, peer)
        hooking = self.hooking
        if not hooking.overrides("on_tls_accepted"):
            return None
        return hooking.run(lambda: hooking.hooks.on_tls_accepted(flow, peer))

    def tls_connected(self, flow: Flow, peer: TlsPeer) -> Awaitable[None] | None:
        """The same, where we dialled."""
        hooking = self.hooking
        if not hooking.overrides("on_tls_connected"):
            return None
        return hooking.run(lambda: hooking.hooks.on_tls_connected(flow, peer))

    async def connecting(self, handshake: HandshakeRequest, flow: Flow) -> None:
        """A browser asks for a WebSocket. Raises SIPError to refuse."""
        if self.draining:
            raise SIPError(503)
        if not self.pace.admit(flow):
            # browsers try again by themselves; a REGISTER that is refused JsSIP never repeats
            raise SIPError(503, headers=[self.pace.again(2, 10)])
        proof = await self._proofs.prove(handshake, flow)
        if proof is not None:
            flow.identity = proof.user
        if self.hooking.overrides("on_connect"):
            await self.hooking.run(lambda: self.hooking.hooks.on_connect(handshake, flow))
        if proof is not None and flow.identity == proof.user and not flow.closed:
            self._proofs.bind(flow, proof)

    def received(self, data: bytes, flow: Flow) -> None:
        """One whole message came."""
        self.counters.received += 1
        if self._trace is not None:
            self._trace.received(data, flow)
        try:
            message = parse(data, self._limits, _FRAMING[flow.transport])
            if isinstance(message, Request):
                self._intake.received(message, flow, len(data))
            elif not self.core.transactions.answered(message):
                self.counters.strays += 1
        except ParseError as error:
            self._unreadable(error, flow, data)
        except Exception as defect:
            self.core.unexpected(defect)

    def _unreadable(self, error: SIPError, flow: Flow, data: bytes = b"") -> None:
        self.counters.unreadable += 1
        request = error.request if isinstance(error, ParseError) else None
        try:
            if request is not None:
                self._stateless.refuse(request, self._stateless.note_source(request, flow), error, len(data))
            elif _FRAMING[flow.transport] == "websocket" and data[:4].upper() != b"SIP/":
                # A bad response is not worth the browser's connection: it is dropped, as everywhere.
                flow.close(UNREADABLE, "not a SIP message")
        except Exception as defect:
            self.core.unexpected(defect)
