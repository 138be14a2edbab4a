"""Cores that fail: refused, silent, answering 503, unknown to the name servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Target
from oversip_tw.promise import Promise
from oversip_tw.proxy.settings import Profile
from oversip_tw.sip.message import Response
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups
from oversip_tw.transaction.timers import Timers
from tests.edge.behind import CORE_URI, Core, EdgeWorld
from tests.server.world import CORE, DOMAIN, Phone

SECOND = "127.0.0.3"


class SlowLookups(FakeLookups):
    """Addresses come when ``waiting`` is settled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.waiting: list[Promise[None]] = []

    async def a(self, name: str) -> Sequence[str]:
        promise: Promise[None] = Promise()
        self.waiting.append(promise)
        await promise
        return await super().a(name)


class Cores(SynchronousTestCase):
    """alice has registered; there may be a second core."""

    uris: tuple[str, ...] = (CORE_URI,)
    profile = Profile()
    probe = 0.0

    def setUp(self) -> None:
        self.world = EdgeWorld(self.uris, self.profile, probe=self.probe)
        self.core = self.world.core
        self.second = Core(self.world, (SECOND, 5080))
        self.alice = self.world.through("alice")

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def calls(self, method: str = "INVITE") -> None:
        self.alice.take()
        self.alice.send(self.alice.build(method, f"sip:desk@{DOMAIN}"))

    def answers(self) -> list[Response]:
        return [each for each in self.alice.take() if isinstance(each, Response) and each.status > 100]

    def refuse(self, core: Core) -> None:
        """The network says that nobody listens there."""
        self.world.element.unreachable(core.flow.peer)

    def alive(self, core: Core, yes: bool) -> int:
        """Answer the OPTIONS that have come to ``core``; how many."""
        asked = core.requests("OPTIONS")
        for request in asked if yes else ():
            core.answer(request, 404)
        return len({request.via.branch for request in asked})


class OneCoreTests(Cores):
    """There is no other one."""

    def test_refused(self) -> None:
        """503 with Retry-After, then as well without another try until the time is over."""
        self.calls()
        self.refuse(self.core)
        [refused] = self.answers()
        self.assertEqual((503, "5"), (refused.status, refused.get("Retry-After")))
        self.core.take()
        self.calls()
        [refused] = self.answers()
        self.assertEqual(503, refused.status)
        self.assertIn(refused.get("Retry-After"), ("30", "31"))
        self.assertEqual([], self.core.take())
        self.world.clock.advance(31)
        self.calls()
        self.assertEqual(1, len(self.core.requests("INVITE")))

    def test_503(self) -> None:
        """Is its own affair: 500, each time, and the core is asked each time."""
        for _ in range(2):
            self.calls()
            [invite] = self.core.requests("INVITE")
            self.core.answer(invite, 503, Retry_After="99")
            self.assertEqual([500], [each.status for each in self.answers()])

    def test_one_odd_request(self) -> None:
        """The core is silent about one INVITE and answers OPTIONS: 408 for that one, and nobody else is kept away."""
        self.calls()
        self.world.clock.pump([0.5] * 10)
        self.assertEqual(1, self.alive(self.core, True))
        self.world.clock.pump([0.5] * 60)
        [timeout] = self.answers()
        self.assertEqual((408, "Client Timeout"), (timeout.status, timeout.reason))
        self.core.take()
        self.calls()
        self.assertEqual(1, len(self.core.requests("INVITE")))

    def test_silent(self) -> None:
        """Nor does it answer the OPTIONS: 408 for the call that found out, 503 for those that come after."""
        self.calls()
        self.world.clock.pump([0.5] * 20)
        self.assertGreater(self.alive(self.core, False), 0)
        self.calls("MESSAGE")
        self.assertEqual([503], [each.status for each in self.answers()])

    def test_register_too(self) -> None:
        """REGISTER is told the same."""
        self.calls()
        self.refuse(self.core)
        bob = self.world.phone("bob")
        bob.send(bob.build("REGISTER", f"sip:{DOMAIN}", To=f"<{bob.aor}>"))
        self.assertEqual([503], bob.statuses())


class ShortTimerTests(Cores):
    """timer_b of 6 s, as OverSIP's sample had it."""

    profile = Profile(timers=Timers(b=6.0, f=6.0))

    def test_found_dead_in_time(self) -> None:
        """The OPTIONS is over before the INVITE is given up."""
        self.calls()
        sent: list[float] = []
        for _ in range(66):
            self.world.clock.advance(0.1)
            sent += [self.world.clock.seconds()] * len(self.core.requests("INVITE"))
        self.assertEqual([408], [each.status for each in self.answers()])
        self.calls()
        self.assertEqual([503], [each.status for each in self.answers()])


