"""An accepted connection with TLS right on its socket: OpenSSL reads and writes the descriptor itself.

Twisted's TLS goes through two buffers in memory, which cost as much per message as the encryption and as much memory as
the rest of a connection; it stays where something else comes before TLS (`Proxied`) and where we are the client. What a
protocol sees of a connection is the same with both.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, INegotiated
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure
from zope.interface import implementer

from oversip_tw.transport.accepted import AcceptedSocket
from oversip_tw.transport.tls_records import RECORD

#: for what a peer still sent when its handshake had failed
_REST = 65_536


@implementer(INegotiated)
class TlsSocket(AcceptedSocket):
    """``connect`` makes OpenSSL's side for a socket. `getHandle` gives the socket, ``tls`` is OpenSSL's side."""

    tls: Any
    #: the handshake is through
    _secured = False
    #: OpenSSL has to write before it can read (or shake hands) on
    _reading_waits = False
    #: our close_notify has left; the peer's has come
    _said_goodbye = _peer_left = False
    _reason: Failure | None = None

    def __init__(self, connect: Callable[[socket.socket], SSL.Connection], sock: socket.socket, *more: Any) -> None:
        # before the reactor hears of it
        self.tls = connect(sock)
        self.tls.set_accept_state()
        super().__init__(sock, *more)

    # -- receiving

    def doRead(self) -> Any:
        """One record, or a step of the handshake."""
        if not self._secured:
            return self._shake_hands()
        try:
            data = self.tls.recv(RECORD)
        except SSL.WantReadError:
            return None
        except SSL.WantWriteError:
            return self._read_later()
        except SSL.ZeroReturnError:
            return self._left()
        except SSL.Error as error:
            return self._broken(error)
        self._deliver(data)
        return None

    def _shake_hands(self) -> Any:
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            return None
        except SSL.WantWriteError:
            return self._read_later()
        except SSL.Error as error:
            return self._broken(error)
        self._secured = True
        if IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()
        if self._tempDataBuffer:
            self.startWriting()
        return None

    def _read_later(self) -> None:
        """Not before there is room to write: the reactor would say again and again that there is something to read."""
        self._reading_waits = True
        self.stopReading()
        self.startWriting()

    def _left(self) -> None:
        """The peer has said that nothing more comes. What waits for it leaves first, then our own goodbye."""
        self._peer_left = self.disconnecting = True
        self.stopReading()
        self.startWriting()
        if IHalfCloseableProtocol.providedBy(self.protocol):
            # it has a deadline for what is left
            self.protocol.readConnectionLost()

    def _broken(self, error: SSL.Error) -> Any:
        """TLS cannot go on; if the peer has to be told why, OpenSSL has done so."""
        if not _is_end(error):
            self._reason = Failure(error)
        # What is unread when a socket is closed makes the kernel throw away what the peer has not read.
        with contextlib.suppress(OSError):
            self.socket.recv(_REST)
        return CONNECTION_LOST

    # -- sending

    def write(self, data: bytes) -> None:
        if not self.disconnecting or (self.producer is not None and not self._peer_left):
            super().write(data)

    def _send(self) -> None:
        if self._secured:
            super()._send()
            self._end_if_due()

    def _write_now(self, data: Any) -> int:
        sent, size = 0, len(data)
        try:
            while sent < size:
                # What did not fit has to be offered again as it was: it stays at the head of the queue. Once it has
                # left, OpenSSL counts it alone, however much was offered.
                whole = not sent and size <= RECORD
                sent += self.tls.send(data if whole else data[sent : sent + RECORD])
        except (SSL.WantWriteError, SSL.WantReadError):
            pass
        except SSL.Error as error:
            if not sent:
                raise BrokenPipeError from error
        return sent

    def writeSomeData(self, data: Any) -> Any:
        try:
            return self._write_now(data)
        except OSError:
            return CONNECTION_LOST

    def doWrite(self) -> Any:
        if self._reading_waits:
            self._reading_waits = False
            self.startReading()
            why = self.doRead()
            if why is not None or self._aborting or self._reading_waits:
                return why
        if not self._secured:
            self.stopWriting()
            return None
        why = super().doWrite()
        if why is None and self._peer_left and not self._waits():
            return self._postLoseConnection()
        return why

    def _waits(self) -> bool:
        return bool(self._tempDataBuffer or self.dataBuffer)

    # -- ending

    def loseConnection(self, *args: Any) -> None:
        """Once all has left, say goodbye and wait for the peer's; before the handshake is through, end at once."""
        if self.disconnecting or not self.connected:
            return
        if not self._secured and not self._waits():
            self.abortConnection()
        self.disconnecting = True
        self._end_if_due()

    def loseWriteConnection(self) -> None:
        """TLS has no half to close."""
        self.loseConnection()

    def _end_if_due(self) -> None:
        if self.disconnecting and self._secured and not self._aborting and not self._waits():
            self._goodbye()

    def _postLoseConnection(self) -> Any:
        """The last octet that waited has left."""
        return CONNECTION_DONE if self._goodbye() else None

    def _goodbye(self) -> bool:
        """Send our close_notify, once; is there nothing more to wait for?"""
        if self.producer is not None and not self._peer_left:
            return False
        if not self._said_goodbye:
            try:
                self.tls.shutdown()
            except SSL.WantWriteError:
                self.startWriting()
                return False
            except SSL.Error:
                # There is nobody to say it to, as the next read will show.
                pass
            self._said_goodbye = True
            if not self._peer_left:
                self.startReading()
        return self._peer_left

    def readConnectionLost(self, reason: Failure) -> None:
        """An end without a goodbye is no end of half a connection."""
        self.connectionLost(Failure(CONNECTION_LOST))

    def connectionLost(self, reason: Failure) -> None:
        reason, self._reason = self._reason or reason, None
        super().connectionLost(reason)
        # The descriptor's number may be somebody else's by now.
        self.tls = None

    # -- what INegotiated asks for

    def getPeerCertificate(self) -> Any:
        return self.tls.get_peer_certificate()

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """ALPN's result."""
        return (self.tls.get_alpn_proto_negotiated() or None) if self.tls is not None else None


def _is_end(error: SSL.Error) -> bool:
    """The peer is gone; nothing is wrong with TLS."""
    said = error.args[0] if error.args else None
    if isinstance(error, SSL.SysCallError) or not said:
        return True
    return str(said[-1][-1]).casefold().startswith("unexpected eof")
