"""What a server takes over from others that share its store, and what it gives back after the store was away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.replica import Replica
from oversip_tw.registrar.settings import Remembering
from oversip_tw.testing import Clock
from tests.registrar.phones import ALICE, outcome
from tests.store.contracts import binding


def bound(number: int, node: str, cseq: int = 1, at: float = 1000.0, ended: bool = False, life: float = 600) -> Binding:
    """A binding of alice's phone of that number."""
    return binding("alice", number, cseq, node=node, updated_at=at, expires_at=at + life, ended=ended)


class Case(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.here: list[tuple[Change, str]] = []
        self.there: list[tuple[Change, str]] = []
        self.location = MemoryLocation(
            self.clock,
            lambda: 1_700_000_000.0 + self.clock.seconds(),
            settings=Remembering(node="me"),
            on_change=lambda change, binding: self.here.append((change, binding.node)),
            elsewhere=lambda change, binding: self.there.append((change, binding.node)),
        )
        self.left: list[str] = []
        self.replica = Replica(self.location, self.clock, lambda binding: self.left.append(binding.contact[4:6]))

    def hold(self, *bindings: Binding) -> None:
        self.location.commit_now(bindings, ())

    def found(self) -> list[tuple[str, str, int]]:
        return sorted(
            (each.contact[4:6], each.node, each.cseq) for each in outcome(self.location.bindings(ALICE))
        )


class Adopting(Case):
    """One user's bindings, as the store has them now."""

    def test_news(self) -> None:
        """What is new, newer and over."""
        self.hold(bound(1, "other"), bound(2, "other"))
        missing = self.replica.adopt(ALICE, [bound(1, "other", 2, 1001), bound(3, "third")])
        self.assertEqual((missing, self.found()), ([], [("x1", "other", 2), ("x3", "third", 1)]))
        self.assertEqual(
            sorted(change.name for change, _ in self.there), [Change.ADDED.name, Change.REFRESHED.name, "REMOVED"]
        )
        self.assertEqual((self.here, self.left), ([], []))

    def test_nothing_new(self) -> None:
        """The same once more, or something older, changes nothing and says nothing."""
        self.hold(bound(1, "other", 2, 1005))
        for stored in (bound(1, "other", 2, 1005), bound(1, "other", 1, 1001), bound(1, "other", 1, 1001, ended=True)):
            self.assertEqual(self.replica.adopt(ALICE, [stored]), [])
        self.assertEqual((self.found(), self.there), ([("x1", "other", 2)], []))

    def test_own_one_ended_by_another(self) -> None:
        """A user may unregister a phone of ours at another server; a phone of ours may move there."""
        self.hold(bound(1, "me"), bound(2, "me"))
        self.clock.advance(1)
        self.replica.adopt(ALICE, [bound(1, "me", ended=True), bound(2, "other", 2, 1001)])
        self.assertEqual(self.found(), [("x2", "other", 2)])
        self.assertEqual(self.here, [(Change.REMOVED, "me")])
        self.assertEqual(self.left, ["x1"])

    def test_own_one_missing(self) -> None:
        """What is not there at all was ended by who took us for dead: it stays, and has to be written again."""
        self.hold(bound(1, "me"))
        self.assertEqual(self.replica.adopt(ALICE, []), [bound(1, "me")])
        self.assertEqual(self.found(), [("x1", "me", 1)])

    def test_over_before_it_was_known(self) -> None:
        """Tokens find it all the same."""
        self.replica.adopt(ALICE, [bound(1, "other", ended=True)])
        known = self.location.by_key(bound(1, "other").key)
        assert known is not None
        self.assertTrue(known.ended)
        self.assertEqual(self.there, [])


class Comparing(Case):
    """All of it, after the store was away."""

    def compare(self, *stored: Binding, settled: bool = False) -> tuple[list[Binding], list[Binding]]:
        repairs = self.replica.compare({ALICE: stored} if stored else {}, settled)
        self.assertLessEqual(len(repairs), 1)
        return (repairs[0][1], repairs[0][2]) if repairs else ([], [])

    def test_what_we_hold(self) -> None:
        """Ours that the store lacks, or has as it was before, are given to it; those it knows are not."""
        self.hold(bound(1, "me"), bound(2, "me", 2, 1005), bound(3, "me"))
        put, drop = self.compare(bound(2, "me", 1, 1000), bound(3, "me"))
        self.assertEqual((sorted(each.contact[4:6] for each in put), drop), (["x1", "x2"], []))

    def test_what_ended_here(self) -> None:
        """Ours that ended while nobody could be told are ended there, not brought back to life."""
        ghost = bound(1, "me")
        self.assertEqual(self.compare(ghost), ([], [ghost]))
        self.assertEqual(self.found(), [])

    def test_what_was_taken_back_elsewhere(self) -> None:
        """A phone of ours that unregistered at another server meanwhile is gone here as well."""
        self.hold(bound(1, "me"))
        self.assertEqual(self.compare(bound(1, "me", ended=True)), ([], []))
        self.assertEqual(self.found(), [])

    def test_what_moved_elsewhere(self) -> None:
        """A phone of ours that registered at another server meanwhile is theirs; one that came here is ours."""
        self.hold(bound(1, "me", 1, 1000), bound(2, "me", 3, 1010))
        put, drop = self.compare(bound(1, "other", 2, 1005), bound(2, "other", 2, 1005))
        self.assertEqual(([each.contact[4:6] for each in put], drop), (["x2"], []))
        self.assertEqual(self.found(), [("x1", "other", 2), ("x2", "me", 3)])

    def test_what_others_hold(self) -> None:
        """Theirs are as the store says; what is missing gets the time to come back."""
        self.hold(bound(1, "other"), bound(2, "other"), bound(3, "other"))
        self.assertEqual(self.compare(bound(1, "other", 2, 1001), bound(2, "other", ended=True)), ([], []))
        self.assertEqual(self.found(), [("x1", "other", 2), ("x3", "other", 1)])
        self.compare(bound(1, "other", 2, 1001), settled=True)
        self.assertEqual(self.found(), [("x1", "other", 2)])
        self.assertIn((Change.FLOW_LOST, "other"), self.there)

    def test_expired_meanwhile(self) -> None:
        """What is over by its date is nobody's."""
        self.assertEqual(self.compare(bound(1, "me", life=-1), bound(2, "other", life=-1)), ([], []))
        self.assertEqual(self.found(), [])

    states = st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(("me", "other")), st.integers(1, 3), st.booleans()), max_size=6
    )

    @staticmethod
    def date(node: str, cseq: int) -> float:
        """No two servers are asked at the very same time."""
        return 990.0 + cseq + (0.5 if node == "me" else 0.0)

    @given(states, states)
    def test_R10_agreed_afterwards(
        self, here: list[tuple[int, str, int, bool]], stored: list[tuple[int, str, int, bool]]
    ) -> None:
        """Whatever both hold: once the repairs are made, comparing again changes nothing, and both name the same."""
        self.setUp()
        for number, node, cseq, _ in here:
            self.hold(bound(number, node, cseq, self.date(node, cseq)))
        store = {
            b"%08d" % number: bound(number, node, cseq, self.date(node, cseq), ended)
            for number, node, cseq, ended in stored
        }
        for settled in (False, True):
            repairs = self.replica.compare({ALICE: list(store.values())}, settled)
            for _, put, drop in repairs:
                store |= {each.key: each for each in put}
                for each in drop:
                    store[each.key] = each.living(each.expires_at, ended=True)
        self.assertEqual(self.replica.compare({ALICE: list(store.values())}, True), [])
        living = sorted((each.key, each.node, each.cseq) for each in store.values() if not each.ended)
        self.assertEqual(
            sorted((each.key, each.node, each.cseq) for each in self.location.all()), living
        )


class Dying(Case):
    """Another server is no more."""

    def test_gone(self) -> None:
        """Its bindings end, those of others do not; who they were stays known."""
        self.hold(bound(1, "me"), bound(2, "dead"), bound(3, "other"))
        self.assertEqual(self.replica.others(), {"dead", "other"})
        self.assertEqual([each.node for each in self.replica.gone("dead")], ["dead"])
        self.assertEqual([node for _, node, _ in self.found()], ["me", "other"])
        self.assertEqual(self.there, [(Change.FLOW_LOST, "dead")])
        self.assertEqual([each.node for each in self.replica.ours()], ["me"])

    def test_expiry_is_told_to_the_right_ones(self) -> None:
        """Each server ends its own; what others hold ends here without a word to the store."""
        self.hold(bound(1, "me", life=10), bound(2, "other", life=10))
        self.clock.advance(12)
        self.location.sweep()
        self.assertEqual((self.here, self.there), ([(Change.EXPIRED, "me")], [(Change.EXPIRED, "other")]))
