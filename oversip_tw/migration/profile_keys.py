"""Every key of a profile in ``proxies.conf``."""

from __future__ import annotations

from oversip_tw.migration.checks import BOOLEAN, choice, some, whole
from oversip_tw.migration.key import Key
from oversip_tw.migration.server_keys import HANDSHAKE

_CACHE = "answers are kept as long as the TTL of their records says, failures for a short time"

PROFILE = (
    Key("do_record_routing", BOOLEAN, True, to="record_route"),
    Key("record_route_all", BOOLEAN, False, to="record_route"),
    Key("use_dns", BOOLEAN, True, to="dns"),
    Key("use_dns_cache", BOOLEAN, True, instead=_CACHE),
    Key("dns_cache_time", whole(300, unit="seconds"), 300, instead=_CACHE),
    Key("use_blacklist", BOOLEAN, True, to="down_for"),
    Key("blacklist_time", whole(2, 600, "seconds"), 10, to="down_for"),
    Key("use_naptr", BOOLEAN, True, to="naptr"),
    Key("use_srv", BOOLEAN, True, to="srv"),
    Key("transport_preference", some(choice("tls", "tcp", "udp")), ("tls", "tcp", "udp"), to="transports"),
    Key("force_transport_preference", BOOLEAN, False, to="own_order"),
    Key("ip_type_preference", some(choice("ipv4", "ipv6")), ("ipv6", "ipv4"), to="families"),
    Key("dns_failover_on_503", BOOLEAN, True, to="failover_on_503"),
    Key("timer_B", whole(2, 64, "seconds"), 32, to="timer_b"),
    Key("timer_C", whole(8, 180, "seconds"), 120, to="timer_c"),
    Key("timer_F", whole(2, 64, "seconds"), 32, to="timer_f"),
    Key("callback_on_server_tls_handshake", BOOLEAN, True, instead=HANDSHAKE),
)

#: what the profiles that OverSIP's own logic used are called here; others keep their names
NAMES = {
    "default_proxy": "default",
    "proxy_in_dialog": "in_dialog",
    "proxy_to_users": "users",
    "proxy_out": "core",
}
