"""Why a connection ended, as a log says it."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.reason import reason_text


class ReasonTests(SynchronousTestCase):
    """One line each."""

    def test_texts(self) -> None:
        """Twisted's and OpenSSL's errors, without their jargon and on one line."""
        for error, text in (
            (ConnectionDone(), "closed by peer"),
            (ConnectionLost("reset"), "Connection to the other side was lost in a non-clean fashion: reset"),
            (ConnectionRefusedError(111), "Connection was refused by other side: 111"),
            (SSL.Error([("SSL routines", "", "certificate verify failed")]), "TLS: certificate verify failed"),
            (SSL.Error([]), "TLS: Error"),
            (SSL.SysCallError(-1, "Unexpected EOF"), "TLS: Unexpected EOF"),
            (ValueError(), "ValueError"),
        ):
            self.assertEqual(reason_text(Failure(error)), text)
