"""How many bindings the users of one domain may have, together and each."""

from __future__ import annotations

from collections.abc import Mapping

from oversip_tw.sip.errors import SIPError


class Quotas:
    """Counts the bindings of domains that have a limit."""

    __slots__ = ("_counts", "_each", "_limits")

    def __init__(self, limits: Mapping[str, int], each: Mapping[str, int] | None = None) -> None:
        """``limits`` of all users together and of ``each``, by domain, lower-case; one that has none may be missing."""
        self._each = dict(each or {})
        self._limits = dict(limits)
        self._counts = dict.fromkeys(limits, 0)

    def count(self, domain: str) -> int:
        """The bindings of a domain that has a limit."""
        return self._counts[domain]

    def of_user(self, aor: str, otherwise: int) -> int:
        """How many that user may have; ``otherwise``: who is of a domain that has no limit."""
        return self._each.get(_domain(aor), otherwise) if self._each else otherwise

    def came(self, aor: str) -> None:
        """There is a new binding of that user."""
        self._change(aor, 1)

    def went(self, aor: str) -> None:
        """One has ended."""
        self._change(aor, -1)

    def admit(self, aor: str, more: int) -> None:
        """Raise SIPError (403) where ``more`` bindings of that user are too many."""
        domain = _domain(aor)
        limit = self._limits.get(domain)
        if limit is not None and more > 0 and self._counts[domain] + more > limit:
            raise SIPError(403, "Too Many Registrations In This Domain")

    def reserve(self, aor: str, more: int) -> None:
        """``more`` are about to come, as soon as the store has them; negative: they have, or have not. Others that wait
        for the store meanwhile see them."""
        self._change(aor, more)

    def _change(self, aor: str, by: int) -> None:
        if self._counts:
            domain = _domain(aor)
            if domain in self._counts:
                self._counts[domain] += by


def _domain(aor: str) -> str:
    """The host of a `Uri.aor`, as `Uri.host` has it."""
    host = aor.rpartition("@")[2]
    return host[1:-1] if host.startswith("[") else host
