"""A client at the other end of a fake connection: it writes what a test says and reads frames strictly."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from oversip_tw.outbound.flows import FlowTable
from oversip_tw.testing import Clock, MemoryListener, RecordingReceiver
from oversip_tw.transport.websocket import Settings, WebSocketFactory

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@dataclass
class Address:
    host: str
    port: int


@implementer(ITransport, IPushProducer)
class Wire(StringTransport):
    """The server's transport. ``stuck`` keeps what is written, as a client that never reads makes it."""

    def __init__(self, host: str = "192.0.2.7", port: int = 49152) -> None:
        super().__init__(hostAddress=Address("192.0.2.1", 443), peerAddress=Address(host, port))
        self.protocol: Any = None
        self.stuck = False
        self.aborted = False
        self.dataBuffer = b""

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.stuck:
            self.dataBuffer += data

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


def head(**changes: str | None) -> bytes:
    """A right opening handshake; a value of None leaves the header out, ``line`` and ``extra`` are taken whole."""
    fields: dict[str, str | None] = {
        "Host": "sip.example.com",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "sip",
    }
    line = changes.pop("line", None) or "GET /ws HTTP/1.1"
    extra = changes.pop("extra", None) or ""
    for name, value in changes.items():
        fields[name.replace("_", "-")] = value
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode("utf-8", "surrogateescape")


def frame(
    opcode: int, payload: bytes = b"", fin: bool = True, rsv: int = 0, mask: bytes | None = b"\x37\xfa\x21\x3d"
) -> bytes:
    """A client's frame; ``mask`` None sends it unmasked."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask is not None else 0
    if len(payload) < 126:
        begin = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 65_536:
        begin = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        begin = struct.pack("!BBQ", first, bit | 127, len(payload))
    if mask is None:
        return begin + payload
    return begin + mask + bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Client:
    """One connection to a factory of its own (or to ``factory``)."""

    def __init__(self, factory: WebSocketFactory | None = None, host: str = "192.0.2.7", **options: Any) -> None:
        self.clock = options.pop("clock", None) or Clock()
        self.receiver = options.pop("receiver", None) or RecordingReceiver()
        self.flows = FlowTable()
        settings = Settings(**{key: options.pop(key) for key in list(options) if key in Settings.__slots__})
        self.factory = factory or WebSocketFactory(
            self.receiver,
            self.flows,
            options.pop("listener", None) or MemoryListener("wss", "192.0.2.1", 443),
            self.clock,
            settings,
            **options,
        )
        self.wire = Wire(host)
        self.wire.protocol = self.factory.buildProtocol(None)
        self.wire.protocol.makeConnection(self.wire)
        self._read = 0

    def send(self, data: bytes, piece: int = 0) -> None:
        """Let ``data`` arrive, whole or in pieces."""
        for start in range(0, len(data), piece or len(data) or 1):
            self.wire.protocol.dataReceived(data[start : start + (piece or len(data))])

    def read(self) -> bytes:
        """What the server wrote since the last time."""
        new = self.wire.value()[self._read :]
        self._read += len(new)
        return new

    def open(self, **changes: str | None) -> Client:
        """Shake hands, which has to succeed."""
        self.send(head(**changes))
        answer = self.read()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return self

    def status(self) -> int:
        """The status of the one HTTP answer that was written."""
        return int(self.read().split(b" ")[1])

    def frames(self) -> list[tuple[int, bytes]]:
        """(opcode, payload) of the frames written since the last time; each whole and unmasked."""
        data = self.read()
        found = []
        while data:
            first, second = data[0], data[1]
            assert first & 0xF0 == 0x80, "FIN and no RSV"
            assert not second & 0x80, "a server does not mask"
            size, start = second, 2
            if size == 126:
                (size,), start = struct.unpack_from("!H", data, 2), 4
                assert size > 125
            elif size == 127:
                (size,), start = struct.unpack_from("!Q", data, 2), 10
                assert size > 65_535
            assert len(data) >= start + size, "a frame cut short"
            found.append((first & 0xF, data[start : start + size]))
            data = data[start + size :]
        return found

    def close_code(self) -> int | None:
        """The code of the close frame, which has to be the last frame written; None if there is none."""
        frames = self.frames()
        assert all(opcode != CLOSE for opcode, _ in frames[:-1])
        if not frames or frames[-1][0] != CLOSE:
            return None
        return int(struct.unpack("!H", frames[-1][1][:2])[0])

    def drop(self, clean: bool = False) -> None:
        """The connection is gone."""
        self.wire.protocol.connectionLost(Failure(ConnectionDone() if clean else ConnectionAborted()))


def key(octets: bytes) -> str:
    """A Sec-WebSocket-Key."""
    return base64.b64encode(octets).decode("ascii")
