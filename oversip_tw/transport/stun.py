"""STUN binding on the SIP port: RFC 5389 and its forerunner RFC 3489, as the keep-alive of RFC 5626 §4.4.2 wants it.

No credentials, no other method. A request is answered with the address it came from, an unknown attribute that has to
be understood with 420, anything else with nothing.
"""

from __future__ import annotations

import struct
from binascii import crc32
from ipaddress import ip_address

from oversip_tw.interfaces import Address

BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101
BINDING_ERROR = 0x0111
MAGIC_COOKIE = 0x2112A442
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")

MAPPED_ADDRESS = 0x0001
CHANGE_REQUEST = 0x0003  # RFC 3489 §11.2.4
USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
XOR_MAPPED_ADDRESS = 0x0020
FINGERPRINT = 0x8028

#: below this an attribute has to be understood (RFC 5389 §15)
_OPTIONAL = 0x8000
#: tolerated without meaning: we ask nobody for credentials
_IGNORED = frozenset((USERNAME, MESSAGE_INTEGRITY))
#: unknown attributes named in one answer, so that it stays shorter than what was asked
_NAMED = 8

_HEADER = 20
_FINGERPRINT_MASK = 0x5354554E


def looks_like_stun(data: bytes) -> bool:
    """Tell STUN from SIP on one port: SIP never begins with an octet below 2 (RFC 5389 §8)."""
    return len(data) >= _HEADER and data[0] < 2


def answer(data: bytes, peer: Address) -> bytes | None:
    """What to send back to ``peer``; None for what is no whole, sound binding request."""
    if len(data) < _HEADER:
        return None
    kind, length = struct.unpack_from("!HH", data)
    if kind != BINDING_REQUEST or length != len(data) - _HEADER or length % 4:
        return None
    attributes = _attributes(data)
    if attributes is None:
        return None
    transaction = data[4:_HEADER]
    modern = transaction[:4] == _COOKIE
    if FINGERPRINT in attributes and not (modern and _fingerprint_fits(data)):
        return None
    unknown = [number for number, value in attributes.items() if not _understood(number, value, modern)]
    if unknown:
        return _refusal(transaction, unknown[:_NAMED])
    return _response(transaction, modern, peer, FINGERPRINT in attributes)


def _attributes(data: bytes) -> dict[int, bytes] | None:
    """The attributes by number, the first of each; None when one is cut short."""
    attributes: dict[int, bytes] = {}
    at = _HEADER
    while at < len(data):
        number, length = struct.unpack_from("!HH", data, at)
        at += 4
        if at + length > len(data):
            return None
        attributes.setdefault(number, data[at : at + length])
        at += length + -length % 4
    return attributes


def _understood(number: int, value: bytes, modern: bool) -> bool:
    if number == CHANGE_REQUEST and not modern:
        # We have one address: answering from another is beyond us, answering from this one is not.
        return not any(value)
    return number >= _OPTIONAL or number in _IGNORED


def _fingerprint_fits(data: bytes) -> bool:
    """FINGERPRINT is the last attribute, over all that stands before it (RFC 5389 §15.5)."""
    number, length, value = struct.unpack_from("!HHI", data, len(data) - 8)
    return (number, length) == (FINGERPRINT, 4) and bool(value == crc32(data[:-8]) ^ _FINGERPRINT_MASK)


def _response(transaction: bytes, modern: bool, peer: Address, fingerprint: bool) -> bytes:
    address = ip_address(peer[0]).packed
    port = peer[1].to_bytes(2, "big")
    if modern:
        # The transaction begins with the cookie: port and IPv4 address use that alone (RFC 5389 §15.2).
        address, port = _xor(address, transaction), _xor(port, transaction)
    family = 1 if len(address) == 4 else 2
    attribute = XOR_MAPPED_ADDRESS if modern else MAPPED_ADDRESS
    body = struct.pack("!HHBB", attribute, 4 + len(address), 0, family) + port + address
    if not fingerprint:
        return struct.pack("!HH", BINDING_RESPONSE, len(body)) + transaction + body
    data = struct.pack("!HH", BINDING_RESPONSE, len(body) + 8) + transaction + body
    return data + struct.pack("!HHI", FINGERPRINT, 4, crc32(data) ^ _FINGERPRINT_MASK)


def _xor(octets: bytes, key: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(octets, key, strict=False))


def _refusal(transaction: bytes, unknown: list[int]) -> bytes:
    """420 with the attributes it is about (RFC 5389 §7.3.1)."""
    error = struct.pack("!HHHBB", ERROR_CODE, 4, 0, 4, 20)
    numbers = struct.pack(f"!{len(unknown)}H", *unknown)
    named = struct.pack("!HH", UNKNOWN_ATTRIBUTES, len(numbers)) + numbers + b"\0" * (-len(numbers) % 4)
    return struct.pack("!HH", BINDING_ERROR, len(error) + len(named)) + transaction + error + named
