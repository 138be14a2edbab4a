"""What is written of the changes of bindings."""

from __future__ import annotations

from oversip_tw.interfaces import Log
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import REFRESHED, Change
from oversip_tw.server.nat_pings import NatPings
from oversip_tw.sip.uri import Uri


class BindingLog:
    """One line of log per change of a binding. That a phone is still there is none."""

    def __init__(self, log: Log, flows: FlowTable) -> None:
        self._log = log
        self._flows = flows
        #: who else hears of them; None: nobody
        self.nat_pings: NatPings | None = None

    def heard(self, change: Change, binding: Binding) -> None:
        if self.nat_pings is not None:
            self.nat_pings.heard(change, binding)
        if change is REFRESHED:
            return
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
