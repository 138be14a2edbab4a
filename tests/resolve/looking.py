"""What the tests of the resolver share: look-ups on the way, and name servers that do not answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import NaptrRecord, SrvRecord, Target
from oversip_tw.promise import Promise, Task, spawn
from oversip_tw.resolve.settings import Settings
from oversip_tw.resolve.targets import Resolver
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import Clock, FakeLookups

IP = "192.0.2.1"


def naptr(order: int, preference: int, service: str, replacement: str, flags: str = "s") -> NaptrRecord:
    return NaptrRecord(order, preference, flags, service, replacement)


class SlowLookups(FakeLookups):
    """Name servers of which some do not answer: questions for names in ``silent`` wait for ever."""

    def __init__(self, silent: Sequence[str], **records: Any) -> None:
        super().__init__(**records)
        self.silent = silent

    async def naptr(self, name: str) -> Sequence[NaptrRecord]:
        if f"naptr {name}" in self.silent:
            await Promise[None]()
        return await super().naptr(name)

    async def srv(self, name: str) -> Sequence[SrvRecord]:
        if name in self.silent:
            await Promise[None]()
        return await super().srv(name)

    async def a(self, name: str) -> Sequence[str]:
        if name in self.silent:
            await Promise[None]()
        return await super().a(name)


class Tests(SynchronousTestCase):
    chance = 0.0

    def setUp(self) -> None:
        self.clock = Clock()

    def begin(self, text: str, lookups: FakeLookups, options: Settings, **how: Any) -> tuple[Task, list[Any]]:
        """A look-up on its way, and what comes of it."""
        came: list[Any] = []
        resolver = Resolver(lookups, lambda: self.chance, self.clock, options)

        async def look_up() -> None:
            came.append(await resolver.resolve(Uri.parse(text), **how))

        return spawn(look_up(), came.append), came

    def resolve(self, text: str, lookups: FakeLookups | None = None, how: Any = None, **options: Any) -> list[Target]:
        task, came = self.begin(text, lookups or FakeLookups(), Settings(**options), **(how or {}))
        self.assertTrue(task.done)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        if isinstance(came[0], BaseException):
            raise came[0]
        return came[0]  # type: ignore[no-any-return]

    def why(self, text: str, lookups: FakeLookups | None = None, how: Any = None, **options: Any) -> tuple[Any, ...]:
        """Status, reason and code of a look-up that fails."""
        with self.assertRaises(SIPError) as caught:
            self.resolve(text, lookups, how, **options)
        error = caught.exception
        return error.status, error.reason, error.code

    def refused(self, text: str, lookups: FakeLookups | None = None, **options: Any) -> int:
        with self.assertRaises(SIPError) as caught:
            self.resolve(text, lookups, **options)
        return caught.exception.status
