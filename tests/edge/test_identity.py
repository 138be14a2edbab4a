"""Who is asserted towards the core, since when and how long (RFC 3325)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.sip.message import Response
from tests.edge.behind import EdgeWorld
from tests.server.world import DOMAIN, Phone

TRUNK = "127.0.0.8"
CREDENTIALS = 'Digest username="alice", realm="pbx", nonce="n", uri="sip:example.com", response="0"'


class IdentityTests(SynchronousTestCase):
    """P-Asserted-Identity of a phone on a WebSocket."""

    def setUp(self) -> None:
        self.world = EdgeWorld(trusted=(TrustedSource((TRUNK,), Role.TRUNK),))
        self.core = self.world.core

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def asserted(self, phone: Phone, method: str = "MESSAGE", **headers: str) -> str | None:
        """What arrives at the core with a request of ``phone``."""
        phone.send(phone.build(method, f"sip:desk@{DOMAIN}", **headers))
        [arrived] = self.core.requests(method)
        self.assertFalse(arrived.has("P-Preferred-Identity"))
        self.assertFalse(arrived.has("Remote-Party-ID"))
        return arrived.get("P-Asserted-Identity")

    def refuse(self, phone: Phone, status: int, challenge: str = "", **headers: str) -> None:
        arrived, _ = self.core.receives_register(phone, **headers)
        more = {"WWW_Authenticate": challenge} if challenge else {}
        self.core.answer(arrived, status, **more)
        phone.take()

    def test_open_registrar(self) -> None:
        """`inbound` is for those who have users: at an edge every caller stays a phone, whatever its From says."""
        world = EdgeWorld(inbound="open")
        alice = world.through("alice", "tcp")
        alice.send(alice.build("INVITE", f"sip:desk@{DOMAIN}"))
        [arrived] = world.core.requests("INVITE")
        self.assertEqual(f"<{alice.aor}>", arrived.get("P-Asserted-Identity"))
        world.core.answer(arrived, 200)
        [answer] = [each for each in alice.take() if isinstance(each, Response) and each.status == 200]
        bye = world.core.build("BYE", alice.contact, From=answer.get("To") or "", To=answer.get("From") or "",
                               Call_ID=answer.call_id)  # fmt: skip
        for route in arrived.values("Record-Route"):
            bye.append("Route", route)
        world.core.send(bye)
        self.assertEqual(1, len(alice.requests("BYE")))

    def test_since_the_200(self) -> None:
        """Before it a claim is taken off, afterwards the truth is put on, whatever is claimed."""
        alice = self.world.phone("alice")
        forged = {
            "P_Asserted_Identity": "<sip:boss@example.com>",
            "P_Preferred_Identity": "<sip:boss@example.com>",
            "Remote_Party_ID": "<sip:boss@example.com>",
        }
        self.assertIsNone(self.asserted(alice, **forged))
        self.core.register(alice)
        self.assertEqual(f"<{alice.aor}>", self.asserted(alice, **forged))
        for method in ("INVITE", "SUBSCRIBE", "PUBLISH", "REFER", "OPTIONS"):
            self.assertEqual(f"<{alice.aor}>", self.asserted(alice, method))

    def test_another_from(self) -> None:
        """Only the user who has registered here."""
        alice = self.world.through("alice")
        self.assertIsNone(self.asserted(alice, From=f"<sip:bob@{DOMAIN}>;tag=1"))

    def test_another_connection(self) -> None:
        """Only on the connection on which that was."""
        alice = self.world.through("alice")
        other = self.world.phone("alice")
        self.assertIsNone(self.asserted(other))
        self.assertIsNotNone(self.asserted(alice))

    def test_never_over_udp(self) -> None:
        """A source address proves nothing."""
        self.assertIsNone(self.asserted(self.world.through("alice", "udp")))

    def test_challenge_of_a_bare_register(self) -> None:
        """JsSIP sends each REGISTER bare first: its 401 changes nothing, nor does one over a stale nonce."""
        alice = self.world.through("alice")
        self.refuse(alice, 401, 'Digest realm="pbx", nonce="2"')
        self.assertIsNotNone(self.asserted(alice))
        self.refuse(alice, 401, 'Digest realm="pbx", nonce="3", stale=true', Authorization=CREDENTIALS)
        self.assertIsNotNone(self.asserted(alice))

    def test_ends(self) -> None:
        """By wrong credentials, 403, 404 and by taking the registration back."""
        for status, challenge, headers in (
            (401, 'Digest realm="pbx", nonce="2"', {"Authorization": CREDENTIALS}),
            (403, "", {}),
            (404, "", {}),
        ):
            alice = self.world.through("alice")
            self.refuse(alice, status, challenge, **headers)
            self.assertIsNone(self.asserted(alice), status)
        alice = self.world.through("alice")
        self.core.register(alice, expires=0)
        self.assertIsNone(self.asserted(alice))

    def test_expires(self) -> None:
        """With the registration."""
        alice = self.world.through("alice")
        self.world.element.core.location.start()
        self.world.clock.pump([1] * 605)
        self.assertIsNone(self.asserted(alice))
        self.world.element.core.location.stop()

    def test_nothing_stays(self) -> None:
        """A connection that goes takes along what was known of it."""
        alice = self.world.through("alice")
        self.world.lose(alice.flow)
        self.assertEqual(0, self.world.element.logic.edge.identities.count)

    def test_switched_off(self) -> None:
        """`assert_identity = false`."""
        self.world = EdgeWorld(assert_identity=False)
        self.core = self.world.core
        self.assertIsNone(self.asserted(self.world.through("alice")))

    def test_privacy_of_who_answers(self) -> None:
        """Whom the core names in an answer a phone learns, unless that one wants privacy; a trunk learns it always."""
        who = ("P-Asserted-Identity", f"<sip:desk@{DOMAIN}>")
        alice = self.world.through("alice")
        trunk = Phone(self.world, "trunk", self.world.udp_flow((TRUNK, 5060)))
        for caller, privacy, told in ((alice, "none", True), (alice, "user;id", False), (trunk, "id", True)):
            for status in (180, 200):
                caller.send(caller.build("INVITE", f"sip:desk@{DOMAIN}"))
                [arrived] = self.core.requests("INVITE")
                self.core.send(arrived.response(status, to_tag="d", headers=[who, ("Privacy", privacy)]))
                self.assertEqual(told, caller.take()[-1].has("P-Asserted-Identity"), (caller.user, privacy, status))

    def test_privacy_at_the_border(self) -> None:
        """Towards the core the identity goes along whatever the caller wants; from it, only if he wants that."""
        alice = self.world.through("alice")
        self.assertEqual(f"<{alice.aor}>", self.asserted(alice, Privacy="id"))
        who = {"P_Asserted_Identity": "<sip:dave@elsewhere.example>"}
        self.core.send(self.core.towards(alice, "MESSAGE", Privacy="id", **who))
        [hidden] = alice.requests("MESSAGE")
        self.assertFalse(hidden.has("P-Asserted-Identity"))
        self.core.send(self.core.towards(alice, "MESSAGE", **who))
        [shown] = alice.requests("MESSAGE")
        self.assertEqual("<sip:dave@elsewhere.example>", shown.get("P-Asserted-Identity"))
