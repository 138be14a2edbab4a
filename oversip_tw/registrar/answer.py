"""The 200 to a REGISTER (RFC 3261 §10.3 step 8, RFC 5626 §6, RFC 5627 §5.3)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.interfaces import Flow
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.gruu import pub_gruu
from oversip_tw.registrar.settings import Settings
from oversip_tw.registrar.temporary import TemporaryGruus

Headers = list[tuple[str, str]]


def answer_headers(
    bindings: Sequence[Binding], gruu_base: str, now: float, temporary: TemporaryGruus | None = None
) -> Headers:
    """All Contacts of the user, with GRUUs made from ``gruu_base`` unless that is empty; and what we support.

    Without ``temporary`` the GRUUs are public ones alone.
    """
    fields = [("Contact", _contact(binding, gruu_base, now, temporary)) for binding in bindings]
    fields.append(("Supported", "gruu, outbound, path"))
    return fields


def outbound_headers(flow: Flow | None, settings: Settings) -> Headers:
    """What a phone with a reg-id is told: its flow is kept, and how often it should send a keep-alive, in seconds.

    Without ``flow`` another proxy keeps it, and says so itself.
    """
    fields = [("Require", "outbound")]
    if flow is not None:
        seconds = settings.flow_timer if flow.reliable else settings.flow_timer_udp
        if seconds:
            fields.append(("Flow-Timer", str(seconds)))
    return fields


def _contact(binding: Binding, gruu_base: str, now: float, temporary: TemporaryGruus | None) -> str:
    # Rounded up: a phone that asked for 60 and is told 59 may ask again for 60, at once and for ever.
    remaining = max(1, -int((now - binding.expires_at) // 1))
    q = "" if binding.q == 1.0 else f";q={binding.q:g}"
    gruu = ""
    if gruu_base and binding.instance:
        gruu = f';pub-gruu="{pub_gruu(gruu_base, binding.instance)}"'
        if temporary is not None:
            gruu += f';temp-gruu="{temporary.gruu(gruu_base, binding)}"'
    return f"<{binding.contact}>{binding.params}{q};expires={remaining}{gruu}"
