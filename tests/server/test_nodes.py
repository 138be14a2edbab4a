"""Two servers that share their users: a call from a phone of one to a phone of the other, and phones that move."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial import unittest

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.outbound.token import Tokens
from oversip_tw.proxy.nodes import BRANCH
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Changes
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.replica import Replica
from oversip_tw.sip.message import Request, Response
from oversip_tw.testing import Clock
from tests.server.world import CORE, DOMAIN, Dialog, Phone, World

ADDRESSES = {"a": "127.0.0.11", "b": "127.0.0.12", "c": "127.0.0.13"}
NODES = {node: f"sip:{address}:5060;transport=udp" for node, address in ADDRESSES.items()}


class Shared:
    """A store that tells the other servers at once."""

    def __init__(self) -> None:
        self.users: dict[str, dict[bytes, Binding]] = {}
        self.views: list[View] = []


class View:
    """The store as one server has it."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.replica: Replica | None = None
        shared.views.append(self)

    async def write(self, changes: Changes) -> None:
        for binding in changes.put:
            self.shared.users.setdefault(binding.aor, {})[binding.key] = binding
        for binding in changes.drop:
            there = self.shared.users.get(binding.aor, {}).get(binding.key)
            if there is not None and (there.call_id, there.cseq) == (binding.call_id, binding.cseq):
                self.shared.users[binding.aor][binding.key] = there.living(changes.now, ended=True)
        for aor in {binding.aor for binding in (*changes.put, *changes.drop)}:
            for view in self.shared.views:
                if view is not self and view.replica is not None:
                    view.replica.adopt(aor, list(self.shared.users[aor].values()))

    async def load(self, offset: float) -> Sequence[Binding]:
        return [binding for user in self.shared.users.values() for binding in user.values()]

    async def shift(self, seconds: float) -> None: ...


class NodesCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.shared = Shared()
        self.worlds: dict[str, World] = {}
        self.a, self.b = self.world("a"), self.world("b")

    def world(self, node: str) -> World:
        view = View(self.shared)
        others = tuple(
            TrustedSource((address,), Role.NODE, 5060, frozenset({"udp"}))
            for name, address in ADDRESSES.items()
            if name != node
        )
        made = World(
            store=view,
            node=node,
            nodes=NODES,
            address=ADDRESSES[node],
            clock=self.clock,
            trusted=(*others, TrustedSource((CORE,), Role.TRUNK)),
        )
        location = made.element.core.location
        assert isinstance(location, MemoryLocation)

        def moved(binding: Binding) -> None:
            made.element.resuming.came_elsewhere(binding.flow_id, binding.key, None)

        view.replica = Replica(location, self.clock, moved=moved)
        self.worlds[node] = made
        return made

    def carry(self) -> int:
        """Take datagrams from server to server until nothing moves; how many there were."""
        carried = 0
        moved = True
        while moved:
            moved = False
            for node, world in self.worlds.items():
                for other, address in ADDRESSES.items():
                    flow = world._udp_flows.get(world.udp_flow((address, 5060)).id)
                    assert flow is not None
                    for data in flow.take():
                        moved, carried = True, carried + 1
                        if other in self.worlds:
                            self.worlds[other].udp_flow((ADDRESSES[node], 5060)).receive(data)
        return carried

    def call(self, caller: Phone, callee: Phone) -> tuple[Dialog, Dialog]:
        """As `world.call`, across."""
        invite = caller.invite(callee.aor)
        self.carry()
        [arrived] = callee.requests("INVITE")
        callee.answer(arrived, 180)
        callee.answer(arrived, 200)
        self.carry()
        [*_, accepted] = caller.take()
        assert isinstance(accepted, Response)
        self.assertEqual(accepted.status, 200)
        dialog = caller.dialog(invite, accepted)
        dialog.send("ACK")
        self.carry()
        [_] = callee.requests("ACK")
        return dialog, callee.dialog(arrived, accepted, callee=True)

    def request(self, dialog: Dialog, other: Phone, method: str) -> Request:
        """A request in ``dialog`` that arrives at ``other`` and is answered 200."""
        dialog.phone.take()
        dialog.send(method)
        self.carry()
        [arrived] = other.requests(method)
        other.answer(arrived, 200)
        self.carry()
        self.assertEqual(dialog.phone.statuses(), [200], method)
        return arrived

    def move(self, phone: Phone, world: World) -> None:
        """A new connection, to ``world``, and a REGISTER there."""
        phone.world = world
        phone.flow = world.connect(phone.flow.transport)
        self.assertEqual(phone.register(keep=True).status, 200)

    def nothing_left(self) -> None:
        self.clock.pump([1.0] * 70)
        for world in self.worlds.values():
            self.assertEqual(world.left(), {})
            self.assertEqual(world.errors(), [])


