"""Registering and calling through an edge."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import parse
from tests.edge.behind import EdgeWorld
from tests.registrar.phones import SlowStore
from tests.server.world import CORE, DOMAIN


class Edges(SynchronousTestCase):
    """One edge, one core."""

    def setUp(self) -> None:
        self.world = EdgeWorld()
        self.core = self.world.core

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())


class SlowStoreTests(SynchronousTestCase):
    """Bindings are written before the phone hears of them, which may take a while."""

    def test_connection_lost_while_it_is_written(self) -> None:
        """Nothing is left that names the dead connection, and nobody is told that the phone came back."""
        store = SlowStore(patient=True)
        world = EdgeWorld(store=store)
        alice = world.phone("alice")
        arrived, _ = world.core.receives_register(alice)
        world.core.accept(arrived, ("Service-Route", "<sip:orig@scscf.test;lr>"))
        world.lose(alice.flow)
        for _ in range(2):
            store.release()
        location, edge = world.element.core.location, world.element.logic.edge
        self.assertEqual([], list(location.by_flow(alice.flow.id)))
        self.assertEqual({}, store.rows)
        self.assertEqual({}, edge._service_routes)
        self.assertEqual([], world.errors())


class LateAnswerTests(Edges):
    """A phone comes back before the core has answered what it sent by its old connection."""

    def check_late(self, lost: bool, expires: int = 600) -> None:
        alice = self.world.phone("alice")
        first, _ = self.core.receives_register(alice, expires=expires)
        if lost:
            self.world.lose(alice.flow)
        self.world.clock.advance(0.1)
        alice.flow = self.world.connect("ws")
        second, _ = self.core.receives_register(alice)
        self.core.accept(second)
        self.core.accept(first)
        self.assertEqual(1, len(self.world.element.core.location.by_flow(alice.flow.id)))
        alice.take()
        self.core.send(self.core.towards(alice))
        self.assertEqual(1, len(alice.requests("INVITE")))

    def test_lost(self) -> None:
        """The old connection is gone: what the core says for it takes nothing away from the new one."""
        self.check_late(lost=True)

    def test_open(self) -> None:
        """The old connection looks open still: the phone is where it came from last."""
        self.check_late(lost=False)

    def test_taken_back(self) -> None:
        """What it took back there it has again here."""
        self.check_late(lost=False, expires=0)

    def test_in_order(self) -> None:
        """Answers that come as the requests did leave the newer one too."""
        alice = self.world.phone("alice")
        first, _ = self.core.receives_register(alice)
        self.world.clock.advance(0.1)
        alice.flow = self.world.connect("ws")
        second, _ = self.core.receives_register(alice)
        self.world.clock.advance(0.1)
        for arrived in (first, second):
            self.core.accept(arrived)
        self.assertEqual(1, len(self.world.element.core.location.by_flow(alice.flow.id)))


class RegisterTests(Edges):
    """REGISTER and what is written into it."""

    def test_path(self) -> None:
        """Two Path values: our side of the core on top, the phone's flow with its token and `ob` below."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        outer, inner = arrived.values("Path")
        self.assertEqual("<sip:127.0.0.1:5060;transport=udp;lr>", outer)
        self.assertRegex(inner, r"^<sip:ovp[A-Za-z0-9_-]+@127\.0\.0\.1:8080;transport=ws;lr;ob>$")
        self.assertEqual("127.0.0.1:5060", arrived.via.sent_by)
        self.assertEqual(alice.contact, str(arrived.contacts[0].uri))

    def test_odd_contact_in_the_answer(self) -> None:
        """Another phone's Contact that cannot be read does not turn the core's 200 into a refusal."""
        for options in ({}, {"return_by": "contact", "client_expires": 60}):
            world = EdgeWorld(**options)
            alice = world.phone("alice")
            arrived, _ = world.core.receives_register(alice)
            world.core.accept(arrived, ("Contact", "<sip:%%@>"), ("Contact", "<tel:1>"))
            [answer] = alice.take()
            self.assertEqual(200, answer.status)
            self.assertEqual(["<sip:%%@>", "<tel:1>"], answer.values("Contact")[1:])
            self.assertEqual(1, len(world.element.core.location.by_flow(alice.flow.id)))

    def test_439(self) -> None:
        """A core that misses `ob` in the upper Path, as Kamailio does with outbound_mode, gets it: at once, and always
        from then on. The phone hears nothing of it; a second 439 is the core's last word."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        self.core.answer(arrived, 439)
        [again] = self.core.requests("REGISTER")
        self.assertEqual([True, True], [value.endswith(";ob>") for value in again.values("Path")])
        self.core.accept(again)
        self.assertEqual([200], alice.statuses())
        arrived, _ = self.core.receives_register(alice)
        self.assertEqual([True, True], [value.endswith(";ob>") for value in arrived.values("Path")])
        self.core.answer(arrived, 439)
        self.assertEqual([439], alice.statuses())

    def test_answer_goes_back_as_it_came(self) -> None:
        """One Via, the phone's Contact, no more of ours."""
        alice = self.world.phone("alice")
        answer = self.core.register(alice)
        self.assertEqual(1, len(answer.values("Via")))
        self.assertEqual(alice.contact, str(answer.contacts[0].uri))

    def test_supported(self) -> None:
        """`path` is added where the phone does not say it, `outbound` only for one with a reg-id."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice, Supported="gruu")
        self.assertEqual(["gruu", "path", "outbound"], arrived.values("Supported"))
        bob = self.world.phone("bob", instance=False)
        arrived, _ = self.core.receives_register(bob, Supported="")
        self.assertEqual(["path"], arrived.values("Supported"))

    def test_R7_path_of_a_client(self) -> None:
        """R7: nobody but us says by which way a phone is reached."""
        alice = self.world.phone("alice")
        alice.send(alice.build("REGISTER", f"sip:{DOMAIN}", To=f"<{alice.aor}>", Path="<sip:evil.test;lr>"))
        self.assertEqual([403], alice.statuses())

    def test_mended_contact(self) -> None:
        """A core that gives the Contact back with something of its own: the phone is found again all the same."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        value = arrived.get("Contact") or ""
        extra = [("Contact", value.replace("transport=ws", "transport=ws;alias=1~2"))]
        self.core.send(arrived.response(200, to_tag="c", headers=extra))
        self.assertEqual(1, self.world.element.core.location.count)

    def test_log(self) -> None:
        """One line for a registration, none for its refresh."""
        alice = self.world.through("alice")
        self.core.register(alice)
        said = [text for _, text in self.world.log.lines if "registered" in text]
        self.assertEqual(1, len(said), said)

    def test_challenges_pass(self) -> None:
        """The core's 401 and its answer pass untouched; we challenge nobody."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        self.core.answer(arrived, 401, WWW_Authenticate='Digest realm="pbx", nonce="n"')
        [challenge] = alice.take()
        self.assertEqual('Digest realm="pbx", nonce="n"', challenge.get("WWW-Authenticate"))
        credentials = 'Digest username="alice", realm="pbx", nonce="n", uri="sip:example.com", response="0"'
        arrived, _ = self.core.receives_register(alice, Authorization=credentials)
        self.assertEqual(credentials, arrived.get("Authorization"))


class CallTests(Edges):
    """INVITE in both directions."""

    def test_call_to_a_phone(self) -> None:
        """By the Path: no Route arrives, two Record-Routes, answers go back, and the dialog works from both sides."""
        alice = self.world.through("alice")
        invite = self.core.towards(alice)
        self.core.send(invite)
        [arrived] = alice.requests("INVITE")
        self.assertFalse(arrived.has("Route"))
        self.assertEqual(2, len(arrived.values("Record-Route")))
        self.assertEqual("WS", arrived.via.transport)
        alice.answer(arrived, 180)
        alice.answer(arrived, 200)
        [trying, ringing, accepted] = self.core.take()
        self.assertEqual([100, 180, 200], [trying.status, ringing.status, accepted.status])
        theirs = self.core.dialog(invite, accepted)
        mine = alice.dialog(arrived, accepted, callee=True)
        theirs.send("ACK")
        self.assertEqual(1, len(alice.requests("ACK")))
        for method in ("INFO", "UPDATE", "REFER", "INVITE"):
            theirs.send(method)
            [inside] = alice.requests(method)
            alice.answer(inside, 200)
            self.assertIn(200, self.core.statuses())
            mine.target = f"sip:desk@{CORE}:5080"
            mine.send(method)
            [inside] = self.core.requests(method)
            self.assertFalse(inside.has("Route"))
            self.core.answer(inside, 200)
            self.assertIn(200, alice.statuses())
        mine.send("BYE")
        self.assertEqual(1, len(self.core.requests("BYE")))

    def test_call_from_a_phone(self) -> None:
        """To the core, whatever the R-URI says, with two Record-Routes and the identity that it has proven there."""
        alice = self.world.through("alice")
        invite = alice.build("INVITE", f"sip:desk@{DOMAIN}")
        alice.send(invite)
        [arrived] = self.core.requests("INVITE")
        self.assertEqual(f"sip:desk@{DOMAIN}", str(arrived.uri))
        self.assertEqual(2, len(arrived.values("Record-Route")))
        self.assertEqual(f"<{alice.aor}>", arrived.get("P-Asserted-Identity"))
        self.core.answer(arrived, 200)
        accepted = alice.take()[-1]
        assert isinstance(accepted, Response)
        mine, theirs = alice.dialog(invite, accepted), self.core.dialog(arrived, accepted, callee=True)
        mine.send("ACK")
        self.assertEqual(1, len(self.core.requests("ACK")))
        theirs.send("BYE")
        self.assertEqual(1, len(alice.requests("BYE")))

    def test_phone_that_came_back(self) -> None:
        """A BYE to a phone that lost its socket waits for it, and finds it on the new one."""
        alice = self.world.through("alice")
        invite = self.core.towards(alice)
        self.core.send(invite)
        [arrived] = alice.requests("INVITE")
        alice.answer(arrived, 200)
        theirs = self.core.dialog(invite, self.core.take()[-1])
        theirs.send("ACK")
        self.world.lose(alice.flow)
        theirs.send("BYE")
        alice.flow = self.world.connect("ws")
        self.core.register(alice)
        self.assertEqual(1, len([1 for data in alice.flow.sent if data.startswith(b"BYE")]))

    def test_caller_that_came_back(self) -> None:
        """The same for one who has called, by name or anonymously."""
        for caller in ({}, {"From": "<sip:anonymous@anonymous.invalid>;tag=anon"}):
            alice = self.world.through("alice")
            invite = alice.build("INVITE", f"sip:desk@{DOMAIN}", **caller)
            alice.send(invite)
            [arrived] = self.core.requests("INVITE")
            self.core.answer(arrived, 200)
            accepted = alice.take()[-1]
            theirs = self.core.dialog(arrived, accepted, callee=True)
            alice.dialog(invite, accepted).send("ACK")
            self.core.take()
            self.world.lose(alice.flow)
            theirs.send("BYE")
            alice.flow = self.world.connect("ws")
            self.core.register(alice)
            self.assertEqual(1, len([1 for data in alice.flow.sent if data.startswith(b"BYE")]), caller)

    def test_ringing_phone_that_came_back(self) -> None:
        """It is sent the same INVITE, whether its old connection is known to be dead or looks open; the core hears of
        a longer ring. 430 when it stays away."""
        for known in (True, False):
            alice = self.world.through("alice")
            self.core.send(self.core.towards(alice))
            [first] = alice.requests("INVITE")
            alice.answer(first, 180)
            self.assertEqual([100, 180], self.core.statuses())
            old = alice.flow
            if known:
                self.world.lose(old)
            alice.flow = self.world.connect("ws")
            self.core.register(alice)
            self.assertIn(first.to_bytes(), alice.flow.sent)
            self.assertEqual([], self.core.statuses())
            self.assertEqual(0 if known else 1, old.pings)
            alice.answer(first, 180)
            self.world.lose(alice.flow)
            self.world.clock.pump([1] * 9)
            self.assertEqual([180, 430], self.core.statuses()[:2])

    def test_calling_phone_that_came_back(self) -> None:
        """It hears again how far its call is, and is asked whether it knows; it is not CANCELled meanwhile."""
        alice = self.world.through("alice")
        invite = alice.build("INVITE", f"sip:desk@{DOMAIN}")
        alice.send(invite)
        [arrived] = self.core.requests("INVITE")
        self.core.answer(arrived, 180)
        self.world.lose(alice.flow)
        alice.flow = self.world.connect("ws")
        self.core.register(alice)
        came = [parse(data) for data in alice.flow.sent]
        self.assertIn(180, [each.status for each in came if isinstance(each, Response)])
        [info] = [each for each in came if isinstance(each, Request)]
        self.assertEqual([], self.core.requests("CANCEL"))
        alice.answer(info, 481)
        self.assertEqual(1, len(self.core.requests("CANCEL")))

    def test_dead_flow(self) -> None:
        """430 to the core, at once; its ACK goes nowhere."""
        alice = self.world.through("alice")
        self.world.lose(alice.flow)
        self.core.send(self.core.towards(alice))
        self.assertEqual([100, 430], self.core.statuses())
