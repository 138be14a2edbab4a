"""A client's WebSocket: never blocking, whole messages out of it."""

from __future__ import annotations

import base64
import os
import socket
import struct
from collections.abc import Iterator


class WebSocketWire:
    """A WebSocket; its frames are masked with zeros, which is a mask like any other."""

    def __init__(self, server: tuple[str, int], path: str) -> None:
        one = socket.create_connection(server, 10)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        one.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: {server[0]}:{server[1]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
            ).encode()
        )
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            data = one.recv(4096)
            if not data:
                raise ConnectionError(f"no WebSocket at {server}: {self._buffer[:200]!r}")
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise ConnectionError(f"no WebSocket at {server}: {head[:200]!r}")
        one.setblocking(False)
        self.socket = one
        self.sent_by = f"{os.urandom(6).hex()}.invalid"

    def send(self, message: bytes) -> None:
        self._frame(1, message)

    def _frame(self, opcode: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack("!BBI", 0x80 | opcode, 0x80 | size, 0)
        else:
            head = struct.pack("!BBHI", 0x80 | opcode, 0xFE, size, 0)
        self.socket.setblocking(True)
        self.socket.sendall(head + data)
        self.socket.setblocking(False)

    def messages(self) -> Iterator[bytes]:
        while True:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                break
            if not data:
                raise ConnectionError("the server closed a WebSocket")
            self._buffer += data
            if len(data) < 65536:
                break
        while (frame := self._cut()) is not None:
            opcode, payload = frame
            if opcode == 9:
                self._frame(10, payload)
            elif opcode == 8:
                raise ConnectionError(f"the server closed a WebSocket: {payload!r}")
            elif payload.strip():
                yield payload

    def _cut(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 127, 2
        if size == 126:
            if len(buffer) < 4:
                return None
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            if len(buffer) < 10:
                return None
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return None
        self._buffer = buffer[start + size :]
        return buffer[0] & 15, buffer[start : start + size]
