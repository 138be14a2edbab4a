"""What is exported as metrics: plain numbers, read at scrape time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Counted since the start."""

    #: messages that came in
    received: int = 0
    #: those that were no SIP
    unreadable: int = 0
    #: responses that belong to no transaction
    strays: int = 0
    #: requests refused without one
    refused: int = 0
