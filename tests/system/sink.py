"""A next hop that takes every request, keeps it, and answers 299."""

from __future__ import annotations

import socket
import threading

from .processes import free_port, poll
from .sockets import Received

#: headers that an answer has in common with its request, by both their names
COPIED = {"via": "v", "from": "f", "to": "t", "call-id": "i", "cseq": ""}
LONG = {short: long for long, short in COPIED.items() if short}


class Sink:
    """Listens on UDP at an address of its own, in a thread of its own."""

    def __init__(self, address: str) -> None:
        self.address, self.port = address, free_port(address)
        self.requests: list[Received] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, self.port))
        self._socket.settimeout(0.2)
        self._running = True
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._running:
            try:
                data, source = self._socket.recvfrom(65535)
            except (TimeoutError, OSError):
                continue
            message = Received(data)
            if message.status:
                continue
            self.requests.append(message)
            if message.method != "ACK":
                self._socket.sendto(self._answer(data), source)

    @staticmethod
    def _answer(data: bytes) -> bytes:
        head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        kept: list[bytes] = []
        copying = False
        for line in head:
            if line[:1] in (b" ", b"\t"):
                if copying:
                    kept[-1] += b" " + line.strip()
                continue
            name = line.partition(b":")[0].strip().lower().decode("latin-1")
            name = LONG.get(name, name)
            copying = name in COPIED
            if copying:
                tagged = name != "to" or b";tag=" in line.replace(b" ", b"")
                kept.append(line if tagged else line + b";tag=sink")
        return b"\r\n".join([b"SIP/2.0 299 Sunk", *kept, b"Content-Length: 0", b"", b""])

    def taken(self, call_id: str, seconds: float = 3) -> Received:
        """The request of that Call-ID."""
        return poll(
            lambda: [each for each in list(self.requests) if call_id in (each.get("Call-ID"), each.get("i"))],
            seconds,
            f"a request with Call-ID {call_id} at the sink",
        )[0]

    def close(self) -> None:
        """End of it."""
        self._running = False
        self._thread.join(2)
        self._socket.close()
