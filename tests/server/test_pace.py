"""How many clients are let in when all return at once."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, Trust, TrustedSource
from oversip_tw.promise import spawn
from oversip_tw.server.pace import Pace, Settings
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Response
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transport.port import AcceptingPort
from tests.server.world import CORE, Phone, World

#: seconds between two looks of the watchdog
LOOK = 0.05


class PaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.flow = MemoryFlow("ws", ("192.0.2.7", 1))

    def pace(self, **settings: object) -> Pace:
        trust = Trust((TrustedSource((CORE,), Role.EDGE),))
        return Pace(Settings(**settings), self.clock.seconds, trust)  # type: ignore[arg-type]

    def looks(self, pace: Pace, seconds: float, late: float = 0.0) -> None:
        for _ in range(round(seconds / (LOOK + late))):
            self.clock.advance(LOOK + late)
            pace.late(late)

    def test_F17_rate_follows_the_lag(self) -> None:
        """F17: less as long as timers come late, more when they are in time, within its bounds."""
        pace = self.pace()
        self.assertEqual(2000, pace.rate)
        self.looks(pace, 1, 0.2)
        self.assertTrue(400 < pace.rate < 1000, pace.rate)
        self.looks(pace, 10, 0.2)
        self.assertEqual(200, pace.rate)
        self.looks(pace, 2)
        self.assertTrue(350 < pace.rate < 500, pace.rate)
        self.looks(pace, 10)
        self.assertEqual(2000, pace.rate)

    def test_bounds_below_the_least(self) -> None:
        """The configured maximum counts even where it is very small."""
        pace = self.pace(most=5)
        self.looks(pace, 1, 0.2)
        self.assertEqual(5, pace.rate)

    def test_no_limit(self) -> None:
        """most = 0: everybody, always."""
        pace = self.pace(most=0)
        self.looks(pace, 1, 0.5)
        self.assertTrue(all(pace.admit(self.flow) for _ in range(10_000)))

    def test_burst(self) -> None:
        """Half a second's share at one moment; then as many as the rate says."""
        pace = self.pace(least=10, most=100)
        self.assertEqual(50, sum(pace.admit(self.flow) for _ in range(1000)))
        self.assertEqual(950, pace.refused)
        self.clock.advance(0.1)
        self.assertEqual(10, sum(pace.admit(self.flow) for _ in range(1000)))

    def test_exempt(self) -> None:
        """Who is trusted or exempt is counted and never refused."""
        pace = self.pace(most=100, exempt=("198.51.100.0/24",))
        for address in (CORE, "198.51.100.9"):
            flow = MemoryFlow("tcp", (address, 1))
            self.assertTrue(all(pace.admit(flow) for _ in range(1000)))
        self.assertFalse(pace.admit(self.flow))


class Machine:
    """A server whose reactor takes ``cost`` seconds for who is let in and ``refusal`` for who is not, and accepts
    ``at_once`` in a turn; its clients try again as JsSIP does, from 2 to 30 s later."""

    def __init__(self, clients: int, cost: float, refusal: float, at_once: int, settings: Settings) -> None:
        self.clock = Clock()
        self.pace = Pace(settings, self.clock.seconds, Trust(()))
        self.random = Random(7)
        self.cost, self.refusal, self.at_once = cost, refusal, at_once
        self.flow = MemoryFlow("ws", ("192.0.2.7", 1))
        #: (when, how often it was refused)
        self.coming = [(self.random.random() * 2, 0) for _ in range(clients)]
        heapify(self.coming)
        self.inside = 0
        self.worst = 0.0
        self._look = LOOK

    def turn(self) -> None:
        """What has arrived, or what is accepted of it; and the watchdog, if it is due."""
        now = self.clock.seconds()
        spent = 0.0
        for _ in range(self.at_once):
            if not self.coming or self.coming[0][0] > now:
                break
            _, refused = heappop(self.coming)
            if self.pace.admit(self.flow):
                self.inside += 1
                spent += self.cost
            else:
                spent += self.refusal
                wait = self.random.random() * min(30.0, 2.0 ** (refused + 1))
                heappush(self.coming, (now + max(2.0, wait), refused + 1))
        self.clock.advance(max(spent, 0.01))
        self.worst = max(self.worst, spent)
        now = self.clock.seconds()
        if now >= self._look:
            self.pace.late(now - self._look)
            self._look = now + LOOK