class Calls(NodesCase):
    """Each phone at a server of its own."""

    def test_both_ways(self) -> None:
        """A call across: INVITE, ACK, re-INVITE and BYE, from either side; the phones never see a Route."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        for caller, callee in ((alice, bob), (bob, alice)):
            out, at = self.call(caller, callee)
            self.assertNotIn("Route", self.request(out, callee, "INFO").to_bytes().decode().replace("Record-Route", ""))
            self.request(at, caller, "INFO")
            at.send("INVITE")
            self.carry()
            [again] = caller.requests("INVITE")
            caller.answer(again, 200)
            self.carry()
            self.assertEqual(callee.statuses()[-1], 200)
            at.send("ACK", CSeq=f"{at.cseq} ACK")
            self.carry()
            self.assertEqual(len(caller.requests("ACK")), 1)
            self.request(at if caller is alice else out, caller if caller is alice else callee, "BYE")
        self.nothing_left()

    def test_udp_phones(self) -> None:
        """A phone on UDP is reached from the server that it knows, not from the other."""
        alice, bob = self.a.registered("alice", "udp"), self.b.registered("bob", "udp")
        out, _ = self.call(alice, bob)
        self.request(out, bob, "BYE")
        self.nothing_left()

    def test_out_of_dialog(self) -> None:
        """MESSAGE and its answer; a phone that is not there is 480, and nobody but the callee is asked."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        alice.ask(alice.build("MESSAGE", bob.aor))
        self.carry()
        [message] = bob.requests("MESSAGE")
        bob.answer(message, 200)
        self.carry()
        self.assertEqual(alice.statuses(), [200])
        self.b.lose(bob.flow)
        alice.ask(alice.build("MESSAGE", bob.aor))
        self.assertEqual(self.carry(), 0)
        self.assertEqual(alice.statuses()[-1], 480)

    def test_cancel(self) -> None:
        """CANCEL goes across, and so does 487."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        invite = alice.invite(bob.aor)
        self.carry()
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 180)
        self.carry()
        alice.take()
        alice.cancel(invite)
        self.carry()
        self.assertEqual(len(bob.requests("CANCEL")), 1)
        bob.answer(arrived, 487)
        self.carry()
        self.assertIn(487, alice.statuses())

    def test_flow_that_just_died(self) -> None:
        """The other server has not heard yet that a phone is gone: 430 between the two, 480 for the caller."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        for view in self.shared.views:
            view.replica = None
        self.b.lose(bob.flow)
        alice.invite(bob.aor)
        self.carry()
        self.assertEqual(alice.statuses()[-1], 480)

    def test_forked(self) -> None:
        """Phones of one user at both servers ring together; the one that is late is cancelled."""
        alice, here, there = self.a.registered("alice"), self.a.registered("bob"), self.b.registered("bob")
        alice.invite(f"sip:bob@{DOMAIN}")
        self.carry()
        [one], [two] = here.requests("INVITE"), there.requests("INVITE")
        here.answer(one, 180)
        there.answer(two, 180)
        self.carry()
        there.answer(two, 200)
        self.carry()
        self.assertEqual(alice.statuses()[-1], 200)
        self.assertEqual(len(here.requests("CANCEL")), 1)

    def test_trunk(self) -> None:
        """A call from a trunk of one server to a phone of the other: requests in the call pass by the server that the
        trunk knows."""
        bob = self.b.registered("bob")
        trunk = Phone(self.a, "trunk", self.a.udp_flow((CORE, 5060)))
        invite = trunk.build("INVITE", bob.aor, From="<sip:trunk@elsewhere.example>;tag=f", Contact=f"<sip:{CORE}>")
        trunk.send(invite)
        self.carry()
        [arrived] = bob.requests("INVITE")
        bob.answer(arrived, 200)
        self.carry()
        [*_, accepted] = trunk.take()
        assert isinstance(accepted, Response)
        out = trunk.dialog(invite, accepted)
        out.send("ACK")
        self.carry()
        self.assertEqual(len(bob.requests("ACK")), 1)
        at = bob.dialog(arrived, accepted, callee=True)
        at.send("BYE")
        self.carry()
        [bye] = trunk.requests("BYE")
        trunk.answer(bye, 200)
        self.carry()
        self.assertEqual(bob.statuses(), [200])


