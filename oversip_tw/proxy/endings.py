"""How branches end that no answer has ended, and what their CANCEL says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oversip_tw.interfaces import Target
from oversip_tw.proxy.best import Outcome
from oversip_tw.resolve.health import Health
from oversip_tw.sip import codes

FLOW_GONE: Final = Outcome(430, code=codes.FLOW_FAILED)
NO_ANSWER: Final = Outcome(408, reason="Client Timeout", code=codes.CLIENT_TIMEOUT)
RANG_TOO_LONG: Final = Outcome(408, reason="INVITE Timeout", code=codes.INVITE_TIMEOUT)
NOT_CONNECTED: Final = Outcome(500, reason="Connection Error", code=codes.CONNECTION_ERROR)
CORE_NOT_CONNECTED: Final = Outcome(503, headers=(("Retry-After", "5"),), code=codes.CONNECTION_ERROR)
NOT_FOUND: Final = Outcome(404, code=codes.NO_DNS_RESOLUTION)
WRONG_PEER: Final = Outcome(500, reason="TLS Validation Failed", code=codes.TLS_VALIDATION_FAILED)

#: the other devices of a user stop ringing without calling it a missed call (RFC 3326 §2)
ELSEWHERE: Final = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)


def all_down(health: Health, targets: Sequence[Target]) -> Outcome:
    """None of ``targets``, which there are, is worth a try now."""
    refusal = health.refusal(targets[0])
    if refusal is not None:
        return Outcome(refusal[0], reason=refusal[1], code=codes.DESTINATION_BLACKLISTED)
    wait = str(int(health.back_in(targets)) + 1)
    return Outcome(503, headers=(("Retry-After", wait),), code=codes.DESTINATION_DOWN)
