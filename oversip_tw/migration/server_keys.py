"""Every key of ``oversip.conf``."""

from __future__ import annotations

from oversip_tw.migration.checks import (
    BOOLEAN,
    CERTIFICATE,
    DOMAIN,
    FOLDER,
    IPV4,
    IPV6,
    PORT,
    PRIVATE_KEY,
    choice,
    some,
    whole,
)
from oversip_tw.migration.key import Key

#: what a hook replaces
HANDSHAKE = "handshakes are given to your own class where it has a hook for them: see docs/reference/hooks.md"

_TUNNEL = (
    "the server ends TLS itself, on the port of listen_port_tls. To keep a TLS proxy in front of it, make "
    'that [[listen]] transport = "{plain}", address = "127.0.0.1", this port and proxy_protocol = true, and add '
    '[[trusted]] network = "127.0.0.1", role = "proxy", transports = ["{plain}"]'
)

_FACILITIES = ("kern", "user", "daemon", *(f"local{number}" for number in range(8)))

CORE = (
    Key("nameservers", some(IPV4), to="dns.servers"),
    Key(
        "syslog_facility",
        choice(*_FACILITIES),
        "user",
        instead="the log goes to standard error, under systemd to the journal; `logger -p FACILITY.info` takes a pipe",
    ),
    Key("syslog_level", choice("debug", "info", "notice", "warn", "error", "crit"), "info", to="log.level"),
)

_ADDRESSES = (
    Key("enable_ipv4", BOOLEAN, True, to="listen.address"),
    Key("enable_ipv6", BOOLEAN, True, to="listen.address"),
    # 0.0.0.0 and :: were refused by OverSIP; here they are what an address that is not set becomes
    Key("listen_ipv4", IPV4, to="listen.address"),
    Key("listen_ipv6", IPV6, to="listen.address"),
    Key("advertised_ipv4", IPV4, to="listen.advertised"),
    Key("advertised_ipv6", IPV6, to="listen.advertised"),
)

SIP = (
    Key("sip_udp", BOOLEAN, True, to="listen.transport"),
    Key("sip_tcp", BOOLEAN, True, to="listen.transport"),
    Key("sip_tls", BOOLEAN, False, to="listen.transport"),
    *_ADDRESSES,
    Key("listen_port", PORT, 5060, to="listen.port"),
    Key("listen_port_tls", PORT, 5061, to="listen.port"),
    Key("use_tls_tunnel", BOOLEAN, False, instead=_TUNNEL.format(plain="tcp"), harmless=False),
    Key("listen_port_tls_tunnel", PORT, 5062, instead="goes with use_tls_tunnel, which is not needed"),
    Key("callback_on_client_tls_handshake", BOOLEAN, True, instead=HANDSHAKE),
    Key("local_domains", some(DOMAIN), to="aliases"),
    Key(
        "tcp_keepalive_interval",
        whole(180, unit="seconds"),
        instead="TCP keep-alive is always on, at the system's interval: sysctl net.ipv4.tcp_keepalive_time",
    ),
    Key("record_route_hostname_tls_ipv4", DOMAIN, to="listen.advertised"),
    Key("record_route_hostname_tls_ipv6", DOMAIN, to="listen.advertised"),
)

WEBSOCKET = (
    Key("sip_ws", BOOLEAN, False, to="listen.transport"),
    Key("sip_wss", BOOLEAN, False, to="listen.transport"),
    *_ADDRESSES,
    Key("listen_port", PORT, 10080, to="listen.port"),
    Key("listen_port_tls", PORT, 10443, to="listen.port"),
    Key("use_tls_tunnel", BOOLEAN, False, instead=_TUNNEL.format(plain="ws"), harmless=False),
    Key("listen_port_tls_tunnel", PORT, 10444, instead="goes with use_tls_tunnel, which is not needed"),
    Key("callback_on_client_tls_handshake", BOOLEAN, True, instead=HANDSHAKE),
    Key("max_ws_message_size", whole(1, 1048575), 65536, to="limits.message"),
    Key(
        "max_ws_frame_size",
        whole(1, 1048575),
        65536,
        instead="limits.message bounds a message whether it comes in one frame or in many",
    ),
    Key(
        "ws_keepalive_interval",
        whole(180, unit="seconds"),
        instead="timers.ping stays at 25 s: NATs and proxies drop what is silent for 30 to 60 s, and a browser that is "
        "gone is noticed sooner",
    ),
)

TLS = (
    Key("public_cert", CERTIFICATE, to="listen.certificate"),
    Key("private_cert", PRIVATE_KEY, to="listen.key"),
    Key(
        "ca_dir",
        FOLDER,
        instead="the system's authorities are trusted. For those in this folder make one file, `cat FOLDER/* > "
        'authorities.pem`, and write authorities = "authorities.pem" into the [[profile]] that needs it',
    ),
)

SECTIONS = {"core": CORE, "sip": SIP, "websocket": WEBSOCKET, "tls": TLS}