class Moves(NodesCase):
    """A phone comes back at another server."""

    def test_callee_moves(self) -> None:
        """In the middle of a call the callee's connection breaks and comes back at the caller's server, then at a
        third one: the call goes on, both ways."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        out, at = self.call(alice, bob)
        third = self.world("c")
        for world in (self.a, third, self.b):
            bob.world.lose(bob.flow)
            self.move(bob, world)
            self.request(out, bob, "INFO")
            self.request(at, alice, "INFO")
        self.request(at, alice, "BYE")

    def test_both_move(self) -> None:
        """They change places."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        out, at = self.call(alice, bob)
        self.move(alice, self.b)
        self.move(bob, self.a)
        self.request(out, bob, "INFO")
        self.request(at, alice, "BYE")

    def test_request_waits(self) -> None:
        """A request that waits for a phone goes to where it comes back, and so does an ACK."""
        alice, bob = self.a.registered("alice"), self.a.registered("bob")
        out, _ = self.call(alice, bob)
        self.a.lose(bob.flow)
        out.send("INFO")
        out.send("ACK", CSeq=f"{out.cseq - 1} ACK")
        self.assertEqual(self.carry(), 0)
        self.move(bob, self.b)
        self.carry()
        self.assertEqual((len(bob.requests("INFO"))), 1)

    def test_ack_waits(self) -> None:
        """The same for an ACK alone."""
        alice, bob = self.a.registered("alice"), self.a.registered("bob")
        out, _ = self.call(alice, bob)
        self.a.lose(bob.flow)
        out.send("ACK")
        self.move(bob, self.b)
        self.carry()
        self.assertEqual((len(bob.requests("ACK"))), 1)


