"""The Protocols that rooms hand each other. Everybody may import this module; it imports ``sip`` alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oversip_tw.sip.errors import SIPError

#: host (a textual IP address without brackets) and port
Address = tuple[str, int]

#: Makes an identifier nobody can guess: a text of the characters of a SIP token, at least 64 random bits.
NewId = Callable[[], str]


class Delayed(Protocol):
    """What `Clock.callLater` gives back."""

    def cancel(self) -> None: ...
    def active(self) -> bool: ...


class Clock(Protocol):
    """Twisted's IReactorTime. ``seconds`` is monotonic: it measures spans and never names a date."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., object], *args: Any, **kw: Any) -> Delayed: ...


class Running(Protocol):
    """A coroutine on its way (`oversip_tw.promise.Task`)."""

    @property
    def done(self) -> bool: ...
    def cancel(self) -> None: ...


#: Starts a coroutine at once; the second argument hears of what escapes it (`oversip_tw.promise.spawn`).
Spawn = Callable[[Coroutine[Any, Any, None], Callable[[BaseException], None]], Running]


class Log(Protocol):
    """The part of twisted.logger.Logger that we use: ``format`` names its fields in braces."""

    def info(self, format: str, **fields: object) -> None: ...
    def warn(self, format: str, **fields: object) -> None: ...
    def error(self, format: str, **fields: object) -> None: ...


class HandshakeRequest(Protocol):
    """The HTTP request that opened a WebSocket."""

    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    def header(self, name: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """What the other end of a TLS connection has shown of itself."""

    #: its certificate and what it sent with it, PEM, the certificate itself first; empty: it has shown none
    chain: tuple[bytes, ...] = ()
    #: whether our authorities vouch for it; None where there is nothing to judge, or nothing to judge it by
    verified: bool | None = None
    #: why they do not, in OpenSSL's words
    error: str = ""
    #: the SIP domains that the certificate is for (RFC 5922 §7.1), in lower case; worth something if ``verified``
    identities: tuple[str, ...] = ()
    #: the addresses-of-record that it is for (``sip:`` URIs with a user in its subjectAltName); the same holds
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """Who somebody is, by something that another has signed."""

    #: an address-of-record
    user: str
    #: seconds since 1970
    until: float


class NotProven(Exception):
    """Somebody's token says nothing; the text says why in words for everybody, without a word of the token."""


class Bearers(Protocol):
    """Who can read tokens (RFC 8898)."""

    async def verify(self, token: str, secure: bool) -> Proof:
        """Whom ``token`` is for. ``secure``: nobody on the way could read it. Raises NotProven, or SIPError."""


class Handshakes(Protocol):
    """Who can read what stands in the HTTP request that opens a WebSocket."""

    async def prove(self, handshake: HandshakeRequest, flow: Flow) -> Proof | None:
        """Whom it proves; None: nobody. Raises NotProven, or SIPError."""


class Listener(Protocol):
    """A place where we are reached."""

    #: "udp", "tcp", "tls", "ws" or "wss"
    transport: str
    #: what we are bound to
    address: str
    port: int
    #: what Via, Record-Route and Path say: "host:port", advertised if so configured, IPv6 in brackets
    sent_by: str
    #: told of every message before a flow with this listener sends it; None: nobody listens
    tap: Callable[[bytes, Flow], None] | None


class Flow(Protocol):
    """A way to one peer: a UDP source, a TCP, TLS or WebSocket connection (RFC 5626 §3)."""

    #: "udp", "tcp", "tls", "ws" or "wss"
    transport: str
    #: False for UDP alone
    reliable: bool
    #: TLS beneath, or a trusted proxy vouched for it
    secure: bool
    #: where it came in; for one we dialled, the listener whose address goes into Via and Record-Route
    listener: Listener
    #: it came in on ``listener``; False: we dialled it
    accepted: bool
    local: Address
    #: who is at the other end, after PROXY protocol and X-Forwarded-For
    peer: Address
    #: what a flow token carries: random and never reused for a connection, both addresses for UDP
    id: bytes
    #: the AoR that the handshake proved, by token, cookie or certificate
    identity: str | None
    #: what hooks remember of this connection (always empty and thrown away on UDP)
    variables: dict[str, object]
    #: the HTTP request of a WebSocket
    handshake: HandshakeRequest | None
    #: what TLS has shown of the peer; None without TLS of ours, and where no certificate was asked for
    tls: TlsPeer | None
    closed: bool
    #: why one that we dialled is of no use: "tls" (not who it should be, or refused by a hook), "connect" (it never
    #: came to stand); "" for all others
    failure: str

    def send(self, data: bytes) -> None:
        """Send one message. Never raises: what cannot be sent shows in `Receiver.flow_lost`."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close a connection (``code`` is WebSocket's); nothing to do on UDP."""

    def ping(self) -> None:
        """Ask whether the peer still lives; a connection that does not answer in time is closed."""


class Flows(Protocol):
    """All flows there are."""

    def find(self, id: bytes) -> Flow | None:
        """The living flow of that `Flow.id`; None if there is none (any more)."""


@dataclass(frozen=True, slots=True)
class Target:
    """One next hop, ready to be sent to: what RFC 3263 makes of a URI."""

    transport: str
    address: str
    port: int
    #: the domain that was asked for, which a TLS peer has to prove (RFC 5922 §7); "" where none is known
    name: str = ""
    #: the set of TLS settings to use, by name; "" and names that nobody knows: the ordinary ones
    tls: str = ""


class Connector(Protocol):
    """The way out to next hops."""

    def flow_to(self, target: Target) -> Flow:
        """A flow to ``target``: UDP at once, else a connection reused or one that queues while it connects.

        Raises SIPError (478) when no listener speaks that transport or address family. A connection that cannot be
        made is reported by `Receiver.flow_lost`, as one that breaks is.
        """


class Receiver(Protocol):
    """What transports report to; `oversip_tw.server.Element` is the one that is meant."""

    def flow_opened(self, flow: Flow) -> None: ...

    def received(self, data: bytes, flow: Flow) -> None:
        """One whole SIP message. Never raises."""

    def malformed(self, error: SIPError, flow: Flow) -> None:
        """Framing was lost on a stream: answer if ``error`` holds enough to answer; the transport closes."""

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection is gone, or could not be made. Called once for each."""

    def unreachable(self, peer: Address) -> None:
        """The network says that nobody listens there (ICMP)."""


@dataclass(frozen=True, slots=True)
class NaptrRecord:
    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class SrvRecord:
    priority: int
    weight: int
    port: int
    target: str


class Lookups(Protocol):
    """DNS. Each gives the records, [] if the name or type does not exist, and raises LookupFailed if nobody knows."""

    async def naptr(self, name: str) -> Sequence[NaptrRecord]: ...
    async def srv(self, name: str) -> Sequence[SrvRecord]: ...
    async def a(self, name: str) -> Sequence[str]: ...
    async def aaaa(self, name: str) -> Sequence[str]: ...

    def good_for(self, kind: str, name: str) -> float:
        """For how many seconds what is known need not be asked again. ``kind``: "naptr", "srv", "a" or "aaaa"."""


class LookupFailed(Exception):
    """No name server answered in time, or it answered SERVFAIL."""
