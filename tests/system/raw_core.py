"""A core by hand, on UDP, TCP or TLS at an address of its own: it answers what the test tells it to."""

from __future__ import annotations

import contextlib
import socket
import ssl

from .certificates import authority
from .processes import free_port
from .sockets import Received, Socket, Tcp, Udp


class _Accepted(Tcp):
    """The edge's connection to us."""

    def __init__(self, connection: socket.socket, transport: str) -> None:
        self._socket = connection
        self._buffer = b""
        self.closed = False
        self.transport = transport
        self.local = connection.getsockname()[:2]


class RawCore:
    """Listens; after `meet` it speaks to an edge."""

    def __init__(self, transport: str, address: str = "127.0.0.2") -> None:
        self.transport, self.address, self.port = transport, address, free_port(address)
        self._edge: dict[str, tuple[str, int]] = {}
        self._sockets: list[Socket] = []
        self._door: socket.socket | None = None
        if transport != "udp":
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self._door = socket.create_server((address, self.port), family=family)

    @property
    def host(self) -> str:
        """Its address as URIs have it."""
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def uri(self) -> str:
        """What an edge is told."""
        return f"sip:{self.host}:{self.port};transport={self.transport}"

    @property
    def contact(self) -> str:
        """The Contact of who answers here."""
        return f"<sip:desk@{self.host}:{self.port};transport={self.transport}>"

    def meet(self, port: int, tls_port: int) -> None:
        """The edge is at these ports of the loopback address of our family."""
        host = "::1" if ":" in self.address else "127.0.0.1"
        self._edge = {"udp": (host, port), "tcp": (host, port), "tls": (host, tls_port)}
        if self.transport == "udp":
            self._sockets.append(Udp(self._edge["udp"], (self.address, self.port)))

    def comes(self) -> Socket:
        """By what the edge speaks to us: our socket, or the connection that it has opened."""
        if not self._sockets:
            assert self._door is not None
            self._door.settimeout(5)
            connection, _ = self._door.accept()
            if self.transport == "tls":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*authority().issue("core.test", self.address))
                connection = context.wrap_socket(connection, server_side=True)
            self._sockets.append(_Accepted(connection, self.transport.upper()))
        return self._sockets[0]

    def goes(self) -> Socket:
        """By what we speak to the edge of our own accord: our socket, or a new connection of ours."""
        if self.transport != "udp":
            context = ssl.create_default_context(cafile=str(authority().pem)) if self.transport == "tls" else None
            self._sockets.append(Tcp(self._edge[self.transport], context, source=self.address))
        return self._sockets[-1]

    def close(self) -> None:
        """End of it."""
        for each in (self._door, *self._sockets):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()


def await_request(socket: Socket, method: str, seconds: float = 5) -> Received:
    """The next request of that method; others, and answers, are passed over."""
    while (found := socket.answer(seconds)) is not None:
        if found.method == method:
            return found
    raise AssertionError(f"no {method} over {socket.transport} within {seconds:g} s")
