"""A wire that can be cut: a TCP relay between a client and the server."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading

from .processes import free_port


class Relay:
    """Listens on a port of its own, carries bytes to ``target`` both ways, until told to cut or to go silent."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = free_port()
        #: the address that the server sees
        self.source = "127.0.0.1"
        self._refusing = False
        self._silent = False
        self._pairs: dict[socket.socket, socket.socket] = {}
        #: what the server still believes in
        self._stranded: list[socket.socket] = []
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._door = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._selector.register(self._door, selectors.EVENT_READ)
        self._running = True
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many clients are connected through it."""
        with self._lock:
            return len(self._pairs) // 2

    def cut(self, refuse: bool = False) -> None:
        """Reset every connection at both ends; with ``refuse``, new ones are reset too until `mend`."""
        self._refusing = refuse
        with self._lock:
            pairs, self._pairs = self._pairs, {}
        for each in pairs:
            self._end(each)

    def strand(self) -> None:
        """Reset every connection at the client alone, as a change of network does; the server is told nothing. New
        ones are carried."""
        with self._lock:
            pairs, self._pairs = self._pairs, {}
        for each in pairs:
            if each.getsockname()[1] == self.port:
                self._end(each)
            else:
                self._selector.unregister(each)
                self._stranded.append(each)

    def swallow(self) -> None:
        """Lose every byte from now on, both ways, without closing anything: a network that is gone."""
        self._silent = True

    def mend(self) -> None:
        """Carry again."""
        self._refusing = self._silent = False

    def close(self) -> None:
        """End of the relay."""
        self._running = False
        self.cut(refuse=True)
        self._thread.join(2)
        self._door.close()
        for each in self._stranded:
            each.close()
        self._selector.close()

    def _end(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._selector.unregister(one)
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()

    def _run(self) -> None:
        while self._running:
            for key, _ in self._selector.select(0.2):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                with contextlib.suppress(OSError):
                    if one is self._door:
                        self._accept()
                    else:
                        self._carry(one)

    def _accept(self) -> None:
        client, _ = self._door.accept()
        if self._refusing:
            self._end(client)
            return
        try:
            server = socket.create_connection(self.target, 5, (self.source, 0))
        except OSError:
            self._end(client)
            return
        with self._lock:
            self._pairs[client] = server
            self._pairs[server] = client
        self._selector.register(client, selectors.EVENT_READ)
        self._selector.register(server, selectors.EVENT_READ)

    def _carry(self, one: socket.socket) -> None:
        with self._lock:
            other = self._pairs.get(one)
        if other is None:
            return
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        if data:
            if not self._silent:
                other.sendall(data)
            return
        with self._lock:
            self._pairs.pop(one, None)
            self._pairs.pop(other, None)
        for each in (one, other):
            with contextlib.suppress(OSError, KeyError, ValueError):
                self._selector.unregister(each)
            each.close()
