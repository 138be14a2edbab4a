"""Where calls go that a user's phones did not take: ``[[user_rules]]``."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.values import Seconds, Text
from oversip_tw.proxy.user_rules import target_uri


def _target(text: str) -> str | None:
    """``text`` as it is written, if it names somebody."""
    try:
        target_uri(text, "example.org")
    except ValueError:
        return None
    return text


def _user(text: str) -> str | None:
    name = text.rpartition("@")[0] or text
    good = text and not text.lower().startswith(("sip:", "sips:")) and ":" not in name
    return _target(text) if good else None


Target = Annotated[str, Text('a user ("NAME" or "NAME@DOMAIN"), a SIP URI or ""', _target)]
User = Annotated[str, Text('"NAME@DOMAIN", the "NAME" of a user of the first domain, or "*@DOMAIN"', _user)]


@frozen
class UserRules:
    """Where calls go that the phones of a user, or of all users of a domain, did not take.

    What is said of a user goes before what is said of the domain, and what `oversip user forward` or the API has set
    goes before both. A target of a foreign domain needs a `[[route]]`, or
    `outbound = "open"`. See the how-to of forwarding.
    """

    user: User = field(
        metadata=about('Whose calls; "*@DOMAIN": of all users there who say nothing else.', "alice@example.org")
    )
    forward_busy: Target | None = field(
        default=None, metadata=about('Where to when the phones are busy (486, 600); "": to nowhere.', "bob")
    )
    forward_no_answer: Target | None = field(
        default=None,
        metadata=about('Where to when nobody answers; "": to nowhere.', "sip:voicemail@pbx.example.org"),
    )
    forward_unregistered: Target | None = field(
        default=None, metadata=about('Where to when no phone is there; "": to nowhere.', "voicemail@pbx.example.org")
    )
    ring_timeout: Seconds | None = field(
        default=None,
        metadata=about(
            "How long the phones ring. Default: 25 where `forward_no_answer` leads somewhere, else `timers.timer_c`.",
            20,
        ),
    )
