"""Who the users are: the port that stores implement."""

from __future__ import annotations

from typing import Protocol


class Users(Protocol):
    """The users and what stands for their passwords."""

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        """H(user:domain:password) in lower-case hex for that algorithm (`digest.ALGORITHMS`).

        None when there is no such user, or the user has nothing stored for that algorithm. ``user`` is whatever a
        stranger wrote into a header: look it up as a value, never build a statement from it.
        """
