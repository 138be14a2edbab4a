"""``oversip bindings``: who is registered, as the store knows it."""

from __future__ import annotations

import time

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.stores import listing
from oversip_tw.cli.users import split
from oversip_tw.config import Config
from oversip_tw.registrar.binding import Binding
from oversip_tw.sip.accounts import aor_of
from oversip_tw.store.passwords import is_name


def bindings(settings: Config, user: str | None) -> int:
    """Print a line for each binding that has not ended: user, Contact, seconds left, what the phone says it is."""
    now = time.time()
    found = [binding for binding in listing(settings) if not binding.ended and binding.expires_at > now]
    if user is not None:
        aor = _aor(*split(settings, user))
        found = [binding for binding in found if binding.aor == aor]
    for binding in sorted(found, key=lambda binding: (binding.aor, binding.expires_at)):
        print(line(binding, now))
    return 0


def _aor(name: str, domain: str) -> str:
    if not is_name(name):
        raise Failure(f"no name of a user: {name!r}@{domain!r}")
    return aor_of(name, domain)


def line(binding: Binding, now: float) -> str:
    """One binding for a reader; ``now`` on the scale of its dates."""
    words = [binding.aor, binding.contact, f"{max(0, round(binding.expires_at - now))}s", binding.user_agent or "-"]
    # phones write what they like, and this goes to a terminal
    return "\t".join("".join(c if c.isprintable() else "?" for c in word) for word in words)
