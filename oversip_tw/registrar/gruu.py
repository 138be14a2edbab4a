"""Public GRUUs and the instances that they name (RFC 5627, RFC 5626 §4.1)."""

from __future__ import annotations

import re
from typing import Final

from oversip_tw.sip.uri import Uri, host_port

# what a URI parameter may hold unescaped: paramchar of RFC 3261 §25.1
_NOT_PARAMCHAR = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:&+$]", re.ASCII)
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+", re.ASCII)
_UUID_URN = "urn:uuid:"
_MEMO: Final = 4096  # instances, none longer than a REGISTER may have them
#: instance -> the same as a URI parameter has it
_escaped: Final[dict[str, str]] = {}


def same_instance(one: str | None, other: str | None) -> bool:
    """Whether both name the same instance. A UUID counts in any letter case (RFC 4122 §3); no instance equals none."""
    return one is not None and other is not None and (one == other or comparable(one) == comparable(other))


def comparable(instance: str) -> str:
    """A spelling of ``instance`` that is equal for equal instances."""
    folded = instance.lower()
    return folded if folded.startswith(_UUID_URN) else instance


def without_instance(user: Uri) -> str:
    """The AoR that GRUUs are made from: scheme, user as it was written and domain, nothing else of ``user``.

    The letter case is the phone's own: JsSIP refuses calls to a user part that is not, to the letter, its own.
    """
    host = host_port(user.host, None)
    return f"{user.scheme}:{host}" if user.user is None else f"{user.scheme}:{user.user}@{host}"


def pub_gruu(base: str, instance: str) -> str:
    """The public GRUU of ``instance`` under the AoR ``base`` (`without_instance`), as text of a URI."""
    escaped = _escaped.get(instance)
    if escaped is None:
        if len(_escaped) >= _MEMO:
            _escaped.clear()
        # What most instances are made of: no rule has to be asked for that.
        plain = instance.isascii() and instance.encode().translate(None, b"-:").isalnum()
        escaped = _escaped[instance] = instance if plain else _NOT_PARAMCHAR.sub(_escape, instance)
    return f"{base};gr={escaped}"


def named_instance(uri: Uri) -> str | None:
    """The instance that a GRUU names; None for any other URI, "" for a ``gr`` without value (a temporary GRUU)."""
    value = uri.param("gr")
    return value if value is None or "%" not in value else _ESCAPES.sub(_unescape, value)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in found[0].encode("utf-8", "surrogateescape"))


def _unescape(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape")
