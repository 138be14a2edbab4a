"""Credential look-ups that take their time: what comes meanwhile finds a small entry and costs nothing more."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.server import intake
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request
from tests.server.world import CORE, DOMAIN, Phone, Users, World


class SlowUsers(Users):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = False
        self.asking: list[Deferred[None]] = []

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        if self.slow:
            waits: Deferred[None] = Deferred()
            self.asking.append(waits)
            await waits
        return await super().ha1(user, domain, algorithm)

    def answer(self) -> None:
        asking, self.asking = self.asking, []
        for waits in asking:
            waits.callback(None)


class SlowUserTests(SynchronousTestCase):
    """alice's INVITE to bob waits until the store has answered."""

    transport = "ws"

    def setUp(self) -> None:
        self.users = SlowUsers()
        self.world = World(users=self.users)
        self.alice = self.world.registered("alice", self.transport)
        self.bob = self.world.registered("bob")
        self.invite = self.asks("INVITE")

    def asks(self, method: str) -> Request:
        """A request of alice's with credentials, which are being looked at."""
        self.users.slow = False
        bare = self.alice.build(method, self.bob.aor)
        self.alice.send(bare)
        challenge = self.alice.take()[-1]
        self.users.slow = True
        request = self.alice.authorized(bare, challenge)
        self.alice.send(request)
        return request

    def tearDown(self) -> None:
        self.users.answer()
        self.world.clock.pump([1] * 70)
        self.assertEqual({}, self.world.left())
        self.assertEqual([], self.world.errors())

    def test_answer_lets_it_in(self) -> None:
        """Nothing is said before; then 100, and the INVITE goes out."""
        self.assertEqual([], self.alice.take())
        self.assertEqual({"look-ups": 1}, {k: v for k, v in self.world.left().items() if k in ("look-ups", "waits")})
        self.users.answer()
        self.assertEqual([100], self.alice.statuses())
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 486)

    def test_repetition_is_dropped(self) -> None:
        """The same INVITE again asks nobody, and rings nobody twice."""
        self.alice.send(self.invite)
        self.alice.send(self.invite)
        self.assertEqual(1, len(self.users.asking))
        self.users.answer()
        self.assertEqual([100], self.alice.statuses())
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 486)

    def test_cancel(self) -> None:
        """CANCEL: 200 and 487 with one To tag, stateless; the ACK is absorbed, and nothing leaves."""
        self.alice.cancel(self.invite)
        ok, terminated = self.alice.take()
        self.assertEqual([200, 487], [ok.status, terminated.status])
        self.assertEqual(ok.to_tag, terminated.to_tag)
        self.assertEqual(0, self.world.element.waiting)
        self.alice.acknowledge(self.invite, terminated)
        self.users.answer()
        self.assertEqual([], self.bob.take())
        self.assertEqual([], self.alice.take())

    def test_cancel_twice(self) -> None:
        """The second copy of the CANCEL belongs to nothing any more."""
        self.alice.cancel(self.invite)
        self.alice.cancel(self.invite)
        self.assertEqual([200, 487, 481], self.alice.statuses())

    def test_a17_cancel_of_another(self) -> None:
        """A17: another connection cancels nothing."""
        mallory = self.world.phone("carol", self.transport)
        mallory.cancel(self.invite)
        self.assertEqual([481], mallory.statuses())
        self.assertEqual(1, self.world.element.waiting)

    def test_closed_flow(self) -> None:
        """The caller is gone: the entry is dropped, and nothing leaves when the answer comes."""
        if self.transport == "udp":
            return
        self.world.lose(self.alice.flow)
        self.assertEqual(0, self.world.element.waiting)
        self.users.answer()
        self.assertEqual([], self.bob.take())

    def test_wrong_password(self) -> None:
        """The answer may be no: 407, and no entry is left."""
        self.users.answer()
        self.alice.take()
        self.bob.answer(self.bob.requests("INVITE")[0], 486)
        request = self.asks("MESSAGE")
        broken = request.copy()
        broken.set("Via", self.alice.via())
        credentials = request.get("Proxy-Authorization") or ""
        broken.set("Proxy-Authorization", credentials.replace('cnonce="c"', 'cnonce="d"'))
        self.alice.send(broken)
        self.users.answer()
        self.assertIn(407, self.alice.statuses())
        self.assertEqual(0, self.world.element.waiting)
        self.bob.answer(self.bob.requests("MESSAGE")[0], 200)

    def test_store_that_fails(self) -> None:
        """An exception of the store is a 500 for that request, and one line of log."""
        asking, self.users.asking = self.users.asking, []
        asking[0].errback(RuntimeError("no disk"))
        self.assertEqual([500], self.alice.statuses())
        self.assertEqual(1, len(self.world.errors()))
        self.world.log.lines.clear()

    def test_register(self) -> None:
        """A REGISTER waits alike; its repetition is dropped."""
        self.users.answer()
        self.bob.answer(self.bob.requests("INVITE")[0], 486)
        self.alice.take()
        self.users.slow = False
        contact = f"<{self.alice.contact}>;expires=600"
        bare = self.alice.build("REGISTER", f"sip:{DOMAIN}", To=f"<{self.alice.aor}>", Contact=contact)
        self.alice.send(bare)
        challenge = self.alice.take()[-1]
        self.users.slow = True
        request = self.alice.authorized(bare, challenge)
        self.alice.send(request)
        self.alice.send(request)
        self.assertEqual(1, len(self.users.asking))
        self.users.answer()
        self.assertEqual([200], self.alice.statuses())


