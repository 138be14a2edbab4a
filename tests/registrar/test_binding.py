"""Bindings as values."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from twisted.trial import unittest

from oversip_tw.registrar.binding import Binding


class Lives(unittest.SynchronousTestCase):
    def test_living(self) -> None:
        """Another life changes nothing else."""
        values: dict[str, Any] = {
            "aor": "sip:a@b", "contact": "sip:c@d", "params": ";e=f", "q": 0.25, "instance": "g", "reg_id": 7,
            "call_id": "h", "cseq": 8, "expires_at": 1.5, "updated_at": 2.5, "path": ("<sip:i;lr>",), "node": "j",
            "flow_id": b"k", "key": b"l", "user_agent": "m", "secure": True, "lost": True, "ended": True,
            "first_cseq": 9,
        }  # fmt: skip
        self.assertEqual({}, {each.name: each for each in fields(Binding) if values[each.name] == each.default})
        binding = Binding(**values)
        self.assertEqual(binding.living(9.0), replace(binding, expires_at=9.0, lost=False, ended=False))
        self.assertEqual(binding.living(9.0, True, True), replace(binding, expires_at=9.0, lost=True, ended=True))


class Targets(unittest.SynchronousTestCase):
    def test_target(self) -> None:
        """The Request-URI is the Contact as it came, but without headers."""
        for contact, target in (
            ("sip:x@h.invalid;transport=ws;ob", "sip:x@h.invalid;transport=ws;ob"),
            ("sip:x@h.invalid;a=b?Route=%3Csip:evil%3E&Subject=x", "sip:x@h.invalid;a=b"),
        ):
            self.assertEqual(Binding("sip:a@b", contact).target.text, target)
