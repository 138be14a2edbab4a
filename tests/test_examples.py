"""etc/examples and etc/edge_logic.py, at work in an element."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import jwt
from twisted.trial import unittest

from oversip_tw.hooks import Flow, Hooks
from oversip_tw.promise import spawn
from oversip_tw.proxy.settings import Profile
from oversip_tw.service.hooks import HooksError, initialise, load_hooks
from oversip_tw.sip.message import Request
from oversip_tw.testing import MemoryHandshake
from tests.edge.behind import Core, EdgeWorld
from tests.edge.scripted import DESK
from tests.server.world import DOMAIN, Phone, World

ETC = Path(__file__).resolve().parent.parent / "etc"


class Examples(unittest.SynchronousTestCase):
    """`load` one, and put it into a world."""

    def setUp(self) -> None:
        self.patch(sys, "path", [*sys.path, str(ETC), str(ETC / "examples")])
        self.patch(sys, "dont_write_bytecode", True)
        self.worlds: list[World] = []

    def tearDown(self) -> None:
        for world in self.worlds:
            self.assertEqual([], world.errors())

    def load(self, name: str, **constants: object) -> Hooks:
        hooks = load_hooks(name)
        for constant, value in constants.items():
            self.patch(sys.modules[type(hooks).__module__], constant, value)
        return hooks

    def registrar(self, hooks: Hooks, **options: Any) -> World:
        self.worlds.append(World(hooks=hooks, **options))
        return self.worlds[-1]

    def edge(self, hooks: Hooks) -> EdgeWorld:
        world = EdgeWorld(hooks=hooks)
        self.worlds.append(world)
        return world

    def connects(self, world: World, query: str = "", cookie: str = "", transport: str = "wss") -> tuple[int, Flow]:
        """The status of a WebSocket handshake, and its flow."""
        flow, ends = world.connect(transport), [101]
        headers = [("Cookie", cookie)] if cookie else []
        asking = world.element.connecting(MemoryHandshake("/", query, headers), flow)
        spawn(asking, lambda error: ends.append(getattr(error, "status", 500)))
        return ends[-1], flow

    def arrived(self, where: Phone, method: str = "INVITE") -> Request:
        came = where.requests(method)
        self.assertEqual(1, len({request.via.branch for request in came}), came)
        return came[0]


class EdgeLogicTests(Examples):
    """etc/edge_logic.py."""

    def test_copy(self) -> None:
        """It is the default logic, and a configuration may name it: phones register, and call."""
        self.assertEqual(Path("../oversip_tw/logic.py"), (ETC / "edge_logic.py").readlink())
        world = self.edge(self.load("edge_logic:EdgeLogic"))
        alice = world.through("alice")
        alice.send(alice.build("INVITE", DESK))
        invite = self.arrived(world.core)
        self.assertEqual(f"<{alice.aor}>", invite.get("P-Asserted-Identity"))
        world.core.answer(invite, 486)
        self.assertEqual([100, 486], alice.statuses())
        world.core.send(world.core.towards(alice))
        self.assertEqual(1, len(alice.requests("INVITE")))


class TenantsTests(Examples):
    """tenants.py."""

    def test_two_cores(self) -> None:
        """Registrations and requests go to the core of the path that was asked for."""
        world = self.edge(self.load("tenants:Tenants", CORES={"acme": "sip:127.0.0.3:5080"}))
        acme = Core(world, ("127.0.0.3", 5080))
        for path, core in (("/ws", world.core), ("/acme", acme)):
            flow = world.connect("wss")
            spawn(world.element.connecting(MemoryHandshake(path), flow), self.fail)
            alice = Phone(world, "alice", flow)
            self.assertEqual(200, core.register(alice).status)
            self.assertEqual(2, len(core.registered[alice.aor].values("Path")))
            alice.send(alice.build("MESSAGE", DESK))
            arrived = self.arrived(core, "MESSAGE")
            self.assertEqual(f"<{alice.aor}>", arrived.get("P-Asserted-Identity"))
            core.answer(arrived, 200)
            self.assertEqual([200], alice.statuses())


class AllowListTests(Examples):
    """allow_list_by_cookie.py."""

    def test_cookie(self) -> None:
        """One that the file has: 101; another one or none: 403. SIGUSR1 reads the file again."""
        sessions = Path(self.mktemp())
        sessions.write_text("one\ntwo\n")
        for world in (self.registrar, self.edge):
            hooks = self.load("allow_list_by_cookie:AllowList", SESSIONS=sessions)
            hooks.on_initialise()
            here = world(hooks)
            status, flow = self.connects(here, cookie="theme=dark; session=two")
            self.assertEqual((101, {"session": "two"}), (status, flow.variables))
            for cookie in ("", "session=three", "session", "\x00=;;"):
                self.assertEqual(403, self.connects(here, cookie=cookie)[0], cookie)
            sessions.write_text("one\n")
            hooks.on_user_reload()
            self.assertEqual(403, self.connects(here, cookie="session=two")[0])
            sessions.write_text("one\ntwo\n")

    def test_no_file(self) -> None:
        """The server does not start."""
        hooks = self.load("allow_list_by_cookie:AllowList", SESSIONS=Path(self.mktemp()))
        self.assertRaises(HooksError, initialise, hooks)


class JwtTests(Examples):
    """jwt_at_the_handshake.py."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(os, "environ", os.environ | {"JWT_KEY": "k" * 32})
        self.hooks = self.load("jwt_at_the_handshake:Jwt")
        self.hooks.on_initialise()

    def token(self, key: str = "k" * 32, **claims: object) -> str:
        given = {"sub": f"alice@{DOMAIN}", "aud": "sip", "exp": 4_000_000_000} | claims
        return jwt.encode({name: value for name, value in given.items() if value is not None}, key)

    def test_registrar(self) -> None:
        """Who comes with a token registers without a password, under that name alone."""
        world = self.registrar(self.hooks)
        for query, cookie in ((f"token={self.token()}", ""), ("", f"token={self.token()}")):
            status, flow = self.connects(world, query, cookie)
            self.assertEqual((101, f"sip:alice@{DOMAIN}"), (status, flow.identity))
        alice, bob = Phone(world, "alice", flow), Phone(world, "bob", flow)  # type: ignore[arg-type]
        alice.send(alice.build("REGISTER", f"sip:{DOMAIN}", To=f"<{alice.aor}>"))
        bob.send(bob.build("REGISTER", f"sip:{DOMAIN}", To=f"<{bob.aor}>"))
        self.assertEqual([200, 403], alice.statuses())

    def test_edge(self) -> None:
        """Requests bear the name of the token; others are refused."""
        world = self.edge(self.hooks)
        _, flow = self.connects(world, f"token={self.token()}")
        alice, bob = Phone(world, "alice", flow), Phone(world, "bob", flow)  # type: ignore[arg-type]
        self.assertEqual(200, world.core.register(alice).status)
        bob.send(bob.build("MESSAGE", DESK))
        self.assertEqual([403], bob.statuses())
        alice.send(alice.build("MESSAGE", DESK))
        world.core.answer(self.arrived(world.core, "MESSAGE"), 200)
        self.assertEqual([200], alice.statuses())

    def test_refused(self) -> None:
        """No token, a wrong key, audience or user, one that is over or never ends, and any over plain ws."""
        world = self.registrar(self.hooks)
        bad = [
            "", "x.y.z", self.token("wrong" * 8), self.token(aud="web"), self.token(aud=None), self.token(exp=1),
            self.token(exp=None), self.token(sub=None), jwt.encode({"sub": "a", "aud": "sip"}, None, "none"),
        ]  # fmt: skip
        for token in bad:
            self.assertEqual(403, self.connects(world, f"token={token}")[0], token)
        self.assertEqual(400, self.connects(world, f"token={self.token(sub='no user@')}")[0])
        self.assertEqual(403, self.connects(world, f"token={self.token()}", transport="ws")[0])

    def test_without_pyjwt(self) -> None:
        """Loading says what to install."""
        self.addCleanup(sys.modules.__setitem__, "jwt", jwt)
        sys.modules["jwt"] = None  # type: ignore[assignment]
        sys.modules.pop("jwt_at_the_handshake", None)
        with self.assertRaises(HooksError) as raised:
            load_hooks("jwt_at_the_handshake:Jwt")
        self.assertIn("pip install 'oversip-tw[jwt]'", str(raised.exception))


