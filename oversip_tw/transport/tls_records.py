"""OpenSSL's side of a connection, with less between its records and us than pyOpenSSL puts there.

pyOpenSSL makes a buffer of the largest size for each read, and asks OpenSSL after each success what went wrong: about
half of what a small record costs. How it reaches OpenSSL is its own affair: where that looks different than expected,
its own methods are used.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL

#: the most that one TLS record carries
RECORD = 16_384

#: pyOpenSSL's ways to OpenSSL; None where they are not as expected
_library: Any = getattr(SSL, "_lib", None)
_foreign: Any = getattr(SSL, "_ffi", None)
_read: Any = getattr(_library, "SSL_read", None)
_write: Any = getattr(_library, "SSL_write", None)
#: one for all: what was read is copied out of it before anything else happens
_buffer: Any = _foreign.new("char[]", RECORD) if _foreign is not None else None
if None in (_read, _write, getattr(SSL.Connection, "_raise_ssl_error", None)):
    _buffer = None
_clear_mode: Any = getattr(_library, "SSL_clear_mode", None)
_AUTO_RETRY: int = getattr(_library, "SSL_MODE_AUTO_RETRY", 0)


class Records(SSL.Connection):
    """`recv` gives one record at most, and `send` takes octets as they are; they raise what pyOpenSSL's raise."""

    _ssl: Any

    def __init__(self, context: SSL.Context, sock: Any = None) -> None:
        super().__init__(context, sock)
        if sock is not None and _clear_mode is not None:
            # pyOpenSSL lets one SSL_read go on over all that is no data: with a socket beneath it, for as long as a
            # client sends KeyUpdates.
            _clear_mode(self._ssl, _AUTO_RETRY)

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        if _buffer is None or flags is not None:
            return super().recv(bufsiz, flags)
        size = _read(self._ssl, _buffer, bufsiz if bufsiz < RECORD else RECORD)
        if size > 0:
            octets: bytes = _foreign.buffer(_buffer, size)[:]
            return octets
        raise self._failed(size)

    def send(self, buf: Any, flags: int = 0) -> int:
        if _buffer is None or type(buf) is not bytes:
            return super().send(buf, flags)
        sent: int = _write(self._ssl, buf, len(buf))
        if sent > 0:
            return sent
        raise self._failed(sent)

    def _failed(self, result: int) -> SSL.Error:
        """Raises what pyOpenSSL thinks of it; that it thinks nothing of a failure is not foreseen."""
        self._raise_ssl_error(self._ssl, result)
        return SSL.Error([])
