"""Names and the keys under them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from oversip_tw.registrar.index import Index


class Links(unittest.SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(("a", "b", "")), st.sampled_from((b"1", b"2", b"3")))))
    def test_like_sets(self, steps: list[tuple[bool, str, bytes]]) -> None:
        """Whatever is linked and unlinked, each name has what sets would have, and nothing is left behind."""
        index: Index[str] = Index()
        sets: dict[str, set[bytes]] = {"a": set(), "b": set(), "": set()}
        for linked, name, key in steps:
            if linked:
                index.link(name, key)
                if name:
                    sets[name].add(key)
            else:
                index.unlink(name, key)
                sets[name].discard(key)
        self.assertEqual({name: set(index.find(name)) for name in sets}, sets)
        self.assertEqual(len(index), sum(1 for keys in sets.values() if keys))