class LeastCostTests(Examples):
    """least_cost.py, at an edge and at a registrar."""

    def worlds_with_trunks(self) -> list[tuple[World, Phone, Phone, Phone]]:
        """Each with a phone and both trunks."""
        worlds: list[tuple[World, Phone, Phone, Phone]] = []
        for edge in (False, True):
            hooks = self.load("least_cost:LeastCost")
            world = self.edge(hooks) if edge else self.registrar(hooks, profiles={"trunk": Profile(failover=1.0)})
            alice = world.through("alice") if isinstance(world, EdgeWorld) else world.registered("alice")
            trunks = [Core(world, (f"192.0.2.{number}", 5060)) for number in (10, 20)]
            worlds.append((world, alice, *trunks))
        return worlds

    def call(self, alice: Phone, number: str) -> None:
        alice.take()
        alice.invite(f"sip:{number}@{DOMAIN}")

    def test_cheapest(self) -> None:
        """By the longest prefix."""
        for _, alice, first, second in self.worlds_with_trunks():
            for number, trunk in (("+4318", first), ("+43660", second), ("+1800", second)):
                self.call(alice, number)
                arrived = self.arrived(trunk)
                self.assertEqual((number, trunk.flow.peer[0]), (arrived.uri.user, arrived.uri.host))
                trunk.answer(arrived, 200)
                self.assertEqual([100, 200], alice.statuses())

    def test_next(self) -> None:
        """Failure or error of the trunk; what the callee says is not one."""
        for world, alice, first, second in self.worlds_with_trunks():
            for status in (503, 500, 402):
                self.call(alice, "+4318")
                first.answer(self.arrived(first), status)
                arrived = self.arrived(second)
                self.assertEqual((2, "192.0.2.20"), (len(arrived.values("Record-Route")), arrived.uri.host))
                second.answer(arrived, 404)
                self.assertEqual([100, 404], alice.statuses())
            self.call(alice, "+4318")
            first.answer(self.arrived(first), 486)
            self.assertEqual([100, 486], alice.statuses())
            self.call(alice, "+4318")
            world.element.unreachable(first.flow.peer)
            second.answer(second.requests("INVITE")[-1], 200)
            self.assertEqual([100, 200], alice.statuses())

    def test_others(self) -> None:
        """What is no number goes its usual way."""
        _, (edge, alice, first, second) = self.worlds_with_trunks()
        self.call(alice, "desk")
        assert isinstance(edge, EdgeWorld)
        self.arrived(edge.core)
        self.assertEqual([], first.take() + second.take())


