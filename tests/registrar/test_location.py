"""Where users are, from memory."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from oversip_tw.registrar import location as module
from oversip_tw.registrar import places
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change, StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.settings import Remembering
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import Clock
from tests.registrar.phones import ALICE, SlowStore, outcome

BOB = "sip:bob@example.com"


def binding(number: int, aor: str = ALICE, expires_at: float = 600.0, contact: str = "", flow: bytes = b"") -> Binding:
    """A binding; its key is ``number``."""
    return Binding(
        aor,
        contact or f"sip:x{number}@h.invalid",
        expires_at=expires_at,
        flow_id=flow or b"s%08d" % number,
        key=b"%08d" % number,
        call_id="c",
        cseq=number,
    )


class LocationCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.wall = 1_700_000_000.0
        self.heard: list[tuple[Change, Binding]] = []
        self.failures: list[BaseException] = []
        self.store = SlowStore()
        self.location = self.make()

    def make(self, **limits: float) -> MemoryLocation:
        return MemoryLocation(
            self.clock,
            lambda: self.wall + self.clock.seconds(),
            self.store,
            Remembering(**limits),  # type: ignore[arg-type]
            lambda change, binding: self.heard.append((change, binding)),
            self.failures.append,
        )

    def put(self, *bindings: Binding) -> None:
        for each in bindings:
            outcome(self.location.commit(each.aor, [each], []))

    def keys(self, aor: str = ALICE) -> list[bytes]:
        return [each.key for each in outcome(self.location.bindings(aor))]


class LookUps(LocationCase):
    """Every way to ask."""

    def test_by_contact(self) -> None:
        """A binding is found by its Contact, whoever's it is, without regard to ob and transport; ports count."""
        one = binding(1, contact="sip:x@h.invalid;transport=ws;ob")
        two = binding(2, BOB, contact="sip:%61lice@[2001:DB8::1]:5080;foo=bar")
        self.put(one, two)
        for text, found in (
            ("sip:x@h.invalid;transport=ws;ob", [one]),
            ("sip:x@H.invalid", [one]),
            ("sip:x@h.invalid;transport=tcp", [one]),
            ("sip:X@h.invalid", []),
            ("sip:x@h.invalid:5060", []),
            ("sips:x@h.invalid", []),
            ("sip:h.invalid", []),
            ("sip:alice@[2001:db8::1]:5080", [two]),
            ("sip:alice@[2001:db8::1]", []),
            ("sip:alice@[2001:db8::1]:5080;foo=baz", []),
            ("tel:+1", []),
        ):
            self.assertEqual(self.location.by_contact(Uri.parse(text)), found, text)

    def test_by_contact_of_two(self) -> None:
        """Two users with the same Contact are both found: the caller decides."""
        self.put(binding(1, contact="sip:x@h.invalid"), binding(2, BOB, contact="sip:x@h.invalid;ob"))
        self.assertEqual(len(self.location.by_contact(Uri.parse("sip:x@h.invalid"))), 2)

    def test_by_contact_without_headers(self) -> None:
        """Headers in a Contact are no part of what it is called by."""
        one = binding(1, contact="sip:x@h.invalid?Route=%3Csip:evil%3E")
        self.put(one)
        self.assertEqual(self.location.by_contact(Uri.parse("sip:x@h.invalid")), [one])

    def test_by_flow(self) -> None:
        """All bindings of a flow, of whatever users."""
        one, two = binding(1, flow=b"sF"), binding(2, BOB, flow=b"sF")
        self.put(one, two, binding(3))
        self.assertEqual(self.location.by_flow(b"sF"), [one, two])
        self.assertEqual(self.location.by_flow(b"sG"), [])

    def test_all(self) -> None:
        """Everything, for the command line."""
        self.put(binding(1), binding(2, BOB), binding(3, expires_at=10.0))
        self.clock.advance(10)
        self.assertEqual(sorted(each.key for each in self.location.all()), [b"00000001", b"00000002"])
        self.assertEqual(self.location.count, 3)

    def test_changed_contact(self) -> None:
        """A binding whose Contact and flow changed is found by the new ones alone."""
        self.put(binding(1, contact="sip:x@h.invalid", flow=b"sF"))
        self.put(replace(binding(1, contact="sip:y@h.invalid", flow=b"sG"), expires_at=700.0))
        self.assertEqual(self.location.by_contact(Uri.parse("sip:x@h.invalid")), [])
        self.assertEqual(len(self.location.by_contact(Uri.parse("sip:y@h.invalid"))), 1)
        self.assertEqual((self.location.by_flow(b"sF"), len(self.location.by_flow(b"sG"))), ([], 1))

    def test_by_key_expired(self) -> None:
        """What has expired says so, before the sweep and after it."""
        self.location.start()
        self.put(binding(1, expires_at=10.5))
        self.clock.advance(10.5)
        for _ in range(2):
            known = self.location.by_key(b"00000001")
            assert known is not None
            self.assertTrue(known.ended)
            self.clock.advance(1)
        self.location.stop()

    @given(st.from_regex(r"\Asips?:([a-zA-Z0-9%;=.+-]{1,8}@)?[a-zA-Z0-9.-]{1,10}(:[0-9]{1,4})?(;[a-z=;]{0,8})?\Z"))
    @settings(max_examples=200, deadline=None)
    def test_place(self, text: str) -> None:
        """The short cut to a Contact's user and host gives what parsing gives."""
        try:
            uri = Uri.parse(text)
        except Exception:
            return
        self.assertEqual("sip:" + places.place(text), uri.aor)


