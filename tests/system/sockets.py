"""SIP by hand over real sockets: UDP, TCP, TLS and WebSocket, blocking, one message at a time."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field

from .processes import Child, poll

CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)


@dataclass
class Received:
    """One message, cut into what tests ask for."""

    raw: bytes
    first_line: str = field(init=False)
    body: bytes = field(init=False)
    headers: list[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        head, _, self.body = self.raw.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.first_line = lines[0]
        self.headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.first_line.split(" ")[1]) if self.first_line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of a request; "" for a response."""
        return "" if self.status else self.first_line.split(" ")[0]

    def all(self, name: str) -> list[str]:
        """Values of a header, by its long name, one per line."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The first of them, or ""."""
        return next(iter(self.all(name)), "")


class Socket:
    """What the transports have in common: bytes in, messages out."""

    transport = ""
    local: tuple[str, int]

    def send(self, data: bytes) -> None:
        """One message."""
        raise NotImplementedError

    def receive(self, seconds: float) -> bytes | None:
        """The next message; None when none comes in time; b"" when the peer closed."""
        raise NotImplementedError

    def close(self) -> None:
        """End of it."""
        raise NotImplementedError

    def answer(self, seconds: float = 3) -> Received | None:
        """The next message as `Received`; None when none came or the peer closed."""
        data = self.receive(seconds)
        return Received(data) if data else None

    def final(self, seconds: float = 5) -> Received:
        """The next final response."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            found = self.answer(left)
            if found is not None and found.status >= 200:
                return found
        raise AssertionError(f"no final response over {self.transport} within {seconds:g} s")


class Udp(Socket):
    """A UDP socket that speaks to one server."""

    transport = "UDP"

    def __init__(self, server: tuple[str, int], local: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(local)
        self._server = server
        self.local = self._socket.getsockname()[:2]

    def send(self, data: bytes) -> None:
        self._socket.sendto(data, self._server)

    def receive(self, seconds: float) -> bytes | None:
        self._socket.settimeout(max(seconds, 0.001))
        try:
            return self._socket.recv(65535)
        except TimeoutError:
            return None

    def close(self) -> None:
        self._socket.close()


class Tcp(Socket):
    """A TCP or, with a context, TLS connection."""

    transport = "TCP"

    def __init__(
        self,
        server: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        name: str = "localhost",
        source: str | None = None,
    ) -> None:
        """``source``: the address to come from."""
        self._socket: socket.socket = socket.create_connection(server, 5, (source, 0) if source else None)
        if tls is not None:
            self.transport = "TLS"
            self._socket = tls.wrap_socket(self._socket, server_hostname=name)
        self.local = self._socket.getsockname()[:2]
        self._buffer = b""
        self.closed = False

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the server may have closed already: that shows in receive
            self._socket.sendall(data)

    def more(self, seconds: float) -> bool:
        """Read once more; False when nothing came. Sets ``closed``."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return False
        self._buffer += data
        return True

    def receive(self, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while (message := self._cut()) is None:
            if self.closed:
                return b""
            if not self.more(deadline - time.monotonic()) and not self.closed:
                return None
        return message

    def _cut(self) -> bytes | None:
        self._buffer = self._buffer.lstrip(b"\r\n")
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        found = CONTENT_LENGTH.search(head)
        length = int(found[1]) if found else 0
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        return head + end + rest[:length]

    def end(self) -> None:
        """Nothing more comes from here; the other direction stays open."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()


class WebSocket(Tcp):
    """A WebSocket client with subprotocol sip.

    ``status`` and ``response`` tell how the upgrade went, ``code`` how it was closed.
    """

    def __init__(
        self,
        server: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        path: str = "/",
        headers: tuple[str, ...] = (),
        protocol: str | None = "sip",
        source: str | None = None,
    ) -> None:
        super().__init__(server, tls, source=source)
        self.transport = "WSS" if tls else "WS"
        self.code: int | None = None
        self.pings = 0
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {server[0]}:{server[1]}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
            *headers,
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._buffer and self.more(5):
            pass
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        self.response = head.decode("latin-1")
        words = self.response.split(" ")
        self.status = int(words[1]) if len(words) > 1 else 0

    def send(self, data: bytes) -> None:
        self.frame(1 if _is_text(data) else 2, data)

    def frame(self, opcode: int, data: bytes, final: bool = True) -> None:
        """One frame, masked as clients have to."""
        head = bytes([(0x80 if final else 0) | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += struct.pack("!BH", 0x80 | 126, len(data))
        else:
            head += struct.pack("!BQ", 0x80 | 127, len(data))
        mask = os.urandom(4)
        count = (len(data) + 3) // 4
        masked = int.from_bytes(data, "big") ^ int.from_bytes((mask * count)[: len(data)], "big")
        super().send(head + mask + masked.to_bytes(len(data), "big"))

    def receive(self, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        message = b""
        while True:
            found = self._next()
            if found is None:
                if self.closed:
                    return b""
                if not self.more(deadline - time.monotonic()) and not self.closed:
                    return None
                continue
            final, opcode, data = found
            if opcode == 8:
                self.code = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
                self.frame(8, data[:2])
                self.closed = True
                return b""
            if opcode == 9:
                self.pings += 1
                self.frame(10, data)
            elif opcode < 3:
                message += data
                if final:
                    return message

    def _next(self) -> tuple[bool, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            start += size
            if len(buffer) < start:
                return None
            length = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + length:
            return None
        self._buffer = buffer[start + length :]
        return bool(buffer[0] & 0x80), buffer[0] & 15, buffer[start : start + length]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def options(address: str, port: int, sent_by: str) -> bytes:
    """An OPTIONS for the server itself."""
    return (
        f"OPTIONS sip:{address}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {sent_by};branch=z9hG4bK{os.urandom(6).hex()}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:probe@{address}>;tag={os.urandom(4).hex()}\r\n"
        f"To: <sip:{address}:{port}>\r\n"
        f"Call-ID: {os.urandom(8).hex()}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def answers_options(address: str, port: int, child: Child, seconds: float = 15) -> None:
    """Until the server at that UDP port answers OPTIONS; fails with its output when it ends or stays silent."""
    one = Udp((address, port), (address, 0))

    def ask() -> bool:
        if not child.running:
            raise AssertionError(f"{child.name} ended:\n{child.output()[-4000:]}")
        one.send(options(address, port, f"{address}:{one.local[1]}"))
        with contextlib.suppress(OSError):
            return bool(one.receive(0.3))
        return False

    try:
        poll(ask, seconds, lambda: f"an answer to OPTIONS from {address}:{port}\n{child.output()[-4000:]}")
    finally:
        one.close()
