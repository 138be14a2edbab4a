"""What an edge can be told."""

from __future__ import annotations

from dataclasses import dataclass

from oversip_tw.proxy.settings import NextHop


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are seconds."""

    #: where requests of phones go
    core: NextHop
    #: where the core sends from ("192.0.2.0/24"); none: from where it is reached
    core_sources: tuple[str, ...] = ()
    #: how requests of the core find their phone: "path", "param" or "contact"
    return_by: str = "path"
    #: tell the core who has registered on this connection
    assert_identity: bool = True
    #: phones register so often here, and only every ``core_expires`` at the core; 0: as often there
    client_expires: int = 0
    core_expires: int = 3600
    #: how often the core is asked whether it is alive; 0: never
    probe: float = 30.0
    #: Flow-Timer for phones with ``outbound`` (RFC 5626 §5.4) on connections and on UDP; 0: none is sent
    flow_timer: int = 120
    flow_timer_udp: int = 25
