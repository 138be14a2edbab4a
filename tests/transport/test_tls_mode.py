"""What OpenSSL is told about a connection on a socket."""

from __future__ import annotations

import socket

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport import tls_records
from oversip_tw.transport.tls_records import Records


class ModeTests(SynchronousTestCase):
    def retries(self, connection: Records) -> bool:
        """One read goes on by itself over what is no data."""
        return bool(tls_records._clear_mode(connection._ssl, 0) & tls_records._AUTO_RETRY)

    def test_no_flood_keeps_a_read_busy(self) -> None:
        """A read on a socket ends after each KeyUpdate; one in memory ends with what it was given, and goes on."""
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        context = SSL.Context(SSL.TLS_METHOD)
        self.assertFalse(self.retries(Records(context, here)))
        self.assertTrue(self.retries(Records(context, None)))