class SlowUserOverUdpTests(SlowUserTests):
    """The same from a UDP phone."""

    transport = "udp"


class SlowUserOverTcpTests(SlowUserTests):
    """The same over TCP."""

    transport = "tcp"


class ManyWaitingTests(SynchronousTestCase):
    """The entries are bounded."""

    def test_k1_too_many_look_ups(self) -> None:
        """K1: one more than may wait: 503 with Retry-After, and the others go on."""
        users = SlowUsers()
        world = World(users=users)
        phone: Phone = world.registered("alice")
        self.patch(intake, "MOST_WAITING", 3)
        statuses = []
        for _ in range(4):
            users.slow = False
            bare = phone.build("MESSAGE", "sip:carol@example.com")
            phone.send(bare)
            challenge = phone.take()[-1]
            users.slow = True
            phone.send(phone.authorized(bare, challenge))
            statuses += phone.statuses()
        self.assertEqual([503], statuses)
        users.slow = False
        users.answer()
        self.assertEqual([480] * 3, phone.statuses())
        self.assertEqual([], world.errors())


class AwayUsers(Users):
    """Nobody can be asked."""

    away = False

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        if self.away:
            raise SIPError(503, headers=[("Retry-After", "5")])
        return await super().ha1(user, domain, algorithm)


class UsersAwayTests(SynchronousTestCase):
    """Whoever knows the users cannot be asked."""

    def test_away(self) -> None:
        """REGISTER and calls are 503 with Retry-After: no phone asks its user for a password, none is throttled, and
        nobody is said to be unknown. Calls to who is registered come in from trusted peers all the same."""
        users = AwayUsers()
        world = World(users=users)
        alice, bob = world.registered("alice"), world.registered("bob")
        users.away = True
        for _ in range(50):
            answer = alice.register()
            self.assertEqual((503, "5"), (answer.status, answer.get("Retry-After")))
        alice.invite(bob.aor)
        self.assertEqual(503, alice.statuses()[-1])
        trunk = Phone(world, "trunk", world.udp_flow((CORE, 5060)))
        trunk.send(trunk.build("INVITE", bob.aor, From="<sip:trunk@elsewhere.example>;tag=f"))
        self.assertEqual(1, len(bob.requests("INVITE")))
        trunk.send(trunk.build("INVITE", "sip:nobody@example.com", From="<sip:trunk@elsewhere.example>;tag=f"))
        self.assertEqual(503, trunk.statuses()[-1])
        users.away = False
        self.assertEqual(200, alice.register().status)
        self.assertEqual([], world.errors())
