"""The 200 to a REGISTER (RFC 3261 §10.3 step 8, RFC 3327 §5.3, RFC 5626 §6, RFC 5627 §5.3)."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.interfaces import Flow
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.contact import Wishes
from oversip_tw.registrar.gruu import pub_gruu, without_instance
from oversip_tw.registrar.settings import Settings
from oversip_tw.sip.message import Request

Headers = list[tuple[str, str]]


class Answer:
    """Makes the header fields of a 200 to ``request`` at ``now``."""

    __slots__ = ("_now", "_request", "_settings", "_supported")

    def __init__(self, request: Request, settings: Settings, now: float) -> None:
        self._request = request
        self._settings = settings
        self._now = now
        self._supported = request.values("Supported")

    def headers(
        self, bindings: Sequence[Binding], wishes: Wishes, flow: Flow | None, path: Sequence[str]
    ) -> Headers:
        """All Contacts of the user, and what the phone has to know about its flow."""
        base = without_instance(self._request.to.uri) if "gruu" in self._supported else ""
        fields: Headers = [("Contact", self._contact(binding, base)) for binding in bindings]
        fields += [("Path", hop) for hop in path]
        fields.append(("Supported", "gruu, outbound, path"))
        if any(wish.reg_id is not None for wish in wishes.contacts):
            fields.append(("Require", "outbound"))
            seconds = self._flow_timer(flow)
            if seconds:
                fields.append(("Flow-Timer", str(seconds)))
        return fields

    def _contact(self, binding: Binding, base: str) -> str:
        # Rounded up: a phone that asked for 60 and is told 59 may ask again for 60, at once and for ever.
        remaining = max(1, -int((self._now - binding.expires_at) // 1))
        q = "" if binding.q == 1.0 else f";q={binding.q:g}"
        gruu = f';pub-gruu="{pub_gruu(base, binding.instance)}"' if base and binding.instance is not None else ""
        return f"<{binding.contact}>{binding.params}{q};expires={remaining}{gruu}"

    def _flow_timer(self, flow: Flow | None) -> int:
        """How often the phone should send a keep-alive; 0 when another proxy holds its flow."""
        if flow is None:
            return 0
        return self._settings.flow_timer if flow.reliable else self._settings.flow_timer_udp
