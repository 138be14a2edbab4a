"""Users whom a web application knows: it is asked for their HA1, and what it says is remembered for a while."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as HttpProtocol
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from oversip_tw.interfaces import Clock
from oversip_tw.promise import Promise, spawn
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.sip.errors import SIPError
from oversip_tw.store.passwords import ALGORITHMS, Digests
from oversip_tw.store.sql_store import unreported
from oversip_tw.store.users import POSITIONS

#: octets of an answer; no honest one has more
MAX_ANSWER = 4096
#: questions under way at one time; further ones are refused at once
MOST_ASKED = 500
#: seconds after which a refused phone may try again
RETRY_AFTER = "5"

_NOBODY: Digests = (None, None, None)
_HEX = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds."""

    url: str
    #: sent as ``Authorization: Bearer``; "": nothing is
    token: str = ""
    #: how long an answer is waited for
    timeout: float = 3.0
    #: how long what was said of a user is believed, and that there is none of that name
    found_for: float = 60.0
    missing_for: float = 10.0
    #: users remembered at most, found and missing together; the ones not asked for longest are forgotten first
    remembered: int = 10_000


class Fetch(Protocol):
    """Gives status and body of what a GET brings; fails however it likes."""

    def __call__(self, url: str, headers: dict[str, str]) -> Awaitable[tuple[int, bytes]]: ...
    def close(self) -> Awaitable[None]: ...


class HttpUsers:
    """`ports.Users` and their `ports.Source`.

    ``GET url?user=...&domain=...`` is answered 200 with a JSON object from algorithm (``MD5``, ``SHA-256``,
    ``SHA-512-256``) to HA1 in hexadecimal, or 404 where there is no such user. Whatever else comes, or nothing, is 503
    for the phone: that a user is unknown is never concluded from a failure, nor remembered.
    """

    #: how many there are is for the application to know
    known = None

    def __init__(
        self, settings: Settings, clock: Clock, fetch: Fetch, failed: Callable[[BaseException], None] = unreported
    ) -> None:
        """``failed`` hears why nobody can be asked, once for each reason until it is well again."""
        self._settings = settings
        self._clock = clock
        self._fetch = fetch
        self._failed = failed
        self._complaint = ""
        #: by name and domain: until when it holds, and what
        self._said: OrderedDict[tuple[str, str], tuple[float, Digests]] = OrderedDict()
        #: questions under way
        self._asking: dict[tuple[str, str], Promise[Digests]] = {}

    @property
    def works(self) -> bool:
        """As `Source.works`."""
        return not self._complaint

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        """As `ports.Users.ha1`; what is remembered is given without a wait."""
        position = POSITIONS.get(algorithm)
        if position is None:
            return None
        key = (user, domain.lower())
        digest = (self._remembered(key) or await self._ask(key))[position]
        return None if digest is None else digest.hex()

    def _remembered(self, key: tuple[str, str]) -> Digests | None:
        said = self._said.get(key)
        if said is None:
            return None
        if said[0] <= self._clock.seconds():
            del self._said[key]
            return None
        self._said.move_to_end(key)
        return said[1]

    def _ask(self, key: tuple[str, str]) -> Promise[Digests]:
        promise = self._asking.get(key)
        if promise is None:
            promise = Promise()
            if len(self._asking) >= MOST_ASKED:
                promise.fail(_unavailable())
                return promise
            self._asking[key] = promise
            spawn(self._answer(key, promise), lambda error: self._broke(key, promise, error))
        return promise

    def _broke(self, key: tuple[str, str], promise: Promise[Digests], error: BaseException) -> None:
        self._asking.pop(key, None)
        complaint = f"{self._settings.url}: {str(error) or type(error).__name__}"
        if complaint != self._complaint:
            self._complaint = complaint
            self._failed(StoreFailed(complaint))
        promise.fail(_unavailable())

    async def _answer(self, key: tuple[str, str], promise: Promise[Digests]) -> None:
        """Ask, remember and tell; raises whatever goes wrong."""
        headers = {"Accept": "application/json", "User-Agent": "oversip"}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        status, body = await self._fetch(self._url(*key), headers)
        found = _digests(status, body)
        seconds = self._settings.missing_for if found is _NOBODY else self._settings.found_for
        self._said[key] = (self._clock.seconds() + seconds, found)
        while len(self._said) > self._settings.remembered:
            self._said.popitem(last=False)
        self._complaint = ""
        del self._asking[key]
        promise.resolve(found)

    def _url(self, user: str, domain: str) -> str:
        # a header's octets, whatever they are, cannot leave the value they stand in
        asked = urlencode({"user": user, "domain": domain}, errors="surrogateescape")
        scheme, host, path, query, _ = urlsplit(self._settings.url)
        return urlunsplit((scheme, host, path or "/", f"{query}&{asked}" if query else asked, ""))

    def start(self) -> None:
        """There is nothing to follow: each answer ends by itself."""

    async def refresh_users(self) -> None:
        """Ask anew about everybody."""
        self._said.clear()

    async def close(self) -> None:
        self._said.clear()
        await self._fetch.close()


def _unavailable() -> SIPError:
    return SIPError(503, headers=[("Retry-After", RETRY_AFTER)])


def _digests(status: int, body: bytes) -> Digests:
    """What an answer says. Raises ValueError for one that says nothing."""
    if status == 404:
        return _NOBODY
    if status != 200:
        raise ValueError(f"status {status}")
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError("no JSON object")
    found = {name.upper(): value for name, value in said.items()}
    made = tuple(_octets(found.get(name), 16 if name == "MD5" else 32) for name in ALGORITHMS)
    if not any(made):
        raise ValueError("no HA1")
    return made


def _octets(text: Any, length: int) -> bytes | None:
    if text is None:
        return None
    if not isinstance(text, str) or len(text) != 2 * length or _HEX.fullmatch(text) is None:
        raise ValueError("no HA1 of that algorithm")
    return bytes.fromhex(text)


class WebFetch:
    """`Fetch` by Twisted's Agent, on connections that stay open."""

    def __init__(self, reactor: Any, timeout: float) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 8
        self._agent = Agent(reactor, connectTimeout=timeout, pool=self._pool)

    def __call__(self, url: str, headers: dict[str, str]) -> Deferred[tuple[int, bytes]]:
        fields = Headers({name: [value] for name, value in headers.items()})
        asked = self._agent.request(b"GET", url.encode("ascii"), fields)
        answer: Deferred[tuple[int, bytes]] = asked.addCallback(_body)
        answer.addTimeout(self._timeout, self._reactor)
        return answer

    def close(self) -> Deferred[None]:
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed


class _Body(HttpProtocol):
    """Collects the body of one answer, and hangs up on one that does not end."""

    def __init__(self, status: int, done: Deferred[tuple[int, bytes]]) -> None:
        self._status = status
        self._done = done
        self._body = b""

    def dataReceived(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > MAX_ANSWER and self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        if len(self._body) > MAX_ANSWER:
            self._done.errback(ValueError(f"an answer of more than {MAX_ANSWER} octets"))
        elif reason.check(ResponseDone, PotentialDataLoss):
            self._done.callback((self._status, self._body))
        else:
            self._done.errback(reason)


def _body(response: Any) -> Deferred[tuple[int, bytes]]:
    def give_up(_: object) -> None:
        if body.transport is not None:
            body.transport.loseConnection()

    done: Deferred[tuple[int, bytes]] = Deferred(give_up)
    body = _Body(response.code, done)
    response.deliverBody(body)
    return done
