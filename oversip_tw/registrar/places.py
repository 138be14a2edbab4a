"""What of a Contact is compared, to find whom a request means that names one; and which of several comes first."""

from __future__ import annotations

import re

from oversip_tw.registrar.binding import Binding
from oversip_tw.sip.uri import Uri

# A Contact whose user and host need no decoding: nearly all of them.
_PLAIN = re.compile(r"sips?:(?:([^@:;?%/\[\]]+)@)?([A-Za-z0-9.\-]+)(?::[0-9]+)?(?:;[^@]*)?", re.ASCII | re.IGNORECASE)


def place(contact: str) -> str:
    """User and host of a Contact, without escapes: equal for all Contacts that might be equivalent."""
    plain = _PLAIN.fullmatch(contact)
    if plain is not None:
        host = plain[2].lower()
        return host if plain[1] is None else f"{plain[1]}@{host}"
    return Uri.parse(contact).aor.partition(":")[2]


def bare(uri: Uri) -> Uri:
    """``uri`` without what differs between a phone's REGISTER and its calls."""
    kept = tuple([(name, value) for name, value in uri.params if name not in ("ob", "transport")])
    return uri if len(kept) == len(uri.params) else uri.replace(params=kept)


def preference(binding: Binding) -> tuple[float, float]:
    """Sorts the bindings of a user: highest q first, then the newest."""
    return (-binding.q, -binding.updated_at)
