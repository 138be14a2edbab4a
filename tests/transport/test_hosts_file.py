"""Addresses out of a file like /etc/hosts."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.testing import Clock
from oversip_tw.transport.hosts_file import HostsFile


class HostsFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.path = self.mktemp()
        self.file = HostsFile(self.path, self.clock)

    def write(self, data: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(data)

    def test_lines(self) -> None:
        """Names in any letter case, several on a line, several lines for one; what is no address is passed over."""
        self.write(
            b"\n# no\n127.0.0.1\n192.0.2.1 one One.example # two\n\t::1 one\nx one\n192.0.2.2\xff one\n#192.0.2.3 one"
        )
        self.assertEqual(self.file.addresses("one"), ["192.0.2.1", "::1"])
        self.assertEqual(self.file.addresses("ONE.example."), ["192.0.2.1"])
        for name in ("two", "three", "", "é"):
            self.assertEqual(list(self.file.addresses(name)), [])

    def test_changes(self) -> None:
        """A change is seen within a second, whether the file comes, changes, or goes."""
        self.assertEqual(list(self.file.addresses("one")), [])
        self.write(b"192.0.2.1 one")
        self.assertEqual(list(self.file.addresses("one")), [])
        self.clock.advance(1)
        self.assertEqual(self.file.addresses("one"), ["192.0.2.1"])
        self.clock.advance(1)
        self.assertEqual(self.file.addresses("one"), ["192.0.2.1"])
        self.write(b"192.0.2.22 one")
        self.clock.advance(1)
        self.assertEqual(self.file.addresses("one"), ["192.0.2.22"])
        os.remove(self.path)
        self.clock.advance(1)
        self.assertEqual(list(self.file.addresses("one")), [])

    def test_unreadable(self) -> None:
        """What cannot be read as a file names nobody."""
        os.mkdir(self.path)
        self.assertEqual(list(self.file.addresses("one")), [])