class VoicemailTests(Examples):
    """voicemail.py."""

    def check(self, world: World, alice: Phone, callee: Phone, uri: str) -> None:
        """486, 480, 408 go there; what is said there is heard. 603 does not."""
        box = Core(world, ("192.0.2.30", 5060))
        for status, why in ((486, "user-busy"), (480, "unavailable"), (408, "no-answer")):
            alice.take()
            alice.invite(uri)
            callee.answer(self.arrived(callee), status)
            arrived = self.arrived(box)
            self.assertEqual(f"<{uri}>;reason={why};counter=1", arrived.get("Diversion"))
            box.answer(arrived, 200)
            self.assertEqual([100, 200], alice.statuses())
        alice.invite(uri)
        callee.answer(self.arrived(callee), 603)
        self.assertEqual([100, 603], alice.statuses())

    def test_registrar(self) -> None:
        """A user of ours; one without a phone too."""
        world = self.registrar(self.load("voicemail:Voicemail"))
        alice, bob = world.registered("alice"), world.registered("bob")
        self.check(world, alice, bob, bob.aor)
        box = Core(world, ("192.0.2.30", 5060))
        alice.invite(f"sip:carol@{DOMAIN}")
        box.answer(self.arrived(box), 200)
        self.assertEqual([100, 200], alice.statuses())

    def test_rings_too_long(self) -> None:
        """Nobody picks up."""
        profiles = {"users": Profile(timer_c=25.0)}
        world = self.registrar(self.load("voicemail:Voicemail"), profiles=profiles)
        alice, bob, box = world.registered("alice"), world.registered("bob"), Core(world, ("192.0.2.30", 5060))
        alice.invite(bob.aor)
        rings = self.arrived(bob)
        bob.answer(rings, 180)
        world.clock.pump([1] * 26)
        bob.answer(self.arrived(bob, "CANCEL"), 200)
        bob.answer(rings, 487)
        self.assertIn("no-answer", self.arrived(box).get("Diversion") or "")

    def test_edge(self) -> None:
        """A user of the core."""
        world = self.edge(self.load("voicemail:VoicemailAtEdge"))
        self.check(world, world.through("alice"), world.core, DESK)


class OwnRequestsTests(Examples):
    """own_requests.py."""

    def check(self, world: World, operator: Phone) -> None:
        """OPTIONS every minute; a MESSAGE when there is no answer, once; none after the end."""
        trunk = Core(world, ("192.0.2.10", 5060))
        hooks = world.element.hooking.hooks
        hooks.on_start(world.element.core)
        trunk.answer(self.arrived(trunk, "OPTIONS"), 404)
        for _ in range(2):
            world.clock.advance(60)
            self.assertTrue(trunk.requests("OPTIONS"))
            world.element.unreachable(trunk.flow.peer)
            world.clock.advance(31)
        told = self.arrived(operator, "MESSAGE")
        self.assertEqual(b"the trunk does not answer: connection_error", told.body)
        operator.answer(told, 200)
        hooks.on_stop()
        world.clock.pump([30] * 4)
        self.assertEqual([], trunk.requests("OPTIONS"))

    def test_registrar(self) -> None:
        """Users of ours get theirs on their phones."""
        hooks = self.load("own_requests:OwnRequests", OPERATOR=f"sip:bob@{DOMAIN}")
        world = self.registrar(hooks)
        bob = world.registered("bob")
        self.check(world, bob)
        hooks.on_user_reload()
        notify = self.arrived(bob, "NOTIFY")
        self.assertEqual("check-sync", notify.get("Event"))
        self.assertFalse(notify.has("Record-Route"))
        bob.answer(notify, 200)

    def test_edge(self) -> None:
        """Those of the core are reached through it."""
        world = self.edge(self.load("own_requests:OwnRequests"))
        self.check(world, world.core)
        world.element.hooking.hooks.on_user_reload()
        self.assertEqual(2, len(world.core.requests("NOTIFY")))


class SizeTests(unittest.SynchronousTestCase):
    """What is shown is short."""

    def test_lines(self) -> None:
        """No example has more than 60 lines."""
        for path in (ETC / "examples").glob("*.py"):
            self.assertLess(len(path.read_text().splitlines()), 60, path.name)


