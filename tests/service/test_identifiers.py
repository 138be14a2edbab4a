"""Identifiers: as long as promised, of characters that fit everywhere, none twice."""

from __future__ import annotations

from twisted.trial import unittest

from oversip_tw.service.identifiers import Identifiers


class IdentifierTests(unittest.SynchronousTestCase):
    def test_none_twice(self) -> None:
        """Over several fillings of the pool each has 16 hexadecimal digits and none comes again."""
        new_id = Identifiers()
        made = [new_id() for _ in range(2000)]
        self.assertEqual(len(set(made)), 2000)
        for each in made:
            self.assertRegex(each, r"\A[0-9a-f]{16}\Z")
