"""An accepted connection of TCP: Twisted's, but what is written leaves at once where the kernel has room for it.

Twisted queues every octet and asks the reactor to tell when the socket may be written: two changes of what epoll
watches, one more event and often one more turn for each message, though a socket nearly always has room. The queue,
and all that goes with it, remains for the times when it has not.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet import tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST


class AcceptedSocket(tcp.Server):
    """Never reports an error from within a write: the reactor finds it a moment later. No ``startTLS``."""

    #: what was read is being looked at: the answers to all of it leave together
    _holding = False

    def doRead(self) -> Any:
        try:
            data = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        self._deliver(data)
        return None

    def _deliver(self, data: bytes) -> None:
        self._holding = True
        try:
            self.protocol.dataReceived(data)
        finally:
            self._holding = False
            if self._tempDataBuffer:
                self._send()

    def write(self, data: bytes) -> None:
        """Send ``data`` now if nothing waits before it, else in its turn."""
        if not data or not self.connected or self._writeDisconnected:
            return
        if self.producer is not None and not self.streamingProducer:
            # A pull producer makes the next piece when this one has left: not before the reactor had its turn.
            super().write(data)
            return
        self._tempDataBuffer.append(data)
        self._tempDataLen += len(data)
        if not self._holding:
            self._send()
        elif self.producer is not None:
            self._maybePauseProducer()

    def writeSequence(self, iovec: Any) -> None:
        """The same for several pieces."""
        self.write(b"".join(iovec))

    def _send(self) -> None:
        """Send what was written, or what fits of it; the reactor sends the rest."""
        if self._aborting:
            return
        pieces = self._tempDataBuffer
        if not self.dataBuffer:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            try:
                sent = self._write_now(data)
            except OSError:
                # Full, or gone, which the reactor will see for itself.
                sent = 0
            pieces.clear()
            self._tempDataLen = 0
            if sent == len(data):
                producer: Any = self.producer
                if self.producerPaused and producer is not None:
                    self.producerPaused = False
                    producer.resumeProducing()
                return
            self.dataBuffer = data[sent:]
        self._maybePauseProducer()
        self.startWriting()

    def _write_now(self, data: bytes) -> int:
        """How much of ``data`` could be sent. Raises OSError for none, BlockingIOError among them."""
        return self.socket.send(data)
