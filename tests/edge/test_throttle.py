"""Registering often here and seldom at the core."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.message import Response
from tests.edge.behind import EdgeWorld
from tests.server.world import DOMAIN, Phone


class ThrottleTests(SynchronousTestCase):
    """60 s here, an hour there."""

    def setUp(self) -> None:
        self.world = EdgeWorld(client_expires=60, core_expires=3600)
        self.core = self.world.core

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def sends(self, phone: Phone, expires: int = 600, call_id: str = "one", **headers: str) -> int:
        """``phone`` registers; how many REGISTERs get to the core, which accepts them."""
        contact = f"<{phone.contact}>;+sip.instance=\"<{phone.instance}>\";reg-id=1;expires={expires}"
        lines = {"Contact": contact, "To": f"<{phone.aor}>", "Call_ID": call_id, "Expires": str(expires)} | headers
        phone.send(phone.build("REGISTER", f"sip:{DOMAIN}", **lines))
        arrived = self.core.requests("REGISTER")
        for request in arrived:
            self.last = request
            self.core.accept(request, ("Service-Route", "<sip:127.0.0.2:5080;lr>"))
        return len(arrived)

    def answer(self, phone: Phone) -> Response:
        [answer] = phone.take()
        assert isinstance(answer, Response)
        return answer

    def test_what_each_is_told(self) -> None:
        """The core is asked for an hour, the phone is told a minute."""
        alice = self.world.phone("alice")
        self.assertEqual(1, self.sends(alice))
        self.assertEqual("3600", self.last.contacts[0].param("expires"))
        self.assertEqual("3600", self.last.get("Expires"))
        answer = self.answer(alice)
        self.assertEqual("60", answer.contacts[0].param("expires"))
        self.assertEqual(alice.contact, str(answer.contacts[0].uri))

    def test_423(self) -> None:
        """A core that wants more than that is given what its 423 made the phone ask for."""
        alice = self.world.phone("alice")
        self.sends(alice, expires=7200)
        self.assertEqual("7200", self.last.contacts[0].param("expires"))
        self.assertEqual("60", self.answer(alice).contacts[0].param("expires"))

    def test_absorbed(self) -> None:
        """Refreshes end here for half an hour, with the answer of the core; then one goes through."""
        alice = self.world.phone("alice")
        self.sends(alice)
        first = self.answer(alice)
        for _ in range(29):
            self.world.clock.advance(60)
            self.assertEqual(0, self.sends(alice))
            answer = self.answer(alice)
            self.assertEqual(200, answer.status)
            for name in ("Contact", "Service-Route", "Path"):
                self.assertEqual(first.get_all(name), answer.get_all(name))
        self.world.clock.advance(60)
        self.assertEqual(1, self.sends(alice))

    def test_phone_stays_reachable(self) -> None:
        """The binding of an absorbed REGISTER lives on."""
        alice = self.world.phone("alice")
        self.sends(alice)
        for _ in range(5):
            self.world.clock.advance(50)
            self.sends(alice)
        alice.take()
        self.core.send(self.core.towards(alice))
        self.assertEqual(1, len(alice.requests("INVITE")))

    def test_what_the_core_has_to_hear(self) -> None:
        """Taking it back, another Contact, another Call-ID, another connection, and the first one after a refusal."""
        alice = self.world.phone("alice")
        self.sends(alice)
        self.assertEqual(1, self.sends(alice, expires=0))
        self.assertEqual(1, self.sends(alice))
        self.assertEqual(1, self.sends(alice, call_id="two"))
        self.assertEqual(1, self.sends(alice, call_id="two", Contact=f"<{alice.contact};x=y>;expires=600"))
        self.world.lose(alice.flow)
        alice.flow = self.world.connect("ws")
        self.assertEqual(1, self.sends(alice, call_id="two"))
        self.assertEqual(0, self.sends(alice, call_id="two"))

    def test_taken_back_for_all_phones(self) -> None:
        """After ``Contact: *``, whoever sent it, the core has to hear of each phone again."""
        alice, other = self.world.phone("alice"), self.world.phone("alice")
        self.sends(alice)
        self.sends(other, call_id="two")
        other.send(other.build("REGISTER", f"sip:{DOMAIN}", Contact="*", Expires="0", To=other.aor, Call_ID="two"))
        [arrived] = self.core.requests("REGISTER")
        self.core.answer(arrived, 200)
        self.assertEqual(1, self.sends(other, call_id="two"))
        self.assertEqual(1, self.sends(alice))

    def test_phone_asks_for_less(self) -> None:
        """One that wants to come more often, for its NAT, is not told to wait; the core is spared all the same."""
        alice = self.world.phone("alice")
        for heard in (1, 0):
            self.assertEqual(heard, self.sends(alice, expires=30))
            self.assertEqual("30", self.answer(alice).contacts[0].param("expires"))
            self.world.clock.advance(20)

    def test_core_grants_little(self) -> None:
        """A phone is never told to come back later than the core has kept it."""
        alice = self.world.phone("alice")
        contact = f"<{alice.contact}>;+sip.instance=\"<{alice.instance}>\";reg-id=1;expires=100"
        for heard in (1, 0, 1):
            alice.send(alice.build("REGISTER", f"sip:{DOMAIN}", Contact=contact, To=f"<{alice.aor}>", Call_ID="one"))
            arrived = self.core.requests("REGISTER")
            self.assertEqual(heard, len(arrived))
            for request in arrived:
                self.core.send(request.response(200, to_tag="c", headers=[("Contact", contact)]))
            self.assertEqual("60", self.answer(alice).contacts[0].param("expires"))
            self.world.clock.advance(39 if heard else 5)

    def test_connection_lost_before_the_answer(self) -> None:
        """What the core says then is kept for nobody."""
        alice = self.world.phone("alice")
        arrived, _ = self.core.receives_register(alice)
        self.world.lose(alice.flow)
        self.core.accept(arrived)
        self.assertEqual({}, self.world.element.logic.edge.throttle._known)

    def test_somebody_else(self) -> None:
        """Another source that names the same user and Contact goes to the core, and is asked there."""
        alice, mallory = self.world.phone("alice"), self.world.phone("alice")
        self.sends(alice)
        mallory.host, mallory.number, mallory.instance = alice.host, alice.number, alice.instance
        self.assertEqual(1, self.sends(mallory))
