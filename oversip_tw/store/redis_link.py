"""The way to Redis: where it is, the protocols that are spoken there, and a connection that waits for its answers."""

# mypy: allow-untyped-calls, allow-subclassing-any

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from oversip_tw.registrar.changes import StoreAway, StoreFailed

try:
    import hiredis
    import txredisapi
except ImportError:  # the extra "redis" is not installed
    hiredis = txredisapi = None  # type: ignore[assignment]

#: seconds that a connection may take, and an answer
PATIENCE = 3.0

Argument = str | bytes | int
Command = tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where Redis is, and as whom we ask."""

    host: str
    port: int
    number: int = 0
    name: str = ""
    password: str = ""
    tls: bool = False
    #: addresses of Sentinels, which know where it is
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = "mymaster"

    @classmethod
    def of(cls, url: str, sentinels: Sequence[str] = (), service: str = "mymaster") -> Place:
        """By its URL. Raises StoreFailed for one that is none."""
        parts = urlsplit(url)
        number = parts.path.strip("/")
        if parts.scheme not in ("redis", "rediss") or not (number.isdigit() or not number):
            raise StoreFailed("not the URL of a Redis: redis://:password@host:port/number")
        return cls(
            parts.hostname or "127.0.0.1",
            parts.port or 6379,
            int(number or 0),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            parts.scheme == "rediss",
            tuple(_host_port(each, 26379) for each in sentinels),
            service,
        )

    @property
    def greeting(self) -> list[Command]:
        """What is said first on each connection."""
        said: list[Command] = []
        if self.password:
            said.append(("AUTH", self.name, self.password) if self.name else ("AUTH", self.password))
        if self.number:
            said.append(("SELECT", self.number))
        return said

    @property
    def title(self) -> str:
        """For lines that say what failed; without the password."""
        if self.sentinels:
            return f"Redis {self.service} (by its Sentinels)"
        return f"Redis {self.host} port {self.port}"


def _host_port(text: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), default
    return host.strip("[]"), int(port)


def must_be_installed() -> None:
    """Raises StoreFailed where it is not."""
    if txredisapi is None:
        raise StoreFailed('Redis needs txredisapi and hiredis: pip install "oversip-tw[redis]"')


def failure(place: Place, error: BaseException) -> StoreFailed:
    """``error`` in one line."""
    gone = isinstance(error, OSError | txredisapi.ConnectionError)
    words = " ".join(str(error).split()) or type(error).__name__
    return (StoreAway if gone else StoreFailed)(f"{place.title}: {words}")


class Waiting:
    """A connection for start-up and commands: each call waits for its answer. Raises StoreFailed."""

    def __init__(self, place: Place) -> None:
        must_be_installed()
        self._place = place
        try:
            self._open()
        except (OSError, hiredis.HiredisError) as error:
            raise failure(place, error) from error

    def _open(self) -> None:
        host, port = self._place.host, self._place.port
        if self._place.sentinels:
            host, port = self._ask_sentinels()
        self._connect(host, port)
        for words in self._place.greeting:
            self.call(*words)
        role = self.call("ROLE")
        if role[0] != b"master":
            raise OSError("it is a replica, which takes no changes")

    def _connect(self, host: str, port: int) -> None:
        self._reader = hiredis.Reader()
        self._socket: socket.socket = socket.create_connection((host, port), PATIENCE)
        if self._place.tls:
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def _ask_sentinels(self) -> tuple[str, int]:
        for host, port in self._place.sentinels:
            try:
                self._connect(host, port)
                found = self.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._place.service)
            except (OSError, StoreFailed):
                continue
            finally:
                self.close()
            if found:
                return found[0].decode(), int(found[1])
        raise OSError("no Sentinel knows where it is")

    def call(self, *words: Argument) -> Any:
        """The answer to one command."""
        try:
            self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # any number of them
            while (answer := self._reader.gets()) is False:
                data = self._socket.recv(65536)
                if not data:
                    raise OSError("the connection is lost")
                self._reader.feed(data)
        except (OSError, hiredis.HiredisError) as error:
            raise failure(self._place, error) from error
        if isinstance(answer, hiredis.ReplyError):
            raise StoreFailed(f"{self._place.title}: {' '.join(str(answer).split())}")
        return answer

    def close(self) -> None:
        """Let it go."""
        if hasattr(self, "_socket"):
            self._socket.close()


if txredisapi is not None:

    class Speaker(txredisapi.RedisProtocol):
        """A connection for commands; ``lost`` hears when it ends."""

        lost: Callable[[], None] | None = None

        def connectionMade(self) -> None:
            self.connected = 1

        def connectionLost(self, why: Any) -> None:
            super().connectionLost(why)
            if self.lost is not None:
                self.lost()

    class Hearer(txredisapi.SubscriberProtocol):
        """A connection that hears what is published."""

        lost: Callable[[], None] | None = None
        heard: Callable[[bytes], None]

        def connectionMade(self) -> None:
            self.connected = 1

        def messageReceived(self, pattern: Any, channel: bytes, message: bytes) -> None:
            self.heard(message)

        def connectionLost(self, why: Any) -> None:
            super().connectionLost(why)
            if self.lost is not None:
                self.lost()


def speaker() -> Any:
    """A protocol for commands, of octets in and out."""
    return Speaker(charset=None, replyTimeout=PATIENCE, convertNumbers=False)


def hearer() -> Any:
    """A protocol that listens."""
    return Hearer(charset=None, convertNumbers=False)