class Ringing(NodesCase):
    """The callee comes back at another server while it rings."""

    def ring(self, caller: Phone, callee: Phone, **headers: str) -> tuple[Request, Request]:
        """The INVITE as it was sent and as it came; it rings."""
        sent = caller.invite(callee.aor, **headers)
        self.carry()
        [arrived] = callee.requests("INVITE")
        callee.answer(arrived, 180)
        self.carry()
        self.assertEqual(caller.statuses()[-1], 180)
        return sent, arrived

    def picked_up(
        self, caller: Phone, sent: Request, callee: Phone, arrived: Request, knows_it: bool = True
    ) -> None:
        """The same INVITE rings at the new place, by its branch; it is answered, and the call lives."""
        self.carry()
        [again] = callee.requests("INVITE")
        self.assertEqual((again.via.branch, again.call_id), (arrived.via.branch, arrived.call_id))
        self.assertFalse(again.has(BRANCH))
        # one that knows the branch answers the INVITE that it saw first
        callee.answer(arrived if knows_it else again, 200)
        self.carry()
        [*_, accepted] = caller.take()
        assert isinstance(accepted, Response)
        vias = [via.removesuffix(";received=127.0.0.1") for via in accepted.get_all("Via")]
        self.assertEqual((accepted.status, vias), (200, sent.get_all("Via")))
        dialog = caller.dialog(sent, accepted)
        dialog.send("ACK")
        self.carry()
        [_] = callee.requests("ACK")
        self.request(dialog, callee, "BYE")
        self.nothing_left()

    def moves(self, caller: str, callee: str, to: str) -> None:
        for lost in (True, False):
            for knows_it in (True, False):
                with self.subTest(lost=lost, knows_it=knows_it):
                    self.setUp()
                    self.world("c")
                    self.moved(*[self.worlds[node] for node in (caller, callee, to)], lost, knows_it)

    def moved(self, caller: World, callee: World, to: World, lost: bool, knows_it: bool) -> None:
        alice, bob = caller.registered("alice"), callee.registered("bob")
        sent, arrived = self.ring(alice, bob)
        old = bob.flow
        if lost:
            callee.lose(old)
            self.clock.advance(1)
        self.move(bob, to)
        self.assertNotEqual(old.pings if not lost else 1, 0)
        self.picked_up(alice, sent, bob, arrived, knows_it)

    def test_to_the_caller(self) -> None:
        """The connection broke, or still looks open."""
        self.moves("a", "b", "a")

    def test_to_a_third(self) -> None:
        """Where neither was."""
        self.moves("a", "b", "c")

    def test_from_the_caller(self) -> None:
        """Both were at one server."""
        self.moves("a", "a", "b")

    def test_and_back(self) -> None:
        """To the other server and back again."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        sent, arrived = self.ring(alice, bob)
        for world in (self.a, self.b):
            bob.world.lose(bob.flow)
            self.move(bob, world)
            self.carry()
            if world is self.a:
                bob.answer(bob.requests("INVITE")[0], 180)
                self.carry()
        self.picked_up(alice, sent, bob, arrived)

    def test_cancelled(self) -> None:
        """The caller gives up once it rings there."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        sent, _ = self.ring(alice, bob)
        self.b.lose(bob.flow)
        self.move(bob, self.a)
        self.carry()
        bob.answer(bob.requests("INVITE")[0], 180)
        alice.take()
        alice.cancel(sent)
        self.carry()
        [_] = bob.requests("CANCEL")
        self.nothing_left()

    def test_found_dead_later(self) -> None:
        """It has been elsewhere for a while when its old connection breaks: nothing rings twice."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        sent, arrived = self.ring(alice, bob)
        old = bob.flow
        self.move(bob, self.a)
        self.b.lose(old)
        self.picked_up(alice, sent, bob, arrived)

    def test_in_a_call(self) -> None:
        """A request in a call that has no answer yet goes along, while the old connection looks open."""
        for caller, callee, to in (("a", "b", "a"), ("a", "b", "c"), ("a", "a", "b")):
            for method in ("INVITE", "INFO"):
                with self.subTest(caller=caller, callee=callee, to=to, method=method):
                    self.setUp()
                    self.world("c")
                    alice, bob = self.worlds[caller].registered("alice"), self.worlds[callee].registered("bob")
                    out, _ = self.call(alice, bob)
                    alice.take()
                    out.send(method)
                    self.carry()
                    [first] = bob.requests(method)
                    self.move(bob, self.worlds[to])
                    self.carry()
                    [again] = bob.requests(method)
                    self.assertEqual((again.via.branch, again.has(BRANCH)), (first.via.branch, False))
                    bob.answer(first, 200)
                    self.carry()
                    self.assertEqual(alice.statuses()[-1], 200)

    def test_said_by_a_client(self) -> None:
        """A client tells nobody which branch to use."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        _, arrived = self.ring(alice, bob, **{BRANCH.replace("-", "_"): "z9hG4bKguessed"})
        self.assertNotEqual(arrived.via.branch, "z9hG4bKguessed")
        self.assertFalse(arrived.has(BRANCH))


