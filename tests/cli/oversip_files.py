"""A folder as an OverSIP had it, with the values of the samples that it came with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from oversip_tw import config
from oversip_tw.demo import authority
from tests.cli.terminal import Terminal

SERVER = """\
core:
  nameservers: null
  syslog_facility: daemon
  syslog_level: info

sip:
  sip_udp: yes
  sip_tcp: yes
  sip_tls: yes
  enable_ipv4: yes
  listen_ipv4: null
  advertised_ipv4: null
  enable_ipv6: yes
  listen_ipv6: null
  advertised_ipv6: null
  listen_port: 5060
  use_tls_tunnel: no
  listen_port_tls: 5061
  listen_port_tls_tunnel: 5062
  callback_on_client_tls_handshake: yes
  local_domains: null
  tcp_keepalive_interval: null
  record_route_hostname_tls_ipv4: null
  record_route_hostname_tls_ipv6: null

websocket:
  sip_ws: yes
  sip_wss: yes
  enable_ipv4: yes
  listen_ipv4: null
  advertised_ipv4: null
  enable_ipv6: yes
  listen_ipv6: null
  advertised_ipv6: null
  listen_port: 10080
  listen_port_tls: 10443
  use_tls_tunnel: no
  listen_port_tls_tunnel: 10444
  callback_on_client_tls_handshake: yes
  max_ws_message_size: 65536
  max_ws_frame_size: 65536
  ws_keepalive_interval: 300

tls:
  public_cert: null
  private_cert: null
  ca_dir: null
"""

PROFILES = """\
default_proxy:
  do_record_routing: yes
  use_dns: yes
  use_dns_cache: yes
  dns_cache_time: 300
  use_blacklist: yes
  blacklist_time: 400
  use_naptr: yes
  use_srv: yes
  transport_preference: ["tls", "tcp", "udp"]
  force_transport_preference: no
  ip_type_preference: ["ipv4", "ipv6"]
  dns_failover_on_503: yes
  timer_B: 32
  timer_C: 120
  timer_F: 32
  callback_on_server_tls_handshake: yes

proxy_in_dialog:
  use_dns: yes
  use_naptr: no
  use_srv: no
  timer_B: 32
  timer_C: 60
  timer_F: 32

proxy_to_users:
  use_dns: no
  dns_failover_on_503: no

proxy_out:
  timer_B: 6
  timer_C: 60
  timer_F: 6
"""


class OverSip:
    """The folder, and the command that moves it over. Certificates are made where ``certificates`` says so."""

    def __init__(self, folder: str, server: str = SERVER, profiles: str = PROFILES, certificates: bool = False) -> None:
        self.terminal = Terminal(folder)
        self.folder = self.terminal.folder.resolve()
        (self.folder / "oversip.conf").write_text(server)
        (self.folder / "proxies.conf").write_text(profiles)
        if certificates:
            (self.folder / "tls").mkdir()
            authority.ensure(self.folder / "tls", ["localhost"])

    def move(self, *words: str) -> int:
        """``oversip import-oversip FOLDER WORDS``; the exit status."""
        return self.terminal.type("import-oversip", str(self.folder), *words)

    def moved(self, *words: str) -> dict[str, Any]:
        """What was written, which has to be good, as a dictionary."""
        if self.move(*words) != 0:
            raise AssertionError(self.terminal.err)
        config.loads(self.text)
        return tomllib.loads(self.text)

    @property
    def text(self) -> str:
        return self.terminal.out

    @property
    def told(self) -> list[str]:
        """The lines on standard error."""
        return self.terminal.err.splitlines()

    def profile(self, name: str) -> dict[str, Any]:
        """One of the profiles that were written."""
        (found,) = (each for each in self.moved()["profile"] if each["name"] == name)
        return dict(found)


def listeners(moved: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Transport, address and port of every listener."""
    return [(each["transport"], each["address"], each["port"]) for each in moved["listen"]]


def certificate(folder: Path) -> str:
    """The section that names the certificate which `OverSip` made."""
    return f"tls:\n  public_cert: server.pem\n  private_cert: {folder / 'tls' / 'server.key'}\n"
