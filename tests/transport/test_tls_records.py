"""oversip_tw.transport.tls_records against pyOpenSSL's own methods."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport import tls_records
from oversip_tw.transport.tls import ServerTls
from oversip_tw.transport.tls_records import RECORD, Records

from .certificates import Authority


class RecordsTests(SynchronousTestCase):
    def setUp(self) -> None:
        tls = ServerTls([Authority(self.mktemp()).files("a", dns=["a.example"])])
        self.ours: Any = tls.connection(None)
        self.ours.set_accept_state()
        self.theirs = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.theirs.set_connect_state()

    def shake_hands(self) -> None:
        for _ in range(3):
            for end in (self.theirs, self.ours):
                with contextlib.suppress(SSL.WantReadError):
                    end.do_handshake()
                self.move()

    def move(self) -> None:
        """What each end has written arrives at the other."""
        for end, other in ((self.theirs, self.ours), (self.ours, self.theirs)):
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(1 << 20))

    def test_as_expected(self) -> None:
        """pyOpenSSL is as the short cut expects it: else every message costs more, and nobody would notice."""
        self.assertIsInstance(self.ours, Records)
        self.assertIsNotNone(tls_records._buffer)

    def passes(self) -> None:
        self.shake_hands()
        self.assertRaises(SSL.WantReadError, self.ours.recv, 100)
        self.theirs.send(b"hello")
        self.move()
        self.assertEqual(self.ours.recv(3), b"hel")
        self.assertEqual(self.ours.recv(1 << 20), b"lo")
        for size in (1, RECORD, RECORD + 1):
            octets = bytes(number % 251 for number in range(size))
            sent = self.ours.send(octets)
            self.assertEqual(sent, min(size, RECORD))
            self.move()
            self.assertEqual(self.theirs.recv(1 << 20), octets[:sent])
        self.assertEqual(self.ours.send(memoryview(b"a view")[2:]), 4)
        self.move()
        self.assertEqual(self.theirs.recv(100), b"view")
        self.theirs.shutdown()
        self.move()
        self.assertRaises(SSL.ZeroReturnError, self.ours.recv, 100)

    def test_passes(self) -> None:
        """Records both ways, in pieces and of the largest size; nothing there, and a goodbye."""
        self.passes()

    def test_passes_by_pyopenssl(self) -> None:
        """The same where pyOpenSSL is not as expected."""
        self.patch(tls_records, "_buffer", None)
        self.passes()

    def test_peek(self) -> None:
        """Flags are pyOpenSSL's affair."""
        self.shake_hands()
        self.theirs.send(b"hello")
        self.move()
        self.assertEqual(self.ours.recv(100, socket.MSG_PEEK), b"hello")
        self.assertEqual(self.ours.recv(100), b"hello")

    def test_two_connections(self) -> None:
        """What one has read is its own, whatever another reads after it."""
        self.shake_hands()
        self.theirs.send(b"long enough")
        self.theirs.send(b"x")
        self.move()
        first, second = self.ours.recv(100), self.ours.recv(100)
        self.assertEqual((first, second), (b"long enough", b"x"))

    def test_errors(self) -> None:
        """Garbage raises what pyOpenSSL raises; writing after it does too; an odd answer of OpenSSL's is an error."""
        self.shake_hands()
        self.ours.bio_write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        self.assertRaises(SSL.Error, self.ours.recv, 100)
        self.assertRaises(SSL.Error, self.ours.send, b"more")
        self.ours._raise_ssl_error = lambda ssl, result: None
        self.assertRaises(SSL.Error, self.ours.recv, 100)
