"""Kamailio as an edge, and as the core behind an edge that answers at once and keeps nothing."""

from __future__ import annotations

from tests.system.kamailio import RELAYED, Kamailio
from tests.system.processes import free_port

_EDGE = """
loadmodule "path.so"
request_route {
    if (is_method("OPTIONS") && $rU == $null && uri == myself) {
        sl_send_reply("200", "OK");
        exit;
    }
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    force_rport();
""" + RELAYED + """
    if (is_method("REGISTER")) {
        if (!add_path_received()) { sl_reply_error(); exit; }
    } else record_route();
    $du = "sip:@CORE@";
    if (!t_relay()) sl_reply_error();
    exit;
}
"""

_CORE = """
request_route {
    if (is_method("REGISTER") && $hdr(Expires) != "0") append_to_reply("Contact: $ct;expires=600\\r\\n");
    sl_send_reply("200", "OK");
}
"""


class Edge(Kamailio):
    """A proxy with Path and Record-Route before the core at ``core``, "address:port"; ``name`` is its own."""

    def __init__(self, core: str, name: str, shared: int = 512) -> None:
        self.port = free_port()
        script = _EDGE.replace("@CORE@", core)
        super().__init__(script, [f"udp:127.0.0.1:{self.port}"], head=f'alias="{name}"', shared=shared)


class Core(Kamailio):
    """Says 200 to everything, without a transaction."""

    def __init__(self, address: str = "127.0.0.2") -> None:
        self.address, self.port = address, free_port(address)
        super().__init__(_CORE, [f"udp:{address}:{self.port}"], shared=64)
