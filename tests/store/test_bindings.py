"""Bindings on disk: what goes in comes out."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes
from oversip_tw.store import bindings
from oversip_tw.store.database import open_database

#: what a head decodes to: any text without line ends, octets that are no UTF-8 as lone surrogates
texts = st.binary(max_size=30).map(
    lambda octets: octets.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "surrogateescape")
)
times = st.floats(0, 1e6)


def make(key: bytes = b"k", **fields: object) -> Binding:
    return Binding("sip:a@b", "sip:a@c", key=key, call_id="c", cseq=1, expires_at=600.0, **fields)  # type: ignore[arg-type]


class Rows(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.database = open_database(self.mktemp())
        self.addCleanup(self.database.close)

    def write(self, **changes: object) -> None:
        bindings.write(self.database, Changes(**changes))  # type: ignore[arg-type]

    def load(self, offset: float = 0.0) -> list[Binding]:
        return bindings.load(self.database, offset)

    @settings(max_examples=100, deadline=None)
    @given(
        st.builds(
            Binding,
            aor=texts,
            contact=texts,
            params=texts,
            q=st.sampled_from((0.0, 0.5, 1.0)),
            instance=st.none() | texts,
            reg_id=st.none() | st.integers(1, 2**31 - 1),
            call_id=texts,
            cseq=st.integers(0, 2**31 - 1),
            expires_at=times,
            updated_at=times,
            path=st.lists(texts.filter(bool), max_size=3).map(tuple),
            node=st.sampled_from(("", "n1")),
            flow_id=st.binary(max_size=40),
            key=st.binary(min_size=8, max_size=8),
            user_agent=texts,
            secure=st.booleans(),
            first_cseq=st.integers(0, 2**31 - 1),
        )
    )
    def test_round_trip(self, binding: Binding) -> None:
        """Every field comes back as it was, whatever octets the phone sent."""
        self.database.execute("DELETE FROM bindings")
        self.write(put=[binding])
        self.assertEqual(self.load(), [binding])

    def test_A18_metacharacters(self) -> None:
        """What a phone writes is a value, never part of a statement."""
        evil = "'); DROP TABLE bindings; --"
        self.write(put=[make(params=evil, user_agent=evil, instance=evil)])
        self.write(drop=[replace(make(), call_id="' OR 1=1 --")])
        self.assertEqual([(b.params, b.ended) for b in self.load()], [(evil, False)])

    def test_dates(self) -> None:
        """Stored are dates; read again by a clock that started elsewhere they are as far away as before."""
        self.write(put=[make(updated_at=100.0)], offset=1_700_000_000.0)
        self.assertEqual(
            self.database.execute("SELECT expires, updated FROM bindings").fetchall(),
            [(1_700_000_600.0, 1_700_000_100.0)],
        )
        (binding,) = self.load(1_700_000_550.0)
        self.assertEqual((binding.expires_at, binding.updated_at), (50.0, -450.0))

    def test_replace(self) -> None:
        """One row a key."""
        self.write(put=[make(), make(b"l")])
        self.write(put=[replace(make(), cseq=2)])
        self.assertEqual(sorted((b.key, b.cseq) for b in self.load()), [(b"k", 2), (b"l", 1)])

    def test_drop(self) -> None:
        """What ended stays known, with its end."""
        self.write(put=[make()])
        self.write(drop=[make()], now=50.0)
        (binding,) = self.load()
        self.assertEqual((binding.ended, binding.expires_at), (True, 50.0))

    def test_drop_late(self) -> None:
        """The end of an older one does not end a newer one of the same key."""
        self.write(put=[replace(make(), cseq=2)])
        self.write(drop=[make()], now=50.0)
        self.assertFalse(self.load()[0].ended)

    def test_back(self) -> None:
        """What had ended may begin again."""
        self.write(put=[make()])
        self.write(drop=[make()], now=50.0)
        self.write(put=[replace(make(), cseq=2)])
        self.assertFalse(self.load()[0].ended)

    def test_forget(self) -> None:
        """Only what is over is forgotten, not what has come back under the same key."""
        self.write(put=[make(), make(b"l"), make(b"m")])
        self.write(drop=[make()], now=50.0)
        self.write(forget=[b"k", b"l"], now=500.0)
        self.assertEqual(sorted(b.key for b in self.load()), [b"l", b"m"])
        self.write(forget=[b"l"], now=600.0)
        self.assertEqual([b.key for b in self.load()], [b"m"])

    def test_order(self) -> None:
        """What ended first comes first."""
        self.write(put=[make(b"a"), make(b"b"), make(b"c")])
        self.write(drop=[make(b"c")], now=50.0)
        self.write(drop=[make(b"a")], now=60.0)
        self.assertEqual([b.key for b in self.load()], [b"c", b"a", b"b"])

    def test_K8_shift(self) -> None:
        """All dates move together."""
        self.write(put=[make(), make(b"l")])
        self.write(drop=[make(b"l")], now=50.0)
        bindings.shift(self.database, 1000.0)
        dates = sorted((binding.expires_at, binding.updated_at) for binding in self.load())
        self.assertEqual(dates, [(1050.0, 1000.0), (1600.0, 1000.0)])
