"""Where the demo is reached: addresses of this machine, and ports."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


class Trouble(Exception):
    """The demo cannot start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the page (with its WebSocket), SIP and SIP over TLS are served."""

    page: int = 8443
    sip: int = 5060
    tls: int = 5061

    @classmethod
    def of(cls, base: str) -> Ports:
        """The usual ports, or three in a row from ``base`` on. Raises Trouble."""
        if not base:
            return cls()
        if not (base.isascii() and base.isdigit() and 0 < int(base) <= 65533):
            raise Trouble(f"PORT_BASE must be a number from 1 to 65533, not {base}")
        return cls(int(base), int(base) + 1, int(base) + 2)


def addresses(listed: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Loopback, and the addresses ``listed`` (separated by blanks), else those by which others reach this machine."""
    wanted = ["127.0.0.1", "::1"]
    if listed:
        for text in listed.replace(",", " ").split():
            try:
                wanted.append(str(ipaddress.ip_address(text)))
            except ValueError:
                raise Trouble(f"ADDRESSES must be IP addresses of this machine, not {text}") from None
    else:
        wanted.extend(_outward())
    found = [address for address in dict.fromkeys(wanted) if _is_ours(address)]
    strange = [address for address in wanted[2:] if address not in found]
    if strange:
        raise Trouble(f"not an address of this machine: {', '.join(strange)}")
    return found


def taken(places: Sequence[tuple[str, str, int]]) -> list[str]:
    """Which of the (transport, address, port) are in use, as words; a port that is taken on several is said once."""
    found: dict[tuple[str, int], str] = {}
    for transport, address, port in places:
        if (transport, port) not in found and not _is_free(transport, address, port):
            found[transport, port] = f"{transport} port {port} (on {address})"
    return list(found.values())


def _outward() -> Iterator[str]:
    """The addresses that the routing table would send from; nothing is sent."""
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            address = str(probe.getsockname()[0])
            if not ipaddress.ip_address(address).is_link_local:
                yield address


def _is_ours(address: str) -> bool:
    try:
        with _socket("udp", address) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _is_free(transport: str, address: str, port: int) -> bool:
    try:
        with _socket(transport, address) as probe:
            if transport != "udp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except PermissionError:
        raise Trouble(
            f"no right to open {transport} port {port}; take higher ones: make demo PORT_BASE=18443"
        ) from None
    except OSError:
        return False
    return True


def _socket(transport: str, address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
