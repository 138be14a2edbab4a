"""The floor: what comes goes back as it is, on Twisted's epoll reactor. What is dearer in a server is its own work.

    python -m bench.floor UDP_PORT WS_PORT WSS_PORT CHAIN KEY

UDP by a reader of our own that drains the socket, WebSocket by frames whose mask is taken off and no more: no limits,
no checks, no close. Writes "ready" to standard output.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import sys
from typing import Any

from twisted.internet import epollreactor

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: datagrams taken at one go
DRAIN = 64


class UdpEcho:
    """A socket that the reactor watches."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", port))

    def doRead(self) -> None:
        receive, send = self._socket.recvfrom, self._socket.sendto
        try:
            for _ in range(DRAIN):
                send(*receive(65536))
        except (BlockingIOError, ConnectionRefusedError):
            return

    def fileno(self) -> int:
        return self._socket.fileno()

    def connectionLost(self, reason: object) -> None:
        """Twisted wants it."""

    def logPrefix(self) -> str:
        return "echo"


def accept_of(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for that key (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def answered(head: bytes) -> bytes:
    """The 101 to a handshake that somebody who means well has sent."""
    fields = dict(line.lower().partition(b":")[::2] for line in head.split(b"\r\n"))
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    protocol = b"Sec-WebSocket-Protocol: sip\r\n" if b"sec-websocket-protocol" in fields else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept_of(key.partition(b":")[2].strip()) + b"\r\n" + protocol + b"\r\n"
    )


def unmasked(frame: bytes, at: int, size: int) -> bytes:
    """The payload of a masked frame whose mask is at ``at``."""
    mask = frame[at : at + 4] * (size // 4 + 1)
    payload = frame[at + 4 : at + 4 + size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask[:size], "big")).to_bytes(size, "big")


def echoed(buffer: bytes) -> tuple[bytes, bytes]:
    """What goes back for the whole frames in ``buffer``, and the rest of it."""
    out = b""
    while len(buffer) >= 2:
        size, at = buffer[1] & 127, 2
        if size == 126:
            size, at = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < at + 4 + size or at > len(buffer):
            break
        head = buffer[:1] + (bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big"))
        out += head + unmasked(buffer, at, size)
        buffer = buffer[at + 4 + size :]
    return out, buffer


def main() -> None:
    epollreactor.install()
    from twisted.internet import reactor as installed
    from twisted.internet import ssl
    from twisted.internet.protocol import Factory, Protocol

    reactor: Any = installed

    class FrameEcho(Protocol):
        """One WebSocket."""

        open, buffer = False, b""

        def dataReceived(self, data: bytes) -> None:
            data = self.buffer + data
            if not self.open:
                head, end, data = data.partition(b"\r\n\r\n")
                if not end:
                    self.buffer = head
                    return
                self.open = True
                self.transport.write(answered(head))
            out, self.buffer = echoed(data)
            if out:
                self.transport.write(out)

    reactor.addReader(UdpEcho(int(sys.argv[1])))
    factory = Factory.forProtocol(FrameEcho)
    chain, key = sys.argv[4:6]
    reactor.listenTCP(int(sys.argv[2]), factory, 1024, "127.0.0.1")
    context = ssl.DefaultOpenSSLContextFactory(key, chain, ssl.SSL.TLS_METHOD)
    reactor.listenSSL(int(sys.argv[3]), factory, context, 1024, "127.0.0.1")
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
