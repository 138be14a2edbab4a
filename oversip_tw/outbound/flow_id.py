"""What `interfaces.Flow.id` is made of, by its first octet.

- ``s`` a connection a client opened, or one that we dialled: eight random octets, never reused
- ``u`` a UDP client: our address and its own; no table entry, the id *is* the flow
- ``h`` a next hop: how it is reached, for the side of a Record-Route that has no flow
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address

from oversip_tw.interfaces import Address, Target

#: random octets of a connection's id
STREAM_OCTETS = 8

_TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
#: addresses remembered in either direction; parsing one costs 2 us
_REMEMBERED = 4096
#: the tag of an address that is not kept as 4 or 16 octets (link-local with a zone, IPv4-mapped)
_TEXT = 0


def stream_id(random: bytes) -> bytes:
    """The id of a connection from eight random octets. Raises ValueError for any other number."""
    if len(random) != STREAM_OCTETS:
        raise ValueError(f"a connection's id needs {STREAM_OCTETS} random octets")
    return b"s" + random


def is_stream(flow_id: bytes) -> bool:
    """Whether the id names a connection."""
    return flow_id[:1] == b"s"


def is_udp(flow_id: bytes) -> bool:
    """Whether the id names a UDP client."""
    return flow_id[:1] == b"u"


def is_hop(flow_id: bytes) -> bool:
    """Whether the id names a next hop instead of a flow."""
    return flow_id[:1] == b"h"


def pack_udp(local: Address, peer: Address) -> bytes:
    """The id of the UDP flow between our address ``local`` and ``peer``."""
    return b"u" + _pack(*local) + _pack(*peer)


@lru_cache(_REMEMBERED)
def unpack_udp(flow_id: bytes) -> tuple[Address, Address]:
    """(local, peer) of `pack_udp`. Raises ValueError when it is anything else."""
    if not is_udp(flow_id):
        raise ValueError("not the id of a UDP flow")
    local, rest = _unpack(flow_id[1:])
    peer, rest = _unpack(rest)
    if rest:
        raise ValueError("octets behind the id of a UDP flow")
    return local, peer


def pack_hop(target: Target) -> bytes:
    """The id that stands for a next hop. The domain is kept where TLS has to prove it, and dropped elsewhere."""
    name = target.name if target.transport in ("tls", "wss") else ""
    return b"h%c" % _TRANSPORTS.index(target.transport) + _pack(target.address, target.port) + name.encode()


@lru_cache(_REMEMBERED)
def unpack_hop(flow_id: bytes) -> Target:
    """The hop of `pack_hop`. Raises ValueError when it is anything else."""
    if not is_hop(flow_id) or len(flow_id) < 2 or flow_id[1] >= len(_TRANSPORTS):
        raise ValueError("not the id of a hop")
    (address, port), name = _unpack(flow_id[2:])
    return Target(_TRANSPORTS[flow_id[1]], address, port, name.decode())


def _pack(address: str, port: int) -> bytes:
    return _packed_address(address) + struct.pack("!H", port)


def _unpack(octets: bytes) -> tuple[Address, bytes]:
    """The first address and port of ``octets``, and what follows. Raises ValueError when they are cut short."""
    if not octets:
        raise ValueError("no address")
    start, length = (1, octets[0]) if octets[0] else (2, octets[1] if len(octets) > 1 else 0)
    end = start + length
    if len(octets) < end + 2:
        raise ValueError("an address cut short")
    (port,) = struct.unpack_from("!H", octets, end)
    return (_address_text(octets[:end]), port), octets[end + 2 :]


@lru_cache(_REMEMBERED)
def _packed_address(text: str) -> bytes:
    """4 or 16 octets behind their number; as text where that would not give back the very same text."""
    try:
        address = ip_address(text)
    except ValueError:
        pass
    else:
        if str(address) == text and "%" not in text:
            return b"%c" % len(address.packed) + address.packed
    octets = text.encode()
    return b"%c%c%b" % (_TEXT, len(octets), octets)


@lru_cache(_REMEMBERED)
def _address_text(octets: bytes) -> str:
    if octets[0] == _TEXT:
        return octets[2:].decode()
    if octets[0] not in (4, 16):
        raise ValueError("an address of no known family")
    return str(ip_address(octets[1:]))