class TwoCoresTests(Cores):
    """A second one is at hand."""

    uris = (CORE_URI, f"sip:{SECOND}:5080")

    def arrives_at_the_second(self, method: str = "INVITE") -> None:
        """The copy is as good as the first one was."""
        [invite] = self.second.requests(method)
        self.assertEqual(68, invite.max_forwards)
        if method == "INVITE":
            self.assertEqual(2, len(invite.values("Record-Route")))
        self.assertEqual(2, len(invite.values("Via")))
        self.second.answer(invite, 200)
        self.assertEqual([200], [each.status for each in self.answers()])

    def test_refused(self) -> None:
        """The other one at once, and from then on."""
        for _ in range(2):
            self.calls()
            self.refuse(self.core)
            self.arrives_at_the_second()

    def test_503(self) -> None:
        """The other one is asked."""
        self.calls()
        [invite] = self.core.requests("INVITE")
        self.core.answer(invite, 503)
        self.arrives_at_the_second()

    def test_no_failover_on_503(self) -> None:
        """Unless the profile says so: 500 at once."""
        self.profile = Profile(failover_on_503=False)
        Cores.setUp(self)
        self.calls()
        [invite] = self.core.requests("INVITE")
        self.core.answer(invite, 503)
        self.assertEqual([500], [each.status for each in self.answers()])
        self.assertEqual([], self.second.take())

    def test_silent(self) -> None:
        """The other one after four seconds, any method."""
        for method in ("INVITE", "MESSAGE", "REGISTER"):
            Cores.setUp(self)
            self.calls(method)
            self.world.clock.pump([0.1] * 41)
            self.arrives_at_the_second(method)

    def test_suspected(self) -> None:
        """While nobody knows whether the first is dead, the second is asked first: nobody else waits four seconds."""
        self.calls()
        self.world.clock.pump([0.1] * 41)
        self.arrives_at_the_second()
        self.calls("MESSAGE")
        self.arrives_at_the_second("MESSAGE")
        self.assertEqual(1, self.alive(self.core, True))
        self.core.take()
        self.calls("MESSAGE")
        self.assertEqual(1, len(self.core.requests("MESSAGE")))

    def test_said_once(self) -> None:
        """One line of log when it is found dead, however many find out."""
        for _ in range(2):
            self.calls()
        self.refuse(self.core)
        said = [text for level, text in self.world.log.lines if level == "warn"]
        self.assertEqual(["udp 127.0.0.2 port 5080 is passed over for 30 s: unreachable"], said)

    def test_both_down(self) -> None:
        """503 with Retry-After."""
        self.calls()
        self.refuse(self.core)
        self.refuse(self.second)
        [refused] = self.answers()
        self.assertEqual(503, refused.status)
        self.assertTrue(refused.has("Retry-After"))

    def test_cancel_between_them(self) -> None:
        """A caller who gives up while the first is silent is not rung for at the second."""
        self.alice.take()
        invite = self.alice.build("INVITE", f"sip:desk@{DOMAIN}")
        self.alice.send(invite)
        self.world.clock.advance(1)
        self.alice.cancel(invite)
        self.world.clock.pump([0.5] * 80)
        self.assertEqual([], self.second.requests("INVITE"))
        self.assertEqual([100, 200, 487], self.alice.statuses())


class ConnectionTests(SynchronousTestCase):
    """Cores that are reached by connections."""

    def setUp(self) -> None:
        self.world = EdgeWorld((f"sip:{CORE};transport=tcp", f"sip:{SECOND};transport=tcp"))
        self.world.connecting = True
        self.alice = self.world.phone("alice")
        self.alice.send(self.alice.build("INVITE", f"sip:desk@{DOMAIN}"))

    def fails(self, address: str, how: str) -> None:
        """The connection there cannot be made."""
        [flow] = [flow for flow in self.world.dialled.values() if flow.peer[0] == address]
        flow.failure = how
        self.world.lose(flow)

    def test_wrong_certificate(self) -> None:
        """A peer that cannot prove who it is is not spoken with: the next one, else 500."""
        self.fails(CORE, "tls")
        self.assertEqual([100], self.alice.statuses())
        self.fails(SECOND, "tls")
        [refused] = self.alice.take()
        self.assertEqual((500, "TLS Validation Failed"), (refused.status, refused.reason))

    def test_no_connection(self) -> None:
        """Nobody there at all: 503, and both are passed over for a while."""
        self.fails(CORE, "connect")
        self.fails(SECOND, "connect")
        self.assertEqual([100, 503], self.alice.statuses())
        self.world.dialled.clear()
        self.alice.send(self.alice.build("MESSAGE", f"sip:desk@{DOMAIN}"))
        self.assertEqual([503], self.alice.statuses())
        self.assertEqual({}, self.world.dialled)


class ProbeTests(Cores):
    """The core is asked every 30 s whether it lives."""

    probe = 30.0

    def test_found_dead_and_alive_again(self) -> None:
        """Before anybody calls; both are said in the log once."""
        self.world.clock.pump([1] * 31)
        self.assertEqual(1, self.alive(self.core, True))
        self.world.clock.pump([1] * 35)
        self.core.take()
        self.calls()
        self.assertEqual([503], [each.status for each in self.answers()])
        self.world.clock.pump([1] * 26)
        self.alive(self.core, True)
        self.calls()
        self.assertEqual(1, len(self.core.requests("INVITE")))
        said = [text for level, text in self.world.log.lines if level == "warn"]
        self.assertEqual(2, len(said), said)
        self.assertIn("does not answer", said[0])
        self.assertIn("answers again", said[1])


