"""Run the demo: ``python -m oversip_tw.demo``, as `make demo` does.

Read from the environment: DEMO_PASSWORD (for both users), PORT_BASE (page; SIP and SIP over TLS on the next two ports),
ADDRESSES (of this machine, instead of those found), DEMO_DIR (default .demo).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from oversip_tw import config
from oversip_tw.cli import users
from oversip_tw.cli.failure import Failure
from oversip_tw.cli.run import run
from oversip_tw.cli.stores import accounts
from oversip_tw.demo import authority, places
from oversip_tw.demo.places import Ports, Trouble
from oversip_tw.store import passwords as stored
from oversip_tw.web import is_built

#: users of the demo live here: a name that every machine has
DOMAIN = "localhost"
USERS = ("alice", "bob")


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Set everything up that is not there yet, and serve until SIGTERM or Ctrl-C."""
    try:
        folder = Path(environment.get("DEMO_DIR") or ".demo").resolve()
        ports = Ports.of(environment.get("PORT_BASE", ""))
        addresses = places.addresses(environment.get("ADDRESSES", ""))
        _check_ports(addresses, ports)
        authority.ensure(folder, certified_names(addresses))
        file = folder / "oversip.toml"
        file.write_text(configuration(addresses, ports))
        settings = config.load(str(file))
        passwords = _users(settings, environment.get("DEMO_PASSWORD", ""))
        return run(settings, announcement(file, addresses, ports, passwords))
    except config.ConfigError as error:
        print("\n".join(error.lines()), file=sys.stderr)
    except (Trouble, Failure) as trouble:
        print(f"make demo: {trouble}", file=sys.stderr)
    except OSError as error:
        print(f"make demo: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1


def _check_ports(addresses: list[str], ports: Ports) -> None:
    wanted = [
        (transport, address, port)
        for address in addresses
        for transport, port in (("tcp", ports.page), ("udp", ports.sip), ("tcp", ports.sip), ("tcp", ports.tls))
    ]
    taken = places.taken(wanted)
    if taken:
        raise Trouble(f"taken: {', '.join(taken)}; give three free ports in a row: make demo PORT_BASE=18443")


def certified_names(addresses: list[str]) -> list[str]:
    """All that the certificate is for."""
    return list(dict.fromkeys([DOMAIN, config.host_name(), socket.getfqdn().lower(), "127.0.0.1", "::1", *addresses]))


def configuration(addresses: list[str], ports: Ports) -> str:
    """The demo's oversip.toml."""
    host = config.host_name()
    names = [name for name in dict.fromkeys([host, socket.getfqdn().lower()]) if name != DOMAIN]
    lines = [
        "# Written by `make demo` at each start: change a copy of it, not this file.",
        f'domains = ["{DOMAIN}"]',
        f"aliases = {json.dumps(names)}",
        'state_dir = "."',
    ]
    for address in addresses:
        for transport, port in (("wss", ports.page), ("udp", ports.sip), ("tcp", ports.sip), ("tls", ports.tls)):
            lines += ["", "[[listen]]", f'transport = "{transport}"', f'address = "{address}"', f"port = {port}"]
            if transport in ("wss", "tls"):
                lines += ['certificate = "server.pem"', 'key = "server.key"']
            if transport == "wss":
                lines.append("page = true")
    return "\n".join(lines) + "\n"


def _users(settings: config.Config, password: str) -> dict[str, str]:
    """Have both users; the passwords that were set now."""
    there = users.names(settings)
    given = {}
    with accounts(settings) as opened:
        for name in USERS:
            if f"{name}@{DOMAIN}" not in there:
                given[name] = password or secrets.token_urlsafe(9)
                opened.add(name, DOMAIN, stored.digests(name, DOMAIN, given[name]))
            elif password:
                given[name] = password
                opened.change(name, DOMAIN, stored.digests(name, DOMAIN, password))
    return given


def announcement(file: Path, addresses: list[str], ports: Ports, passwords: Mapping[str, str]) -> str:
    """What is printed once the server runs."""
    hosts = [f"[{address}]" if ":" in address else address for address in addresses]
    lines = ["", "The phone page:"]
    if is_built():
        outward = [host for host in hosts if host not in ("127.0.0.1", "[::1]")]
        lines += [f"  https://{host}:{ports.page}/" for host in ("localhost", *outward)]
    else:
        lines += ["  not built: needs Node.js 18 or newer with npm (apt install nodejs npm), then make demo again"]
    lines += ["Users:"]
    for name in USERS:
        command = f".venv/bin/oversip user passwd -c {_short(file)} {name}@{DOMAIN}"
        known = f"(password as shown at the first start; a new one: {command})"
        lines.append(f"  {name}@{DOMAIN}  {passwords.get(name) or known}")
    lines += [f"Other phones, with {DOMAIN} as their domain, by way of:"]
    lines += [f"  sip:{host}:{ports.sip} (UDP, TCP)   sips:{host}:{ports.tls} (TLS)" for host in hosts]
    lines += [
        f"The browser asks about the certificate once, unless it trusts {_short(file.parent / 'ca.pem')}.",
        "Ctrl-C ends the server.",
        "",
    ]
    return "\n".join(lines)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
