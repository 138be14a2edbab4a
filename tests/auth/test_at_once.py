"""The authenticator over users that need not be waited for (A5, A7): all is as with others."""

from __future__ import annotations

from oversip_tw.auth.digest import ha1
from tests.auth import test_authenticator as slow


class UsersAtOnce(slow.MemoryUsers):
    """Who answers without being awaited, and only so."""

    def ha1_now(self, user: str, domain: str, algorithm: str) -> str | None:
        self.asked.append((user, domain, algorithm))
        return ha1(algorithm, user, domain, slow.PASSWORD) if user in self.names and domain == slow.REALM else None

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        raise AssertionError("nobody needs to wait")


class AnswersAtOnceTests(slow.AnswerTests):
    """Right credentials."""

    users_class = UsersAtOnce


class ThrottlesAtOnceTests(slow.ThrottleTests):
    """Guesses."""

    users_class = UsersAtOnce
