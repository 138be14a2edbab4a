"""Phones on UDP that are asked whether they are there, so that their NATs do not forget them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.server.nat_pings import CRLF, NatPings, Settings
from tests.server.world import DOMAIN, Phone, World

#: the interval that tests use; seconds
ROUND = 20


class Asked(SynchronousTestCase):
    how = "options"

    def setUp(self) -> None:
        self.world = World(nat=Settings(self.how, ROUND, 3))
        pings = self.world.element.nat_pings
        assert pings is not None
        self.pings: NatPings = pings
        self.pings.start()

    def tearDown(self) -> None:
        self.pings.stop()
        self.world.clock.pump([1.0] * 40)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def wait(self, seconds: float = ROUND) -> None:
        self.world.clock.pump([0.1] * round(seconds * 10))


class OptionsTests(Asked):
    """By OPTIONS."""

    def test_T11_asked_once_a_round(self) -> None:
        """One OPTIONS in each interval, by the flow, with the phone's Contact as Request-URI; any answer will do."""
        bob = self.world.registered("bob", "udp")
        asked = 0
        for status in (200, 404, 486, 501):
            for _ in range(ROUND * 10):
                self.wait(0.1)
                for options in bob.requests("OPTIONS"):
                    self.assertEqual(bob.contact, options.uri.text)
                    bob.answer(options, status)
                    asked += 1
        self.assertEqual(4, asked)
        self.assertEqual(1, len(self.world.element.core.location.by_flow(bob.flow.id)))

    def test_T11_unregistered_when_silent(self) -> None:
        """Three rounds without an answer, and the binding is gone; a call is 480 then, as to anybody absent."""
        alice, bob = self.world.registered("alice"), self.world.registered("bob", "udp")
        location = self.world.element.core.location
        self.wait(2 * ROUND + 3.5)
        self.assertEqual(1, len(location.by_flow(bob.flow.id)))
        self.wait(ROUND + 1.5)
        self.assertEqual(0, len(location.by_flow(bob.flow.id)))
        self.assertTrue(any("bob" in text and "connection lost" in text for _, text in self.world.log.lines))
        alice.invite(bob.aor)
        self.assertEqual([480], alice.statuses()[-1:])
        bob.take()
        self.wait()
        self.assertEqual([], bob.take())
        self.assertEqual(0, self.pings.count)

    def test_two_accounts_at_one_address(self) -> None:
        """The one that is silent goes, the one that answers stays."""
        bob = self.world.registered("bob", "udp")
        carol = Phone(self.world, "carol", bob.flow)
        carol._branches = bob._branches  # one device
        self.assertEqual(200, carol.register().status)
        for _ in range(ROUND * 40):
            self.wait(0.1)
            for options in bob.requests("OPTIONS"):
                if options.uri.user == "carol":
                    carol.answer(options, 200)
        [left] = self.world.element.core.location.by_flow(bob.flow.id)
        self.assertEqual(carol.aor, left.aor)

    def test_T11_icmp(self) -> None:
        """What the network says of it counts as silence."""
        bob = self.world.registered("bob", "udp")
        for _ in range(3):
            for _ in range(ROUND * 10):
                self.wait(0.1)
                if bob.requests("OPTIONS"):
                    self.world.element.unreachable(bob.flow.peer)
        self.assertFalse(self.world.element.core.location.by_flow(bob.flow.id))

    def test_answer_and_register_count_anew(self) -> None:
        """Only misses in a row count, and a REGISTER is a sign of life too."""
        bob = self.world.registered("bob", "udp")
        for sign in ("answer", "register", "answer"):
            self.wait(2 * ROUND)
            [*_, options] = bob.requests("OPTIONS")
            if sign == "answer":
                bob.answer(options, 200)
            else:
                bob.register()
        self.assertTrue(self.world.element.core.location.by_flow(bob.flow.id))

    def test_never_unregistered(self) -> None:
        """Where misses are 0, a binding lives as long as it was granted."""
        self.pings.settings = Settings("options", ROUND, 0)
        bob = self.world.registered("bob", "udp")
        self.wait(5 * ROUND)
        self.assertTrue(self.world.element.core.location.by_flow(bob.flow.id))

    def test_who_is_not_asked(self) -> None:
        """Connections, which have means of their own; who is reached by another proxy; who has left."""
        others = [self.world.registered("alice"), self.world.registered("carol", "tcp")]
        bob = self.world.registered("bob", "udp")
        bob.register(expires=0)
        self.assertEqual(0, self.pings.count)
        self.wait()
        self.assertEqual([], [each for phone in (*others, bob) for each in phone.requests("OPTIONS")])

    def test_another_address(self) -> None:
        """Who registers from another address is asked there alone; an answer that does not come from the old one does
        no harm to it."""
        bob = self.world.registered("bob", "udp")
        for _ in range(3 * ROUND):
            self.wait(1)
            if bob.requests("OPTIONS"):
                break
        old = bob.flow
        bob.flow = self.world.udp_flow(("127.0.0.9", 7000))
        bob.register()
        old.take()
        self.pings.settings = Settings("options", ROUND, 1)
        self.wait(5)
        self.assertTrue(self.world.element.core.location.by_flow(bob.flow.id))
        self.assertEqual(1, self.pings.count)

    def test_moved_to_a_connection(self) -> None:
        """The same phone by TCP: nobody asks it any more."""
        bob = self.world.registered("bob", "udp", outbound=True)
        self.assertEqual(1, self.pings.count)
        bob.flow = self.world.connect("tcp")
        bob.register()
        self.assertEqual(0, self.pings.count)


