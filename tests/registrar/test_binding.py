"""Bindings as values."""

from __future__ import annotations

from dataclasses import fields, replace

from twisted.trial import unittest

from oversip_tw.registrar.binding import Binding


class Lives(unittest.SynchronousTestCase):
    def test_living(self) -> None:
        """Another life changes nothing else."""
        values = [
            {"float": 0.5, "str": f"{field.name}", "int": 7, "bytes": b"x", "bool": True}.get(str(field.type), "y")
            for field in fields(Binding)
        ]
        binding = Binding(*values)  # type: ignore[arg-type]
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
