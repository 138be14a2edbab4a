"""What the notifier may be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are seconds."""

    #: a shorter life of a subscription is refused by 423
    min_expires: int = 60
    #: for subscribers that do not say (RFC 3680 §4.4)
    default_expires: int = 3761
    #: more is cut down to this
    max_expires: int = 7200
    #: changes this soon after a NOTIFY wait for each other (RFC 3680 §4.10)
    interval: float = 5.0
    #: subscriptions at a time, and those to one user
    limit: int = 10_000
    limit_per_user: int = 20
