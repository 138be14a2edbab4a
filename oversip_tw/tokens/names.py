"""From the name that somebody else's token says to one of our users."""

from __future__ import annotations

from collections.abc import Sequence

from oversip_tw.interfaces import NotProven
from oversip_tw.sip.accounts import aor_of
from oversip_tw.sip.errors import SIPError


def aor_in(said: object, domains: Sequence[str]) -> str:
    """The address-of-record of ``said``: "alice", which is one of the first domain, "alice@example.org", or the same
    with "sip:" before it. Raises NotProven for what names nobody of ``domains``."""
    if not isinstance(said, str) or not said or len(said) > 255 or not said.isprintable():
        raise NotProven("Token Names No User")
    name, at, domain = said.removeprefix("sip:").rpartition("@")
    if not at:
        name, domain = domain, domains[0]
    if domain.lower() not in domains or not name or ":" in name or "@" in name:
        raise NotProven("Token Names No User")
    try:
        return aor_of(name, domain.lower())
    except SIPError:
        raise NotProven("Token Names No User") from None
