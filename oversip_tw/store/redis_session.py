"""Two connections to Redis that live and die together: one for commands, one that hears what other servers do."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.endpoints import wrapClientTLS as with_tls
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from oversip_tw.interfaces import Delayed
from oversip_tw.promise import spawn
from oversip_tw.registrar.changes import StoreAway, StoreFailed
from oversip_tw.store.redis_link import PATIENCE, Argument, Place, failure, hearer, speaker
from oversip_tw.store.redis_scripts import ALL, Script

#: seconds until the next try; doubled each time
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
#: seconds that connecting and comparing may take in all
MOST = 60.0

#: what a Redis answers that became a replica, or is not ready yet: another may be
_NOT_THIS_ONE = ("READONLY", "MASTERDOWN", "LOADING")

Failed = Callable[[BaseException], None]


class Session:
    """Connects, and again whenever a connection breaks or does not answer.

    ``came`` is called, and waited for, once both connections stand and before `up`; ``heard`` gets every message of
    ``channel`` from before that on; ``there`` hears that it is up, ``left`` that it is over. ``failed`` hears why, once
    for each reason.
    """

    def __init__(
        self,
        place: Place,
        channel: str,
        own_channel: str,
        reactor: Any,
        came: Callable[[], Awaitable[None]],
        heard: Callable[[bytes], None],
        there: Callable[[], None],
        left: Callable[[], None],
        failed: Failed,
    ) -> None:
        """``own_channel`` is listened to as well, so that others see that somebody does."""
        self.up = False
        self._place = place
        self._channels = (channel, own_channel)
        self._reactor = reactor
        self._came, self._heard, self._there, self._left, self._failed = came, heard, there, left, failed
        self._speaker: Any = None
        self._hearer: Any = None
        self._again: Delayed | None = None
        self._deadline: Delayed | None = None
        self._pause = FIRST_PAUSE
        self._said = ""
        self._closed = False
        #: connections that were made, to know one of before
        self._number = 0

    def start(self) -> None:
        """Connect, and stay connected."""
        self._number += 1
        self._deadline = self._reactor.callLater(MOST, self.drop, "it takes too long")
        spawn(self._connect(self._number), self._failed)

    def close(self) -> None:
        """Connect no more."""
        self._closed = True
        self._end()

    async def call(self, *words: Argument) -> Any:
        """The answer to a command. Raises StoreAway, StoreFailed."""
        speaker = self._speaker
        if speaker is None:
            raise StoreAway(f"{self._place.title} is away")
        try:
            return await speaker.execute_command(*words)
        except Exception as error:
            failed = failure(self._place, error)
            useless = isinstance(failed, StoreAway) or str(error).startswith(_NOT_THIS_ONE)
            if useless and speaker is self._speaker:
                self.drop(str(failed))  # whoever comes next need not wait for the same
            raise failed from error

    async def run(self, script: Script, keys: list[bytes], arguments: list[Argument]) -> Any:
        """What ``script`` gives. Raises as `call`."""
        try:
            return await self.call("EVALSHA", script.name, len(keys), *keys, *arguments)
        except StoreFailed as error:
            if "NOSCRIPT" not in str(error):
                raise
        return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    # -- coming and going

    async def _connect(self, number: int) -> None:
        try:
            host, port = await self._where()
            self._speaker = await self._dial(host, port, speaker())
            role = await self.call("ROLE")
            if role[0] != b"master":
                raise StoreFailed(f"{self._place.title}: it is a replica, which takes no changes")
            for script in ALL:
                await self.call("SCRIPT", "LOAD", script.text)
            listening = hearer()
            listening.heard = self._heard
            self._hearer = await self._dial(host, port, listening)
            for channel in self._channels:
                await self._hearer.subscribe(channel)
            await self._came()
        except Exception as error:
            if number == self._number:
                self.drop(str(error) if isinstance(error, StoreFailed) else str(failure(self._place, error)))
            return
        if number != self._number or self._closed:
            return
        self._stop_deadline()
        self._pause, self._said = FIRST_PAUSE, ""
        self.up = True
        self._there()

    async def _dial(self, host: str, port: int, protocol: Any, greet: bool = True) -> Any:
        number = self._number
        made = await connectProtocol(self._endpoint(host, port), protocol)
        if number != self._number:
            made.transport.abortConnection()
            raise StoreAway(f"{self._place.title} is away")
        if greet:
            for words in self._place.greeting:
                await made.execute_command(*words)
            made.lost = lambda: self._broke(number)
        return made

    def _endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        try:
            kind = TCP6ClientEndpoint if ip_address(host).version == 6 else TCP4ClientEndpoint
            endpoint: Any = kind(self._reactor, host, port, timeout=PATIENCE)
        except ValueError:
            endpoint = HostnameEndpoint(self._reactor, host.encode("idna"), port, timeout=PATIENCE)
        return with_tls(optionsForClientTLS(host), endpoint) if self._place.tls else endpoint

    async def _where(self) -> tuple[str, int]:
        if not self._place.sentinels:
            return self._place.host, self._place.port
        for host, port in self._place.sentinels:
            try:
                asked = await self._dial(host, port, speaker(), greet=False)
            except Exception:
                continue  # the next one may live
            try:
                found = await asked.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._place.service)
            except Exception:
                continue
            finally:
                asked.transport.loseConnection()
            if found:
                return found[0].decode(), int(found[1])
        raise StoreAway(f"{self._place.title}: no Sentinel knows where it is")

    def _broke(self, number: int) -> None:
        if number == self._number and not self._closed:
            self.drop(f"{self._place.title}: the connection is lost")

    def drop(self, why: str) -> None:
        """End this session, and begin another one soon."""
        if self._closed:
            return
        if why != self._said:
            self._said = why
            self._failed(StoreFailed(why))
        self._end()
        if self._again is None:
            self._again = self._reactor.callLater(self._pause, self._retry)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _retry(self) -> None:
        self._again = None
        self.start()

    def _end(self) -> None:
        self._number += 1
        self._stop_deadline()
        if self._closed and self._again is not None:
            self._again.cancel()
            self._again = None
        was_up, self.up = self.up, False
        ending, self._speaker, self._hearer = (self._speaker, self._hearer), None, None
        for connection in ending:
            if connection is not None:
                connection.transport.abortConnection()
        if was_up:
            self._left()

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
