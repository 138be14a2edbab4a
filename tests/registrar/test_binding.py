"""Bindings as values."""

from __future__ import annotations

from twisted.trial import unittest

from oversip_tw.registrar.binding import Binding


class Targets(unittest.SynchronousTestCase):
    def test_target(self) -> None:
        """The Request-URI is the Contact as it came, but without headers."""
        for contact, target in (
            ("sip:x@h.invalid;transport=ws;ob", "sip:x@h.invalid;transport=ws;ob"),
            ("sip:x@h.invalid;a=b?Route=%3Csip:evil%3E&Subject=x", "sip:x@h.invalid;a=b"),
        ):
            self.assertEqual(Binding("sip:a@b", contact).target.text, target)