class AvalancheTests(SynchronousTestCase):
    """F17, figure 14: 10,000 WebSockets return within two seconds."""

    def test_F17_all_are_back_in_two_minutes(self) -> None:
        """On machines that bear 1,000 a second and 300, refusals being cheap or (TLS) nearly as dear: who is in never
        waits for more than a moment, and all are in after 120 s."""
        for cost, refusal in ((0.001, 0.0001), (0.003, 0.0003), (0.003, 0.001), (0.006, 0.003)):
            with self.subTest(cost=cost, refusal=refusal):
                machine = Machine(10_000, cost, refusal, AcceptingPort.numberAccepts, Settings())
                while machine.inside < 10_000 and machine.clock.seconds() < 120:
                    machine.turn()
                self.assertEqual(10_000, machine.inside, machine.pace.rate)
                self.assertLess(machine.worst, 0.1)

    def test_F17_without_all_that(self) -> None:
        """What it is for: the first who come would make everybody wait for many seconds."""
        machine = Machine(10_000, 0.003, 0.0003, 10_000, Settings(most=0))
        for _ in range(100):
            machine.turn()
        self.assertGreater(machine.worst, 5)


class ElementTests(SynchronousTestCase):
    """Who is told to come later, and how."""

    def setUp(self) -> None:
        self.world = World()
        while self.world.element.pace.admit(MemoryFlow("ws", ("192.0.2.7", 1))):
            pass

    def test_F17_websocket(self) -> None:
        """F17: the upgrade is refused by 503; who is in is never told so, its REGISTER least of all."""
        failed: list[BaseException] = []
        flow = MemoryFlow("ws", ("127.0.0.1", 5))
        spawn(self.world.element.connecting(None, flow), failed.append)  # type: ignore[arg-type]
        [error] = failed
        assert isinstance(error, SIPError)
        self.assertEqual((503, [("Retry-After", "7")]), (error.status, list(error.headers)))
        self.assertEqual(200, self.world.phone("alice").register().status)

    def test_F17_register(self) -> None:
        """F17: over UDP, TCP and TLS the first REGISTER is 503 with a Retry-After between 32 and 64 s, stateless;
        refreshes and everything else pass."""
        bound = World().registered("alice", "udp")
        self.assertEqual(200, bound.register().status)
        for transport in ("udp", "tcp"):
            phone = self.world.phone("bob", transport)
            answer = phone.register()
            self.assertEqual((503, "48"), (answer.status, answer.get("Retry-After")))
            self.assertEqual({}, self.world.left())
        phone.ask(phone.build("MESSAGE", "sip:alice@example.com"))
        self.assertNotIn(503, phone.statuses())
        self.world.clock.advance(1)
        self.assertEqual(200, self.world.phone("bob", "udp").register().status)

    def test_F17_refresh(self) -> None:
        """A phone that is bound where it comes from is no newcomer."""
        self.world.clock.advance(1)
        bob = self.world.registered("bob", "udp")
        while self.world.element.pace.admit(bob.flow):
            pass
        self.assertEqual(200, bob.register().status)

    def test_trusted(self) -> None:
        """Behind a hop of ours are many phones: it is not for us to make it wait."""
        core = Phone(self.world, "dave", self.world.udp_flow((CORE, 5080)))
        core.send(core.build("REGISTER", "sip:example.com", To="<sip:bob@example.com>"))
        [answer] = core.take()
        assert isinstance(answer, Response)
        self.assertEqual(200, answer.status)