class CrlfTests(Asked):
    """By an empty line."""

    how = "crlf"

    def test_T11_sent(self) -> None:
        """It is sent, and nothing is waited for."""
        bob = self.world.registered("bob", "udp")
        self.wait(3 * ROUND)
        self.assertEqual([CRLF] * 3, bob.flow.sent[-3:])
        self.assertEqual(3, self.pings.sent)
        bob.flow.take()


class SpreadTests(SynchronousTestCase):
    """Thousands."""

    def test_evenly(self) -> None:
        """5,000 phones that registered at one moment, before a restart: asked within the interval, no second with much
        more or less than its share, no burst after a pause; all of it takes one timer."""
        world = World(nat=Settings("crlf", ROUND))
        bindings = []
        for number in range(5000):
            flow = world.udp_flow(("127.0.0.1", 10_000 + number))
            aor, ends = f"sip:u{number}@{DOMAIN}", world.clock.seconds() + 3600
            key = binding_key(b"secret", aor, None, None, aor)
            bindings.append(Binding(aor, aor, expires_at=ends, node="1", flow_id=flow.id, key=key))
        location = world.element.core.location
        assert isinstance(location, MemoryLocation)
        location.commit_now(bindings, [])
        pings = world.element.nat_pings
        assert pings is not None
        pings.start()
        self.assertEqual((5000, 1), (pings.count, world.element.core.wheel.count))
        counts = []
        for _ in range(ROUND * 10):
            before = pings.sent
            world.clock.advance(0.1)
            counts.append(pings.sent - before)
        self.assertTrue(4900 < sum(counts) <= 5000, sum(counts))
        self.assertLess(max(counts), 4 * 5000 / (ROUND * 10))
        seconds = [sum(counts[at : at + 10]) for at in range(0, len(counts), 10)]
        self.assertLess(max(seconds), 1.3 * 5000 / ROUND)
        self.assertGreater(min(seconds[1:]), 0.7 * 5000 / ROUND)
        world.clock.advance(60)
        before = pings.sent
        world.clock.advance(0.1)
        self.assertLess(pings.sent - before, 8 * 5000 / (ROUND * 10))
        pings.stop()
