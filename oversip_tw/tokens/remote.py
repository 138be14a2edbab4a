"""Keys that stand at a URL (JWKS): fetched at the start, again every hour, and when a token names one that is new."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IPolicyForHTTPS, IResponse

from oversip_tw.interfaces import Clock, Delayed, Log
from oversip_tw.promise import Promise, spawn
from oversip_tw.tokens.keys import BadKey, Key, fitting, jwk_set

#: octets of a JWK Set
MOST = 262_144
#: seconds that one answer may take, from the connection to its last octet
PATIENCE = 5.0
#: seconds between two fetches that tokens ask for, and between one that failed and the next
PAUSE = 30.0


class RemoteKeys:
    """What was found last time stays until something better comes."""

    def __init__(self, url: str, agent: IAgent, clock: Clock, log: Log, refresh: float = 3600.0) -> None:
        self.url = url
        self._agent = agent
        self._stopped = True
        self._clock = clock
        self._log = log
        self._refresh = refresh
        self._keys: list[Key] = []
        #: there were some
        self.loaded = False
        self._fetching: Promise[None] | None = None
        self._fetched_at: float | None = None
        self._next: Delayed | None = None

    def start(self) -> None:
        """Fetch now and from time to time."""
        self._stopped = False
        self._fetch()

    def stop(self) -> None:
        """Fetch no more."""
        self._stopped = True
        if self._next is not None:
            self._next.cancel()
            self._next = None

    async def find(self, name: str, algorithm: str) -> Sequence[Key]:
        """The keys that may have signed a token that says so; one that is not known yet is worth a fetch."""
        found = fitting(self._keys, name, algorithm)
        if not found and self._may_fetch():
            await (self._fetching or self._fetch())
            found = fitting(self._keys, name, algorithm)
        return found

    def _may_fetch(self) -> bool:
        """Not for every invented name: whoever serves the keys is nobody's target (a fetch under way may be joined)."""
        at = self._fetched_at
        return self._fetching is not None or at is None or self._clock.seconds() - at >= PAUSE

    def _fetch(self) -> Promise[None]:
        """Begin to fetch: on its own, for whoever asked first may lose patience while others still wait."""
        self._fetching = done = Promise[None]()
        self._fetched_at = self._clock.seconds()
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

        async def run() -> None:
            good = await self._fetched()
            self._fetching = None
            if not self._stopped:
                self._next = self._clock.callLater(self._refresh if good else PAUSE, self._fetch)
            done.resolve(None)

        spawn(run(), done.fail)
        return done

    async def _fetched(self) -> bool:
        """Whether there are fresh keys now."""
        try:
            self._keys = jwk_set(await self._asked())
        except Exception as error:
            reason = str(error) or type(error).__name__
            kept = "the ones from before stay" if self.loaded else "tokens are refused"
            self._log.warn("keys of tokens at {url}: {reason}; {kept}", url=self.url, reason=reason, kept=kept)
            return False
        self.loaded = True
        return True

    async def _asked(self) -> bytes:
        headers = Headers({b"Accept": [b"application/jwk-set+json, application/json"], b"User-Agent": [b"OverSIP-TW"]})
        asked: Deferred[IResponse] = self._agent.request(b"GET", self.url.encode("ascii"), headers, None)
        asked.addCallback(_read)
        asked.addTimeout(PATIENCE, self._clock)  # type: ignore[arg-type]
        body: Any = await asked
        return bytes(body)


def agent(reactor: Any, policy: IPolicyForHTTPS | None = None) -> Agent:
    """What fetches. ``policy``: whose certificates are believed; None: the system's authorities."""
    return Agent(reactor, policy or BrowserLikePolicyForHTTPS(), connectTimeout=PATIENCE)


def _read(response: IResponse) -> Deferred[bytes]:
    if response.code != 200:
        raise BadKey(f"answered {response.code}")
    body = _Body()
    response.deliverBody(body)
    return body.done


class _Body(Protocol):
    """The body of an answer, within bounds."""

    transport: Any

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self.transport.abortConnection())
        self._octets = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > MOST and not self.done.called:
            self.done.errback(BadKey(f"is longer than {MOST} octets"))
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if reason.check(ResponseDone):
            self.done.callback(bytes(self._octets))
        else:
            self.done.errback(reason)
