"""How much of everything a message may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, counts in header field values. The longest message of RFC 4475 has 34 Via and 43 fields."""

    #: a whole message; what a UDP datagram can hold
    message: int = 65536
    #: start line and header fields; a browser's INVITE needs 1 KiB
    head: int = 16384
    #: header fields
    headers: int = 128
    #: Via values; Max-Forwards starts at 70
    vias: int = 70
    #: Route values
    routes: int = 20
    #: Contact values of a request
    contacts: int = 10
    #: the Request-URI
    uri: int = 2048
    #: one header field
    line: int = 8192
