"""Where calls go that a user's own phones did not take: rules by user, with those of the domain behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oversip_tw.sip.accounts import aor_of
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.uri import Uri

#: seconds that phones ring when there is somewhere to go afterwards and nobody has said how long
RING_TIMEOUT: Final = 25.0
#: what can be set while the server runs; seconds
LEAST_RING_TIMEOUT: Final = 1
MOST_RING_TIMEOUT: Final = 3600
#: longest text of a target
MOST_TARGET: Final = 512

#: what the name of an account may hold
_NAME: Final = re.compile(r"[^\x00-\x20:@\"\\<>\x7f]+")


@dataclass(frozen=True, slots=True)
class Rules:
    """Targets are SIP URIs as of `target_uri`. None: nothing is said, what stands behind counts; "": to nowhere."""

    #: after 486 or 600
    forward_busy: str | None = None
    #: after `ring_timeout`, and where the phones themselves gave up
    forward_no_answer: str | None = None
    #: no phone is registered, or none of those can be reached
    forward_unregistered: str | None = None
    #: seconds that the phones ring
    ring_timeout: float | None = None

    def before(self, others: Rules) -> Rules:
        """These, and ``others`` where these say nothing."""
        return Rules(
            others.forward_busy if self.forward_busy is None else self.forward_busy,
            others.forward_no_answer if self.forward_no_answer is None else self.forward_no_answer,
            others.forward_unregistered if self.forward_unregistered is None else self.forward_unregistered,
            others.ring_timeout if self.ring_timeout is None else self.ring_timeout,
        )

    @property
    def patience(self) -> float:
        """Seconds after which ringing ends; 0: never by these rules."""
        if self.ring_timeout is not None:
            return self.ring_timeout
        return RING_TIMEOUT if self.forward_no_answer else 0.0

    @property
    def targets(self) -> tuple[str, ...]:
        """All the places that are named."""
        named = (self.forward_busy, self.forward_no_answer, self.forward_unregistered)
        return tuple([target for target in named if target])


NONE: Final = Rules()


class UserRules:
    """All rules there are, by AoR (`Uri.aor`) and by domain. What the store holds goes before the configuration."""

    __slots__ = ("_domains", "_stored", "_users", "empty")

    def __init__(self) -> None:
        self._users: Mapping[str, Rules] = {}
        self._domains: Mapping[str, Rules] = {}
        self._stored: dict[str, Rules] = {}
        #: nobody has any: nothing need be looked up
        self.empty = True

    def configure(self, users: Mapping[str, Rules], domains: Mapping[str, Rules]) -> None:
        """What the configuration says from now on; ``domains`` in lower case."""
        self._users, self._domains = users, domains
        self._count()

    def store(self, aor: str, rules: Rules) -> None:
        """What the store holds of one user; `NONE`: nothing any more."""
        if rules == NONE:
            self._stored.pop(aor, None)
        else:
            self._stored[aor] = rules
        self._count()

    def stored(self, aor: str) -> Rules:
        """What the store holds of that user."""
        return self._stored.get(aor, NONE)

    def own(self, aor: str) -> Rules:
        """What is said of that user in particular."""
        return self._stored.get(aor, NONE).before(self._users.get(aor, NONE))

    def of(self, aor: str) -> Rules:
        """What holds for that user."""
        own = self.own(aor)
        domain = self._domains.get(Uri.parse(aor).host)
        return own if domain is None else own.before(domain)

    def _count(self) -> None:
        self.empty = not (self._users or self._domains or self._stored)


def target_uri(text: str, domain: str) -> str:
    """The SIP URI that ``text`` means: one, or NAME@DOMAIN, or the NAME of a user at ``domain``; "" stays.

    Raises ValueError for anything else.
    """
    if not text:
        return ""
    if len(text) > MOST_TARGET:
        raise ValueError("too long")
    try:
        if text.lower().startswith(("sip:", "sips:")):
            uri = Uri.parse(text)
        elif "@" in text:
            uri = Uri.parse(f"sip:{text}")
        elif _NAME.fullmatch(text):
            uri = Uri.parse(aor_of(text, domain))
        else:
            raise ParseError("Bad Name")
    except ParseError:
        raise ValueError(f"neither a user nor a SIP URI: {text!r}") from None
    if not uri.user or uri.headers or uri.password is not None:
        raise ValueError(f"not the SIP URI of somebody: {text!r}")
    return uri.text
