"""The header of the PROXY protocol, version 1 and 2 (haproxy, doc/proxy-protocol.txt): who is behind a proxy."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from oversip_tw.interfaces import Address

#: version 1 is a line of at most so many octets, its end included (§2.1)
LINE = 107
#: version 2 may carry extensions; nobody needs so many
LONGEST = 2048

_LINE_BEGIN = b"PROXY "
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
#: what follows the signature: version and command, family and protocol, octets after these (§2.2)
_FIXED = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _INET, _INET6, _UNIX = 0x0, 0x1, 0x2, 0x3
_STREAM = 0x1


class BadHeader(Exception):
    """What came is no PROXY header, or a wrong one; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """One header that was read."""

    #: octets
    length: int
    #: who connected to the proxy; None: the proxy itself did (a health check), or it does not know
    source: Address | None


def read_header(data: bytes) -> ProxyHeader | None:
    """The header that ``data`` begins with; None while it is not whole. Raises BadHeader as early as that shows."""
    if data[:12] == _SIGNATURE[: len(data)]:
        return _binary(data)
    if data[:6] == _LINE_BEGIN[: len(data)]:
        return _line(data)
    raise BadHeader("no PROXY header")


def _line(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, LINE)
    if end < 0:
        if len(data) >= LINE:
            raise BadHeader("PROXY header: too long")
        return None
    words = data[:end].split(b" ")
    # What comes after UNKNOWN is to be ignored.
    source = None if words[1] == b"UNKNOWN" else _said(words)
    return ProxyHeader(end + 2, source)


def _said(words: list[bytes]) -> Address:
    if words[1] not in (b"TCP4", b"TCP6") or len(words) != 6:
        raise BadHeader("PROXY header: not understood")
    family = IPv4Address if words[1] == b"TCP4" else IPv6Address
    try:
        source, _ = (family(word.decode("ascii")) for word in words[2:4])
    except ValueError:
        raise BadHeader("PROXY header: wrong address") from None
    port, _ = (_port(word) for word in words[4:])
    return _host(source), port


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or (word[:1] == b"0" and word != b"0") or int(word) > 65535:
        raise BadHeader("PROXY header: wrong port")
    return int(word)


def _binary(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED.size:
        return None
    _, command, kind, rest = _FIXED.unpack_from(data)
    length = _FIXED.size + rest
    if command not in (_LOCAL, _PROXY):
        raise BadHeader("PROXY header: not version 2, or a command that nobody knows")
    if length > LONGEST:
        raise BadHeader("PROXY header: too long")
    if len(data) < length:
        return None
    source = None if command == _LOCAL else _unpacked(kind, data[_FIXED.size : length])
    return ProxyHeader(length, source)


def _unpacked(kind: int, rest: bytes) -> Address | None:
    family, protocol = kind >> 4, kind & 0xF
    if family in (_UNSPECIFIED, _UNIX):
        return None
    if family not in (_INET, _INET6) or protocol != _STREAM:
        raise BadHeader("PROXY header: not TCP over IP")
    layout = struct.Struct("!4s4sHH" if family == _INET else "!16s16sHH")
    if len(rest) < layout.size:
        raise BadHeader("PROXY header: address cut short")
    source, _, port, _ = layout.unpack_from(rest)
    return _host(IPv4Address(source) if family == _INET else IPv6Address(source)), port


def _host(address: IPv4Address | IPv6Address) -> str:
    """An IPv4 client that a proxy sees on its IPv6 socket is an IPv4 client."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise BadHeader("PROXY header: wrong address")
        return str(address.ipv4_mapped or address)
    return str(address)
