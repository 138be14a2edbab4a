"""Between the name of an account, as digest says it, and the user part of its address-of-record (RFC 3261 §19.1.2)."""

from __future__ import annotations

import re
from functools import lru_cache

from oversip_tw.sip.uri import Uri, host_port

# What a user part holds only as escapes. A "%" is one of them: "%61lice" is an account of its own, and not alice.
_NOT_USER = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]", re.ASCII)
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+", re.ASCII)


@lru_cache(4096)
def aor_of(name: str, domain: str) -> str:
    """`Uri.aor` of the account ``name`` at ``domain`` (IPv6 without brackets). Raises ParseError for no name at all."""
    return Uri.parse(f"sip:{_NOT_USER.sub(_escape, name)}@{host_port(domain, None)}").aor


def name_in(user: str) -> str:
    """The account that a user part names."""
    return _ESCAPES.sub(_unescape, user) if "%" in user else user


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in found[0].encode("utf-8", "surrogateescape"))


def _unescape(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape")
