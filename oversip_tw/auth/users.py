"""Who the users are: the port that stores implement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

#: as `Users.ha1`, at once
Ha1Now = Callable[[str, str, str], str | None]
#: the name of the user with that `digest.userhash`, in that domain and for that realm; None: nobody has it
NameOf = Callable[[str, str, str], str | None]


class Users(Protocol):
    """The users and what stands for their passwords.

    Who has them all in memory may have a plain ``ha1_now`` besides, of the same arguments and result (`Ha1Now`): it is
    asked in the place of ``ha1``, and no coroutine is made for the answer. Who can find a user by userhash (RFC 7616
    §3.4.4) has a plain ``name_of`` (`NameOf`); without it nobody is offered that.
    """

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        """H(user:domain:password) in lower-case hex for that algorithm (`digest.ALGORITHMS`).

        None when there is no such user, or the user has nothing stored for that algorithm. ``user`` is whatever a
        stranger wrote into a header: look it up as a value, never build a statement from it. Raises SIPError (503) when
        nobody can be asked: that is never taken for an unknown user, nor for a failed login.
        """
