"""Who hears that bindings come and go: the log, user code, and those who have subscribed to it."""

from __future__ import annotations

from oversip_tw.interfaces import Flows, Log
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import REFRESHED, Change, OnChange
from oversip_tw.server.nat_pings import NatPings
from oversip_tw.sip.uri import Uri


class BindingChanges:
    """An `OnChange`. One line of log per change; that a phone is still there is none."""

    __slots__ = ("_flows", "_log", "elsewhere", "hooks", "nat_pings", "subscribers")

    def __init__(self, log: Log, flows: Flows) -> None:
        self._log = log
        self._flows = flows
        #: user code; None: it does not want to hear of any
        self.hooks: OnChange | None = None
        #: hears of bindings that other servers hold; None: nobody waits for those
        self.elsewhere: OnChange | None = None
        #: None: nobody pings phones
        self.nat_pings: NatPings | None = None
        #: None: nobody has subscribed
        self.subscribers: OnChange | None = None

    def heard(self, change: Change, binding: Binding) -> None:
        """It is durable. Never raises."""
        if self.nat_pings is not None:
            self.nat_pings.heard(change, binding)
        if self.hooks is not None:
            self.hooks(change, binding)
        if self.subscribers is not None:
            self.subscribers(change, binding)
        if change is not REFRESHED:
            self._say(change, binding)

    def heard_elsewhere(self, change: Change, binding: Binding) -> None:
        """The same of a binding that another server holds, whose log and user code it is for."""
        if self.elsewhere is not None:
            self.elsewhere(change, binding)
        if self.subscribers is not None:
            self.subscribers(change, binding)

    def _say(self, change: Change, binding: Binding) -> None:
        contact = binding.target
        flow = self._flows.find(binding.flow_id) if change is Change.ADDED else None
        self._log.info(
            "{aor} {change}: {contact}{source}, {agent}",
            aor=binding.aor,
            change=change.value,
            # Not as it came: a URI may hold a password.
            contact=Uri.build(contact.scheme, contact.user, contact.host, contact.port).text,
            source="" if flow is None else f" from {flow.transport} {flow.peer[0]} port {flow.peer[1]}",
            agent=binding.user_agent or "no User-Agent",
        )
