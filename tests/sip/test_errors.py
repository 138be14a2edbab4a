"""Errors that carry their answer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import codes
from oversip_tw.sip.errors import ParseError, SIPError


class CodeTests(SynchronousTestCase):
    def test_code(self) -> None:
        """An error may say by a word what went wrong; most say nothing, and what is no SIP never does."""
        error = SIPError(478, "Unsupported Transport", code=codes.UNSUPPORTED_TRANSPORT)
        self.assertEqual((error.status, error.reason, error.code), (478, "Unsupported Transport", error.code))
        self.assertEqual(error.code, "unsupported_transport")
        self.assertEqual((SIPError(404).code, ParseError("Bad Via").code), ("", ""))

    def test_words(self) -> None:
        """Every code is its own name in small letters, so no two are the same."""
        words = {name: value for name, value in vars(codes).items() if name.isupper()}
        self.assertEqual({name.lower() for name in words}, set(words.values()))
