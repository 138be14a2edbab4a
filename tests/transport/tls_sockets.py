"""TLS on the socket: a client of Python's ssl at the other end."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from twisted.internet.interfaces import IHandshakeListener
from zope.interface import implementer

from oversip_tw.transport.tls import HTTP, ServerTls
from oversip_tw.transport.tls_socket import TlsSocket

from .certificates import Authority
from .sockets import Server, SocketCase


@implementer(IHandshakeListener)
class TlsServer(Server):
    """Remembers the end of the handshake too."""

    secured = 0

    def handshakeCompleted(self) -> None:
        self.secured += 1


class Stubborn:
    """OpenSSL's side that raises what it is told, once for each method, and then is as ever."""

    def __init__(self, tls: Any, **errors: Exception) -> None:
        self._tls = tls
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        error = self._errors.pop(name, None)
        if error is None:
            return getattr(self._tls, name)

        def fail(*args: object) -> None:
            raise error

        return fail


class TlsSocketCase(SocketCase):
    def setUp(self) -> None:
        self.authority = Authority(self.mktemp())
        tls = self.make_tls(self.authority)
        self.transport = lambda *args: TlsSocket(tls.connection, *args)
        super().setUp()
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = context.wrap_bio(self._in, self._out)
        #: what the client's TLS has read; whether the server has said goodbye
        self.read = b""
        self.goodbye = False

    def make_tls(self, authority: Authority) -> ServerTls:
        return ServerTls([authority.files("a", dns=["a.example"])], HTTP)

    def make_protocol(self) -> Any:
        return TlsServer()

    def move(self) -> None:
        """Let both ends do what they can."""
        for _ in range(4):
            self.peer_moves()
            self.turn()
        self.peer_moves()

    def peer_moves(self) -> None:
        self.client.sendall(self._out.read())
        with contextlib.suppress(ConnectionResetError):
            self._in.write(self.here())
        try:
            self.peer.do_handshake()
            while more := self.peer.read(1 << 20):
                self.read += more
            self.goodbye = True
        except ssl.SSLZeroReturnError:
            self.goodbye = True
        except ssl.SSLWantReadError:
            pass
        with contextlib.suppress(ConnectionError):
            self.client.sendall(self._out.read())

    def shake_hands(self) -> None:
        self.move()
        self.assertEqual(self.server.secured, 1)

    def lost(self) -> BaseException:
        """Why the connection ended, which it has."""
        assert self.server.lost is not None
        return self.server.lost.value