class Deaths(NodesCase):
    """A server is gone, and the others have not heard of it yet."""

    def dies(self, node: str) -> None:
        """What is sent there comes back as ICMP says: nobody listens."""
        self.worlds.pop(node)
        self.carry()

    def refused(self, node: str) -> None:
        for world in self.worlds.values():
            world.element.unreachable((ADDRESSES[node], 5060))
        self.carry()

    def test_call_to_a_dead_one(self) -> None:
        """Its phones are not there: 480, as for anybody who is not."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        self.dies("b")
        alice.invite(bob.aor)
        self.carry()
        self.refused("b")
        self.assertEqual(alice.statuses()[-1], 480)
        self.nothing_left()

    def test_other_phone_of_the_instance(self) -> None:
        """Another flow of the same phone, at a server that lives, is tried."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        second = self.a.phone("bob")
        second.instance = bob.instance
        contact = f'<{second.contact}>;+sip.instance="<{bob.instance}>";reg-id=2;expires=600'
        self.clock.advance(1)
        self.assertEqual(bob.register().status, 200)
        self.carry()
        self.assertEqual(second.register(Contact=contact).status, 200)
        self.clock.advance(1)
        self.assertEqual(bob.register().status, 200)
        self.dies("b")
        alice.invite(bob.aor)
        self.carry()
        self.refused("b")
        self.assertEqual(len(second.requests("INVITE")), 1)

    def test_in_a_call(self) -> None:
        """A request in a call waits for the phone, which comes back at a server that lives."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        out, _ = self.call(alice, bob)
        self.dies("b")
        alice.take()
        out.send("INFO")
        self.carry()
        self.refused("b")
        self.assertEqual(alice.take(), [])
        self.move(bob, self.a)
        [info] = bob.requests("INFO")
        bob.answer(info, 200)
        self.assertEqual(alice.statuses(), [200])
        out.send("BYE")
        self.assertEqual(len(bob.requests("BYE")), 1)

    def test_nobody_comes_back(self) -> None:
        """If it does not, the request ends as ever."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        out, _ = self.call(alice, bob)
        self.dies("b")
        alice.take()
        out.send("INFO")
        self.carry()
        self.refused("b")
        self.clock.pump([1.0] * 10)
        self.assertEqual(alice.statuses()[-1], 480)
        self.nothing_left()

    def test_moved_on(self) -> None:
        """The other server says that the phone is gone, which is here by now: it is sent again at once."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        out, _ = self.call(alice, bob)
        alice.take()
        out.send("INFO")
        self.move(bob, self.a)
        self.carry()
        [info] = bob.requests("INFO")
        bob.answer(info, 200)
        self.assertEqual(alice.statuses(), [200])
        self.nothing_left()


class Tokened(NodesCase):
    """Who may say so."""

    def test_A2_stranger(self) -> None:
        """A stranger's Route with a token of the servers' own opens nothing: a path token is for trusted sources."""
        bob = self.b.registered("bob")
        [binding] = self.b.element.core.location.by_flow(bob.flow.id)
        token = Tokens((b"k" * 32,), "a").path_of("b", bob.flow.id, binding.key)
        mallory = self.a.phone("mallory")
        mallory.send(mallory.build("MESSAGE", bob.aor, Route=f"<sip:{token}@{ADDRESSES['a']}:5060;transport=udp;lr>"))
        self.carry()
        self.assertEqual(mallory.statuses(), [403])
        self.assertEqual(bob.take(), [])

    def test_no_circle(self) -> None:
        """Two servers that each think the other has it: one hop, and then an answer."""
        alice, bob = self.a.registered("alice"), self.b.registered("bob")
        location = self.b.element.core.location
        assert isinstance(location, MemoryLocation)
        [binding] = location.by_flow(bob.flow.id)
        wrong = binding.living(binding.expires_at)
        wrong.node = "a"
        location.commit_now((wrong,), ())
        self.b.lose(bob.flow)
        alice.invite(bob.aor)
        self.assertLess(self.carry(), 8)
        self.assertEqual(alice.statuses()[-1], 480)

    def test_node_that_is_gone(self) -> None:
        """A server that is not in the list any more: its phones are not there."""
        alice, carol = self.a.registered("alice"), self.world("c").registered("carol")
        nodes = self.a.element.core.nodes
        assert nodes is not None
        del nodes._uris["c"]
        alice.invite(carol.aor)
        self.assertEqual(self.carry(), 0)
        self.assertEqual(alice.statuses()[-1], 480)

    def test_node_ids(self) -> None:
        """Names of servers of any length that fits."""
        self.assertRaises(ValueError, Tokens, (b"k" * 32,), "x" * 256)
        self.assertRaises(ValueError, Tokens((b"k" * 32,), "a").path_of, "", b"f", b"k")