class NamesTests(SynchronousTestCase):
    """The core is known by its name."""

    def world_with(self, **options: object) -> EdgeWorld:
        self.lookups = FakeLookups(a={"pbx.test": [CORE]}, ttl=60.0)
        return EdgeWorld(("sip:pbx.test:5080",), lookups=self.lookups, **options)

    def is_core(self, world: EdgeWorld, address: str, port: int = 5080) -> bool:
        """A request from there is one of the core's: nobody else is told 404."""
        phone = Phone(world, "somebody", world.udp_flow((address, port)))
        branch = f"SIP/2.0/UDP {address}:{port};branch=z9hG4bK{phone.number}"
        phone.send(phone.build("MESSAGE", "sip:nobody@127.0.0.1:5060", Via=branch))
        return phone.statuses()[-1:] == [404]

    def test_trusted_where_it_resolves_to(self) -> None:
        """On UDP with its own port; after the name has moved, there and no longer here."""
        world = self.world_with()
        self.assertTrue(self.is_core(world, CORE))
        self.assertFalse(self.is_core(world, CORE, 5081))
        self.assertFalse(self.is_core(world, SECOND))
        self.lookups.a_records["pbx.test"] = [SECOND]
        world.clock.advance(61)
        self.assertTrue(self.is_core(world, SECOND))
        self.assertFalse(self.is_core(world, CORE))

    def test_last_addresses_are_kept(self) -> None:
        """While the name servers fail."""
        world = self.world_with()
        self.lookups.broken.update(("pbx.test", "_sip._udp.pbx.test"))
        world.clock.pump([61, 11, 11])
        self.assertTrue(self.is_core(world, CORE))

    def test_settings_change_during_a_look_up(self) -> None:
        """What was asked for by the former settings does not count any more, however late its answer comes."""
        world = self.world_with()
        late: list[Promise[list[str]]] = []

        async def a(name: str) -> list[str]:
            late.append(Promise())
            return await late[-1]

        self.patch(self.lookups, "a", a)
        watch = world.element.watch
        assert watch is not None
        watch.again()
        watch.again()
        late[1].resolve(["192.0.2.60"])
        late[0].resolve(["192.0.2.50"])
        self.assertTrue(self.is_core(world, "192.0.2.60"))
        self.assertFalse(self.is_core(world, "192.0.2.50"))

    def test_sources_by_configuration(self) -> None:
        """`core_sources` says it all: what `core` resolves to is not trusted by itself."""
        world = self.world_with(core_sources=(SECOND,))
        self.assertFalse(self.is_core(world, CORE))

    def test_sources_that_come_with_a_reload(self) -> None:
        """They take the place of what the name resolved to."""
        world = self.world_with()
        edge, watch = world.element.logic.edge, world.element.watch
        edge.use(replace(edge.settings, core_sources=(SECOND,)))
        watch.again()
        self.assertFalse(self.is_core(world, CORE))

    def test_other_core_that_comes_with_a_reload(self) -> None:
        """The old one is trusted no more once one of the new ones is found, even while the others cannot be."""
        world = self.world_with()
        self.lookups.a_records["new.test"] = [SECOND]
        self.lookups.broken.add("worse.test")
        edge, watch = world.element.logic.edge, world.element.watch
        uris = tuple(map(Uri.parse, ("sip:worse.test:5080", "sip:new.test:5080")))
        edge.use(replace(edge.settings, core=replace(edge.core, uris=uris)))
        watch.again()
        trusted = [world.element.core.trusts(Target("udp", address, 5080)) for address in (SECOND, CORE)]
        self.assertEqual([True, False], trusted)

    def test_reload_during_a_look_up(self) -> None:
        """The one under way is given up: there is one at a time, and what it would have found counts no more."""
        lookups = SlowLookups(a={"pbx.test": [CORE]}, ttl=60.0)
        world = EdgeWorld(("sip:pbx.test:5080",), lookups=lookups)
        for _ in range(3):
            world.element.watch.again()
        for answer in lookups.waiting:
            answer.resolve(None)
        self.assertTrue(self.is_core(world, CORE))
        lookups.waiting.clear()
        world.clock.advance(61)
        self.assertEqual(1, len(lookups.waiting))

    def test_by_tls_alone(self) -> None:
        """A core that is reached by TLS sends no UDP: anybody could write its address there."""
        world = EdgeWorld(("sips:pbx.test",), lookups=FakeLookups(a={"pbx.test": [CORE]}))
        self.assertFalse(self.is_core(world, CORE, 5061))
        self.assertTrue(world.element.core.trusts(Target("tls", CORE, 5061)))

    def test_unknown_name(self) -> None:
        """404 to whoever wants something of it."""
        world = EdgeWorld(("sip:nowhere.test:5080",), lookups=FakeLookups())
        phone = world.phone("alice")
        phone.send(phone.build("MESSAGE", f"sip:desk@{DOMAIN}"))
        self.assertEqual([404], phone.statuses())
