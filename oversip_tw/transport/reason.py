"""Why a connection ended, in one line for a log."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure


def reason_text(reason: Failure) -> str:
    """``reason`` as Twisted gives it to connectionLost and clientConnectionFailed."""
    error = reason.value
    if isinstance(error, ConnectionDone):
        return "closed by peer"
    if isinstance(error, SSL.Error):
        return tls_text(error)
    return str(error).rstrip(".") or type(error).__name__


def tls_text(error: BaseException) -> str:
    """What OpenSSL says, without its library and function names."""
    said = error.args[0] if error.args else ()
    if isinstance(said, list):
        texts = [str(entry[-1]) for entry in said]
    else:
        # SysCallError's number and text; or an error that is not OpenSSL's.
        texts = [str(error.args[-1])] if error.args else []
    return "TLS: " + ("; ".join(texts) or type(error).__name__)