class Sweeping(LocationCase):
    """What has expired goes, some at a time, and is forgotten later."""

    def setUp(self) -> None:
        super().setUp()
        self.location.start()
        self.addCleanup(self.location.stop)

    def test_expired(self) -> None:
        """Within a second or two after its end a binding is out of memory and off the disk, and heard of."""
        self.put(binding(1, expires_at=10.5), binding(2))
        self.clock.pump([1.0] * 10)
        self.assertEqual((self.location.count, self.heard), (2, []))
        self.clock.pump([1.0] * 2)
        self.assertEqual((self.location.count, [change for change, _ in self.heard]), (1, [Change.EXPIRED]))
        self.assertEqual(list(self.store.rows), [b"00000002"])

    def test_refreshed(self) -> None:
        """A refreshed binding is looked at again at its new end, and however often it was: once a look."""
        for end in range(10, 2000, 10):
            self.put(replace(binding(1), expires_at=float(end)))
        self.assertEqual(sum(map(len, self.location._due.values())), 1)
        self.clock.pump([1.0] * 1989)
        self.assertEqual(self.location.count, 1)
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.location.count, 0)
        self.assertEqual((self.location._due, self.location._looks), ({}, {}))

    def test_shortened(self) -> None:
        """A binding that was given a shorter life ends then."""
        self.put(binding(1, expires_at=600.0))
        self.put(binding(1, expires_at=60.0))
        self.clock.pump([1.0] * 62)
        self.assertEqual(self.location.count, 0)
        self.clock.pump([1.0] * 540)
        self.assertEqual((self.location._due, self.location._looks), ({}, {}))

    def test_many_at_once(self) -> None:
        """Thousands that expire together are ended a thousand at a time, with pauses."""
        for number in range(2500):
            self.put(binding(number, f"sip:u{number}@example.com", expires_at=10.0))
        self.clock.pump([1.0] * 11)
        self.assertEqual(self.location.count, 1500)
        self.clock.advance(module.SWEEP_PAUSE)
        self.assertEqual(self.location.count, 500)
        self.clock.advance(module.SWEEP_PAUSE)
        self.assertEqual(self.location.count, 0)

    def test_remembered_for_an_hour(self) -> None:
        """What has ended is known by its key for an hour, then by nobody; also what the store says ended before."""
        self.put(binding(1, flow=b"sF"))
        outcome(self.location.flow_lost(b"sF"))
        self.clock.pump([10.0] * 359)
        self.assertIsNotNone(self.location.by_key(b"00000001"))
        self.clock.pump([10.0] * 3)
        self.assertIsNone(self.location.by_key(b"00000001"))

    def test_so_many_remembered(self) -> None:
        """No more are remembered than the limit says; the oldest go first."""
        self.location.stop()
        self.location = self.make(remembered=3)
        for number in range(10):
            self.put(binding(number, flow=b"sF"))
            outcome(self.location.flow_lost(b"sF"))
        self.location.sweep()
        self.assertEqual(
            [number for number in range(10) if self.location.by_key(b"%08d" % number) is not None], [7, 8, 9]
        )

    def test_disk_full(self) -> None:
        """A store that cannot write down an end is reported; memory is right nevertheless, and the sweep goes on."""
        self.put(binding(1, expires_at=10.0), binding(2, expires_at=20.0), binding(3, flow=b"sF"))
        self.store.broken = True
        outcome(self.location.flow_lost(b"sF"))
        self.clock.pump([1.0] * 25)
        self.assertEqual(self.location.count, 0)
        self.assertEqual([type(error) for error in self.failures], [StoreFailed])  # said once

    def test_bug(self) -> None:
        """What listens may be broken: the sweep is reported and goes on."""

        def broken(change: Change, binding: Binding) -> None:
            raise ValueError("bug")

        self.location._on_change = broken
        self.put(binding(1, expires_at=10.0), binding(2, expires_at=20.0))
        self.clock.pump([1.0] * 25)
        self.assertEqual(self.location.count, 0)
        self.assertEqual([type(error) for error in self.failures], [ValueError] * 2)

    def test_stop(self) -> None:
        """After `stop` no timer is left; a second one is harmless."""
        self.location.stop()
        self.location.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WallClock(LocationCase):
    """K8: somebody sets the clock."""

    def test_K8_running(self) -> None:
        """However far it jumps, nothing in memory moves, and the dates in the store move with it."""
        self.location.start()
        self.put(binding(1))
        for jump in (86400.0, -2 * 86400.0, 3.0):
            self.wall += jump
            self.clock.advance(1)
        self.assertEqual(self.keys(), [b"00000001"])
        self.assertEqual(self.store.shifts, [86400.0, -2 * 86400.0])
        self.location.stop()

    def test_K8_while_away(self) -> None:
        """Set back while no server ran: nobody gets more than was granted, and nobody loses anything."""
        one = replace(binding(1, flow=b"u1"), updated_at=90_000.0, expires_at=90_600.0)
        self.store.rows[one.key] = one
        outcome(self.location.load())
        self.clock.advance(599)
        self.assertEqual(self.keys(), [one.key])
        self.clock.advance(1)
        self.assertEqual(self.keys(), [])

    def test_expired_while_away(self) -> None:
        """What expired or ended meanwhile is remembered only."""
        self.clock.advance(10_000)
        self.location = self.make()
        expired = replace(binding(1), expires_at=9_000.0)
        ended = replace(binding(2), expires_at=9_500.0, ended=True)
        self.store.rows = {each.key: each for each in (expired, ended)}
        outcome(self.location.load())
        self.assertEqual(self.keys(), [])
        for key in (expired.key, ended.key):
            known = self.location.by_key(key)
            assert known is not None
            self.assertTrue(known.ended)

    def test_no_store(self) -> None:
        """Without a store everything works, for as long as the process; who sets the clock is no matter."""
        self.location = MemoryLocation(self.clock, lambda: self.wall + self.clock.seconds())
        self.wall += 1000
        outcome(self.location.load())
        self.put(binding(1))
        self.location.start()
        self.clock.pump([1.0] * 605)
        self.assertEqual(self.location.count, 0)
        self.location.stop()
