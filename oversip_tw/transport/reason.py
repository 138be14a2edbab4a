"""Why a connection ended, in one line for a log."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.python.failure import Failure


def reason_text(reason: Failure) -> str:
    """``reason`` as Twisted gives it to connectionLost and clientConnectionFailed."""
    error = reason.value
    if isinstance(error, ConnectionDone):
        return "closed by peer"
    if isinstance(error, SSL.Error):
        return tls_text(error)
    if isinstance(error, ConnectError):
        return str(error.osError or error)
    return str(error).rstrip(".") or type(error).__name__


def tls_text(error: BaseException) -> str:
    """What OpenSSL says, without its library and function names."""
    queue = error.args[0] if error.args else ()
    if isinstance(queue, (list, tuple)) and queue:
        return "TLS: " + "; ".join(str(entry[-1]) for entry in queue)
    return f"TLS: {error or type(error).__name__}"
